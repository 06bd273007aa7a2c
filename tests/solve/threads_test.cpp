/// Compiled alone, as it replaces a function of the C library.

#include <doctest/doctest.h>

#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/solve.hpp>

#include "support/random_model.hpp"
#include "support/sanitized.hpp"

#if !HRM_TEST_SANITIZED && defined(__GLIBC__)
#define HRM_TEST_REFUSES_THREADS 1
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
namespace {
std::atomic<int> threads_left{-1};  // as many are made, then one is not; -1: all are
}
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* context) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left.load() >= 0 && threads_left.fetch_sub(1) == 0) return EAGAIN;
  return real(thread, attributes, run, context);
}
#endif

using namespace hrm;

TEST_CASE("eight solvers on one model and one shared pool") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 61);
  std::vector<std::vector<Token>> puzzles;
  std::vector<Answer> expected;
  for (std::uint64_t i = 0; i < 8; ++i) {
    puzzles.push_back(test::random_tokens(config, 16, i));
    expected.push_back(solve(model, puzzles.back(), {}, 1).value());
  }
  ThreadPool pool(3);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      SolverOptions options;
      options.executor = pool;
      Solver solver(model, options);
      for (int round = 0; round < 3; ++round) {
        if (!solver.start(puzzles[i], 1)) return;
        while (!solver.tick(std::chrono::microseconds(200))) {
        }
        if (solver.answer().tokens == expected[i].tokens && solver.q_halt() == expected[i].q_halt) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right.load() == 24);
}

TEST_CASE("a model outlives its loader and dies with its last user") {
  const Config config = test::small_config();
  auto model = std::make_unique<Model>(test::random_model(config, 62));
  const auto tokens = test::random_tokens(config, 16, 1);
  const Answer expected = solve(*model, tokens).value();
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, copy = *model] {
      if (solve(copy, tokens).value().tokens == expected.tokens) ++right;
    });
  }
  model.reset();
  for (std::thread& thread : threads) thread.join();
  CHECK(right.load() == 4);
}

TEST_CASE("pools of any size start, idle and end") {
  for (const unsigned size : {0U, 1U, 2U, 5U}) {
    ThreadPool idle(size);
    CHECK(idle.concurrency() == (size == 0 ? 1 : size));
  }
  ThreadPool pool(4);
  std::atomic<int> calls{0};
  const Task task{[](void* context) noexcept { ++*static_cast<std::atomic<int>*>(context); }, &calls};
  for (int i = 0; i < 200; ++i) {
    const int before = calls.load();
    pool.run(task);
    const int now = calls.load();
    CHECK(now >= before + 1);
    CHECK(now <= before + 4);
  }
}

#ifdef HRM_TEST_REFUSES_THREADS
TEST_CASE("a pool for which there are too few threads ends those it has, and says so") {
  for (const int made : {0, 1, 3}) {
    threads_left = made;
    CHECK_THROWS_AS(ThreadPool(5), std::system_error);
    CHECK(threads_left.load() == -1);
  }
  ThreadPool pool(2);
  CHECK(pool.concurrency() == 2);
}
#endif
