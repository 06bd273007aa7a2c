#include <hrm/base/arena.hpp>
#include <hrm/kernels/tiles.hpp>
#include <hrm/puzzles/random.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace hrm;

namespace {

template <class Arch>
void check_tiles() {
  using T = kernels::Tiles<Arch>;
  MESSAGE("matrix unit: " << std::string(T::matrix_unit() ? "yes" : "no"));
  const typename T::Session session;
  Random random(7);
  for (const std::size_t rows : {1U, 16U, 17U, 32U, 45U}) {
    for (const std::size_t cols : {1U, 15U, 16U, 31U, 64U}) {
      for (const std::size_t depth : {1U, 31U, 32U, 99U}) {
        CAPTURE(rows);
        CAPTURE(cols);
        CAPTURE(depth);
        const auto numbers = [&](std::size_t count) {
          std::vector<float> out(count);
          for (float& x : out) x = static_cast<float>(2.0 * random.unit() - 1.0);
          return out;
        };
        const std::size_t stride = depth + 3;
        const std::vector<float> x = numbers(rows * stride), w = numbers(cols * stride);
        const auto rounded = [](float v) { return static_cast<double>(to_float(to_bfloat16(v))); };
        std::vector<double> want(rows * cols);
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t c = 0; c < cols; ++c) {
            for (std::size_t k = 0; k < depth; ++k)
              want[r * cols + c] += rounded(x[r * stride + k]) * rounded(w[c * stride + k]);
          }
        }
        Buffer a(T::operand_bytes(rows, depth)), turned(T::operand_bytes(rows, depth));
        Buffer b(T::packed_bytes(cols, depth)), by_rows(T::packed_bytes(cols, depth));
        for (Buffer* m : {&a, &turned, &b, &by_rows})
          std::memset(m->data(), 0xff, m->size());  // NaN wherever nothing is written
        T::write_operand(x.data(), stride, rows, depth, a.data());
        std::vector<float> x_turned(depth * rows), w_turned(depth * cols);
        for (std::size_t k = 0; k < depth; ++k) {
          for (std::size_t r = 0; r < rows; ++r) x_turned[k * rows + r] = x[(rows - 1 - r) * stride + k];
          for (std::size_t c = 0; c < cols; ++c) w_turned[k * cols + c] = w[c * stride + k];
        }
        T::write_turned(x_turned.data(), rows, depth, rows, turned.data(), [&](std::size_t j) { return rows - 1 - j; });
        const kernels::TiledMatrix packed{b.data(), cols, depth}, same{by_rows.data(), cols, depth};
        T::pack_columns(packed, [&](std::size_t j) { return w.data() + j * stride; });
        T::pack_rows(same, [&](std::size_t k) { return w_turned.data() + k * cols; });
        CHECK(std::memcmp(b.data(), by_rows.data(), cols % 16 == 0 ? b.size() : 0) == 0);
        for (const bool accumulate : {false, true}) {
          for (const int way : {0, 1, 2}) {
            const std::size_t c_stride = cols + 2;
            std::vector<float> c((rows + 1) * c_stride, 0.25F);
            if (way == 0) T::product(a.data(), rows, packed, c.data(), c_stride, accumulate);
            if (way == 1) T::product(turned.data(), rows, same, c.data(), c_stride, accumulate);
            if (way == 2) T::by_pairs(a.data(), rows, same, c.data(), c_stride, accumulate);
            double off = 0;
            bool untouched = true;
            for (std::size_t r = 0; r <= rows; ++r) {
              for (std::size_t k = 0; k < c_stride; ++k) {
                if (r < rows && k < cols) {
                  const double have = static_cast<double>(c[r * c_stride + k]) - (accumulate ? 0.25 : 0.0);
                  off = std::max(off, std::abs(have - want[r * cols + k]));
                } else {
                  untouched = untouched && c[r * c_stride + k] == 0.25F;
                }
              }
            }
            CHECK(off < 2e-5);
            CHECK(untouched);
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("products of bfloat16 tiles and of pairs are those of the rounded numbers, and nothing else is written") {
  if constexpr (kernels::Tiles<kernels::NativeArch>::offered) {
    check_tiles<kernels::NativeArch>();
  } else {
    MESSAGE("skipped: no bfloat16 products on this instruction set");
  }
}
