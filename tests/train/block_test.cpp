#include <hrm/train/block.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"

using namespace hrm;
using namespace hrm::train;
using namespace hrm::train::test;

namespace {

struct Weights {
  Doubles qkv, project, gate_up, down;
};

Doubles plus(Doubles a, const Doubles& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

Doubles plain_block(const Doubles& x, const Weights& w, const BlockShape& s, bool rotate) {
  const std::size_t rows = x.size() / s.hidden;
  const Doubles qkv =
      rope(linear(x, w.qkv, rows, s.hidden, 3 * s.hidden), s.hidden, s.heads, s.positions, rotate ? 10000.0 : 0.0);
  const Doubles attended = linear(attention(qkv, s.hidden, s.heads, s.positions), w.project, rows, s.hidden, s.hidden);
  const Doubles middle = rms(plus(x, attended), s.hidden, 1e-5);
  const Doubles act = swiglu(linear(middle, w.gate_up, rows, s.hidden, 2 * s.inner), s.inner);
  return rms(plus(middle, linear(act, w.down, rows, s.inner, s.hidden)), s.hidden, 1e-5);
}

/// A block in `Weight`, whose passes are allowed to be so far off.
template <class Weight>
void check_block(double forward_off, double backward_off) {
  using B = train::Block<kernels::DefaultArch, Weight>;
  using P = typename B::P;
  [[maybe_unused]] const typename P::Session session;
  for (const bool rotate : {true, false}) {
    CAPTURE(rotate);
    BlockShape s{16, 2, 64, 5, 1e-5F, nullptr, nullptr};
    const std::size_t rows = 10, wide = 3 * s.hidden * s.hidden;
    Floats cos(s.positions * s.head_dim()), sin(cos.size());
    fill_rope(cos.data(), sin.data(), s.positions, s.head_dim(), 10000.0F);
    if (rotate) s.cos = cos.data(), s.sin = sin.data();
    const BlockOffsets at{0, wide, wide + s.hidden * s.hidden, wide + s.hidden * s.hidden + 2 * s.inner * s.hidden};
    const std::size_t total = at.down + s.inner * s.hidden;
    Floats values = random_floats(total, 3, 0.5);
    const auto weights_of = [&](const Doubles& v) {
      const auto part = [&](std::size_t from, std::size_t to) {
        return Doubles(v.begin() + long(from), v.begin() + long(to));
      };
      return Weights{part(0, at.project), part(at.project, at.gate_up), part(at.gate_up, at.down),
                     part(at.down, total)};
    };

    Arena measure;
    static_cast<void>(B::take(measure, s));
    Buffer packed(measure.used());
    Arena arena(packed.data());
    const auto b = B::take(arena, s);
    for (std::size_t i = 0; i < B::matrices; ++i) B::pack(b, s, at, values.data(), i);

    Buffer memory(std::size_t{1} << 22);
    Arena room(memory.data());
    const auto take = [&](std::size_t width, bool padded) {
      const std::size_t stride = padded ? Products<kernels::DefaultArch, float>::stride(width) : width;
      return Rows{room.take<float>(rows * stride), stride};
    };
    const BlockTape tape{take(s.hidden, false),  take(3 * s.hidden, false), take(s.hidden, true),
                         take(s.hidden, false),  take(2 * s.inner, true),   take(s.inner, true),
                         room.take<float>(rows), room.take<float>(rows)};
    typename B::Scratch scratch;
    scratch.qkv = take(3 * s.hidden, false);
    scratch.attended = take(s.hidden, true);
    scratch.act = take(s.inner, true);
    scratch.gate_up = Rows{room.take<float>(B::mlp_rows * 2 * s.inner), 2 * s.inner};
    scratch.room = room.take<std::byte>(P::room(rows, 2 * s.inner));
    scratch.packed = P::take(room, s.inner, rows);
    scratch.attention = room.take<float>(B::L::attention_scratch(s.positions, s.head_dim()));
    if constexpr (B::fused) scratch.kv = room.take<std::byte>(P::table().kv_bytes(s.positions, s.head_dim()));
    const Rows out = take(s.hidden, false), d = take(s.hidden, false), z = take(s.hidden, false);
    REQUIRE(room.used() <= memory.size());

    const Floats x = random_floats(rows * s.hidden, 4), weight = random_floats(rows * s.hidden, 5);
    std::copy(x.begin(), x.end(), tape.in.data);
    std::copy(x.begin(), x.end(), z.data);
    B::forward(b, s, tape, out, rows, scratch);
    B::forward(b, s, z.data, rows, scratch);
    const Doubles want = plain_block(widen(x), weights_of(widen(values)), s, rotate);
    CHECK(relative(std::span(out.data, want.size()), want) < forward_off);
    CHECK(relative(std::span(z.data, want.size()), want) < forward_off);

    Floats gradient(total);
    std::copy(weight.begin(), weight.end(), d.data);
    B::backward(b, s, tape, out, d, rows, at, gradient.data(), false, scratch);
    const Doubles dx = differences(widen(x), [&](const Doubles& v) {
      return weighted(plain_block(v, weights_of(widen(values)), s, rotate), weight);
    });
    CHECK(relative(std::span(d.data, dx.size()), dx) < backward_off);
    // Every seventh weight: a difference costs two whole passes.
    Doubles have, slope;
    Doubles v = widen(values);
    for (std::size_t i = 0; i < total; i += 7) {
      const double before = v[i];
      v[i] = before + 1e-5;
      const double above = weighted(plain_block(widen(x), weights_of(v), s, rotate), weight);
      v[i] = before - 1e-5;
      slope.push_back((above - weighted(plain_block(widen(x), weights_of(v), s, rotate), weight)) / 2e-5);
      v[i] = before;
      have.push_back(double(gradient[i]));
    }
    CHECK(relative(have, slope) < backward_off);
  }
}

}  // namespace

TEST_CASE("a block: both forward passes agree with double precision, the way back with central differences") {
  check_block<float>(2e-6, 2e-5);
}

TEST_CASE("a block in bfloat16: as close as its rounding allows") {
  if constexpr (Products<kernels::DefaultArch, bfloat16>::offered) {
    check_block<bfloat16>(1e-2, 3e-2);
  } else {
    MESSAGE("skipped: no bfloat16 products on this instruction set");
  }
}
