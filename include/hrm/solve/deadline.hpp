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

/// When a budget that begins at `now` is spent; the first or the last moment there is where the sum goes beyond it, so
/// that nanoseconds::max() never ends.
[[nodiscard]] constexpr std::int64_t deadline_after(std::chrono::nanoseconds budget, std::int64_t now) noexcept {
  using Limits = std::numeric_limits<std::int64_t>;
  const std::int64_t length = budget.count();
  if (length > 0 && now > Limits::max() - length) return Limits::max();
  if (length < 0 && now < Limits::min() - length) return Limits::min();
  return now + length;
}

}  // namespace hrm
