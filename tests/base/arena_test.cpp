#include <hrm/base/arena.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

TEST_CASE("a buffer is zeroed and aligned, large ones to a huge page, and moves with its bytes") {
  const std::size_t huge = std::size_t{2} << 20;
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, huge - 1, huge, huge + 1, 2 * huge}) {
    hrm::Buffer buffer(size);
    std::byte* const at = buffer.data();
    REQUIRE(at != nullptr);
    CHECK(buffer.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(at) % (size < huge ? 64 : huge) == 0);
    CHECK(std::count(at, at + size, std::byte{0}) == static_cast<std::ptrdiff_t>(size));
    std::memset(at, 1, size);
    hrm::Buffer moved(std::move(buffer));
    hrm::Buffer assigned(8);
    assigned = std::move(moved);
    CHECK(assigned.data() == at);
    CHECK(assigned.bytes().size() == size);
    CHECK(assigned.bytes().back() == std::byte{1});
  }
  CHECK(hrm::Buffer(0).data() == nullptr);
  CHECK(hrm::Buffer(hrm::saturated - huge).data() == nullptr);
}

TEST_CASE("an arena counts as it carves, and what no memory could hold never looks small") {
  hrm::Arena measure;
  CHECK(measure.take<float>(3, 5) == nullptr);
  CHECK(measure.used() == 64);
  CHECK(measure.take<std::byte>(65) == nullptr);
  CHECK(measure.used() == 192);
  hrm::Buffer block(measure.used());
  hrm::Arena carve(block.data());
  CHECK(reinterpret_cast<std::byte*>(carve.take<float>(3, 5)) == block.data());
  CHECK(carve.take<std::byte>(65) == block.data() + 64);
  CHECK(carve.used() == measure.used());

  const std::size_t half = std::size_t{1} << (4 * sizeof(std::size_t));
  for (const auto& [count, width] : {std::pair{half, half},
                                     {hrm::saturated / 4 + 1, std::size_t{1}},
                                     {std::size_t{1}, hrm::saturated / 4},
                                     {hrm::saturated, hrm::saturated}}) {
    hrm::Arena large;
    static_cast<void>(large.take<float>(count, width));
    CHECK(large.used() == hrm::saturated);
    static_cast<void>(large.take<float>(1));
    CHECK(large.used() == hrm::saturated);
  }
  hrm::Arena sum;
  static_cast<void>(sum.take<std::byte>(hrm::saturated / 2));
  static_cast<void>(sum.take<std::byte>(hrm::saturated / 2));
  static_cast<void>(sum.take<std::byte>(hrm::saturated / 2));
  CHECK(sum.used() == hrm::saturated);
  CHECK(hrm::Buffer(hrm::saturated).data() == nullptr);
}
