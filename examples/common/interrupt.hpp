#pragma once
/// Signals that end a run early, as a question which solvers ask between tiles.

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace example {

/// Set by a signal, read by every thread that helps.
inline std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// False once one of the signals has come.
[[nodiscard]] inline bool go_on() noexcept { return !interrupted.load(std::memory_order_relaxed); }

/// From here on these signals no longer end the program: go_on() says that they came.
inline void listen_for(std::initializer_list<int> signals) noexcept {
  for (const int signal : signals) static_cast<void>(std::signal(signal, [](int) { interrupted = true; }));
}

}  // namespace example
