#pragma once
/// Budgets of time, by the steady clock or the caller's own.

#include <chrono>
#include <cstdint>
#include <limits>

namespace hrm {

/// The steady clock in nanoseconds.
[[nodiscard]] inline std::int64_t steady_now() noexcept {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A length of time in nanoseconds, made of any duration, as a game's float of seconds; the longest there is where it
/// is longer, and none where it is no number.
class Budget {
 public:
  template <class Rep, class Period>
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Budget(std::chrono::duration<Rep, Period> length) noexcept : length_(std::chrono::nanoseconds::zero()) {
    using std::chrono::nanoseconds;
    const double count = std::chrono::duration<double, std::nano>(length).count();
    if (count >= 0x1p63 || count <= -0x1p63) {
      length_ = count > 0 ? nanoseconds::max() : nanoseconds::min();
    } else if (count == count) {  // a number
      length_ = std::chrono::duration_cast<nanoseconds>(length);
    }
  }
  [[nodiscard]] constexpr std::int64_t count() const noexcept { return length_.count(); }

 private:
  std::chrono::nanoseconds length_;
};

/// When a budget that begins at `now` is spent; the first or the last moment there is where the sum goes beyond it, so
/// that nanoseconds::max() never ends.
[[nodiscard]] constexpr std::int64_t deadline_after(Budget budget, std::int64_t now) noexcept {
  using Limits = std::numeric_limits<std::int64_t>;
  const std::int64_t length = budget.count();
  if (length > 0 && now > Limits::max() - length) return Limits::max();
  if (length < 0 && now < Limits::min() - length) return Limits::min();
  return now + length;
}

}  // namespace hrm
