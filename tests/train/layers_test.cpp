#include <hrm/model/rope.hpp>
#include <hrm/train/layers.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"

using namespace hrm;
using namespace hrm::train;
using namespace hrm::train::test;
using L = Layers<kernels::DefaultArch>;
using P = Products<kernels::DefaultArch, float>;

TEST_CASE("add, of two and of three") {
  for (const std::size_t n : {1U, 16U, 37U}) {
    const Floats a = random_floats(n, 1), b = random_floats(n, 2), c = random_floats(n, 3);
    Floats two(n), three(n);
    L::add(a.data(), b.data(), nullptr, two.data(), n);
    L::add(a.data(), b.data(), c.data(), three.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(two[i] == a[i] + b[i]);
      CHECK(three[i] == a[i] + (b[i] + c[i]));
    }
  }
}

TEST_CASE("RMSNorm and its gradient agree with double precision and central differences") {
  for (const std::size_t width : {6U, 16U, 96U, 100U}) {
    CAPTURE(width);
    const std::size_t rows = 3;
    const Floats x = random_floats(rows * width, width), weight = random_floats(rows * width, 7);
    Floats y = x, d = weight, inverse(rows);
    L::rms(Rows{y.data(), width}, rows, width, 1e-5F, inverse.data());
    CHECK(relative(y, rms(widen(x), width, 1e-5)) < 1e-6);
    L::rms_backward(Rows{y.data(), width}, inverse.data(), Rows{d.data(), width}, rows, width);
    const Doubles slope =
        differences(widen(x), [&](const Doubles& at) { return weighted(rms(at, width, 1e-5), weight); });
    CHECK(relative(d, slope) < 1e-5);
  }
}

TEST_CASE("SwiGLU and its gradient") {
  const std::size_t rows = 2, inner = 64;
  const Floats stored = random_floats(rows * 2 * inner, 5, 4.0), weight = random_floats(rows * inner, 6);
  const auto turned = [&](const auto& x) {  // the stored order -> runs
    Floats out(x.size());
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t j = 0; j < 2 * inner; ++j)
        out[r * 2 * inner + j] = float(x[r * 2 * inner + L::gate_up_row(j, inner)]);
    }
    return out;
  };
  Floats both = turned(stored), act(rows * inner);
  L::swiglu(Rows{both.data(), 2 * inner}, Rows{act.data(), inner}, rows, inner);
  CHECK(relative(act, swiglu(widen(stored), inner)) < 1e-6);
  Floats d = weight;
  L::swiglu_backward(Rows{both.data(), 2 * inner}, Rows{d.data(), inner}, rows, inner);
  const Doubles slope =
      differences(widen(stored), [&](const Doubles& at) { return weighted(swiglu(at, inner), weight); });
  CHECK(relative(both, turned(slope)) < 1e-5);
}

namespace {

/// Attention and its gradient in `Weight`, within the given distances.
template <class Weight>
void check_attention(double forward_off, double backward_off) {
  using A = Layers<kernels::DefaultArch, Weight>;
  [[maybe_unused]] const typename A::P::Session session;
  struct Shape {
    std::size_t hidden, heads, positions, sequences;
  };
  for (const Shape s : {Shape{32, 2, 7, 2}, Shape{24, 2, 5, 1}, Shape{64, 1, 19, 1}, Shape{8, 2, 3, 2}}) {
    for (const bool rotate : {true, false}) {
      CAPTURE(s.hidden);
      CAPTURE(rotate);
      const std::size_t dim = s.hidden / s.heads, rows = s.positions * s.sequences, width = 3 * s.hidden;
      const Floats stored = random_floats(rows * width, 11), weight = random_floats(rows * s.hidden, 12);
      Floats cos(s.positions * dim), sin(s.positions * dim);
      fill_rope(cos.data(), sin.data(), s.positions, dim, 10000.0F);
      const float scale = 1.0F / std::sqrt(float(dim));
      // As the kernels leave it: interleaved, rotated, q scaled.
      const Doubles turned = rope(widen(stored), s.hidden, s.heads, s.positions, rotate ? 10000.0 : 0.0);
      const auto source = [&](std::size_t j) { return j < 2 * s.hidden ? rope_row(j, dim) : j; };
      Floats qkv(rows * width), d(rows * width), unturned(rows * width), out(rows * s.hidden);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < width; ++j) {
          qkv[r * width + j] = float(turned[r * width + source(j)]) * (j < s.hidden ? scale : 1.0F);
          unturned[r * width + j] = stored[r * width + source(j)];
        }
      }
      A::rope(Rows{unturned.data(), width}, rows, s.hidden, dim, s.positions, rotate ? cos.data() : nullptr,
              rotate ? sin.data() : nullptr, scale);
      CHECK(relative(unturned, widen(qkv)) < 1e-6);
      Floats scratch(A::attention_scratch(s.positions, dim) + 16), d_out = weight;
      float* const aligned = reinterpret_cast<float*>(round_up(reinterpret_cast<std::size_t>(scratch.data()), 64));
      for (std::size_t first = 0; first < rows; first += s.positions) {
        for (std::size_t column = 0; column < s.hidden; column += dim) {
          A::attention_backward(Rows{qkv.data() + first * width + column, width},
                                Rows{d_out.data() + first * s.hidden + column, s.hidden},
                                Rows{d.data() + first * width + column, width}, s.hidden, dim, s.positions, aligned);
          A::attention(Rows{qkv.data() + first * width + column, width},
                       Rows{out.data() + first * s.hidden + column, s.hidden}, s.hidden, dim, s.positions, aligned);
        }
      }
      CHECK(relative(out, attention(turned, s.hidden, s.heads, s.positions)) < forward_off);
      L::rope_backward(Rows{d.data(), width}, rows, s.hidden, dim, s.positions, rotate ? cos.data() : nullptr,
                       rotate ? sin.data() : nullptr, scale);
      const Doubles slope = differences(widen(stored), [&](const Doubles& at) {
        return weighted(
            attention(rope(at, s.hidden, s.heads, s.positions, rotate ? 10000.0 : 0.0), s.hidden, s.heads, s.positions),
            weight);
      });
      Floats back(rows * width);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < width; ++j) back[r * width + source(j)] = d[r * width + j];
      }
      CHECK(relative(back, slope) < backward_off);
    }
  }
}

}  // namespace

TEST_CASE("Attention with rotation, and the gradient of the stored q, k and v") { check_attention<float>(1e-6, 2e-5); }

TEST_CASE("Attention in bfloat16: as close as its rounding allows") {
  if constexpr (Products<kernels::DefaultArch, bfloat16>::offered) {
    check_attention<bfloat16>(5e-3, 2e-2);
  } else {
    MESSAGE("skipped: no bfloat16 products on this instruction set");
  }
}
