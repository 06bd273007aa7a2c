#include <doctest/doctest.h>

#include <hrm/puzzles/symmetry.hpp>
#include <hrm/solve/attempts.hpp>
#include <hrm/solve/solve.hpp>

#include <limits>
#include <tuple>

#include "support/executors.hpp"
#include "support/mapped_puzzles.hpp"
#include "support/sanitized.hpp"

using namespace hrm;

TEST_CASE("one plain attempt is solve") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 51);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto tokens = test::random_tokens(config, seed % 2 == 0 ? 16 : 9, seed);  // some shorter than the model's
    AttemptOptions options;
    options.attempts = 1;
    const AttemptsAnswer several = solve_attempts(model, tokens, options).value();
    const Answer one = solve(model, tokens).value();
    CHECK(several.tokens == one.tokens);
    CHECK(several.segments == one.segments);
    CHECK(several.halted == one.halted);
    CHECK(several.q_halt == one.q_halt);
    CHECK(several.votes == 1);
  }
}

TEST_CASE("a view is undone in the answer") {
  // Token maps and positions that are permutations: what an attempt sees is moved, what comes back is moved back. A
  // view gives what solving the moved puzzle and moving its answer back by hand gives.
  const Config config = test::small_config();
  const Model model = test::random_model(config, 52);
  const auto tokens = test::random_tokens(config, 16, 1);
  std::vector<std::uint32_t> position(16);
  for (std::uint32_t i = 0; i < 16; ++i) position[i] = (5 * i + 3) % 16;
  const std::vector<Token> map{0, 1, 4, 2, 3, 6, 5};
  const View view{position, map};
  AttemptOptions options;
  options.attempts = 1;
  options.views = {&view, 1};
  const AttemptsAnswer found = solve_attempts(model, tokens, options).value();

  std::vector<Token> seen(16);
  for (std::size_t i = 0; i < 16; ++i) seen[i] = map[static_cast<std::size_t>(tokens[position[i]])];
  const Answer moved = solve(model, seen).value();
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(map[static_cast<std::size_t>(found.tokens[position[i]])] == moved.tokens[i]);
  }
}

TEST_CASE("a symmetry is a view") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 52);
  const auto tokens = test::random_tokens(config, 16, 1);
  Random random(2);
  Symmetry symmetry = random_square_symmetry(4, config.sizes.vocab, random);
  std::swap(symmetry.tokens[2], symmetry.tokens[5]);
  const View view{symmetry.positions, symmetry.tokens};
  AttemptOptions options;
  options.attempts = 1;
  options.views = {&view, 1};
  const AttemptsAnswer found = solve_attempts(model, tokens, options).value();
  const std::vector<Token> turned = symmetry.inverse().apply(solve(model, symmetry.apply(tokens)).value().tokens);
  CHECK(found.tokens == turned);

  // Of several views each has its turn, and again where there are more attempts.
  const std::vector<Token> plain = solve(model, tokens).value().tokens;
  REQUIRE(plain != turned);
  const std::array views{View{}, view};
  options.views = views;
  options.attempts = 5;
  options.slots = 1;
  options.noise = Noise{1e-30F, 1};  // too little to change anything
  std::vector<std::vector<Token>> answers;
  const auto none = [&](std::span<const Token> answer) noexcept {
    answers.emplace_back(answer.begin(), answer.end());
    return false;
  };
  CHECK(solve_attempts(model, tokens, options, none).value().finished == 5);
  CHECK(answers == std::vector{plain, turned, plain, turned, plain});
}

TEST_CASE("it stops at the first answer that is accepted; without one the votes decide") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 53);
  const auto tokens = test::random_tokens(config, 16, 2);
  AttemptOptions options;
  options.attempts = 12;
  options.slots = 3;
  options.noise = Noise{0.5F, 1};
  options.halting = Never{};
  options.max_segments = 2;
  std::vector<std::vector<Token>> answers;
  const auto none = [&](std::span<const Token> answer) noexcept {
    answers.emplace_back(answer.begin(), answer.end());
    return false;
  };
  const AttemptsAnswer all = solve_attempts(model, tokens, options, none).value();
  CHECK(all.finished == 12);
  CHECK(all.segments == 24);
  CHECK_FALSE(all.accepted);
  REQUIRE(answers.size() == 12);

  const std::vector<Token> wanted = answers[4];
  std::size_t first = 0;
  while (answers[first] != wanted) ++first;
  const auto fits = [&](std::span<const Token> answer) noexcept {
    return std::equal(answer.begin(), answer.end(), wanted.begin(), wanted.end());
  };
  const AttemptsAnswer found = solve_attempts(model, tokens, options, fits).value();
  CHECK(found.accepted);
  CHECK(found.tokens == wanted);
  CHECK(found.finished == first + 1);
  CHECK(found.segments <= 2 * 3 * (first / 3 + 1));
  CHECK(found.segments < all.segments);
}

TEST_CASE("halted attempts vote, the largest q_halt among equals; who helps is asked") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 53);
  const auto tokens = test::random_tokens(config, 16, 2);
  test::CountingExecutor counting;
  struct Attempt {
    std::vector<Token> tokens;
    bool halted;
    float q_halt;
  };
  std::vector<Attempt> all;
  std::size_t most_given = 0;
  for (const std::uint32_t who : {0U, 0xfffU, 0x111U, 0x28eU, 0x842U, 0xf0fU, 0x3a5U, 0x001U, 0x800U}) {
    all.clear();
    bool halted = false;
    float q_halt = 0.0F;
    AttemptOptions options;
    options.attempts = 12;
    options.slots = 1;
    options.noise = Noise{0.25F, 1};
    options.max_segments = 2;
    options.executor = counting;
    options.halting = [&](const Thought& t) noexcept {
      q_halt = t.q_halt;
      halted = t.segment == 2 && (who >> all.size() & 1U) != 0;
      return halted;
    };
    const auto none = [&](std::span<const Token> answer) noexcept {
      all.push_back({{answer.begin(), answer.end()}, halted, q_halt});
      return false;
    };
    const AttemptsAnswer found = solve_attempts(model, tokens, options, none).value();
    REQUIRE(all.size() == 12);
    CHECK(found.halted == (who != 0));
    std::tuple<std::size_t, float> best{0, -std::numeric_limits<float>::infinity()};
    for (const Attempt& one : all) {
      std::size_t votes = 0;
      std::size_t given = 0;
      float most = one.q_halt;
      for (const Attempt& other : all) {
        if (other.tokens != one.tokens) continue;
        ++given;
        votes += other.halted ? 1 : 0;
        most = std::max(most, other.q_halt);
      }
      if (std::tuple(votes, most) > best) best = {votes, most};
      if (one.tokens != found.tokens) continue;
      CHECK(found.votes == given);
      most_given = std::max(most_given, given);
      CHECK(found.q_halt == most);
    }
    CHECK(found.q_halt == std::get<1>(best));
  }
  CHECK(most_given > 1);
  CHECK(counting.runs > 0);
}

TEST_CASE("the largest q_halt may count instead of votes") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 55);
  const auto tokens = test::random_tokens(config, 16, 4);
  AttemptOptions options;
  options.attempts = 9;
  options.noise = Noise{1.0F, 7};
  options.max_segments = 3;
  options.halting = Never{};
  options.choose = Choose::q_halt;
  const AttemptsAnswer chosen = solve_attempts(model, tokens, options).value();

  BatchOptions batch;
  batch.tokens = 16;
  batch.max_segments = 3;
  batch.halting = Never{};
  batch.noise = options.noise;
  BatchSolver solver(model, batch);
  std::size_t next = 0;
  std::vector<Token> best;
  float most = 0.0F;
  float least = 0.0F;
  CHECK(solver.run(
      [&](Job& job) noexcept {
        job = Job{tokens, 0, next, next};
        return next++ < options.attempts;
      },
      [&](const Outcome& outcome) noexcept {
        least = best.empty() || outcome.q_halt < least ? outcome.q_halt : least;
        if (!best.empty() && outcome.q_halt <= most) return;
        most = outcome.q_halt;
        best.assign(outcome.tokens.begin(), outcome.tokens.end());
      }));
  CHECK(least < most);
  CHECK(chosen.q_halt == most);
  CHECK(chosen.tokens == best);
  CHECK(chosen.finished == 9);
}

TEST_CASE("without noise there are no more attempts than views, and their votes are of different ones") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 59);
  const auto tokens = test::random_tokens(config, 16, 1);
  AttemptOptions options;
  options.slots = 2;
  const AttemptsAnswer one = solve_attempts(model, tokens, options).value();
  CHECK(one.finished == 1);
  CHECK(one.votes == 1);
  CHECK(one.segments == solve(model, tokens).value().segments);
  const std::vector<View> views(3);
  options.views = views;
  CHECK(solve_attempts(model, tokens, options).value().finished == 3);
  options.attempts = 2;
  CHECK(solve_attempts(model, tokens, options).value().finished == 2);
  options.attempts = 7;
  options.noise = Noise{0.5F, 1};
  CHECK(solve_attempts(model, tokens, options).value().finished == 7);
  options.noise.sigma = -1.0F;  // off
  CHECK(solve_attempts(model, tokens, options).value().finished == 3);
}

TEST_CASE("it can be cancelled, and answers by what has come to an end") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 57);
  const auto tokens = test::random_tokens(config, 16, 1);
  const std::vector<View> views(6);  // all as it is
  AttemptOptions options;
  options.attempts = 6;
  options.views = views;
  options.slots = 1;
  options.halting = Never{};
  options.max_segments = 2;
  std::size_t seen = 0;
  const auto look = [&seen](std::span<const Token>) noexcept { return ++seen > 100; };
  const AttemptsAnswer some =
      solve_attempts(model, tokens, options, look, [&seen]() noexcept { return seen < 3; }).value();
  CHECK(some.finished == 3);
  CHECK(some.votes == 3);
  CHECK_FALSE(some.accepted);
  CHECK(some.tokens == solve_attempts(model, tokens, options).value().tokens);
  const AttemptsAnswer none =
      solve_attempts(model, tokens, options, AcceptNone{}, []() noexcept { return false; }).value();
  CHECK(none.finished == 0);
  CHECK(none.tokens.empty());
}

TEST_CASE("more attempts than memory could hold the answers of are an error; as many as it could cost nothing") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 58);
  const auto tokens = test::random_tokens(config, 16, 1);
  const auto yes = [](std::span<const Token>) noexcept { return true; };
  AttemptOptions options;
  options.slots = 1;
  options.noise = Noise{0.5F, 1};
  for (const int bits : {63, 60, 57}) {
    if (HRM_TEST_SANITIZED != 0 && bits < 63) continue;  // AddressSanitizer ends a program that asks for so much
    options.attempts = std::size_t{1} << bits;
    CHECK(solve_attempts(model, tokens, options, yes).error().code() == ErrorCode::memory);
  }
  options.attempts = std::size_t{1} << 18;
  CHECK(solve_attempts(model, tokens, options, yes).value().finished == 1);
}

TEST_CASE("maps that are no permutations are errors") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 54);
  const auto tokens = test::random_tokens(config, 16, 3);
  std::vector<std::uint32_t> position(16, 0);
  View view{position, {}};
  AttemptOptions options;
  options.views = {&view, 1};
  CHECK(solve_attempts(model, tokens, options).error().message() == "view: expected permutations");
  for (std::uint32_t i = 0; i < 16; ++i) position[i] = i + 1;  // the last is beyond the end
  CHECK(solve_attempts(model, tokens, options).error().message() == "view: expected permutations");
  position.resize(15);
  view.position = position;
  CHECK_FALSE(solve_attempts(model, tokens, options));
  view.position = {};
  const std::vector<Token> negative{0, 1, 2, 3, 4, 5, -1};
  view.token_map = negative;
  CHECK(solve_attempts(model, tokens, options).error().message() == "view: expected permutations");
}

TEST_CASE("no attempts, and a puzzle embedding that turns out not to be finite, are errors") {
  const Config config = test::small_config();
  const auto tokens = test::random_tokens(config, 16, 3);
  AttemptOptions options;
  options.attempts = 0;
  CHECK(solve_attempts(test::random_model(config, 56), tokens, options).error().message() ==
        "attempts: expected at least one, found none");

  // Mapped rows are looked at when they are asked for.
  test::MappedPuzzles puzzles(config, 57);
  puzzles.at(5, 3) = std::numeric_limits<float>::quiet_NaN();
  const Model& model = puzzles.model();
  options.attempts = 3;
  CHECK(solve_attempts(model, tokens, options));
  options.puzzle_id = 5;
  CHECK(solve_attempts(model, tokens, options).error().message() ==
        "puzzle_emb.weights: expected finite numbers in row 5");
  Solver solver(model);
  CHECK_FALSE(solver.start(tokens, 5));
  CHECK(solver.finished());
  CHECK(solver.start(tokens, 4));
}
