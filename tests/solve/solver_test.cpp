#include <doctest/doctest.h>

#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>
#include <hrm/solve/solve.hpp>

#include <cfenv>
#include <limits>

#include "support/executors.hpp"
#include "support/random_model.hpp"

using namespace hrm;
using namespace std::chrono_literals;

namespace {

constexpr std::array<Precision, 3> precisions{Precision::f32, Precision::bf16, Precision::int8};
// Tokens of a puzzle that is one lane, and of one that is two.
constexpr std::array<std::size_t, 2> few_and_many{16, 150};

// Everything a segment leaves behind, for comparing bit by bit.
struct Snapshot {
  std::vector<Token> prediction;
  std::vector<float> numbers;
  bool operator==(const Snapshot& other) const {
    return prediction == other.prediction && numbers.size() == other.numbers.size() &&
           std::memcmp(numbers.data(), other.numbers.data(), numbers.size() * sizeof(float)) == 0;
  }
};

Snapshot snapshot(const Solver& solver) {
  Snapshot s;
  s.prediction.assign(solver.prediction().begin(), solver.prediction().end());
  s.numbers = {solver.q_halt(), solver.q_continue()};
  const auto add = [&](const ConstMatrixMap& m) { s.numbers.insert(s.numbers.end(), m.data(), m.data() + m.size()); };
  add(solver.logits());
  add(solver.z_h());
  add(solver.z_l());
  return s;
}

std::vector<Snapshot> stepped(const Model& model, const SolverOptions& options, std::span<const Token> tokens) {
  Solver solver(model, options);
  solver.start(tokens, 1).value();
  std::vector<Snapshot> all;
  while (!solver.finished()) {
    solver.step();
    all.push_back(snapshot(solver));
  }
  return all;
}

}  // namespace

TEST_CASE("a segment has the same bits however the caller's thread rounds") {
  for (const Precision precision : precisions) {
    const Model model = test::random_model(test::small_config(), 2, precision);
    const auto tokens = test::random_tokens(model.config(), 150, 3);
    SolverOptions options;
    options.max_tokens = 150;
    options.halting = Never{};
    options.max_segments = 3;
    options.noise = Noise{0.1F, 5};
    const auto expected = stepped(model, options, tokens);
    ThreadPool pool(3);
    for (const bool several : {false, true}) {
      if (several) options.executor = pool;
      REQUIRE(std::fesetround(FE_UPWARD) == 0);
      const auto found = stepped(model, options, tokens);
      CHECK(std::fegetround() == FE_UPWARD);
      REQUIRE(std::fesetround(FE_TONEAREST) == 0);
      CHECK(found == expected);
    }
  }
}

TEST_CASE("a segment has the same bits on any executor") {
  for (const Precision precision : precisions) {
    const Model model = test::random_model(test::small_config(), 2, precision);
    for (const std::size_t count : few_and_many) {
      const auto tokens = test::random_tokens(model.config(), count, 3);
      SolverOptions options;
      options.max_tokens = count;
      options.halting = Never{};
      options.max_segments = 3;
      const auto expected = stepped(model, options, tokens);
      REQUIRE(expected.size() == 3);
      CHECK_FALSE(expected[0] == expected[1]);
      for (unsigned threads = 1; threads <= 8; ++threads) {
        ThreadPool pool(threads);
        options.executor = pool;
        CHECK(stepped(model, options, tokens) == expected);
      }
      test::LazyExecutor lazy;
      options.executor = lazy;
      CHECK(stepped(model, options, tokens) == expected);
      test::OneOfManyExecutor one;
      options.executor = one;
      CHECK(stepped(model, options, tokens) == expected);
      test::ForkJoinExecutor fork;
      options.executor = fork;
      CHECK(stepped(model, options, tokens) == expected);
    }
  }
}

TEST_CASE("ticks of any length give the same bits as steps") {
  for (const Precision precision : precisions) {
    const Config config = test::small_config();
    const Model model = test::random_model(config, 4, precision);
    const auto tokens = test::random_tokens(config, 13, 5);
    SolverOptions options;
    options.halting = Never{};
    options.max_segments = 3;
    options.noise = Noise{0.1F, 9};  // put on once a segment, however often its first tile is put off
    const auto expected = stepped(model, options, tokens);

    for (const std::chrono::nanoseconds budget : {1us, 17us, 300us, 10000us}) {
      Solver solver(model, options);
      solver.start(tokens, 1).value();
      std::size_t ticks = 0;
      while (!solver.tick(budget)) REQUIRE(++ticks < 1'000'000);
      CHECK(snapshot(solver) == expected.back());
    }
    ThreadPool pool(3);
    for (const bool threaded : {false, true}) {
      // An injected clock that jumps at random.
      std::mt19937_64 random(6);
      std::atomic<std::int64_t> now{0};
      std::atomic<std::uint64_t> jump{1};
      const auto clock = [&]() noexcept -> std::int64_t {
        return now.fetch_add(static_cast<std::int64_t>(jump.load(std::memory_order_relaxed)));
      };
      SolverOptions with = options;
      if (threaded) with.executor = pool;
      Solver solver(model, with);
      solver.start(tokens, 1).value();
      std::size_t seen = 0;
      bool done = false;
      while (!done) {
        jump = random() % 100;
        done = solver.tick(50ns, clock);
        if (solver.segments() > seen) {  // q is the last complete segment's, however far the next has come
          seen = solver.segments();
          CHECK(solver.q_halt() == expected[seen - 1].numbers[0]);
          CHECK(std::equal(solver.prediction().begin(), solver.prediction().end(),
                           expected[seen - 1].prediction.begin()));
        }
      }
      CHECK(snapshot(solver) == expected.back());
    }
  }
}

TEST_CASE("what is shown at a pause is the last complete segment's, inside the heads too") {
  const Config config = test::small_config();
  test::LazyExecutor alone_among_many;
  for (const Precision precision : precisions) {
    const Model model = test::random_model(config, 14, precision);
    for (const std::size_t count : few_and_many) {
      for (const bool threaded : {false, true}) {
        const auto tokens = test::random_tokens(config, count, 15);
        SolverOptions options;
        options.max_tokens = count;
        options.halting = Never{};
        options.max_segments = 3;
        Solver steps(model, options);
        steps.start(tokens).value();
        if (threaded) options.executor = alone_among_many;
        Solver ticks(model, options);
        ticks.start(tokens).value();
        CHECK(ticks.logits().isZero(0.0F));
        std::size_t pauses = 0;
        while (!ticks.finished()) {
          int tiles = 0;
          static_cast<void>(ticks.tick_while([&tiles]() noexcept { return tiles++ < 1; }));
          while (steps.segments() < ticks.segments()) steps.step();
          const bool same =
              ticks.logits() == steps.logits() && ticks.q_halt() == steps.q_halt() &&
              ticks.q_continue() == steps.q_continue() && ticks.confidence(7) == steps.confidence(7) &&
              std::equal(ticks.prediction().begin(), ticks.prediction().end(), steps.prediction().begin());
          if (!same) FAIL_CHECK("another answer at ", ticks.segment_progress(), " of segment ", ticks.segments() + 1);
          ++pauses;
        }
        CHECK(pauses > 100);
      }
    }
  }
}

TEST_CASE("solve is what a solver's steps come to") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 7);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto tokens = test::random_tokens(config, 16, seed);
    const Answer answer = solve(model, tokens, {}, 2).value();
    Solver solver(model);
    solver.start(tokens, 2).value();
    while (!solver.step()) {
    }
    CHECK(answer.tokens == solver.answer().tokens);
    CHECK(answer.segments == solver.segments());
    CHECK(answer.halted == solver.halted());
    CHECK(answer.q_halt == solver.q_halt());
    CHECK(answer.halted == (answer.q_halt > answer.q_continue));
    CHECK(answer.segments <= config.halt_max_steps);
    CHECK((answer.halted || answer.segments == config.halt_max_steps));
  }
}

TEST_CASE("more segments than trained with, shorter puzzles than the capacity, and one token") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 8);
  SolverOptions options;
  options.halting = Never{};
  options.max_segments = 2 * config.halt_max_steps;
  const auto tokens = test::random_tokens(config, 16, 1);
  CHECK(solve(model, tokens, options).value().segments == 2 * config.halt_max_steps);

  options.max_segments = 2;
  for (const std::size_t length : {1U, 2U, 15U}) {
    const auto some = std::span<const Token>(tokens).first(length);
    Solver large(model, options);
    large.start(some).value();
    while (!large.step()) {
    }
    SolverOptions exact = options;
    exact.max_tokens = length;
    Solver small(model, exact);
    small.start(some).value();
    while (!small.step()) {
    }
    CHECK(snapshot(large) == snapshot(small));
  }
}

TEST_CASE("what cannot be started is an error, and leaves the solver as it was") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 9);
  Solver solver(model);
  CHECK(solver.finished());
  CHECK(solver.step());
  const auto tokens = test::random_tokens(config, 16, 1);
  solver.start(tokens, 2).value();
  solver.step();
  const Snapshot before = snapshot(solver);

  auto bad = tokens;
  bad[5] = 7;
  CHECK(solver.start(bad).error().message() == "token 5: expected 0 to 6, found 7");
  bad[5] = -1;
  CHECK(solver.start(bad).error().message() == "token 5: expected 0 to 6, found -1");
  CHECK(solver.start(std::vector<Token>(17)).error().message() == "tokens: expected at most 16, found 17");
  CHECK(solver.start({}).error().message() == "tokens: expected at least one, found none");
  CHECK(solver.start(tokens, 3).error().message() == "puzzle id: expected below 3, found 3");
  CHECK(snapshot(solver) == before);
}

TEST_CASE("a length that no memory could hold is an error") {
  const Model model = test::random_model(test::small_config());
  for (const std::size_t tokens : {max_seq_len + 1, std::size_t{1} << 62, (std::size_t{1} << 62) - 1, saturated}) {
    SolverOptions options;
    options.max_tokens = tokens;
    CHECK(Solver::memory_bytes(model, options) == saturated);
    alignas(alignment) std::array<std::byte, 4096> block{};
    for (const bool given : {false, true}) {
      if (given) options.memory = block;
      Solver solver(model, options);
      const auto started = solver.start(test::random_tokens(model.config(), 4, 1));
      REQUIRE(!started);
      CHECK(started.error().message() == "solver: expected at most 1048576 tokens, found " + std::to_string(tokens));
      CHECK(solver.finished());
      const Solver copy(solver);
      CHECK(copy.finished());
    }
  }
}

TEST_CASE("the caller's memory serves as well as the solver's own") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 10);
  const auto tokens = test::random_tokens(config, 16, 1);
  SolverOptions options;
  const std::size_t need = Solver::memory_bytes(model, options);
  Buffer block(need);
  options.memory = block.bytes();
  Solver inside(model, options);
  inside.start(tokens).value();
  Solver outside(model);
  outside.start(tokens).value();
  while (!inside.step()) {
  }
  while (!outside.step()) {
  }
  CHECK(snapshot(inside) == snapshot(outside));
  Buffer larger(need + alignment);
  options.memory = larger.bytes().subspan(4, need);
  CHECK(Solver(model, options).status().error().message() == "solver: expected a block aligned to 64 bytes");
  options.memory = block.bytes();
  CHECK(reinterpret_cast<const std::byte*>(inside.z_h().data()) >= block.data());
  CHECK(reinterpret_cast<const std::byte*>(inside.prediction().data()) < block.data() + need);

  // Whatever the memory held before: a puzzle that is only begun can be saved and restored.
  std::memset(block.data(), 0xff, need);
  Solver again(model, options);
  again.start(tokens).value();
  CHECK(again.logits().isZero(0.0F));
  std::vector<std::byte> bytes(SavedState::size(again));
  CHECK(SavedState::save(again, bytes));
  SavedState::restore(outside, bytes).value();
  while (!again.step()) {
  }
  while (!outside.step()) {
  }
  CHECK(snapshot(again) == snapshot(outside));

  // Too little of it; sizes are told as memory_bytes() has them.
  for (const std::size_t size : {need - 1, need - 64, std::size_t{64}}) {
    options.memory = block.bytes().first(size);
    const Solver small(model, options);
    CHECK(small.status().error().code() == ErrorCode::memory);
    CHECK(small.status().error().message() ==
          "solver: expected a block of " + std::to_string(need) + " bytes, found " + std::to_string(size));
    CHECK(small.tokens().empty());
    CHECK(small.logits().rows() == 0);
    CHECK(small.z_h().rows() == 0);
  }
  options.memory = block.bytes().subspan(4);
  CHECK_FALSE(Solver(model, options).start(tokens));
}

TEST_CASE("a solver on the caller's memory that is assigned to stays there, and says so") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 20);
  const auto tokens = test::random_tokens(config, 16, 1);
  Buffer block(Solver::memory_bytes(model));
  SolverOptions options;
  options.memory = block.bytes();
  Solver inside(model, options);
  SolverOptions longer;
  longer.max_segments = 9;
  Solver other(model, longer);
  other.start(tokens).value();
  other.step();
  inside = other;
  CHECK(inside.max_segments() == 9);
  CHECK(SavedState::equal(inside, other));
  CHECK(inside.options().memory.data() == block.data());
  CHECK(reinterpret_cast<const std::byte*>(inside.z_h().data()) >= block.data());
  other = inside;
  CHECK(other.options().memory.empty());
}

TEST_CASE("nothing of the caller's memory is shown or saved") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 16);
  const auto tokens = test::random_tokens(config, 9, 1);
  SolverOptions options;
  const std::size_t need = Solver::memory_bytes(model, options);
  Buffer block(need);
  options.memory = block.bytes();
  std::vector<std::byte> saved[2];
  for (const int before : {0, 0xa5}) {
    std::memset(block.data(), before, need);
    Solver solver(model, options);
    CHECK(solver.logits().rows() == 0);
    CHECK(solver.logits().cols() == 7);
    CHECK(solver.z_h().rows() == 0);
    CHECK(solver.z_l().cols() == 32);
    solver.start(tokens).value();
    CHECK(solver.z_h().rows() == 10);
    int tiles = 0;
    static_cast<void>(solver.tick_while([&tiles]() noexcept { return tiles++ < 5; }));
    auto& bytes = saved[before == 0 ? 0 : 1];
    bytes.resize(SavedState::size(solver));
    CHECK(SavedState::save(solver, bytes));
  }
  CHECK(saved[0] == saved[1]);
}

TEST_CASE("copies think on independently, moves carry the thoughts along") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 11);
  const auto tokens = test::random_tokens(config, 16, 1);
  SolverOptions options;
  options.halting = Never{};
  Solver solver(model, options);
  solver.start(tokens).value();
  solver.step();
  int tiles = 0;
  solver.tick_while([&tiles]() noexcept { return ++tiles < 40; });  // into the second segment
  REQUIRE(solver.segment_progress() > 0.0F);
  Solver copy(solver);
  CHECK(SavedState::equal(copy, solver));
  solver.step();
  CHECK_FALSE(SavedState::equal(copy, solver));
  copy.step();
  CHECK(snapshot(copy) == snapshot(solver));
  Solver other(model, options);
  other = solver;
  solver.step();
  other.step();
  CHECK(snapshot(other) == snapshot(solver));
  const Snapshot now = snapshot(other);
  Solver moved(std::move(other));
  CHECK(snapshot(moved) == now);
}

TEST_CASE("a solver that was moved from has no puzzle, and can be assigned to") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 17);
  const auto tokens = test::random_tokens(config, 16, 1);
  Solver other(model);
  other.start(test::random_tokens(config, 16, 2)).value();
  other.step();
  Buffer block(Solver::memory_bytes(model));
  for (const bool given : {false, true}) {
    SolverOptions options;
    if (given) options.memory = block.bytes();
    Solver from(model, options);
    from.start(tokens).value();
    from.step();
    const Snapshot before = snapshot(from);
    {
      Solver to(std::move(from));
      CHECK(from.status().error().message() == "solver: it was moved from");  // NOLINT(bugprone-use-after-move)
      CHECK(from.start(tokens).error().code() == ErrorCode::state);
      CHECK(from.finished());
      CHECK(from.step());
      CHECK(from.tick(1ms));
      CHECK(from.segment_progress() == 0.0F);
      CHECK(from.q_halt() == 0.0F);
      CHECK(from.answer().tokens.empty());
      CHECK(from.logits().rows() == 0);
      const Solver nothing(from);
      CHECK_FALSE(nothing.status());
      from = nothing;
      from = other;  // not into what `to` has now
      CHECK(snapshot(to) == before);
      CHECK(from.tokens().data() != to.tokens().data());
      to.step();
      from = std::move(to);
      to = from;
      CHECK(SavedState::equal(to, from));
      from = other;
    }
    CHECK(SavedState::equal(from, other));
    from.step();
  }
}

TEST_CASE("policies: margin, minimum, sign, never, until, stable, and one's own") {
  const Config config = test::small_config();
  Thought t;
  t.segment = 1;
  t.q_halt = 1.0F;
  t.q_continue = 0.5F;
  CHECK(QHalt{}(t));
  CHECK_FALSE(QHalt{0.6F}(t));
  CHECK_FALSE(QHalt{0.5F}(t));  // no lead beyond it
  CHECK_FALSE(QHalt{0.0F, 2}(t));
  t.q_continue = 2.0F;
  CHECK_FALSE(QHalt{}(t));
  CHECK(QHalt{0.0F, 1, true}(t));
  CHECK_FALSE(QHalt{1.0F, 1, true}(t));
  CHECK_FALSE(Never{}(t));
  t.unchanged = 2;
  CHECK(Stable{2}(t));
  CHECK_FALSE(Stable{3}(t));

  const Model model = test::random_model(config, 12);
  const auto tokens = test::random_tokens(config, 16, 1);
  SolverOptions options;
  int asked = 0;
  options.halting =
      Until([&asked](std::span<const Token> prediction) noexcept { return ++asked == 3 && prediction.size() == 16; });
  Answer answer = solve(model, tokens, options).value();
  CHECK(answer.segments == 3);
  CHECK(answer.halted);
  options.halting = [](const Thought& thought) noexcept { return thought.segment == 2; };
  CHECK(solve(model, tokens, options).value().segments == 2);
  options.halting = Never{};
  answer = solve(model, tokens, options).value();
  CHECK(answer.segments == config.halt_max_steps);
  CHECK_FALSE(answer.halted);
  options.max_segments = 64;
  Solver solver(model, options);
  solver.start(tokens).value();
  std::vector<Token> before;
  do {
    before.assign(solver.prediction().begin(), solver.prediction().end());
    solver.step();
  } while (solver.segments() < 2 || !std::equal(before.begin(), before.end(), solver.prediction().begin()));
  CHECK(solver.segments() > 2);
  CHECK(solver.segments() < 64);
  options.halting = Stable{1};
  answer = solve(model, tokens, options).value();
  CHECK(answer.halted);
  CHECK(answer.segments == solver.segments());
  CHECK(answer.tokens == before);
}

TEST_CASE("confidence is the softmax of the logits") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 13);
  Solver solver(model);
  solver.start(test::random_tokens(config, 16, 1)).value();
  CHECK(solver.confidence(0) == 0.0F);
  CHECK(std::equal(solver.prediction().begin(), solver.prediction().end(), solver.tokens().begin()));
  solver.step();
  for (std::size_t p = 0; p < 16; ++p) {
    const auto row = solver.logits().row(static_cast<Eigen::Index>(p)).array();
    CHECK(solver.confidence(p) ==
          doctest::Approx((row - row.maxCoeff()).exp().sum() > 0 ? 1.0F / (row - row.maxCoeff()).exp().sum() : 0));
  }
  CHECK(solver.confidence(16) == 0.0F);
}

TEST_CASE("a budget may be as long or as short as it will, by any clock") {
  constexpr auto most = std::chrono::nanoseconds::max();
  constexpr auto least = std::chrono::nanoseconds::min();
  constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
  CHECK(deadline_after(7ns, -3) == 4);
  CHECK(deadline_after(most, 5) == last);
  CHECK(deadline_after(5ns, last - 4) == last);
  CHECK(deadline_after(least, -1) == -last - 1);
  CHECK(deadline_after(least, 0) == -last - 1);
  CHECK(deadline_after(most, -last) == 0);

  using seconds = std::chrono::duration<float>;
  CHECK(Budget(seconds(0.25F)).count() == 250'000'000);
  CHECK(Budget(std::chrono::duration<double, std::pico>(2900)).count() == 2);
  CHECK(Budget(std::chrono::duration<std::int64_t, std::pico>(2900)).count() == 2);
  CHECK(Budget(2ms).count() == 2'000'000);
  for (const Budget longest : {Budget(most), Budget(std::chrono::hours::max()), Budget(seconds(1e30F)),
                               Budget(seconds(std::numeric_limits<float>::infinity()))})
    CHECK(longest.count() == last);
  CHECK(Budget(std::chrono::hours::min()).count() == -last - 1);
  CHECK(Budget(-seconds(std::numeric_limits<float>::infinity())).count() == -last - 1);
  CHECK(Budget(seconds(std::numeric_limits<float>::quiet_NaN())).count() == 0);

  const Config config = test::small_config();
  const Model model = test::random_model(config, 18);
  const auto tokens = test::random_tokens(config, 16, 1);
  Solver solver(model);
  solver.start(tokens).value();
  CHECK(solver.tick(most));
  solver.start(tokens).value();
  CHECK(solver.tick(most, []() noexcept -> std::int64_t { return 5; }));
  solver.start(tokens).value();
  CHECK_FALSE(solver.tick(least));
  CHECK_FALSE(solver.tick(least, []() noexcept -> std::int64_t { return -5; }));
  CHECK(solver.segments() == 0);
}

TEST_CASE("a tick whose time is spent wakes nobody; who is woken is not asked once more") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 21);
  test::CountingExecutor counting;
  SolverOptions options;
  options.executor = counting;
  Solver solver(model, options);
  solver.start(test::random_tokens(config, 16, 1)).value();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(solver.tick(0ns));
  CHECK(counting.runs == 0);
  const float before = solver.segment_progress();
  int asked = 0;
  CHECK_FALSE(solver.tick_while([&asked]() noexcept { return asked++ < 1; }));
  CHECK(asked == 2);
  CHECK(counting.runs == 1);
  CHECK(solver.segment_progress() > before);
}

TEST_CASE("the share of a segment that is done grows from none to all") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 23);
  Solver solver(model);
  CHECK(solver.segment_progress() == 0.0F);
  solver.start(test::random_tokens(config, 16, 1)).value();
  float last = 0.0F;
  for (solver.tick(0ns); solver.segments() == 0; solver.tick(0ns)) {
    CHECK(solver.segment_progress() > last);
    last = solver.segment_progress();
  }
  CHECK(last > 0.95F);
  CHECK(last < 1.0F);
}

TEST_CASE("where nobody says how long puzzles are, a solver has room for a canvas") {
  Config config = test::small_config();
  config.seq_len = 0;
  const Model model = test::random_model(config, 24);
  Solver solver(model);
  CHECK(solver.start(test::random_tokens(config, 900, 1)));
  CHECK(solver.start(test::random_tokens(config, 901, 1)).error().message() ==
        "tokens: expected at most 900, found 901");
}

TEST_CASE("a model that was moved from is empty, and no puzzle is begun on it") {
  const Config config = test::small_config();
  Model model = test::random_model(config, 22);
  const Model other(std::move(model));
  CHECK(other);
  CHECK_FALSE(model);  // NOLINT(bugprone-use-after-move)
  CHECK(solve(model, test::random_tokens(config, 16, 1)).error().message() == "model: it was moved from");
  model = other;
  CHECK(model);
}

TEST_CASE("a tick without time runs one tile") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 19);
  const auto tokens = test::random_tokens(config, 16, 1);
  SolverOptions options;
  options.halting = Never{};
  options.max_segments = 2;
  const auto expected = stepped(model, options, tokens);
  options.noise = Noise{0.1F, 3};
  const auto noisy = stepped(model, options, tokens);
  ThreadPool pool(2);
  test::LazyExecutor lazy;
  for (const Executor executor : {Executor(), Executor(pool), Executor(lazy)}) {
    for (const bool noise : {false, true}) {
      options.executor = executor;
      options.noise = noise ? Noise{0.1F, 3} : Noise();
      Solver solver(model, options);
      solver.start(tokens, 1).value();
      std::size_t ticks = 0;
      const auto past = std::chrono::steady_clock::now() - 1s;
      while (!(ticks % 2 == 0 ? solver.tick(0ns) : solver.tick(past))) REQUIRE(++ticks < 10'000);
      CHECK(ticks > 100);
      CHECK(snapshot(solver) == (noise ? noisy : expected).back());
    }
  }
}

TEST_CASE("a puzzle of more tiles than can be counted is refused") {
  Config config = test::small_config();
  config.sizes = {32, 16, 64, 7, 1, 1, 400, 236, 0};  // enough where a tile has 24 queries (AVX-512), too
  config.puzzle_emb_ndim = 0;
  config.puzzle_ids = 0;
  const Model model = test::random_model(config, 1);
  SolverOptions options;
  options.max_tokens = 36000;
  Solver solver(model, options);
  CHECK(solver.status().error().message() == "solver: expected at most 1073741824 tiles of a segment, found more");
  CHECK_FALSE(solver.start(std::vector<Token>(10)));
  options.max_tokens = 100;
  CHECK(Solver(model, options).status());
}
