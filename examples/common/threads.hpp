#pragma once
/// Threads that may be refused: a system out of them, or of memory for their stacks, must not end a program.

#include <hrm/solve/pool.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace example {

/// Calls work(0) here and work(1) .. work(threads - 1) on threads of their own, and returns when all have. Fewer where
/// no more can be started: `work` must see to it that those there do everything.
template <class Work>
void on_threads(std::size_t threads, const Work& work) {
  struct Helpers : std::vector<std::thread> {
    ~Helpers() {
      for (std::thread& helper : *this) helper.join();
    }
  } helpers;
  try {
    for (std::size_t t = 1; t < threads; ++t) helpers.emplace_back([&work, t] { work(t); });
  } catch (const std::system_error&) {
  }
  work(std::size_t{0});
}

/// A pool of `threads`, the calling one counted; of fewer where no more can be had, none where that leaves the caller.
inline std::unique_ptr<hrm::ThreadPool> make_pool(std::size_t threads) {
  for (; threads > 1; threads /= 2) {
    try {
      return std::make_unique<hrm::ThreadPool>(static_cast<unsigned>(threads));
    } catch (const std::system_error&) {
    }
  }
  return nullptr;
}

}  // namespace example
