#include <doctest/doctest.h>

#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/solve.hpp>

#include <list>
#include <thread>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

struct Result1 {
  std::vector<Token> tokens;
  std::size_t segments = 0;
  bool halted = false;
  float q_halt = 0.0F;
  float q_continue = 0.0F;
  bool operator==(const Result1& o) const {
    return tokens == o.tokens && segments == o.segments && halted == o.halted &&
           std::memcmp(&q_halt, &o.q_halt, 4) == 0 && std::memcmp(&q_continue, &o.q_continue, 4) == 0;
  }
};

Result1 copy(const Outcome& o) {
  return {{o.tokens.begin(), o.tokens.end()}, o.segments, o.halted, o.q_halt, o.q_continue};
}
Result1 copy(const Answer& a) { return {a.tokens, a.segments, a.halted, a.q_halt, a.q_continue}; }

// Halts after a number of segments that differs from puzzle to puzzle, so that slots refill at different times.
struct Uneven {
  [[nodiscard]] bool operator()(const Thought& t) const noexcept {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &t.q_halt, 4);
    return bits % 3 == 0;
  }
};

}  // namespace

TEST_CASE("every puzzle of a batch has the bits it has alone") {
  const Config config = test::small_config();
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 21, precision);
    constexpr std::size_t count = 23;
    const auto all = test::random_tokens(config, 16 * count, 22);
    SolverOptions alone;
    alone.halting = Uneven{};
    std::vector<Result1> expected;
    std::size_t segments = 0;
    for (std::size_t i = 0; i < count; ++i) {
      expected.push_back(copy(solve(model, std::span<const Token>(all).subspan(16 * i, 16), alone).value()));
      segments += expected.back().segments;
    }
    ThreadPool pool(3);
    for (const std::size_t slots : {1U, 2U, 7U, 16U, 40U}) {
      for (const bool threaded : {false, true}) {
        BatchOptions options;
        options.slots = slots;
        options.halting = Uneven{};
        if (threaded) options.executor = pool;
        BatchSolver solver(model, options);
        std::vector<Result1> found(count);
        std::size_t handed = 0;
        CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
          found[o.id] = copy(o);
          ++handed;
        }));
        CHECK(handed == count);
        CHECK(found == expected);
        CHECK(solver.counts().finished == count);
        CHECK(solver.counts().segments == segments);
        CHECK(solver.counts().rounds >= ceil_div(segments, slots));
      }
    }
  }
}

TEST_CASE("puzzles and their states after every segment are those of a solver alone, whatever the neighbours") {
  const Config config = test::small_config();
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 33, precision);
    constexpr std::size_t count = 20;
    const auto all = test::random_tokens(config, 16 * count, 34);
    for (const std::size_t slots : {1U, 2U, 7U, 16U}) {
      BatchOptions options;
      options.slots = slots;
      options.halting = Uneven{};
      BatchSolver batch(model, options);
      SolverOptions alone;
      alone.halting = Uneven{};
      std::vector<Solver> solvers;
      std::mt19937_64 random(slots);
      std::size_t begun = 0;
      std::size_t compared = 0;
      while (begun < count || batch.active() > 0) {
        while (begun < count && batch.active() < slots) {
          const auto tokens = std::span<const Token>(all).subspan(16 * begun, 16);
          batch.add({tokens, begun % 3, begun, 0}).value();
          solvers.emplace_back(model, alone);
          solvers.back().start(tokens, begun % 3).value();
          ++begun;
        }
        std::uint64_t tiles = 0;
        while (!batch.tick_while([&tiles]() noexcept { return tiles-- > 0; })) tiles = random() % 60;
        for (std::size_t slot = 0; slot < batch.active(); ++slot) {
          Solver& other = solvers[batch.id(slot)];
          other.step();
          CHECK(other.segments() == batch.segments(slot));
          const bool same =
              batch.logits(slot) == other.logits() && batch.z_h(slot) == other.z_h() &&
              batch.z_l(slot) == other.z_l() && batch.q_halt(slot) == other.q_halt() &&
              batch.q_continue(slot) == other.q_continue() && batch.confidence(slot, 5) == other.confidence(5) &&
              std::equal(batch.prediction(slot).begin(), batch.prediction(slot).end(), other.prediction().begin());
          CHECK(same);
          ++compared;
        }
        batch.hand_out([&](const Outcome& o) noexcept { CHECK(solvers[o.id].finished()); });
      }
      CHECK(compared == batch.counts().segments);
      CHECK(batch.counts().finished == count);
    }
  }
}

TEST_CASE("a puzzle that is no longer wanted comes out as it stands, and the others never notice") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 35);
  constexpr std::size_t count = 5;
  const auto all = test::random_tokens(config, 16 * count, 36);
  const auto puzzle = [&](std::size_t i) { return std::span<const Token>(all).subspan(16 * i, 16); };
  for (const std::size_t window : {0U, 8U}) {
    BatchOptions options;
    options.slots = count;
    options.window = window;
    options.halting = Never{};
    options.max_segments = 4;
    BatchSolver solver(model, options);
    CHECK_FALSE(solver.finish(0));
    for (std::size_t i = 0; i < count; ++i) solver.add({puzzle(i), 0, i, 0}).value();
    CHECK_FALSE(solver.finish(count));
    CHECK(solver.finish(1));  // before its first segment
    CHECK(solver.finished(1));
    std::vector<std::size_t> order;
    std::vector<Result1> found(count);
    const auto keep = [&](const Outcome& o) noexcept {
      order.push_back(o.id);
      found[o.id] = copy(o);
    };
    const auto slot_of = [&](std::size_t id) {
      std::size_t slot = 0;
      while (solver.id(slot) != id) ++slot;
      return slot;
    };
    CHECK(solver.hand_out(keep));
    CHECK(solver.active() == count - 1);
    solver.step();
    solver.step();
    REQUIRE_FALSE(solver.tick(std::chrono::nanoseconds(0)));
    CHECK_FALSE(solver.finish(slot_of(3)));  // inside a segment
    solver.step();
    CHECK(solver.finish(slot_of(3)));
    while (solver.active() > 0) {
      solver.step();
      CHECK(solver.hand_out(keep));
    }
    CHECK(order.size() == count);
    if (window > 0) CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
    for (std::size_t i = 0; i < count; ++i) {
      CAPTURE(i);
      SolverOptions alone;
      alone.halting = Never{};
      alone.max_segments = i == 3 ? 3 : 4;
      if (i != 1) {
        CHECK(found[i] == copy(solve(model, puzzle(i), alone).value()));
      } else {
        CHECK(found[i] == Result1{{puzzle(1).begin(), puzzle(1).end()}, 0, false, 0.0F, 0.0F});
      }
    }
    CHECK(solver.counts().finished == count);
    CHECK(solver.counts().segments == 3 * 4 + 3);
  }
}

TEST_CASE("a policy is told for how many segments the prediction has stayed the same, the puzzle itself aside") {
  const Config config = test::small_config();
  std::vector<Token> last;
  std::size_t same = 0;
  std::size_t most = 0;
  bool as_given = false;
  const auto follow = [&](const Thought& t) noexcept {
    const std::vector<Token> now(t.prediction.begin(), t.prediction.end());
    as_given |= t.segment == 1 && now == last;
    same = t.segment > 1 && now == last ? same + 1 : 0;
    most = std::max(most, same);
    CHECK(t.unchanged == same);
    last = now;
    return false;
  };
  for (std::uint64_t seed = 60; seed < 66; ++seed) {
    const Model model = test::random_model(config, seed);
    for (Token token = 0; token < 7; ++token) {
      const std::vector<Token> puzzle{token};
      last = puzzle;
      SolverOptions options;
      options.halting = follow;
      CHECK(solve(model, puzzle, options).value().segments == 6);
      last = puzzle;
      BatchOptions batch;
      batch.tokens = 1;
      batch.halting = follow;
      CHECK(BatchSolver(model, batch).run_all(puzzle, [](const Outcome&) noexcept {}));
    }
  }
  CHECK(most > 2);
  CHECK(as_given);
}

TEST_CASE("a policy is told whose thought it is") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 61);
  const auto all = test::random_tokens(config, 16 * 5, 62);
  std::vector<std::size_t> asked(5, 0);
  BatchOptions options;
  options.slots = 2;
  options.halting = [&](const Thought& t) noexcept {
    CHECK(t.attempt == 40 + t.id);
    ++asked[t.id];
    return t.segment > t.id;  // the puzzles change their slots
  };
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < 5; ++i) jobs.push_back({std::span<const Token>(all).subspan(16 * i, 16), 0, i, 40 + i});
  CHECK(BatchSolver(model, options).run_each(jobs, [](const Outcome& o) noexcept {
    CHECK(o.halted);
    CHECK(o.segments == o.id + 1);
  }));
  CHECK(asked == std::vector<std::size_t>{1, 2, 3, 4, 5});
  SolverOptions alone;
  alone.halting = [](const Thought& t) noexcept {
    CHECK(t.id + t.attempt == 0);
    return true;
  };
  CHECK(solve(model, std::span<const Token>(all).first(16), alone).value().segments == 1);
}

TEST_CASE("fed from a span, from iterators over puzzles or jobs, or from a callable: the same results") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 35);
  constexpr std::size_t count = 13;
  const auto all = test::random_tokens(config, 16 * count, 36);
  const auto puzzle = [&](std::size_t i) { return std::span<const Token>(all).subspan(16 * i, 16); };
  BatchOptions options;
  options.slots = 4;
  options.halting = Uneven{};
  const auto collect = [&](const auto& feed) {
    std::vector<Result1> found(count);
    std::size_t handed = 0;
    BatchSolver solver(model, options);
    CHECK(feed(solver, [&](const Outcome& o) noexcept {
      found[o.id] = copy(o);
      ++handed;
    }));
    CHECK(handed == count);
    return found;
  };
  const auto expected = collect([&](BatchSolver& s, const auto& sink) { return s.run_all(all, sink); });
  std::list<std::vector<Token>> puzzles;
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < count; ++i) {
    puzzles.emplace_back(puzzle(i).begin(), puzzle(i).end());
    jobs.push_back({puzzle(i), 0, i, 0});
  }
  CHECK(collect([&](BatchSolver& s, const auto& sink) { return s.run_each(puzzles.begin(), puzzles.end(), sink); }) ==
        expected);
  CHECK(collect([&](BatchSolver& s, const auto& sink) { return s.run_each(jobs.data(), jobs.data() + count, sink); }) ==
        expected);
  CHECK(collect([&](BatchSolver& s, const auto& sink) { return s.run_each(puzzles, sink); }) == expected);
  CHECK(collect([&](BatchSolver& s, const auto& sink) { return s.run_each(std::span<const Job>(jobs), sink); }) ==
        expected);
  std::size_t next = 0;
  CHECK(collect([&](BatchSolver& s, const auto& sink) {
          return s.run(
              [&](Job& job) noexcept {
                if (next == count) return false;
                job = jobs[next++];
                return true;
              },
              sink);
        }) == expected);
  BatchSolver nothing(model, options);
  CHECK(nothing.run_each(jobs.end(), jobs.end(), [](const Outcome&) noexcept { FAIL_CHECK("there was none"); }));
}

TEST_CASE("a sink sees the progress of its run") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 37);
  const auto all = test::random_tokens(config, 16 * 9, 38);
  BatchOptions options;
  options.slots = 3;
  options.halting = Uneven{};
  BatchSolver solver(model, options);
  std::size_t handed = 0;
  std::size_t segments = 0;
  CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
    segments += o.segments;
    CHECK(solver.counts().finished == ++handed);
    CHECK(solver.counts().segments >= segments);
    CHECK(solver.counts().segments <= 3 * solver.counts().rounds);
  }));
  CHECK(handed == 9);
  CHECK(solver.counts().segments == segments);
}

TEST_CASE("noise belongs to the attempt, not to the slot") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 23);
  const auto tokens = test::random_tokens(config, 16, 24);
  const auto run = [&](std::size_t slots) {
    BatchOptions options;
    options.slots = slots;
    options.halting = Never{};
    options.noise = Noise{0.2F, 5};
    BatchSolver solver(model, options);
    std::vector<Result1> found(9);
    std::size_t next = 0;
    solver.run(
        [&](Job& job) noexcept {
          job = Job{tokens, 0, next, next};
          return next++ < 9;
        },
        [&](const Outcome& o) noexcept { found[o.id] = copy(o); });
    return found;
  };
  const auto expected = run(1);
  CHECK_FALSE(expected[0] == expected[1]);
  CHECK(run(4) == expected);
  CHECK(run(9) == expected);
}

TEST_CASE("results in order, through a window") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 25);
  auto all = test::random_tokens(config, 16 * 30, 26);
  all[16 * 11 + 3] = 99;  // one cannot be begun
  std::size_t segments = 0;
  for (const std::size_t window : {0U, 1U, 3U, 64U}) {
    BatchOptions options;
    options.slots = 5;
    options.halting = Uneven{};
    options.window = window;
    BatchSolver solver(model, options);
    std::vector<std::size_t> order;
    std::size_t errors = 0;
    CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
      order.push_back(o.id);
      if (o.error == nullptr) return;
      ++errors;
      CHECK(o.id == 11);
      CHECK(o.tokens.empty());
      CHECK(o.error->message() == "token 3: expected 0 to 6, found 99");
    }));
    CHECK(errors == 1);
    REQUIRE(order.size() == 30);
    CHECK(solver.counts().finished == 30);
    if (window == 0) {
      segments = solver.counts().segments;
      CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
    } else {
      CHECK(std::is_sorted(order.begin(), order.end()));
      CHECK(solver.counts().segments == segments);
    }
  }
}

TEST_CASE("a sink can cancel; the solver can be used again") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 27);
  const auto all = test::random_tokens(config, 16 * 30, 28);
  BatchOptions options;
  options.slots = 4;
  options.halting = Uneven{};
  BatchSolver solver(model, options);
  std::size_t handed = 0;
  CHECK_FALSE(solver.run_all(all, [&](const Outcome&) noexcept { return ++handed < 3; }));
  CHECK(handed == 3);
  CHECK(solver.counts().finished == 3);
  CHECK(solver.active() == 0);
  handed = 0;
  CHECK(solver.run_all(all, [&](const Outcome&) noexcept { ++handed; }));
  CHECK(handed == 30);
}

TEST_CASE("a run can be cancelled from outside, in the middle of a segment") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 39);
  const auto tokens = test::random_tokens(config, 16, 40);
  for (const std::size_t window : {0U, 4U}) {
    BatchOptions options;
    options.slots = 3;
    options.window = window;
    BatchSolver solver(model, options);
    std::atomic<bool> cancel{false};
    std::atomic<std::size_t> handed{0};
    std::thread other([&] {
      while (handed < 20) std::this_thread::yield();
      cancel = true;
    });
    const bool whole = solver.run(
        [&](Job& job) noexcept {  // there is always one more
          job.tokens = tokens;
          return true;
        },
        [&](const Outcome&) noexcept { ++handed; }, [&]() noexcept { return !cancel; });
    other.join();
    CHECK_FALSE(whole);
    CHECK(handed >= 20);
    CHECK(solver.active() == 0);
    handed = 0;
    CHECK(solver.run_all(tokens, [&](const Outcome&) noexcept { ++handed; }));
    CHECK(handed == 1);
    int tiles = 0;
    CHECK_FALSE(solver.run_all(
        tokens, [](const Outcome&) noexcept { FAIL_CHECK("it was cancelled before"); },
        [&tiles]() noexcept { return ++tiles < 5; }));
  }
}

TEST_CASE("a sink may pause the handing out, and a full window takes no more") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 45);
  const auto all = test::random_tokens(config, 16 * 4, 46);
  for (const std::size_t window : {0U, 3U}) {
    BatchOptions options;
    options.slots = 4;
    options.halting = Never{};
    options.max_segments = 1;
    options.window = window;
    BatchSolver solver(model, options);
    for (std::size_t i = 0; i < 3; ++i) solver.add({std::span<const Token>(all).subspan(16 * i, 16), 0, i, 0}).value();
    const Job fourth{std::span<const Token>(all).subspan(48, 16), 0, 3, 0};
    if (window == 3) {
      CHECK(solver.add(fourth).error().message() == "batch: expected room in the window of 3 results, found none");
    }
    solver.step();
    std::vector<std::size_t> order;
    const auto one = [&](const Outcome& o) noexcept {
      order.push_back(o.id);
      return false;
    };
    CHECK_FALSE(solver.hand_out(one));
    CHECK(order.size() == 1);
    CHECK(solver.add(fourth));
    while (!solver.hand_out(one)) {
    }
    CHECK(order.size() == 3);
    CHECK(solver.active() == 1);
    solver.step();
    CHECK_FALSE(solver.hand_out(one));
    CHECK(solver.hand_out(one));
    if (window == 3) CHECK(order == std::vector<std::size_t>{0, 1, 2, 3});
    CHECK(order.size() == 4);
    CHECK(solver.counts().finished == 4);
  }
}

TEST_CASE("slots by hand: add, tick, hand out") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 29);
  const auto all = test::random_tokens(config, 16 * 3, 30);
  BatchOptions options;
  options.slots = 2;
  options.halting = Never{};
  options.max_segments = 2;
  BatchSolver solver(model, options);
  const auto puzzle = [&](std::size_t i) { return std::span<const Token>(all).subspan(16 * i, 16); };
  solver.add({puzzle(0), 0, 0, 0}).value();
  solver.add({puzzle(1), 1, 1, 0}).value();
  CHECK(solver.add({puzzle(2), 0, 2, 0}).error().code() == ErrorCode::state);
  CHECK(std::equal(puzzle(1).begin(), puzzle(1).end(), solver.prediction(1).begin()));  // before it has thought
  CHECK(solver.logits(1).rows() == 16);
  CHECK(solver.logits(2).rows() == 0);  // of no puzzle
  CHECK(solver.z_h(2).rows() == 0);
  CHECK(solver.z_l(2).rows() == 0);
  int tiles = 0;
  CHECK_FALSE(solver.tick_while([&tiles]() noexcept { return ++tiles < 10; }));
  std::size_t handed = 0;
  const auto count = [&](const Outcome&) noexcept { ++handed; };
  CHECK(solver.hand_out(count));
  CHECK(handed == 0);
  solver.step();
  CHECK(solver.hand_out(count));
  CHECK(handed == 0);
  solver.step();
  solver.hand_out(count);
  CHECK(handed == 2);
  CHECK(solver.add({puzzle(2).first(15), 0, 2, 0}).error().message() == "tokens: expected 16, found 15");
  CHECK(solver.add({puzzle(2), 3, 2, 0}).error().message() == "puzzle id: expected below 3, found 3");
}

TEST_CASE("a batch takes no puzzle inside a segment") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 31);
  const auto all = test::random_tokens(config, 16 * 2, 32);
  BatchOptions options;
  options.slots = 2;
  options.tokens = 16;
  BatchSolver solver(model, options);
  const Job first{std::span<const Token>(all).first(16)}, second{std::span<const Token>(all).last(16)};
  solver.add(first).value();
  CHECK(solver.confidence(0, 0) == 0.0F);  // it has not thought yet
  int tiles = 0;
  REQUIRE_FALSE(solver.tick_while([&tiles]() noexcept { return ++tiles < 10; }));
  CHECK(solver.add(second).error().message() == "batch: a segment is under way");
  solver.step();
  CHECK(solver.confidence(0, 0) > 0.0F);
  CHECK(solver.confidence(0, 15) > 0.0F);
  CHECK(solver.confidence(0, 16) == 0.0F);  // as a Solver's beyond the puzzle
  CHECK(solver.confidence(0, 999999) == 0.0F);
  CHECK(solver.add(second));
}

TEST_CASE("a batch that no memory could hold is an error") {
  const Model model = test::random_model(test::small_config());
  for (const auto& [slots, tokens, window] : {std::array<std::size_t, 3>{1, max_seq_len + 1, 0},
                                              {2, std::size_t{1} << 61, 0},
                                              {std::size_t{1} << 58, 16, 0},
                                              {std::size_t{1} << 62, 16, 4},
                                              {saturated, 16, 0},
                                              {2, 16, std::size_t{1} << 60},
                                              {2, 16, saturated}}) {
    BatchOptions options;
    options.slots = slots;
    options.tokens = tokens;
    options.window = window;
    CHECK(BatchSolver::memory_bytes(model, options) == saturated);
    BatchSolver solver(model, options);
    const auto puzzle = test::random_tokens(model.config(), 16, 1);
    CHECK(!solver.add(Job{puzzle}));
    std::size_t errors = 0;
    solver.run_all(puzzle, [&](const Outcome& outcome) noexcept { errors += outcome.error != nullptr ? 1 : 0; });
    CHECK(errors == 1);
    solver.reset();
    CHECK(solver.active() == 0);
  }
}

TEST_CASE("a batch of puzzles whose length nobody says is an error, and cuts none") {
  Config config = test::small_config();
  config.seq_len = 0;
  const Model model = test::random_model(config);
  const auto all = test::random_tokens(config, 16 * 3, 1);
  Buffer block(1 << 20);
  BatchOptions options;
  const std::string expected = "tokens: expected BatchOptions::tokens, as the model's file does not say, found none";
  for (const bool own : {true, false}) {
    options.memory = own ? std::span<std::byte>() : block.bytes();
    CHECK(BatchSolver::memory_bytes(model, options) == saturated);
    BatchSolver solver(model, options);
    REQUIRE_FALSE(solver.status());
    CHECK(solver.status().error().message() == expected);
    CHECK(solver.add({all}).error().message() == expected);
    std::size_t errors = 0;
    CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
      CHECK(o.error != nullptr);
      CHECK(++errors == 1);
    }));
    CHECK(errors == 1);
    solver.step();
    solver.reset();
    CHECK(solver.active() == 0);
    CHECK(solver.logits(0).rows() == 0);
  }
  options.memory = {};
  options.tokens = 16;
  BatchSolver solver(model, options);
  std::size_t good = 0;
  CHECK(solver.run_all(all, [&](const Outcome& o) noexcept { good += o.error == nullptr ? 1 : 0; }));
  CHECK(good == 3);
}

TEST_CASE("a batch on the caller's memory") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 31);
  BatchOptions options;
  options.slots = 3;
  options.window = 2;
  Buffer block(BatchSolver::memory_bytes(model, options));
  options.memory = block.bytes();
  BatchSolver solver(model, options);
  REQUIRE(solver.status());
  const auto all = test::random_tokens(config, 16 * 5, 32);
  std::size_t handed = 0;
  CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
    CHECK(copy(o).tokens == solve(model, std::span<const Token>(all).subspan(16 * o.id, 16)).value().tokens);
    ++handed;
  }));
  CHECK(handed == 5);
  for (const std::size_t size : {block.size() - 64, std::size_t{64}}) {
    options.memory = block.bytes().first(size);
    BatchSolver small(model, options);
    CHECK(small.status().error().message() ==
          "solver: expected a block of " + std::to_string(block.size()) + " bytes, found " + std::to_string(size));
    CHECK(small.logits(0).rows() == 0);
    small.reset();
    std::size_t errors = 0;
    CHECK(small.run_all(all, [&](const Outcome& o) noexcept { errors += o.error != nullptr ? 1 : 0; }));
    CHECK(errors == 5);
  }
}

TEST_CASE("a batch solver that was moved from has no puzzles, and can be assigned to") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 41);
  const auto tokens = test::random_tokens(config, 16, 42);
  BatchOptions options;
  options.window = 2;
  options.halting = Never{};
  BatchSolver from(model, options);
  from.add({tokens, 0, 7}).value();
  from.step();
  BatchSolver to(std::move(from));
  CHECK_FALSE(from.status());  // NOLINT(bugprone-use-after-move)
  CHECK(from.active() == 0);
  CHECK_FALSE(from.add({tokens}));
  from.step();
  from.reset();
  CHECK(to.id(0) == 7);
  CHECK(to.segments(0) == 1);
  to.step();
  from = std::move(to);
  CHECK(from.segments(0) == 2);
  CHECK(to.active() == 0);  // NOLINT(bugprone-use-after-move)
  to = BatchSolver(model, options);
  CHECK(to.run_all(tokens, [](const Outcome& o) noexcept { CHECK(o.segments == 6); }));
}

TEST_CASE("a run goes on with a segment that was under way") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 47);
  const auto all = test::random_tokens(config, 16 * 5, 48);
  for (const std::size_t window : {0U, 4U}) {
    BatchOptions options;
    options.slots = 3;
    options.window = window;
    options.halting = Uneven{};
    BatchSolver solver(model, options);
    solver.add({std::span<const Token>(all).first(16), 0, 100}).value();
    int tiles = 0;
    CHECK_FALSE(solver.tick_while([&tiles]() noexcept { return tiles++ < 5; }));
    std::vector<std::size_t> ids;
    CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
      CHECK(o.error == nullptr);
      ids.push_back(o.id);
    }));
    std::sort(ids.begin(), ids.end());
    CHECK(ids == std::vector<std::size_t>{0, 1, 2, 3, 4, 100});
  }
}

TEST_CASE("what is finished and not handed out keeps its answer, while the others think on") {
  const Config config = test::small_config();
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 49, precision);
    constexpr std::size_t count = 17;
    const auto all = test::random_tokens(config, 16 * count, 50);
    const auto puzzle = [&](std::size_t i) { return std::span<const Token>(all).subspan(16 * i, 16); };
    SolverOptions alone;
    alone.halting = Uneven{};
    std::vector<Result1> expected;
    std::size_t segments = 0;
    for (std::size_t i = 0; i < count; ++i) {
      expected.push_back(copy(solve(model, puzzle(i), alone).value()));
      segments += expected.back().segments;
    }
    BatchOptions options;
    options.slots = 5;
    options.halting = Uneven{};
    BatchSolver solver(model, options);
    std::vector<Result1> found(count);
    std::size_t begun = 0;
    std::size_t handed = 0;
    std::size_t rounds = 0;
    while (handed < count) {
      while (begun < count && solver.active() < 5) {
        solver.add({puzzle(begun), 0, begun, 0}).value();
        ++begun;
      }
      int tiles = 0;
      while (!solver.tick_while([&tiles]() noexcept { return tiles++ < 40; })) tiles = 0;
      REQUIRE(++rounds < 1000);
      if (rounds % 3 != 0) continue;
      solver.hand_out([&](const Outcome& o) noexcept {  // one at a time
        found[o.id] = copy(o);
        ++handed;
        return false;
      });
    }
    CHECK(found == expected);
    CHECK(solver.counts().segments == segments);
  }
}

TEST_CASE("what an earlier sink did not want is a later run's, whose window it no longer fills") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 51);
  const auto all = test::random_tokens(config, 16 * 3, 52);
  for (const std::size_t window : {0U, 2U}) {
    BatchOptions options;
    options.slots = 2;
    options.window = window;
    options.halting = Never{};
    BatchSolver solver(model, options);
    for (std::size_t i = 0; i < 2; ++i) solver.add({std::span<const Token>(all).first(16), 0, 10 + i, 0}).value();
    while (solver.segments(0) < 6) solver.step();
    CHECK_FALSE(solver.hand_out([](const Outcome&) noexcept { return false; }));
    std::vector<std::size_t> ids;
    CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
      CHECK(o.segments == 6);
      ids.push_back(o.id);
    }));
    std::sort(ids.begin(), ids.end());
    CHECK(ids == std::vector<std::size_t>{0, 1, 2, 11});
  }
}

TEST_CASE("what waits in the window is handed out, or a run's that has nothing else to do") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 57);
  const auto tokens = test::random_tokens(config, 16, 58);
  for (const auto& [wanted, run] : {std::pair{true, true}, {true, false}, {false, true}, {false, false}}) {
    int asked = 0;
    BatchOptions options;
    options.slots = 2;
    options.window = 8;
    options.halting = [&asked](const Thought&) noexcept { return ++asked >= 2; };  // the second puzzle comes first
    BatchSolver solver(model, options);
    for (std::size_t i = 0; i < 2; ++i) solver.add({tokens, 0, i, 0}).value();
    std::vector<std::size_t> ids;
    const auto sink = [&](bool more) {
      return [&ids, more](const Outcome& o) noexcept {
        ids.push_back(o.id);
        return more;
      };
    };
    solver.step();
    CHECK(solver.hand_out(sink(true)));
    CHECK(ids.empty());
    CHECK(solver.active() == 1);
    solver.step();
    CHECK_FALSE(solver.hand_out(sink(false)));
    CHECK(ids == std::vector<std::size_t>{0});
    CHECK(solver.active() == 0);
    const bool all =
        run ? solver.run([](Job&) noexcept { return false; }, sink(wanted)) : solver.hand_out(sink(wanted));
    CHECK(all == wanted);
    CHECK(ids == std::vector<std::size_t>{0, 1});
    CHECK(solver.hand_out(sink(true)));
    CHECK(ids.size() == 2);
  }
}

TEST_CASE("a sink may reset the solver that calls it") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 59);
  const auto all = test::random_tokens(config, 16 * 7, 60);
  for (const std::size_t window : {0U, 3U}) {
    BatchOptions options;
    options.slots = 3;
    options.window = window;
    options.halting = Never{};
    options.max_segments = 2;
    BatchSolver solver(model, options);
    for (std::size_t i = 0; i < 3; ++i) solver.add({std::span<const Token>(all).first(16), 0, i, 0}).value();
    while (solver.segments(0) < 2) solver.step();
    std::vector<std::size_t> ids;
    const auto resets = [&](const Outcome& o) noexcept {
      ids.push_back(o.id);
      solver.reset();
    };
    CHECK(solver.hand_out(resets));
    CHECK(ids == std::vector<std::size_t>{0});
    CHECK(solver.active() == 0);
    ids.clear();
    CHECK(solver.run_all(all, resets));  // the first of three; what is dropped does not come out
    CHECK(ids == std::vector<std::size_t>{0, 3, 6});
    CHECK(solver.active() == 0);
  }
}

TEST_CASE("a piece of a puzzle at the end of all is an error") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 53);
  const auto all = test::random_tokens(config, 16 * 2 + 7, 54);
  BatchSolver solver(model);
  std::size_t good = 0;
  std::string message;
  CHECK(solver.run_all(all, [&](const Outcome& o) noexcept {
    if (o.error == nullptr) return static_cast<void>(++good);
    CHECK(o.id == 2);
    message = o.error->message();
  }));
  CHECK(good == 2);
  CHECK(message == "tokens: expected 16, found 7");
  CHECK(solver.run_all({}, [](const Outcome&) noexcept { FAIL_CHECK("there was none"); }));
}

TEST_CASE("a batch's tick has its budget, and runs one tile at least") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 55);
  const auto tokens = test::random_tokens(config, 16, 56);
  BatchOptions options;
  ThreadPool pool(2);
  options.executor = pool;
  options.max_segments = 1;
  options.halting = Never{};
  BatchSolver solver(model, options);
  solver.add({tokens, 0, 0, 7}).value();
  CHECK(solver.attempt(0) == 7);
  CHECK_FALSE(solver.finished(0));
  CHECK(solver.tick(std::chrono::nanoseconds::max(), []() noexcept -> std::int64_t { return 5; }));
  CHECK(solver.segments(0) == 1);
  CHECK(solver.finished(0));
  CHECK_FALSE(solver.halted(0));
  solver.reset();
  solver.add({tokens}).value();
  CHECK_FALSE(solver.tick(std::chrono::nanoseconds::min()));
  std::size_t ticks = 1;
  while (!solver.tick(std::chrono::nanoseconds(0))) REQUIRE(++ticks < 10'000);
  CHECK(ticks > 50);
  CHECK(solver.segments(0) == 1);
}
