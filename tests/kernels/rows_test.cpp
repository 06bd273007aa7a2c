#include "harness.hpp"

using namespace test;

TEST_CASE_TEMPLATE("row_tile: sums, norm and operand, any width", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t width : {1U, 2U, 6U, 16U, 40U, 96U, 99U, 512U}) {
    const std::size_t rows = 5;
    const auto z0 = random_floats(rows * width, 1, 3.0F);
    const auto a = random_floats(rows * width, 2);
    const auto b = random_floats(rows * width, 3);
    for (int mask = 0; mask < 8; ++mask) {
      const bool with_a = (mask & 1) != 0;
      const bool with_b = (mask & 2) != 0;
      const bool norm = (mask & 4) != 0;
      auto z = z0;
      const Activations<Weight> out(rows, width);
      hrm::kernels::RowArgs args;
      args.z = z.data();
      args.a = with_a ? a.data() : nullptr;
      args.b = with_b ? b.data() : nullptr;
      args.width = args.stride = width;
      args.norm = norm;
      args.eps = 1e-5F;
      args.out = out.operand;
      kernels<Weight>().row_tile(args, 0, 2);
      kernels<Weight>().row_tile(args, 2, rows);
      std::vector<double> expected(rows * width);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = static_cast<double>(z0[i]) + (with_a ? static_cast<double>(a[i]) : 0.0) +
                      (with_b ? static_cast<double>(b[i]) : 0.0);
      }
      for (std::size_t r = 0; norm && r < rows; ++r) plain::rms_norm(expected.data() + r * width, width, 1e-5);
      CAPTURE(width);
      CAPTURE(mask);
      REQUIRE(distance(z, expected) < 2e-6);

      using O = typename hrm::kernels::Dot<Arch, Weight>::Operand;
      const auto rounded = rounded_operand<Weight>(z, width);
      for (std::size_t r = 0; r < rows; ++r) {
        const auto* row = reinterpret_cast<const O*>(out.operand.data + r * out.operand.stride);
        for (std::size_t k = 0; k < out.operand.stride / sizeof(O); ++k) {
          float found = 0.0F;
          if constexpr (hrm::kernels::Gemm<Arch, Weight>::quantised) {
            constexpr int zero = hrm::kernels::Dot<Arch, Weight>::zero_point;
            found = static_cast<float>(static_cast<int>(row[k]) - zero) * out.scales[r];
          } else if constexpr (sizeof(O) == 2) {
            found = hrm::to_float(row[k]);
          } else {
            found = row[k];
          }
          const float wanted = k < width ? rounded[r * width + k] : 0.0F;
          REQUIRE(static_cast<double>(found) == doctest::Approx(static_cast<double>(wanted)).epsilon(1e-7));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("row_tile: rows further apart than they are wide, and nothing between them is touched", Weight,
                   HRM_EVERY_WEIGHT) {
  constexpr std::size_t width = 40;
  constexpr std::size_t stride = 53;
  constexpr std::size_t rows = 3;
  const Table& t = kernels<Weight>();
  const auto close = random_floats(rows * width, 5);
  std::vector<float> apart(rows * stride, 7.0F);
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(close.data() + r * width, width, apart.data() + r * stride);
  }
  auto z = close;
  const Activations<Weight> out(rows, width);
  t.row_tile({z.data(), close.data(), nullptr, width, width, true, 1e-5F, out.operand}, 0, rows);

  const std::size_t used = t.operand_stride(width);
  const std::size_t wide = used + 128;
  const auto data = aligned<std::byte>(rows * wide);
  const auto scales = aligned<float>(rows);
  std::memset(data.get(), 0x5a, rows * wide);
  const auto a = apart;
  t.row_tile({apart.data(),
              a.data(),
              nullptr,
              width,
              stride,
              true,
              1e-5F,
              {data.get(), t.operand_by_row ? scales.get() : nullptr, wide}},
             0, rows);
  for (std::size_t r = 0; r < rows; ++r) {
    CHECK(std::memcmp(apart.data() + r * stride, z.data() + r * width, width * sizeof(float)) == 0);
    CHECK(std::all_of(apart.data() + r * stride + width, apart.data() + (r + 1) * stride,
                      [](float x) { return x == 7.0F; }));
    CHECK(std::memcmp(data.get() + r * wide, out.operand.data + r * out.operand.stride, used) == 0);
    CHECK(std::all_of(data.get() + r * wide + used, data.get() + (r + 1) * wide,
                      [](std::byte x) { return x == std::byte{0x5a}; }));
  }
}

TEST_CASE_TEMPLATE("row_tile without a sum and a norm leaves the rows as they are", Weight, HRM_EVERY_WEIGHT) {
  const auto before = random_floats(3 * 33, 4);
  auto z = before;
  hrm::kernels::RowArgs args;
  args.z = z.data();
  args.width = args.stride = 33;
  kernels<Weight>().row_tile(args, 0, 3);
  CHECK(z == before);
}
