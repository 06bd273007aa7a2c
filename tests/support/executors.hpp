#pragma once
/// Executors that promise less than a pool does, as a game's job system might.

#include <hrm/solve/executor.hpp>

#include <thread>
#include <vector>

namespace hrm::test {

/// Claims to have many threads but never runs anything: the solver's own thread must do it all.
struct LazyExecutor {
  void run(Task) noexcept {}
  [[nodiscard]] unsigned concurrency() const noexcept { return 8; }
};

/// The same, and counts how often it is asked.
struct CountingExecutor {
  int runs = 0;
  void run(Task) noexcept { ++runs; }
  [[nodiscard]] unsigned concurrency() const noexcept { return 8; }
};

/// Runs a single task of the many it was asked for, on another thread.
struct OneOfManyExecutor {
  void run(Task task) noexcept {
    std::thread([task] { task(); }).join();
  }
  [[nodiscard]] unsigned concurrency() const noexcept { return 8; }
};

/// Runs the task on new threads while the caller waits, as a parallel_for would.
struct ForkJoinExecutor {
  unsigned threads = 3;
  void run(Task task) noexcept {
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i) all.emplace_back([task] { task(); });
    for (std::thread& thread : all) thread.join();
  }
  [[nodiscard]] unsigned concurrency() const noexcept { return threads; }
};

}  // namespace hrm::test
