/// What the compiler holds: everything on a solver's path is noexcept, and so must be what is given to it.
#include <doctest/doctest.h>

#include <hrm/fwd.hpp>

#include <hrm/solve/attempts.hpp>
#include <hrm/solve/saved_state.hpp>
#include <hrm/solve/solve.hpp>

#include <array>
#include <forward_list>

using namespace hrm;
using namespace std::chrono_literals;

namespace {

using Tokens = std::span<const Token>;

struct Clock {
  std::int64_t operator()() const noexcept { return 0; }
};
struct ThrowingClock {
  std::int64_t operator()() const { return 0; }
};
struct Yes {
  bool operator()() const noexcept { return true; }
  bool operator()(const Thought&) const noexcept { return true; }
  bool operator()(Tokens) const noexcept { return true; }
  bool operator()(Job&) const noexcept { return true; }
  bool operator()(const Outcome&) const noexcept { return true; }
};
struct ThrowingYes {
  bool operator()() const { return true; }
  bool operator()(const Thought&) const { return true; }
  bool operator()(Tokens) const { return true; }
  bool operator()(Job&) const { return true; }
  bool operator()(const Outcome&) const { return true; }
};
struct Changing {  // not callable where it is const
  bool operator()() noexcept { return true; }
  bool operator()(const Thought&) noexcept { return true; }
};
struct ChangingClock {
  std::int64_t operator()() noexcept { return 0; }
};
struct ThrowingExecutor {
  void run(Task) {}
  [[nodiscard]] unsigned concurrency() const noexcept { return 1; }
};
struct GoodExecutor {
  void run(Task) noexcept {}
  [[nodiscard]] unsigned concurrency() const noexcept { return 1; }
};
struct ConstExecutor {
  void run(Task) const noexcept {}
  [[nodiscard]] unsigned concurrency() const noexcept { return 1; }
};
struct ThrowingIterator {  // its increment may throw
  using value_type = Job;
  using difference_type = std::ptrdiff_t;
  Job operator*() const noexcept { return {}; }
  ThrowingIterator& operator++() { return *this; }
  void operator++(int) {}
  bool operator==(const ThrowingIterator&) const noexcept { return true; }
};

template <bool Noexcept>
struct AsJob {  // becomes a Job when it is asked
  operator Job() const noexcept(Noexcept);
};

template <class Given>
struct Giving {  // makes what it gives as it is asked
  using value_type = std::remove_cvref_t<Given>;
  using difference_type = std::ptrdiff_t;
  Given operator*() const noexcept;
  Giving& operator++() noexcept { return *this; }
  void operator++(int) noexcept {}
  bool operator==(const Giving&) const noexcept { return true; }
};

template <class Policy>
concept HaltsBy = std::is_constructible_v<Halting, Policy>;
template <class Predicate>
concept HaltsUntil = requires {
  typename Until<Predicate>;
};
template <class Now>
concept TicksBy = requires(Solver& s, const Now& now) {
  s.tick(1ms, now);
};
template <class GoOn>
concept TicksWhile = requires(Solver& s, BatchSolver& b, const GoOn& go_on) {
  s.tick_while(go_on);
  b.tick_while(go_on);
};
template <class Source, class Sink, class GoOn>
concept Runs = requires(BatchSolver& b, Source source, Sink sink, GoOn go_on) {
  b.run(source, sink, go_on);
};
template <class Sink>
concept TakesAll = requires(BatchSolver& b, Sink sink) {
  b.run_all(Tokens(), sink);
  b.hand_out(sink);
};
template <class Iterator>
concept RunsEach = requires(BatchSolver& b, Iterator at) {
  b.run_each(at, at, Yes{});
};
template <class Puzzles>
concept RunsEachOf = requires(BatchSolver& b, Puzzles&& puzzles) {
  b.run_each(std::forward<Puzzles>(puzzles), Yes{});
  b.run_each(std::forward<Puzzles>(puzzles), Yes{}, Yes{});
};
template <class Accept>
concept Accepts = requires(const Model& m, const Accept& accept) {
  solve_attempts(m, Tokens(), {}, accept);
};

static_assert(HaltsBy<QHalt> && HaltsBy<Never> && HaltsBy<Stable> && HaltsBy<Yes> && HaltsBy<Until<Yes>>);
static_assert(!HaltsBy<ThrowingYes> && !HaltsBy<Changing> && !HaltsBy<int>);
static_assert(HaltsUntil<Yes> && !HaltsUntil<ThrowingYes>);
static_assert(TicksBy<Clock> && !TicksBy<ThrowingClock> && !TicksBy<ChangingClock>);
static_assert(TicksWhile<Yes> && !TicksWhile<ThrowingYes> && !TicksWhile<Changing>);
static_assert(Runs<Yes, Yes, Yes> && !Runs<ThrowingYes, Yes, Yes> && !Runs<Yes, ThrowingYes, Yes> &&
              !Runs<Yes, Yes, ThrowingYes> && !Runs<Yes, Yes, Changing>);
static_assert(TakesAll<Yes> && !TakesAll<ThrowingYes>);
// A number, of which 0 would mean no more, is not what a sink may give.
static_assert(TakesAll<void (*)(const Outcome&) noexcept> && !TakesAll<std::size_t (*)(const Outcome&) noexcept>);
static_assert(RunsEach<const Job*> && RunsEach<std::vector<Job>::iterator> && RunsEach<std::vector<Tokens>::iterator> &&
              RunsEach<std::forward_list<std::vector<Token>>::const_iterator>);
static_assert(RunsEach<Giving<Job>> && RunsEach<Giving<Tokens>> && RunsEach<Giving<const std::vector<Token>&>>);
static_assert(!RunsEach<Giving<std::vector<Token>>> && !RunsEach<Giving<std::vector<Token>&&>> &&
              !RunsEach<Giving<std::array<Token, 16>>>);  // gone when they are read
static_assert(!RunsEach<ThrowingIterator> && !RunsEach<const int*>);
static_assert(!RunsEach<const AsJob<false>*> && RunsEach<const AsJob<true>*>);
static_assert(RunsEachOf<std::vector<Job>&> && RunsEachOf<std::span<const Job>> &&
              RunsEachOf<const std::forward_list<std::vector<Token>>&> && RunsEachOf<std::array<Tokens, 3>> &&
              RunsEachOf<Job (&)[2]>);
static_assert(!RunsEachOf<std::vector<int>&> && !RunsEachOf<Job>);
static_assert(Accepts<Yes> && !Accepts<ThrowingYes>);
static_assert(std::is_constructible_v<Executor, const ConstExecutor&> &&
              !std::is_constructible_v<Executor, const GoodExecutor&>);
static_assert(std::is_constructible_v<Executor, GoodExecutor&> &&
              !std::is_constructible_v<Executor, ThrowingExecutor&>);

// The whole real-time path. What stands in the calls is noexcept itself, so the calls alone are judged.
template <class S>
constexpr bool never_throws(S& s, std::chrono::nanoseconds budget, std::chrono::steady_clock::time_point deadline,
                            const Yes& yes) {
  static_assert(noexcept(s.step())&& noexcept(s.tick(budget))&& noexcept(s.tick(deadline)));
  static_assert(noexcept(s.tick(budget, Clock())));
  static_assert(noexcept(s.tick_while(yes)));
  return true;
}
static_assert(std::is_nothrow_constructible_v<Solver, Model> && std::is_nothrow_copy_constructible_v<Solver> &&
              std::is_nothrow_copy_assignable_v<Solver> && std::is_nothrow_move_assignable_v<Solver>);

template <class S>
constexpr bool solver_never_throws(S& s, std::span<std::byte> bytes, std::chrono::nanoseconds budget,
                                   const Clock& clock) {
  static_assert(noexcept(s.tick(budget, clock)));
  static_assert(noexcept(s.start(Tokens())));
  static_assert(noexcept(s.prediction())&& noexcept(s.confidence(0))&& noexcept(s.segment_progress()));
  static_assert(noexcept(s.logits())&& noexcept(s.z_h())&& noexcept(s.z_l()));
  static_assert(noexcept(SavedState::size(s))&& noexcept(SavedState::save(s, bytes)));
  static_assert(noexcept(SavedState::restore(s, bytes))&& noexcept(SavedState::equal(s, s)));
  return true;
}
template <class B>
constexpr bool batch_never_throws(B& b, const Job& job) {
  static_assert(noexcept(b.add(job))&& noexcept(b.hand_out(Yes()))&& noexcept(b.reset()));
  static_assert(noexcept(b.run(Yes(), Yes()))&& noexcept(b.run_all(Tokens(), Yes())));
  static_assert(noexcept(b.run_each(&job, &job, Yes(), Yes())));
  static_assert(noexcept(b.prediction(0))&& noexcept(b.logits(0))&& noexcept(b.z_h(0))&& noexcept(b.z_l(0)));
  return true;
}
template bool never_throws<Solver>(Solver&, std::chrono::nanoseconds, std::chrono::steady_clock::time_point,
                                   const Yes&);
template bool never_throws<BatchSolver>(BatchSolver&, std::chrono::nanoseconds, std::chrono::steady_clock::time_point,
                                        const Yes&);
template bool solver_never_throws<Solver>(Solver&, std::span<std::byte>, std::chrono::nanoseconds, const Clock&);
template bool batch_never_throws<BatchSolver>(BatchSolver&, const Job&);

}  // namespace

TEST_CASE("a policy is kept by value and asked as it is") {
  Thought thought;
  const Halting yes = Yes{};
  CHECK(yes(thought));
  const Halting copy = yes;
  CHECK(copy(thought));
  thought.q_halt = 1.0F;
  const float least = 0.5F;
  const Halting own = [least](const Thought& t) noexcept { return t.q_halt > least; };
  CHECK(own(thought));
  thought.q_halt = 0.0F;
  CHECK_FALSE(own(thought));
}
