#pragma once
/// Threads that may be refused: a system out of them, or of memory for their stacks, must not end a program.

#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace example {

/// Calls work(0) here and work(1) .. work(threads - 1) on threads of their own, and returns when all have. Fewer where
/// no more can be started: `work` must see to it that those there do everything.
template <class Work>
void on_threads(std::size_t threads, const Work& work) {
  std::vector<std::jthread> helpers;
  try {
    for (std::size_t t = 1; t < threads; ++t) helpers.emplace_back([&work, t] { work(t); });
  } catch (const std::system_error&) {
  }
  work(std::size_t{0});
}

/// How many of `threads` threads can be had at once, the calling one counted; for what cannot be made in part.
inline std::size_t threads_to_be_had(std::size_t threads) {
  std::atomic<std::size_t> started{1};
  std::atomic<bool> enough{false};
  on_threads(threads, [&](std::size_t t) {
    if (t > 0) {
      ++started;
      enough.wait(false);
    } else {
      enough = true;
      enough.notify_all();
    }
  });
  return started;
}

}  // namespace example
