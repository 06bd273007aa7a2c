#include <hrm/base/types.hpp>

#include <doctest/doctest.h>

TEST_CASE("only tensors of floats are read as floats") {
  const std::array<std::uint16_t, 8> bits{0x3f80, 0x4000, 0x3f80, 0x4000, 0x3f80, 0x4000, 0x3f80, 0x4000};
  hrm::TensorView tensor;
  tensor.rank = 1;
  tensor.shape[0] = 2;
  tensor.data = reinterpret_cast<const std::byte*>(bits.data());
  std::array<float, 2> out{};
  tensor.dtype = hrm::DType::bf16;
  CHECK(hrm::read_floats(tensor, 0, 2, out.data()));
  CHECK(out == std::array<float, 2>{1.0F, 2.0F});
  for (const auto type : {hrm::DType::i32, hrm::DType::i64, hrm::DType::u8, hrm::DType::i8, hrm::DType::f64}) {
    tensor.dtype = type;  // int8 without scales
    CHECK(!hrm::holds_floats(tensor));
    CHECK(!hrm::read_floats(tensor, 0, 2, out.data()));
  }
}

TEST_CASE("half precision to float32") {
  const std::pair<std::uint16_t, std::uint32_t> known[] = {
      {0x3c00, 0x3f800000U}, {0xc000, 0xc0000000U},                         // 1, -2
      {0x7bff, 0x477fe000U}, {0x0400, 0x38800000U},                         // the ends of the normal numbers
      {0x0001, 0x33800000U}, {0x03ff, 0x387fc000U}, {0x8001, 0xb3800000U},  // subnormal
      {0x0000, 0x00000000U}, {0x8000, 0x80000000U}, {0x7c00, 0x7f800000U}, {0xfc00, 0xff800000U},  // zeros, infinities
      {0x3555, 0x3eaaa000U}};
  for (const auto& [half, want] : known) CHECK(hrm::bit_cast<std::uint32_t>(hrm::half_to_float(half)) == want);
  for (const std::uint16_t nan : std::array<std::uint16_t, 3>{0x7c01, 0x7e00, 0xfdff}) {
    CHECK(!hrm::is_finite(hrm::half_to_float(nan)));
    CHECK((hrm::bit_cast<std::uint32_t>(hrm::half_to_float(nan)) & 0x7fffffU) != 0);
  }
}

TEST_CASE("float32 to bfloat16") {
  const std::pair<std::uint32_t, std::uint16_t> known[] = {
      {0x3f800000U, 0x3f80}, {0xc0000000U, 0xc000}, {0x00000000U, 0x0000},
      {0x80000000U, 0x8000}, {0x3f808000U, 0x3f80}, {0x3f818000U, 0x3f82},  // ties go to the even one
      {0x3f807fffU, 0x3f80}, {0x3f808001U, 0x3f81},                         // and all else to the nearest
      {0x3fffffffU, 0x4000}, {0x007fffffU, 0x0080},                         // carries into the exponent
      {0x7f7f7fffU, 0x7f7f}, {0x7f7f8000U, 0x7f80}, {0xff7fffffU, 0xff80},  // the largest, and what is too large
      {0x7f800000U, 0x7f80}, {0xff800000U, 0xff80}, {0x00000001U, 0x0000},
      {0x7f800001U, 0x7fc0}, {0xff80ffffU, 0xffc0}, {0x7fffffffU, 0x7fff}};  // NaN stays NaN, whichever bits mark it
  for (const auto& [bits, want] : known) CHECK(hrm::to_bfloat16(hrm::bit_cast<float>(bits)).bits == want);
}

TEST_CASE("sums and products that stay at the largest number") {
  using hrm::saturated;
  CHECK(hrm::saturating_add(2, 3) == 5);
  CHECK(hrm::saturating_add(saturated, 1) == saturated);
  CHECK(hrm::saturating_add(saturated - 1, 1) == saturated);
  CHECK(hrm::saturating_mul(2, 3) == 6);
  CHECK(hrm::saturating_mul(saturated, 0) == 0);
  CHECK(hrm::saturating_mul(saturated / 2, 3) == saturated);
  CHECK(hrm::saturating_size(0) == 0);
  CHECK(hrm::saturating_size(saturated - 1) == saturated - 1);
  for (const std::uint64_t large : {std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 7, ~std::uint64_t{0}})
    CHECK((hrm::saturating_size(large) == large || hrm::saturating_size(large) == saturated));
}
