#include <doctest/doctest.h>

#include <hrm/solve/pool.hpp>
#include <hrm/solve/saved_state.hpp>

#include <limits>

#include "support/mapped_puzzles.hpp"

using namespace hrm;

namespace {

std::vector<std::byte> saved(const Solver& solver) {
  std::vector<std::byte> bytes(SavedState::size(solver));
  CHECK(SavedState::save(solver, bytes).value() == bytes.size());
  return bytes;
}

SolverOptions two_segments() {
  SolverOptions options;
  options.halting = Never{};
  options.max_segments = 2;
  options.noise = Noise{0.05F, 3};
  return options;
}

// The header's numbers, 32 or 64 bits each, and where they stand.
constexpr std::size_t magic_at = 0;
constexpr std::size_t version_at = 4;
constexpr std::size_t puzzle_id_at = 32;
constexpr std::size_t segments_at = 40;
constexpr std::size_t unchanged_at = 48;
constexpr std::size_t disturbed_at = 56;
constexpr std::size_t token_count_at = 64;
constexpr std::size_t halted_at = 68;
constexpr std::size_t tiles_first_at = 72;
constexpr std::size_t tiles_second_at = 76;
constexpr std::size_t checksum_at = 80;
constexpr std::size_t payload_at = 88;

// `bytes` with another number somewhere, and the checksum that is then right.
template <class Number>
std::vector<std::byte> changed(std::vector<std::byte> bytes, std::size_t at, Number number) {
  REQUIRE(bytes.size() >= payload_at);
  std::memcpy(bytes.data() + at, &number, sizeof(Number));
  std::memset(bytes.data() + checksum_at, 0, 8);
  std::uint64_t sum = 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
    sum = (sum ^ word) * 0x100000001b3U;
    sum ^= sum >> 32;
  }
  std::memcpy(bytes.data() + checksum_at, &sum, 8);
  return bytes;
}

}  // namespace

TEST_CASE("saved at every pause, restored elsewhere, it thinks on to the same bits") {
  const Config config = test::small_config();
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 41, precision);
    const auto tokens = test::random_tokens(config, 11, 42);
    const SolverOptions options = two_segments();
    Solver straight(model, options);
    straight.start(tokens, 1).value();
    while (!straight.step()) {
    }
    Solver solver(model, options);
    solver.start(tokens, 1).value();
    Solver other(model, options);
    std::size_t pauses = 0;
    bool done = false;
    while (!done) {
      const auto bytes = saved(solver);
      other.start(test::random_tokens(config, 16, pauses)).value();
      other.step();
      SavedState::restore(other, bytes).value();
      CHECK(SavedState::equal(other, solver));
      CHECK(std::equal(other.tokens().begin(), other.tokens().end(), tokens.begin(), tokens.end()));
      if (pauses % 16 == 0) {
        while (!other.step()) {
        }
        CHECK(SavedState::equal(other, straight));
      }
      int tiles = 0;
      done = solver.tick_while([&tiles]() noexcept { return tiles++ < 1; });
      REQUIRE(++pauses < 10000);
    }
    CHECK(pauses > 100);
    CHECK(SavedState::equal(solver, straight));
    SavedState::restore(other, saved(solver)).value();
    CHECK(other.finished());
    CHECK(other.q_halt() == straight.q_halt());
  }
}

TEST_CASE("saved while two threads are at different stages, restored on one") {
  const Config config = test::small_config();
  ThreadPool pool(2);
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(config, 48, precision);
    const auto tokens = test::random_tokens(config, 150, 49);  // two lanes
    SolverOptions options = two_segments();
    options.max_tokens = 150;
    Solver straight(model, options);
    straight.start(tokens, 1).value();
    while (!straight.step()) {
    }
    SolverOptions threaded = options;
    threaded.executor = pool;
    Solver solver(model, threaded);
    solver.start(tokens, 1).value();
    Solver other(model, options);
    bool done = false;
    for (std::uint32_t pauses = 0; !done; ++pauses) {
      REQUIRE(pauses < 10000);
      SavedState::restore(other, saved(solver)).value();
      CHECK(SavedState::equal(other, solver));
      if (pauses % 4 == 0) {
        while (!other.step()) {
        }
        CHECK(SavedState::equal(other, straight));
      }
      std::atomic<std::uint32_t> tiles{0};
      done = solver.tick_while([&]() noexcept { return tiles.fetch_add(1) < 1 + pauses % 23; });
    }
    CHECK(SavedState::equal(solver, straight));
  }
}

TEST_CASE("what does not belong here is refused with the reason, and nothing changes") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 43);
  const auto tokens = test::random_tokens(config, 16, 44);
  Solver solver(model, two_segments());
  CHECK(SavedState::save(solver, {}).error().code() == ErrorCode::state);
  solver.start(tokens).value();
  int tiles = 0;
  solver.tick_while([&tiles]() noexcept { return ++tiles < 30; });
  const auto bytes = saved(solver);
  std::vector<std::byte> small(bytes.size() - 1);
  CHECK(SavedState::save(solver, small).error().code() == ErrorCode::memory);

  const auto refused = [&](const Model& other, const SolverOptions& options) {
    Solver target(other, options);
    target.start(tokens).value();
    target.step();
    const Solver before(target);
    auto result = SavedState::restore(target, bytes);
    REQUIRE_FALSE(result);
    CHECK(SavedState::equal(target, before));
    return result.error();
  };
  CHECK(refused(test::random_model(config, 99), two_segments())
            .message()
            .starts_with("saved state: model fingerprint: expected "));
  CHECK(refused(test::random_model(config, 43, Precision::bf16), two_segments()).message().find("kernels") !=
        std::string_view::npos);
  SolverOptions larger = two_segments();
  larger.max_tokens = 20;
  CHECK(refused(model, larger).message() == "saved state: capacity: expected 20, found 16");
}

TEST_CASE("saved between segments, restored on another instruction set; inside one it is refused") {
  const Config config = test::small_config();
  test::RandomTensors tensors(config, 51);
  const Model model = make_model(config, tensors.views()).value();
  const Model other = make_basic_model<DynamicShape, float, kernels::Scalar>(config, tensors.views()).value();
  REQUIRE(model.kernels() != other.kernels());
  Solver from(model, two_segments());
  from.start(test::random_tokens(config, 16, 52)).value();
  from.step();
  Solver to(other, two_segments());
  SavedState::restore(to, saved(from)).value();
  CHECK(SavedState::equal(to, from));
  from.step();
  to.step();
  CHECK(to.finished());
  CHECK(to.logits().isApprox(from.logits(), 0.01F));

  ModelOptions rounded;
  rounded.precision = Precision::bf16;
  Solver coarse(make_model(config, tensors.views(), rounded).value(), two_segments());
  CHECK(SavedState::restore(coarse, saved(from)).error().message() ==
        "saved state: expected the precision 'bf16', found another's");
  from.start(test::random_tokens(config, 16, 53)).value();
  int tiles = 0;
  from.tick_while([&tiles]() noexcept { return ++tiles < 30; });
  CHECK(SavedState::restore(to, saved(from)).error().message() ==
        "saved state: expected the kernels 'scalar float32', found another's");
}

TEST_CASE("a segment under way gets no noise from the options of who goes on with it; the next one does") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 54);
  SolverOptions noisy = two_segments();
  noisy.max_segments = 3;
  SolverOptions quiet = noisy;
  quiet.noise = {};
  Solver from(model, quiet);
  from.start(test::random_tokens(config, 16, 55)).value();
  from.step();
  int tiles = 0;
  from.tick_while([&tiles]() noexcept { return tiles++ < 30; });
  REQUIRE(from.segment_progress() > 0.0F);
  Solver to(model, noisy);
  SavedState::restore(to, saved(from)).value();
  from.step();
  to.step();
  CHECK(SavedState::equal(to, from));
  from.step();
  to.step();
  CHECK(to.finished());
  CHECK_FALSE(SavedState::equal(to, from));
}

TEST_CASE("bytes that lie, with a right checksum, are refused with the reason up to the last number") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 56);
  Solver solver(model, two_segments());
  solver.start(test::random_tokens(config, 16, 57), 2).value();
  solver.step();
  const auto between = saved(solver);
  int tiles = 0;
  solver.tick_while([&tiles]() noexcept { return tiles++ < 30; });
  const auto inside = saved(solver);
  Solver target(model, two_segments());
  target.start(test::random_tokens(config, 9, 58)).value();
  const Solver before(target);
  const auto refused = [&](const std::vector<std::byte>& bytes) {
    const auto result = SavedState::restore(target, bytes);
    REQUIRE_FALSE(result);
    CHECK(SavedState::equal(target, before));
    return std::string(result.error().message());
  };
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  CHECK(refused(changed(between, magic_at, u32{0})) == "saved state: expected the mark 'hrmS', found another");
  CHECK(refused(changed(between, version_at, u32{11})) == "saved state: version: expected 10, found 11");
  CHECK(refused(changed(between, puzzle_id_at, u64{3})) == "puzzle id: expected below 3, found 3");
  for (const u32 count : {0U, 17U}) {
    CHECK(refused(changed(between, token_count_at, count)) ==
          "saved state: expected tokens up to 16, found " + std::to_string(count));
  }
  const std::string counters = "saved state: counters contradict each other";
  CHECK(refused(changed(between, unchanged_at, u64{2})) == counters);
  CHECK(refused(changed(between, disturbed_at, u64{18})) == counters);
  CHECK(refused(changed(between, halted_at, u32{2})) == counters);
  CHECK(refused(changed(between, payload_at, Token{-1})) == "saved state: token 0: expected 0 to 6, found -1");
  CHECK(refused(changed(between, payload_at + 4 * 31, Token{7})) == "saved state: token 15: expected 0 to 6, found 7");
  for (const std::size_t at : {payload_at + 4 * 32, between.size() - 4}) {  // the first and the last number
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      CHECK(refused(changed(between, at, bad)) == "saved state: expected finite numbers, found NaN or infinity");
    }
  }
  const std::string below = "saved state: expected tiles below ";
  const std::string found = refused(changed(inside, tiles_first_at, u32{1} << 30));
  REQUIRE(found.starts_with(below));
  const std::uint64_t all = std::stoull(found.substr(below.size()));
  u32 first = 0;
  u32 second = 0;
  std::memcpy(&first, inside.data() + tiles_first_at, 4);
  std::memcpy(&second, inside.data() + tiles_second_at, 4);
  CHECK(solver.segment_progress() == static_cast<float>(first + second) / static_cast<float>(all));
  const u64 end = second > 0 ? all / 2 * 0x100000001U : all;  // of two lanes, or of one
  const std::string whole = std::to_string(all);
  CHECK(refused(changed(inside, tiles_first_at, end)) == below + whole + ", found " + whole);
  CHECK(refused(changed(inside, tiles_first_at, end + 1)).starts_with(below));
  CHECK(refused(changed(inside, tiles_first_at, end + 0x100000000U)).starts_with(below));

  // As far as each may go.
  for (const auto& bytes : {changed(between, disturbed_at, u64{17}), changed(between, unchanged_at, u64{1}),
                            changed(between, halted_at, u32{1}), changed(between, segments_at, ~u64{0}),
                            changed(between, payload_at, Token{6}), changed(inside, tiles_first_at, end - 1)}) {
    CHECK(SavedState::restore(target, bytes));
    target.step();
    CHECK(target.finished());
  }
}

TEST_CASE("saved between segments, restored where there is more room or less, if there is enough") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 59);
  Solver from(model, two_segments());
  from.start(test::random_tokens(config, 9, 60)).value();
  from.step();
  const auto bytes = saved(from);
  from.step();
  for (const std::size_t room : {8U, 9U, 30U}) {
    SolverOptions options = two_segments();
    options.max_tokens = room;
    Solver to(model, options);
    const auto restored = SavedState::restore(to, bytes);
    if (room == 8) {
      CHECK(restored.error().message() == "saved state: expected tokens up to 8, found 9");
      continue;
    }
    REQUIRE(restored);
    to.step();
    CHECK(SavedState::equal(to, from));
  }
}

TEST_CASE("how long the prediction has stayed the same, and that it halted, is saved and copied") {
  const Config config = test::small_config();
  bool halted = false;
  for (std::uint64_t seed = 60; seed < 64; ++seed) {
    const Model model = test::random_model(config, seed);
    SolverOptions options;
    options.halting = Stable{2};
    Solver solver(model, options);
    Solver other(model, options);
    solver.start(std::array<Token, 1>{1}).value();
    for (bool done = false; !done;) {
      done = solver.step();
      SavedState::restore(other, saved(solver)).value();
      CHECK(SavedState::equal(other, solver));
      CHECK(other.finished() == done);
      const Solver copy(solver);
      CHECK(SavedState::equal(copy, solver));
    }
    halted |= solver.halted();
  }
  CHECK(halted);
}

TEST_CASE("flipped, cut and lengthened bytes never get in") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 45);
  Solver solver(model, two_segments());
  solver.start(test::random_tokens(config, 16, 46)).value();
  solver.step();
  const auto good = saved(solver);
  Solver target(model, two_segments());
  target.start(test::random_tokens(config, 9, 47)).value();
  const Solver before(target);
  // Every bit of the header and of the first tokens, then a sample of the rest.
  for (std::size_t bit = 0; bit < good.size() * 8; bit += bit < 8 * 120 ? 1 : 8 * 97 + 1) {
    auto bytes = good;
    bytes[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
    CHECK_FALSE(SavedState::restore(target, bytes));
    CHECK(SavedState::equal(target, before));
  }
  for (std::size_t size = 0; size < good.size(); size += size < 200 ? 1 : 101) {
    CHECK_FALSE(SavedState::restore(target, std::span(good).first(size)));
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  CHECK_FALSE(SavedState::restore(target, longer));
}

TEST_CASE("a state whose puzzle's embedding is no longer finite is refused, and leaves the solver as it was") {
  const Config config = test::small_config();
  test::MappedPuzzles puzzles(config, 48);
  const Model& model = puzzles.model();
  puzzles.at(4, 0) = 3.0F;
  Solver solver(model, two_segments());
  solver.start(test::random_tokens(config, 16, 49), 5).value();
  solver.step();
  const auto bytes = saved(solver);
  Solver target(model, two_segments());
  target.start(test::random_tokens(config, 9, 50), 4).value();
  int tiles = 0;
  static_cast<void>(target.tick_while([&tiles]() noexcept { return tiles++ < 20; }));
  Solver before(target);
  puzzles.at(5, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(SavedState::restore(target, bytes).error().message() ==
        "saved state: puzzle_emb.weights: expected finite numbers in row 5, found NaN or infinity");
  CHECK(SavedState::equal(target, before));
  target.step();
  before.step();
  CHECK(SavedState::equal(target, before));
  puzzles.at(5, 3) = 0.0F;
  CHECK(SavedState::restore(target, bytes));
  CHECK(SavedState::equal(target, solver));
}

TEST_CASE("a state that could not be restored is not saved") {
  const Config config = test::small_config();
  SolverOptions options;
  options.halting = Never{};
  options.noise = {3e38F, 1};
  Solver solver(test::random_model(config, 3), options);
  solver.start(test::random_tokens(config, 16, 1)).value();
  solver.step();
  std::vector<std::byte> bytes(SavedState::size(solver));
  CHECK(SavedState::save(solver, bytes));
  solver.step();
  REQUIRE_FALSE(is_finite(solver.q_halt()));
  CHECK(SavedState::save(solver, bytes).error().message() ==
        "saved state: expected finite numbers, found NaN or infinity");
}
