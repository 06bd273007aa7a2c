#include "harness.hpp"

using namespace test;

namespace {

template <class Weight>
std::vector<float> run(const Packed<Weight>& w, const Activations<Weight>& x, std::size_t rows, std::size_t row_step,
                       std::size_t panel_step) {
  std::vector<float> c(rows * w.matrix.cols, -7.0F);
  hrm::kernels::StoreArgs args;
  args.x = x.operand;
  args.w = w.matrix;
  args.c = c.data();
  args.c_stride = w.matrix.cols;
  in_tiles(rows, w.panels_count, row_step, panel_step,
           [&](const Tile& tile) { kernels<Weight>().store_tile(args, tile); });
  return c;
}

}  // namespace

TEST_CASE_TEMPLATE("products equal the plain one at every edge size", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t depth : {1U, 2U, 3U, 5U, 17U, 64U, 96U, 127U, 512U}) {
    for (const std::size_t cols : {1U, 2U, 11U, 32U, 33U, 95U, 96U}) {
      const auto w = random_floats(cols * depth, static_cast<std::uint32_t>(depth * 100 + cols), 0.3F);
      const Packed<Weight> packed(w, cols, depth);
      for (std::size_t rows : {1U, 2U, 3U, 5U, 7U, 13U, 17U, 29U}) {
        CAPTURE(depth);
        CAPTURE(cols);
        CAPTURE(rows);
        const auto x = random_floats(rows * depth, static_cast<std::uint32_t>(rows), 2.0F);
        const Activations<Weight> operand(x, rows, depth);
        const auto c = run(packed, operand, rows, rows, packed.panels_count);
        const double tolerance = 2e-7 * static_cast<double>(depth) + 1e-6;
        REQUIRE(distance(c, expected_product<Weight>(x, w, rows, cols, depth)) < tolerance);
      }
    }
  }
}

TEST_CASE_TEMPLATE("products of any number of rows", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t depth = 48;
  const std::size_t cols = 40;
  const auto w = random_floats(cols * depth, 11, 0.3F);
  const Packed<Weight> packed(w, cols, depth);
  for (std::size_t rows = 1; rows < 100; ++rows) {
    CAPTURE(rows);
    const auto x = random_floats(rows * depth, static_cast<std::uint32_t>(rows), 2.0F);
    const Activations<Weight> operand(x, rows, depth);
    const auto c = run(packed, operand, rows, rows, packed.panels_count);
    REQUIRE(distance(c, expected_product<Weight>(x, w, rows, cols, depth)) < 1e-5);
  }
}

TEST_CASE("blocks of tiles cover every row and none outside") {
  for (std::size_t rows = 1; rows < 2000; ++rows) {
    CAPTURE(rows);
    const hrm::kernels::TileBlocks blocks(rows, 16);
    REQUIRE(blocks.height >= 1);
    REQUIRE(blocks.height <= 16);
    std::size_t covered = 0;
    for (std::size_t b = 0; b < blocks.count; ++b) {
      const std::size_t begin = blocks.begin(b);
      const std::size_t second = blocks.second(blocks.begin(b + 1) - begin);
      REQUIRE(begin == covered);
      REQUIRE(second <= blocks.height);  // no gap between the two
      covered = begin + second + blocks.height;
      REQUIRE(covered == blocks.begin(b + 1));
    }
    REQUIRE(covered == rows);
  }
}

TEST_CASE_TEMPLATE("a deep product, and one whose rows exceed the cache block", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t depth = 1536;
  const std::size_t cols = 40;
  const std::size_t rows = 201;
  const auto w = random_floats(cols * depth, 1, 0.05F);
  const auto x = random_floats(rows * depth, 2, 1.0F);
  const Packed<Weight> packed(w, cols, depth);
  const Activations<Weight> operand(x, rows, depth);
  const auto c = run(packed, operand, rows, rows, packed.panels_count);
  CHECK(distance(c, expected_product<Weight>(x, w, rows, cols, depth)) < 2e-5);
}

TEST_CASE_TEMPLATE("the same bits however rows and panels are split", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t depth = 97;
  const std::size_t cols = 211;
  const std::size_t rows = 83;
  const auto w = random_floats(cols * depth, 3);
  const auto x = random_floats(rows * depth, 4);
  const Packed<Weight> packed(w, cols, depth);
  const Activations<Weight> operand(x, rows, depth);
  const auto whole = run(packed, operand, rows, rows, packed.panels_count);
  for (const std::size_t row_step : {1U, 2U, 3U, 6U, 13U, 14U, 15U, 40U}) {
    for (const std::size_t panel_step : {1U, 2U, 5U}) {
      const auto split = run(packed, operand, rows, row_step, panel_step);
      CHECK(std::memcmp(split.data(), whole.data(), whole.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("int8 sums are exact integers, also at the extremes") {
  // Every activation and weight at +-127 would overflow 16-bit sums of two unsigned-times-signed products.
  const std::size_t depth = 1536;
  const std::size_t cols = 33;
  const std::size_t rows = 5;
  std::vector<float> w(cols * depth);
  std::vector<float> x(rows * depth);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = i % 3 == 0 ? -127.0F : 127.0F;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i / depth % 2 == 0 ? 127.0F : -127.0F;
  const Packed<std::int8_t> packed(w, cols, depth);
  const Activations<std::int8_t> operand(x, rows, depth);
  const auto c = run(packed, operand, rows, rows, packed.panels_count);
  std::vector<double> y(rows * cols);
  plain::product(x.data(), w.data(), rows, cols, depth, y.data());
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(static_cast<double>(c[i]) == y[i]);
  for (std::size_t j = 0; j < cols; ++j) {
    double sum = 0.0;
    for (std::size_t k = 0; k < depth; ++k) sum += static_cast<double>(w[j * depth + k]);
    REQUIRE(static_cast<double>(packed.offsets[j]) == 128.0 * sum);
  }
}

TEST_CASE("16-bit levels: sums stay below 2^31 at any depth, with rows of any shape and size") {
  if constexpr (hrm::kernels::as_levels<Arch, hrm::bfloat16>) {
    for (const std::size_t depth : {1U, 2U, 512U, 1536U, 20000U}) {
      for (const float size : {1e-33F, 1e-13F, 1.0F, 1e14F, 1e20F}) {
        for (const bool one_large : {false, true}) {
          CAPTURE(depth);
          CAPTURE(size);
          CAPTURE(one_large);
          const std::size_t cols = 3;
          std::vector<float> x(2 * depth);  // both the same way as the columns, or against it
          for (std::size_t i = 0; i < x.size(); ++i) {
            x[i] = (i % 3 == 0 ? -1.0F : 1.0F) * size * (one_large && i % depth == depth / 2 ? 100.0F : 0.997F);
          }
          for (std::size_t k = 0; k < depth; ++k) x[depth + k] = -x[k];
          std::vector<float> w(cols * depth);
          for (std::size_t i = 0; i < w.size(); ++i) w[i] = x[i % depth] / size;
          const Packed<hrm::bfloat16> packed(w, cols, depth);
          const Activations<hrm::bfloat16> operand(x, 2, depth);
          const auto c = run(packed, operand, 2, 2, packed.panels_count);
          const auto rounded = as_bfloat16(w);
          double whole = 0.0;
          for (std::size_t k = 0; k < depth; ++k) whole += static_cast<double>(x[k]) * static_cast<double>(rounded[k]);
          for (std::size_t j = 0; j < cols; ++j) {
            if (size < 1e-30F) {  // counts as zeros
              REQUIRE(c[j] == 0.0F);
              continue;
            }
            const double fine = size > 1e19F ? 0.1 : 3e-3;  // squares beyond float32: the norm is a bound of it
            REQUIRE(static_cast<double>(c[j]) == doctest::Approx(whole).epsilon(fine));
            REQUIRE(static_cast<double>(c[cols + j]) == doctest::Approx(-whole).epsilon(fine));
          }
        }
      }
    }
  } else {
    MESSAGE("skipped: bfloat16 weights do not become levels on this instruction set");
  }
}

TEST_CASE_TEMPLATE("rows of zeros and columns of zeros give zeros", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t depth = 10;
  std::vector<float> w(5 * depth, 1.0F);
  std::vector<float> x(3 * depth, 1.0F);
  std::fill_n(w.begin() + 2 * depth, depth, 0.0F);
  std::fill_n(x.begin() + depth, depth, 0.0F);
  const Packed<Weight> packed(w, 5, depth);
  const Activations<Weight> operand(x, 3, depth);
  const auto c = run(packed, operand, 3, 3, packed.panels_count);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 5; ++j) CHECK(c[i * 5 + j] == doctest::Approx(i == 1 || j == 2 ? 0.0 : 10.0));
  }
}

TEST_CASE_TEMPLATE("sizes: rows are whole cache lines, an odd number of them", Weight, HRM_EVERY_WEIGHT) {
  const Table& t = kernels<Weight>();
  CHECK(t.panel_cols == 2 * t.swiglu_run);
  for (std::size_t depth = 1; depth < 2000; depth += 37) {
    CHECK(t.operand_stride(depth) % 128 == 64);
    CHECK(t.panel_bytes(depth) % 64 == 0);
    CHECK(t.panel_bytes(depth) >= depth * t.panel_cols * sizeof(Weight));
    // Elements of a step, of which levels have as many as the microkernel takes at once.
    using Micro = hrm::kernels::Micro<Arch, Weight>;
    const std::size_t whole = hrm::kernels::uses_tiles<Arch, Weight> ? 64 / sizeof(Weight)
                              : t.operand_by_row ? hrm::kernels::Dot<Arch, Weight>::group * Micro::unroll
                                                 : 4;
    CHECK(t.panel_bytes(depth) <= (depth + whole - 1) * t.panel_cols * sizeof(Weight) + 63);
  }
}
