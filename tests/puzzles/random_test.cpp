#include <doctest/doctest.h>
#include <hrm/puzzles/random.hpp>

#include <array>

TEST_CASE("random: the engine is the standard's") {
  hrm::Random random(5489);
  std::uint64_t last = 0;
  for (int i = 0; i < 10000; ++i) last = random.next();
  CHECK(last == 9981545732273789042U);  // given in the standard
}

TEST_CASE("random: results for a seed are fixed") {
  hrm::Random random(1);
  const std::array<std::uint64_t, 6> numbers{random.below(10),       random.below(1000), random.below(7),
                                             random.below(1U << 20), random.below(3),    random.below(100)};
  CHECK(numbers == std::array<std::uint64_t, 6>{8, 462, 4, 376974, 0, 9});
  CHECK(random.permutation(8) == std::vector<std::uint32_t>{3, 1, 5, 0, 6, 2, 7, 4});
}

TEST_CASE("random: below stays below, reaches everything and is even") {
  hrm::Random random(2);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) {
    const std::uint64_t value = random.below(7);
    REQUIRE(value < 7);
    ++counts[static_cast<std::size_t>(value)];
  }
  for (const int count : counts) {
    CHECK(count > 9600);  // 10000, standard deviation 93
    CHECK(count < 10400);
  }
  CHECK(random.below(1) == 0);
  const std::uint64_t most = ~std::uint64_t{0};
  CHECK(random.below(most) < most);
}

TEST_CASE("random: between has both ends, unit is in [0, 1)") {
  hrm::Random random(3);
  bool first = false;
  bool last = false;
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t value = random.between(3, 5);
    REQUIRE(value >= 3);
    REQUIRE(value <= 5);
    first = first || value == 3;
    last = last || value == 5;
    const double unit = random.unit();
    REQUIRE(unit >= 0);
    REQUIRE(unit < 1);
    sum += unit;
  }
  CHECK(first);
  CHECK(last);
  CHECK(sum > 450);
  CHECK(sum < 550);
  CHECK(random.between(4, 4) == 4);
  const std::size_t any = random.between(0, ~std::size_t{0});
  CHECK(any != random.between(0, ~std::size_t{0}));
}

TEST_CASE("random: a permutation has every number once, and all orders come up") {
  hrm::Random random(4);
  std::array<int, 6> orders{};
  for (int i = 0; i < 6000; ++i) {
    const auto order = random.permutation(3);
    REQUIRE(order.size() == 3);
    std::uint32_t seen = 0;
    for (const std::uint32_t item : order) seen |= 1U << item;
    REQUIRE(seen == 7);
    ++orders[order[0] * 2 + (order[1] > order[2] ? 1 : 0)];
  }
  for (const int count : orders) {
    CHECK(count > 860);  // 1000, standard deviation 29
    CHECK(count < 1140);
  }
  CHECK(random.permutation(0).empty());
}
