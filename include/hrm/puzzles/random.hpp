#pragma once
/// Random numbers whose results for a seed are the same with every compiler and library: the standard fixes what
/// std::mt19937_64 gives, but not what its distributions and std::shuffle make of it, so those are written here.

#include <hrm/base/config.hpp>

#include <random>
#include <span>
#include <utility>
#include <vector>

namespace hrm {

/// A seeded stream of random numbers. Not for several threads at once; give each its own seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 64 random bits.
  [[nodiscard]] std::uint64_t next() { return engine_(); }

  /// Uniform in 0 .. bound - 1, each exactly as likely (values past the last whole multiple are drawn again).
  /// `bound` must be at least 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
    HRM_ASSERT(bound > 0);
    const std::uint64_t excess = (0 - bound) % bound;  // 2^64 mod bound
    std::uint64_t bits = next();
    while (bits > ~std::uint64_t{0} - excess) bits = next();
    return bits % bound;
  }

  /// Uniform in first .. last, both included; `first <= last`.
  [[nodiscard]] std::size_t between(std::size_t first, std::size_t last) {
    const std::uint64_t width = std::uint64_t{last} - first;
    return first + static_cast<std::size_t>(width == ~std::uint64_t{0} ? next() : below(width + 1));
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// True with this probability.
  [[nodiscard]] bool chance(double probability) { return unit() < probability; }

  /// Every order equally likely (Fisher-Yates).
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t left = items.size(); left > 1; --left) {
      std::swap(items[left - 1], items[static_cast<std::size_t>(below(left))]);
    }
  }

  /// A random order of 0 .. count - 1.
  [[nodiscard]] std::vector<std::uint32_t> permutation(std::size_t count) {
    std::vector<std::uint32_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(i);
    shuffle(std::span(order));
    return order;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace hrm
