/// Compiled alone, as it replaces functions of the C library.
///
/// After construction nothing allocates and nothing takes a mutex: operator new, malloc and its kin, and
/// pthread_mutex_lock are replaced and counted. What a constructor does where there is no memory is tried too.
#include <doctest/doctest.h>

#include <hrm/solve/attempts.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>

#if defined(_WIN32)
#include <malloc.h>
#endif

#include <cstdlib>
#include <mutex>

#include <support/random_model.hpp>
#include <support/sanitized.hpp>

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> mutexes{0};

[[maybe_unused]] void* counted(void* at) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return at;
}
}  // namespace

#if !HRM_TEST_SANITIZED && defined(__GLIBC__)
#define HRM_TEST_COUNTS_ALL 1
#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>

#include <cerrno>
namespace {
std::atomic<int> blocks_left{-1};  // as many blocks (they come from calloc) are given, then one is not; -1: all are
}  // namespace
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT(*-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT(*-reserved-identifier)
void* __libc_realloc(void* at, std::size_t size);                // NOLINT(*-reserved-identifier)
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT(*-reserved-identifier)
void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) {
  if (blocks_left.load() >= 0 && blocks_left.fetch_sub(1) == 0) return nullptr;
  return counted(__libc_calloc(count, size));
}
void* realloc(void* at, std::size_t size) { return counted(__libc_realloc(at, size)); }
void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
int posix_memalign(void** at, std::size_t alignment, std::size_t size) {
  *at = counted(__libc_memalign(alignment, size));
  return *at == nullptr ? ENOMEM : 0;
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  mutexes.fetch_add(1, std::memory_order_relaxed);
  return real(mutex);
}
}
#endif

// The sanitizers bring their own; the count is then of operator new alone. clang links its ThreadSanitizer in as a
// whole, operators included: there nothing is counted, and these tests look for races.
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HRM_TEST_COUNTS 0
#endif
#endif
#ifndef HRM_TEST_COUNTS
#define HRM_TEST_COUNTS 1
#endif
#if HRM_TEST_COUNTS
HRM_NOINLINE void* operator new(std::size_t size) {
  void* at = counted(std::malloc(size == 0 ? 1 : size));
  if (at == nullptr) std::abort();
  return at;
}
HRM_NOINLINE void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(std::malloc(size == 0 ? 1 : size));
}
HRM_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto to = static_cast<std::size_t>(alignment);
#if defined(_WIN32)
  return counted(::_aligned_malloc(size, to));
#else
  return counted(std::aligned_alloc(to, (size + to - 1) / to * to));
#endif
}
HRM_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
  void* at = operator new(size, alignment, std::nothrow);
  if (at == nullptr) std::abort();
  return at;
}
HRM_NOINLINE void operator delete(void* at) noexcept { std::free(at); }
HRM_NOINLINE void operator delete(void* at, std::size_t) noexcept { std::free(at); }
HRM_NOINLINE void operator delete(void* at, const std::nothrow_t&) noexcept { std::free(at); }
HRM_NOINLINE void operator delete(void* at, std::align_val_t) noexcept {
#if defined(_WIN32)
  ::_aligned_free(at);
#else
  std::free(at);
#endif
}
HRM_NOINLINE void operator delete(void* at, std::size_t, std::align_val_t to) noexcept { operator delete(at, to); }
HRM_NOINLINE void operator delete(void* at, std::align_val_t to, const std::nothrow_t&) noexcept {
  operator delete(at, to);
}
#endif

using namespace hrm;

#ifdef HRM_TEST_COUNTS_ALL
namespace {
template <class Make>
auto without_block(int number, const Make& make) {
  blocks_left = number;
  auto made = make();
  blocks_left = -1;
  return made;
}
}  // namespace

TEST_CASE("a solver whose memory is not there says so, whichever block it is") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 5);
  const auto tokens = test::random_tokens(config, 16, 6);
  for (const int block : {0, 1}) {
    Solver solver = without_block(block, [&] { return Solver(model); });
    CHECK(solver.status().error().code() == ErrorCode::memory);
    CHECK(solver.start(tokens).error().code() == ErrorCode::memory);
    CHECK(solver.step());
    CHECK(solver.tokens().empty());
    CHECK(solver.logits().size() == 0);
    CHECK(solver.logits().cols() == 7);
    CHECK(solver.z_l().rows() == 0);

    BatchOptions options;
    options.window = 4;
    BatchSolver batch = without_block(block, [&] { return BatchSolver(model, options); });
    CHECK(batch.status().error().code() == ErrorCode::memory);
    CHECK_FALSE(batch.add({tokens}));
    std::size_t errors = 0;
    CHECK(batch.run_all(tokens, [&](const Outcome& o) noexcept { errors += o.error != nullptr ? 1 : 0; }));
    CHECK(errors == 1);
    batch.reset();
  }
}

TEST_CASE("a copy for which there is no memory is an error, and can be assigned to") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 7);
  const auto tokens = test::random_tokens(config, 16, 8);
  Solver solver(model);
  solver.start(tokens).value();
  solver.step();
  SolverOptions small;
  small.max_tokens = 9;
  for (const int block : {0, 1}) {
    Solver copy = without_block(block, [&] { return Solver(solver); });
    CHECK(copy.status().error().code() == ErrorCode::memory);
    CHECK(copy.finished());
    CHECK(copy.step());
    CHECK(copy.prediction().empty());
    CHECK(copy.q_halt() == 0.0F);
    CHECK_FALSE(copy.start(tokens));
    const Solver again(copy);
    CHECK(again.status().error().code() == ErrorCode::memory);
    copy = solver;
    CHECK(SavedState::equal(copy, solver));

    Solver other(model, small);
    other.start(std::span(tokens).first(9)).value();
    other.step();
    without_block(block, [&] { return (other = solver, 0); });
    CHECK(other.status().error().code() == ErrorCode::memory);
    CHECK(other.finished());
    CHECK(other.confidence(0) == 0.0F);
    CHECK(other.q_halt() == 0.0F);
  }
}
#endif

#if HRM_TEST_COUNTS
TEST_CASE("the counting counts") {
  const std::size_t before = allocations.load();
  const std::vector<int> one(100);
  const int* const volatile seen = one.data();  // or clang leaves the allocation out
  CHECK(allocations.load() > before);
  CHECK(seen == one.data());
  CHECK(one.size() == 100);
  const std::size_t aligned = allocations.load();
  void* const at = ::operator new(100, std::align_val_t(64), std::nothrow);
  CHECK(allocations.load() > aligned);
  ::operator delete(at, std::align_val_t(64));
#ifdef HRM_TEST_COUNTS_ALL
  const std::size_t plain = allocations.load();
  const Buffer block(1000);  // from calloc
  CHECK(allocations.load() > plain);
  CHECK(block.size() == 1000);
  std::mutex mutex;
  const std::size_t locks = mutexes.load();
  const std::lock_guard lock(mutex);
  CHECK(mutexes.load() == locks + 1);
#endif
}
#endif

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
    const std::size_t locks = mutexes.load();
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
    CHECK(mutexes.load() == locks);
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
  options.noise = Noise{0.1F, 1};
  BatchSolver solver(model, options);
  const std::size_t before = allocations.load();
  const std::size_t locks = mutexes.load();
  std::size_t handed = 0;
  const bool whole = solver.run_all(all, [&](const Outcome&) noexcept { ++handed; });
  const std::span<const Token> first(all.data(), 16);
  const bool again = solver.run_each(&first, &first + 1, [&](const Outcome&) noexcept { ++handed; });
  const bool added = solver.add({first, 1, 7, 2}).has_value() && !solver.add({first.first(3), 1, 7, 2});
  while (!solver.tick(std::chrono::microseconds(20))) {
  }
  solver.hand_out([&](const Outcome&) noexcept { ++handed; });
  solver.reset();
  CHECK(allocations.load() == before);
  CHECK(mutexes.load() == locks);
  CHECK(whole);
  CHECK(again);
  CHECK(added);
  CHECK(handed >= 21);
}

#if defined(HRM_TEST_COUNTS_ALL)
TEST_CASE("a solver's memory is paged in when it is made, not in a frame") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 7);
  const auto tokens = test::random_tokens(config, 16, 8);
  BatchOptions options;
  options.tokens = 16;
  options.slots = 1;
  options.slots =
      (std::size_t{64} << 20) / BatchSolver::memory_bytes(model, options);  // 64 MiB: 32 huge pages at least
  BatchSolver solver(model, options);
  const auto faults = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
  };
  const auto before = faults();
  for (std::size_t slot = 0; slot < options.slots; ++slot) solver.add({tokens}).value();
  solver.step();
  CHECK(faults() - before < 16);
}
#endif

TEST_CASE("several attempts: nothing is allocated while their answers come out") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 9);
  const auto tokens = test::random_tokens(config, 16, 10);
  AttemptOptions options;
  options.attempts = 8;
  options.noise = Noise{1.0F, 2};
  options.halting = Never{};
  options.max_segments = 2;
  std::size_t asked = 0;
  std::size_t first = 0;
  std::size_t last = 0;
  const auto count = [&](std::span<const Token>) noexcept {
    last = allocations.load();
    first = asked++ == 0 ? last : first;
    return asked == 8;
  };
  const AttemptsAnswer answer = solve_attempts(model, tokens, options, count).value();
  CHECK(asked == 8);
  CHECK(answer.accepted);
  CHECK(answer.votes < 8);  // they were not all the same
  CHECK(last == first);
}
