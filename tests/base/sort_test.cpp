#include <hrm/base/sort.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using hrm::detail::find_text;
using hrm::detail::find_twin;
using hrm::detail::sort_keys;
using hrm::detail::SortKey;

TEST_CASE("keys are sorted by number, then text; equals keep their order") {
  std::vector<SortKey> keys{{2, "a", 0}, {1, "b", 1}, {1, "", 2}, {2, "a", 3}, {1, "ab", 4}, {1, "b", 5}};
  sort_keys(keys);
  std::vector<std::size_t> order;
  for (const SortKey& key : keys) order.push_back(key.index);
  CHECK(order == std::vector<std::size_t>{2, 4, 1, 5, 0, 3});
}

TEST_CASE("a thousand random keys come out as std::stable_sort has them") {
  std::mt19937 random(7);
  const std::vector<std::string> texts{"", "x", "layers.1", "layers.10", "layers.2", "\xff", std::string(40, 'y')};
  std::vector<SortKey> keys;
  for (std::size_t i = 0; i < 1000; ++i) keys.push_back({random() % 5, texts[random() % texts.size()], i});
  std::vector<SortKey> wanted = keys;
  std::stable_sort(wanted.begin(), wanted.end(), [](const SortKey& a, const SortKey& b) {
    return std::pair(a.number, a.text) < std::pair(b.number, b.text);
  });
  sort_keys(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) REQUIRE(keys[i].index == wanted[i].index);
}

TEST_CASE("twins are equal in number and text; the second of them is named") {
  std::vector<SortKey> none;
  CHECK(find_twin(none) == nullptr);
  std::vector<SortKey> distinct{{0, "b"}, {1, "a"}, {0, "a"}};
  CHECK(find_twin(distinct) == nullptr);
  std::vector<SortKey> twins{{0, "b", 0}, {1, "a", 1}, {0, "a", 2}, {0, "b", 3}};
  const SortKey* const twin = find_twin(twins);
  REQUIRE(twin != nullptr);
  CHECK(twin->text == "b");
  CHECK(twin->index == 3);
}

TEST_CASE("a text is found among sorted keys, the first of equals, and no part of one") {
  std::vector<SortKey> keys{{0, "h.1", 0}, {0, "h.0", 1}, {0, "l", 2}, {0, "h.1", 3}};
  sort_keys(keys);
  REQUIRE(find_text(keys, "h.1") != nullptr);
  CHECK(find_text(keys, "h.1")->index == 0);
  CHECK(find_text(keys, "l")->index == 2);
  for (const char* other : {"", "h", "h.10", "h.2", "z"}) CHECK(find_text(keys, other) == nullptr);
  CHECK(find_text({}, "h.1") == nullptr);
}
