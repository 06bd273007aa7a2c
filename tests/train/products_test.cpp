#include <hrm/train/products.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"

using namespace hrm;
using namespace hrm::train;
using namespace hrm::train::test;
using P = Products<kernels::DefaultArch, float>;

TEST_CASE("transpose, for whole blocks and for what is left over, rows in another order") {
  for (const std::size_t rows : {1U, 7U, 16U, 33U, 48U}) {
    for (const std::size_t cols : {1U, 5U, 16U, 40U}) {
      const Floats x = random_floats(rows * (cols + 3), rows);
      Floats t(cols * (rows + 2));
      P::transpose(Rows{const_cast<float*>(x.data()), cols + 3}, rows, cols, Rows{t.data(), rows + 2},
                   [&](std::size_t j) { return cols - 1 - j; });
      bool same = true;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c)
          same = same && t[(cols - 1 - c) * (rows + 2) + r] == x[r * (cols + 3) + c];
      }
      CHECK(same);
    }
  }
}

TEST_CASE("rows packed by copying are what pack_panel makes of the transposed matrix") {
  const std::size_t cols = 45, depth = 21;
  const Floats x = random_floats(depth * cols, 1);
  Floats turned(cols * depth);
  for (std::size_t k = 0; k < depth; ++k) {
    for (std::size_t j = 0; j < cols; ++j) turned[j * depth + k] = x[k * cols + j];
  }
  Buffer memory(2 * P::packed_floats(cols, depth) * sizeof(float) + 2 * alignment);
  Arena arena(memory.data());
  const auto a = P::take(arena, cols, depth);
  const auto b = P::take(arena, cols, depth);
  P::pack_rows(a, [&](std::size_t k) { return x.data() + k * cols; });
  P::pack(b, [&](std::size_t j) { return turned.data() + j * depth; });
  const std::size_t panels = ceil_div(cols, P::panel_cols);
  for (std::size_t panel = 0; panel < panels; ++panel) {
    const std::size_t at = panel * P::G::panel_bytes(depth);
    CHECK(std::memcmp(a.panels + at, b.panels + at, depth * P::panel_cols * sizeof(float)) == 0);
  }
}

namespace {

// Both factors' elements as the products of `Weight` see them.
template <class Weight>
Floats seen(Floats x) {
  if (sizeof(Weight) == 2) {
    for (float& v : x) v = to_float(to_bfloat16(v));
  }
  return x;
}

template <class Weight>
void check_linear_layer() {
  using Q = Products<kernels::DefaultArch, Weight>;
  [[maybe_unused]] const typename Q::Session session;
  struct Shape {
    std::size_t rows, in, out;
  };
  // Differences take the square of a matrix: few are wide both ways.
  for (const Shape s : {Shape{5, 24, 40}, Shape{33, 16, 7}, Shape{19, 36, 64}, Shape{19, 100, 5}, Shape{70, 34, 33},
                        Shape{70, 96, 3}, Shape{1, 1, 1}}) {
    CAPTURE(s.rows);
    const Floats x = seen<Weight>(random_floats(s.rows * s.in, 1)), w = seen<Weight>(random_floats(s.out * s.in, 2)),
                 dy = seen<Weight>(random_floats(s.rows * s.out, 3));
    const auto carve = [&](Arena& arena) {
      struct {
        typename Q::Packed forward, backward, packed;
        std::byte* room;
      } m{Q::take(arena, s.out, s.in), Q::take(arena, s.in, s.out), Q::take(arena, s.in, s.rows),
          arena.take<std::byte>(Q::room(s.rows, std::max(s.in, s.out)))};
      return m;
    };
    Arena measure;
    static_cast<void>(carve(measure));
    Buffer memory(measure.used());
    Arena arena(memory.data());
    const auto m = carve(arena);
    const auto row = [&](std::size_t j) { return w.data() + j * s.in; };
    Q::pack(m.forward, row);
    Q::pack_rows(m.backward, row);
    const auto rows = [](const Floats& f, std::size_t width) { return Rows{const_cast<float*>(f.data()), width}; };

    Floats y(s.rows * s.out), dx(s.rows * s.in, 1.0F), dw(s.out * s.in);
    Q::multiply(rows(x, s.in), s.rows, m.forward, rows(y, s.out), false, m.room);
    CHECK(relative(y, linear(widen(x), widen(w), s.rows, s.in, s.out)) < 1e-6);

    Q::multiply(rows(dy, s.out), s.rows, m.backward, rows(dx, s.in), true, m.room);
    for (float& v : dx) v -= 1.0F;
    CHECK(relative(dx, differences(widen(x), [&](const Doubles& at) {
                     return weighted(linear(at, widen(w), s.rows, s.in, s.out), dy);
                   })) < 1e-5);

    for (const bool again : {false, true}) {
      weight_gradient<Q>(rows(dy, s.out), rows(x, s.in), s.rows, s.out, s.in, dw.data(), again, m.packed, m.room,
                         [&](std::size_t j) { return s.out - 1 - j; });
    }
    Floats in_order(dw.size());
    for (std::size_t j = 0; j < s.out; ++j) {  // its rows were turned round, and it was added twice
      for (std::size_t k = 0; k < s.in; ++k) in_order[j * s.in + k] = 0.5F * dw[(s.out - 1 - j) * s.in + k];
    }
    CHECK(relative(in_order, differences(widen(w), [&](const Doubles& at) {
                     return weighted(linear(widen(x), at, s.rows, s.in, s.out), dy);
                   })) < 1e-5);
  }
}

}  // namespace

TEST_CASE("the three products of a linear layer: forward, and the gradients by central differences") {
  check_linear_layer<float>();
}

TEST_CASE("the same in bfloat16, of numbers that it holds exactly") {
  if constexpr (Products<kernels::DefaultArch, bfloat16>::offered) {
    check_linear_layer<bfloat16>();
  } else {
    MESSAGE("skipped: no bfloat16 products on this instruction set");
  }
}
