#include <hrm/solve/pool.hpp>
#include <hrm/train/parallel.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace hrm;
using namespace hrm::train;

namespace {
// An executor that never calls, which the contract allows.
struct Idle {
  void run(Task) noexcept {}
  [[nodiscard]] unsigned concurrency() const noexcept { return 4; }
};
}  // namespace

TEST_CASE("every index once, participants within the limit, whoever helps") {
  ThreadPool pool(3);
  Idle idle;
  for (const Executor& executor : {Executor(), Executor(pool), Executor(idle)}) {
    for (const std::size_t limit : {1U, 2U, 8U}) {
      std::vector<std::atomic<int>> calls(1000);
      std::atomic<bool> sane{true};
      parallel_for(
          executor, calls.size(),
          [&](std::size_t i, std::size_t participant) {
            calls[i].fetch_add(1);
            if (participant >= limit || participant >= executor.concurrency()) sane = false;
          },
          limit);
      bool once = true;
      for (const auto& n : calls) once = once && n.load() == 1;
      CHECK(once);
      CHECK(sane.load());
    }
  }
  int none = 0;
  parallel_for(Executor(), 0, [&](std::size_t, std::size_t) { ++none; });
  CHECK(none == 0);
}
