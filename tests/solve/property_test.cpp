/// Any model, any puzzle, any way to run it: the same bits. Seeds are fixed; a failure names its own.
#include <doctest/doctest.h>

#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>
#include <hrm/solve/solve.hpp>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

/// A model, a puzzle and options drawn at random.
struct Case {
  std::mt19937_64 random;
  Config config = test::small_config();
  Precision precision;
  Model model;
  std::vector<Token> tokens;
  std::size_t puzzle_id;
  SolverOptions options;

  std::size_t draw(std::size_t least, std::size_t most) { return least + random() % (most - least + 1); }

  explicit Case(std::uint64_t seed)
      : random(seed),
        precision(std::array{Precision::f32, Precision::bf16, Precision::int8}[seed % 3]),
        model(make(seed)) {
    tokens = test::random_tokens(config, draw(1, config.seq_len), random());
    puzzle_id = config.puzzle_ids == 0 ? 0 : draw(0, config.puzzle_ids - 1);
    options.max_segments = draw(1, 4);
    options.halting = Never{};
    if (draw(0, 1) == 1) options.noise = Noise{0.1F, random()};
  }

  Model make(std::uint64_t seed) {
    Sizes& s = config.sizes;
    s.heads = draw(1, 2);
    s.hidden = s.heads * 8 * draw(1, 4);
    s.inner = 64 * draw(1, 3);
    s.vocab = draw(2, 40);
    s.h_layers = draw(1, 2);
    s.l_layers = draw(1, 2);
    s.h_cycles = draw(1, 2);
    s.l_cycles = draw(1, 2);
    s.puzzle_tokens = draw(0, 2);
    config.puzzle_emb_ndim = s.puzzle_tokens * s.hidden;
    config.puzzle_ids = s.puzzle_tokens == 0 ? 0 : 3;
    config.seq_len = draw(1, 90);  // some in one lane, some in two
    return test::random_model(config, seed, precision);
  }

  [[nodiscard]] Solver begun() const {
    Solver solver(model, options);
    solver.start(tokens, puzzle_id).value();
    return solver;
  }
};

/// Pauses after a random number of tiles, on any thread.
class Pauses {
 public:
  explicit Pauses(std::uint64_t seed) : random_(seed) {}
  /// True once the solver is finished.
  bool tick(Solver& solver) {
    left_ = static_cast<std::int64_t>(random_() % 40);
    return solver.tick_while([this]() noexcept { return left_.fetch_sub(1) > 0; });
  }

 private:
  std::mt19937_64 random_;
  std::atomic<std::int64_t> left_{0};
};

}  // namespace

TEST_CASE("steps, ticks, threads, saved states and batches give the same bits, whatever the model") {
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (unsigned threads = 1; threads <= 8; ++threads) pools.push_back(std::make_unique<ThreadPool>(threads));
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    Case c(seed);
    Solver straight = c.begun();
    while (!straight.step()) {
    }
    const Answer solved = solve(c.model, c.tokens, c.options, c.puzzle_id).value();
    CHECK(solved.tokens == straight.answer().tokens);
    CHECK(solved.q_halt == straight.q_halt());
    CHECK(solved.q_continue == straight.q_continue());

    // A clock that jumps at random.
    std::atomic<std::int64_t> now{0};
    std::atomic<std::uint64_t> jump{seed};
    const auto clock = [&]() noexcept -> std::int64_t {
      const std::uint64_t next = jump.load() * 6364136223846793005U + 1442695040888963407U;
      jump = next;
      return now += static_cast<std::int64_t>(next >> 44);  // up to a millisecond
    };
    SolverOptions options = c.options;
    options.executor = *pools[seed % pools.size()];
    Solver ticked(c.model, options);
    ticked.start(c.tokens, c.puzzle_id).value();
    while (!ticked.tick(std::chrono::nanoseconds(1000 * (1 + seed * 400)), clock)) {
    }
    CHECK(SavedState::equal(ticked, straight));

    // Carried from solver to solver as bytes and as copies, at random pauses, each with another number of threads.
    Pauses pauses(seed);
    std::vector<std::byte> bytes;
    Solver carried = c.begun();
    for (std::size_t turn = 0; !pauses.tick(carried); ++turn) {
      options.executor = *pools[turn % pools.size()];
      Solver next(c.model, options);
      bytes.resize(SavedState::size(carried));
      CHECK(SavedState::save(carried, bytes));
      SavedState::restore(next, bytes).value();
      CHECK(SavedState::equal(next, carried));
      carried = std::move(next);
      if (turn % 3 == 0) carried = Solver(carried);
    }
    CHECK(SavedState::equal(carried, straight));

    // In a batch, among others.
    for (const std::size_t slots : {1U, 2U, 7U, 16U}) {
      BatchOptions among;
      among.slots = slots;
      among.tokens = c.tokens.size();
      among.max_segments = c.options.max_segments;
      among.halting = Never{};
      among.noise = c.options.noise;
      among.executor = *pools[c.draw(0, 7)];
      BatchSolver batch(c.model, among);
      const std::size_t place = c.draw(0, slots - 1);
      for (std::size_t i = 0; i < slots; ++i) {
        const auto other = test::random_tokens(c.config, c.tokens.size(), c.random());
        batch.add({i == place ? c.tokens : other, i == place ? c.puzzle_id : 0, i, i == place ? 0 : i + 1}).value();
      }
      for (std::size_t i = 0; i < c.options.max_segments; ++i) batch.step();
      CHECK(batch.id(place) == place);
      CHECK(batch.q_halt(place) == straight.q_halt());
      CHECK(batch.q_continue(place) == straight.q_continue());
      CHECK(batch.logits(place) == straight.logits());
      CHECK(batch.z_h(place) == straight.z_h());
      CHECK(batch.z_l(place) == straight.z_l());
    }
  }
}
