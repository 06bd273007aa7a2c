#pragma once
/// How long the frames of a game take: the last ones for a graph, all of them for percentiles.

#include <algorithm>
#include <string>
#include <vector>

namespace example {

class Times {
 public:
  void add(double ms) { all_.push_back(static_cast<float>(ms)); }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  /// The time `back` frames ago; 0 where there was none.
  [[nodiscard]] float ago(std::size_t back) const noexcept {
    return back < all_.size() ? all_[all_.size() - 1 - back] : 0.0F;
  }
  [[nodiscard]] double sum() const noexcept {
    double total = 0;
    for (const float t : all_) total += static_cast<double>(t);
    return total;
  }
  /// The share of times above a limit, in percent.
  [[nodiscard]] double percent_above(float ms) const noexcept {
    const auto above = std::count_if(all_.begin(), all_.end(), [ms](float t) { return t > ms; });
    return all_.empty() ? 0.0 : 100.0 * static_cast<double>(above) / static_cast<double>(all_.size());
  }
  /// "p50 1.42 ms, p99 2.90 ms, max 3.41 ms".
  [[nodiscard]] std::string summary() const {
    std::vector<float> sorted = all_;
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](std::size_t hundredth) {
      return sorted.empty() ? 0.0 : static_cast<double>(sorted[(sorted.size() - 1) * hundredth / 100]);
    };
    char text[96];
    static_cast<void>(
        std::snprintf(text, sizeof(text), "p50 %.3f ms, p99 %.3f ms, max %.3f ms", at(50), at(99), at(100)));
    return text;
  }

 private:
  std::vector<float> all_;
};

}  // namespace example
