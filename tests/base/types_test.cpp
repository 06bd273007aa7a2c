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
  for (const auto type : {hrm::DType::i32, hrm::DType::i64, hrm::DType::u8, hrm::DType::i8}) {
    tensor.dtype = type;  // int8 without scales
    CHECK(!hrm::holds_floats(tensor));
    CHECK(!hrm::read_floats(tensor, 0, 2, out.data()));
  }
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
