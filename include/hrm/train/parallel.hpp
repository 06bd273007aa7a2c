#pragma once
/// A loop whose turns may run on several threads, through any executor.

#include <hrm/solve/executor.hpp>

#include <atomic>

namespace hrm::train {

/// Calls f(index, participant) for every index below `count`, each once, on up to executor.concurrency() threads;
/// `participant` is below that number (and below `limit`), and no two calls with the same one overlap (so it can name a
/// scratch buffer). f must not throw. Returns when all calls have returned. Which thread takes which index is open.
template <class F>
void parallel_for(const Executor& executor, std::size_t count, const F& f,
                  std::size_t limit = ~std::size_t{0}) noexcept {
  struct Context {
    const F& f;
    std::size_t count;
    std::size_t limit;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> participants{0};
    void work(std::size_t participant) {
      for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) f(i, participant);
    }
  } context{f, count, executor.concurrency() < limit ? executor.concurrency() : limit};
  executor.run(Task{[](void* self) noexcept {
                      auto& c = *static_cast<Context*>(self);
                      const std::size_t participant = c.participants.fetch_add(1);
                      if (participant < c.limit) c.work(participant);
                    },
                    &context});
  context.work(0);  // an executor need not call at all; its calls are over by now
}

}  // namespace hrm::train
