#pragma once
/// A small pool of threads for whoever has no job system of their own.

#include <hrm/solve/executor.hpp>
#include <hrm/solve/wait.hpp>

#include <thread>
#include <vector>

namespace hrm {

/// `threads - 1` sleeping threads that help the calling one. run() takes no lock and allocates nothing; idle threads
/// wait in the kernel. Several solvers may share a pool: who finds it busy runs alone.
class ThreadPool {
 public:
  /// Starts the threads; at least the caller counts. Throws what std::thread throws.
  explicit ThreadPool(unsigned threads) : ThreadPool() {  // from here on the destructor ends those that were made
    for (unsigned i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() {
    state_.fetch_or(closing, std::memory_order_release);
    round_.fetch_add(1, std::memory_order_release);
    wake_all(round_);
    for (std::thread& worker : workers_) worker.join();
  }

  [[nodiscard]] unsigned concurrency() const noexcept { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Calls task() here and on the idle threads; returns when all of them are out of it again.
  void run(Task task) noexcept {
    std::uint32_t idle = 0;
    if (workers_.empty() || !state_.compare_exchange_strong(idle, busy, std::memory_order_acquire)) return task();
    task_ = task;
    state_.fetch_or(open, std::memory_order_release);
    round_.fetch_add(1, std::memory_order_release);
    wake_all(round_);
    task();
    // From here on nobody enters; those inside are waited for. A thread that has not woken up yet is not.
    std::uint32_t now = state_.fetch_and(~open, std::memory_order_acq_rel) & ~open;
    while ((now & inside) != 0) {
      wait_while(state_, now);
      now = state_.load(std::memory_order_acquire);
    }
    state_.fetch_and(~busy, std::memory_order_release);
  }

 private:
  ThreadPool() noexcept = default;

  static constexpr std::uint32_t open = 1U << 31;     // threads may enter
  static constexpr std::uint32_t busy = 1U << 30;     // a run is under way
  static constexpr std::uint32_t closing = 1U << 29;  // the pool ends
  static constexpr std::uint32_t inside = 0xffffU;    // how many threads are in the task

  void work() noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      wait_while(round_, seen);
      seen = round_.load(std::memory_order_acquire);
      std::uint32_t state = state_.load(std::memory_order_acquire);
      if ((state & closing) != 0) return;
      while ((state & open) != 0 && !state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
      }
      if ((state & open) == 0) continue;
      task_();
      state = state_.fetch_sub(1, std::memory_order_acq_rel) - 1;
      if ((state & open) == 0 && (state & inside) == 0) wake_all(state_);
    }
  }

  std::atomic<std::uint32_t> round_{0};
  std::atomic<std::uint32_t> state_{0};
  Task task_;  // written before `open`, read after it
  std::vector<std::thread> workers_;
};

}  // namespace hrm
