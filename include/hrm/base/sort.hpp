#pragma once
/// One sort for everything that is sorted while a model is loaded: a program compiles it once, not once a type.

#include <hrm/base/config.hpp>

#include <algorithm>
#include <span>
#include <string_view>

namespace hrm::detail {

/// What things are sorted by: a number, then a text. `index` is the caller's, and keeps equals in its order.
struct SortKey {
  std::uint64_t number = 0;
  std::string_view text{};
  std::size_t index = 0;

  [[nodiscard]] friend bool same(const SortKey& a, const SortKey& b) noexcept {
    return a.number == b.number && a.text == b.text;
  }
  friend bool operator<(const SortKey& a, const SortKey& b) noexcept {
    if (a.number != b.number) return a.number < b.number;
    const int order = a.text.compare(b.text);
    return order != 0 ? order < 0 : a.index < b.index;
  }
};

/// O(n log n); allocates nothing.
HRM_NOINLINE inline void sort_keys(std::span<SortKey> keys) noexcept {
  std::sort(keys.data(), keys.data() + keys.size());
}

/// Sorts, and gives the first key that stands twice; null if none does.
[[nodiscard]] inline const SortKey* find_twin(std::span<SortKey> keys) noexcept {
  sort_keys(keys);
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (same(keys[i - 1], keys[i])) return &keys[i];
  }
  return nullptr;
}

/// The first of the sorted keys with this text, numbers being all 0; null if there is none.
[[nodiscard]] inline const SortKey* find_text(std::span<const SortKey> keys, std::string_view text) noexcept {
  const SortKey* const end = keys.data() + keys.size();
  const SortKey* const at = std::lower_bound(keys.data(), end, SortKey{0, text, 0});
  return at != end && at->text == text ? at : nullptr;
}

}  // namespace hrm::detail
