/// After construction nothing allocates: operator new and malloc are replaced and counted.
#include <doctest/doctest.h>

#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>

#include <cstdlib>

#include "support/random_model.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#define HRM_TEST_COUNTS_MALLOC 1
extern "C" {
void* __libc_malloc(std::size_t size);  // NOLINT(*-reserved-identifier)
void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
}
#endif

// The sanitizers bring their own; the count is then of operator new alone.
HRM_NOINLINE void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* at = std::malloc(size == 0 ? 1 : size);
  if (at == nullptr) std::abort();
  return at;
}
HRM_NOINLINE void operator delete(void* at) noexcept { std::free(at); }
HRM_NOINLINE void operator delete(void* at, std::size_t) noexcept { std::free(at); }

using namespace hrm;

TEST_CASE("the counting counts") {
  const std::size_t before = allocations.load();
  const std::vector<int> one(100);
  CHECK(allocations.load() > before);
  CHECK(one.size() == 100);
}

TEST_CASE("a solver's life after construction: no allocation") {
  const Config config = test::small_config();
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 1, precision);
    const auto tokens = test::random_tokens(config, 16, 2);
    auto bad = tokens;
    bad[0] = 77;
    ThreadPool pool(2);
    SolverOptions options;
    options.executor = pool;
    options.noise = Noise{0.1F, 1};
    Solver solver(model, options);
    Solver other(model, options);
    std::vector<std::byte> bytes(std::size_t{1} << 20);

    const std::size_t before = allocations.load();
    bool ok = true;
    for (int round = 0; round < 3; ++round) {
      ok &= solver.start(tokens, 1).has_value();
      ok &= !solver.start(bad);  // an error does not allocate either
      solver.step();
      solver.tick(std::chrono::microseconds(20));
      const auto saved = SavedState::save(solver, bytes);
      ok &= saved.has_value();
      ok &= SavedState::restore(other, std::span<const std::byte>(bytes).first(saved ? *saved : 0)).has_value();
      ok &= !SavedState::restore(other, std::span<const std::byte>(bytes).first(40));
      other = solver;
      while (!other.tick(std::chrono::microseconds(500))) {
      }
      ok &= other.confidence(3) > 0.0F && other.prediction().size() == 16;
    }
    CHECK(allocations.load() == before);
    CHECK(ok);
  }
}

TEST_CASE("a batch solver's life after construction: no allocation") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 3);
  const auto all = test::random_tokens(config, 16 * 20, 4);
  ThreadPool pool(2);
  BatchOptions options;
  options.slots = 6;
  options.window = 8;
  options.executor = pool;
  BatchSolver solver(model, options);
  const std::size_t before = allocations.load();
  std::size_t handed = 0;
  const bool whole = solver.run_all(all, [&](const Outcome&) noexcept { ++handed; });
  CHECK(allocations.load() == before);
  CHECK(whole);
  CHECK(handed == 20);
}
