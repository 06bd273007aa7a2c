#include "harness.hpp"

using namespace test;

TEST_CASE("the largest size and the norm of a row, of any width and size") {
  for (const std::size_t width : {1U, 2U, 7U, 16U, 31U, 33U, 64U, 100U, 512U}) {
    for (const float size : {1e-33F, 1e-10F, 1.0F, 1e10F, 1e30F}) {
      CAPTURE(width);
      CAPTURE(size);
      const auto row = random_floats(width, static_cast<std::uint32_t>(width), size);
      float largest = 0.0F;
      double squares = 0.0;
      for (const float x : row) {
        largest = std::max(largest, std::fabs(x));
        squares += static_cast<double>(x) * static_cast<double>(x);
      }
      CHECK(hrm::kernels::largest_of<Arch>(row.data(), width) == largest);
      const auto norm = static_cast<double>(hrm::kernels::norm_of<Arch>(row.data(), width, largest));
      CHECK(norm >= std::sqrt(squares) * 0.99999);
      if (size > 1e-20F && size < 1e20F) CHECK(norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-5));
    }
  }
}

TEST_CASE("the norm of many large numbers, whose squares no float holds, is finite") {
  const std::vector<float> row(40000, 9.9e16F);
  const float norm = hrm::kernels::norm_of<Arch>(row.data(), row.size(), row[0]);
  CHECK(hrm::is_finite(norm));
  CHECK(norm >= 200.0F * 9.9e16F * 0.999F);
}

TEST_CASE("levels are the nearest whole numbers, zeros beyond the row, and all zeros for next to nothing") {
  constexpr std::size_t lanes = hrm::kernels::Simd<Arch>::lanes;
  for (const std::size_t width : {1U, 5U, 16U, 40U, 67U}) {
    for (const float size : {0.0F, 1e-33F, 2.0F}) {
      CAPTURE(width);
      CAPTURE(size);
      const auto row = random_floats(width, 9, size);
      const float largest = hrm::kernels::largest_of<Arch>(row.data(), width);
      std::vector<std::int32_t> levels(hrm::round_up(width, lanes), 77);
      const float scale = hrm::kernels::write_levels<Arch>(
          row.data(), width, largest, 1000.0F,
          [&](std::size_t k, auto some) { hrm::kernels::Simd<Arch>::store(levels.data() + k, some); });
      CHECK(scale == largest / 1000.0F);
      for (std::size_t k = 0; k < levels.size(); ++k) {
        const bool any = k < width && size > 1e-30F;
        const double exact = any ? static_cast<double>(row[k]) / static_cast<double>(scale) : 0.0;
        CHECK(std::fabs(levels[k] - exact) <= 0.501);
      }
    }
  }
}

TEST_CASE("16-bit levels are as large as their norm and 16 bits allow, and the same for nearly the same norm") {
  using hrm::bfloat16;
  CHECK(hrm::kernels::most_level<Arch, std::int8_t>(3.0F, 9.0F) == 127.0F);
  if constexpr (hrm::kernels::as_levels<Arch, bfloat16>) {
    const auto level = [](float norm) { return hrm::kernels::most_level<Arch, bfloat16>(2.0F, norm); };
    CHECK(level(2.0F) == 32600.0F);  // one element alone
    for (float norm = 3.0F; norm < 200.0F; norm *= 1.1F) {
      CHECK(level(norm) <= 46000.0F * 2.0F / norm);
      CHECK(level(norm) > 0.93F * 46000.0F * 2.0F / norm);
    }
    CHECK(level(50.0F) == level(50.0001F));
  }
}
