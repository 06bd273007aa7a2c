#include <doctest/doctest.h>

#include <hrm/solve/solve.hpp>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

Result<Model> made(const Config& config, test::RandomTensors& tensors, const ModelOptions& options = {}) {
  return make_model(config, tensors.views(), options);
}

std::string message(const Config& config, test::RandomTensors& tensors, const ModelOptions& options = {}) {
  auto result = made(config, tensors, options);
  REQUIRE_FALSE(result);
  return std::string(result.error().message());
}

Answer answer_of(const Model& model, std::span<const Token> tokens) {
  SolverOptions options;
  options.halting = Never{};
  options.max_segments = 2;
  return solve(model, tokens, options, 1).value();
}

constexpr Sizes small_sizes{32, 2, 256, 7, 2, 2, 2, 2, 1};

}  // namespace

TEST_CASE("a shape fixed in the program gives the bits of one found in a file") {
  const Config config = test::small_config();
  test::RandomTensors tensors(config, 1);
  const auto tokens = test::random_tokens(config, 16, 2);
  const Answer dynamic = answer_of(made(config, tensors).value(), tokens);
  using Fixed = StaticShape<small_sizes>;
  static_assert(Fixed::sizes().head_dim() == 16);
  const auto fixed = make_basic_model<Fixed, float>(config, tensors.views()).value();
  const Answer answer = answer_of(fixed, tokens);
  CHECK(answer.tokens == dynamic.tokens);
  CHECK(std::memcmp(&answer.q_halt, &dynamic.q_halt, 4) == 0);
  CHECK(fixed->shape().sizes() == config.sizes);

  Config other = config;
  other.sizes.h_cycles = 3;
  const auto wrong = make_basic_model<Fixed, float>(other, tensors.views());
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code() == ErrorCode::shape);
}

TEST_CASE("what does not fit is named, and nothing is half-loaded") {
  const Config config = test::small_config();
  {
    test::RandomTensors tensors(config, 1);
    tensors.erase("L_level.layers.1.mlp.down_proj.weight");
    CHECK(message(config, tensors) ==
          "L_level.layers.1.mlp.down_proj.weight: expected a tensor of that name, found none");
  }
  {
    test::RandomTensors tensors(config, 1);
    Config wide = config;
    wide.sizes.vocab = 8;
    CHECK(message(wide, tensors) == "embed_tokens.embedding_weight: expected shape [8, 32], found [7, 32]");
  }
  for (const char* name : {"H_level.layers.0.self_attn.qkv_proj.weight", "H_init", "lm_head.weight", "q_head.bias",
                           "embed_tokens.embedding_weight", "puzzle_emb.weights"}) {
    for (const std::uint32_t bits : {0x7fc00000U, 0x7f800000U, 0xff800000U}) {
      test::RandomTensors tensors(config, 1);
      tensors[name].back() = std::bit_cast<float>(bits);
      CHECK(message(config, tensors) == std::string(name) + ": expected finite numbers, found NaN or infinity");
    }
  }
  {
    test::RandomTensors tensors(config, 1);
    Config odd = config;
    odd.sizes.heads = 3;
    CHECK(message(odd, tensors) == "heads: expected a number that divides hidden 32 into even parts, found 3");
    odd.sizes.heads = 32;  // parts of one: no pair to rotate
    CHECK(made(odd, tensors).error().code() == ErrorCode::shape);
  }
  {
    test::RandomTensors tensors(config, 1);
    Config other = config;
    for (const std::size_t inner : {0U, 96U}) {
      other.sizes.inner = inner;
      CHECK(message(other, tensors) == "inner size: expected a multiple of 64, found " + std::to_string(inner));
    }
    for (std::size_t Sizes::*number :
         {&Sizes::vocab, &Sizes::h_layers, &Sizes::l_layers, &Sizes::h_cycles, &Sizes::l_cycles}) {
      other = config;
      other.sizes.*number = 0;
      CHECK(message(other, tensors) == "model: expected layers, cycles and a vocabulary, found none");
    }
    other = config;
    other.sizes.l_layers = 1025;
    CHECK(message(other, tensors) == "layers: expected at most 1024 of a module, found 2 and 1025");
    other = config;
    other.sizes.puzzle_tokens = 2;
    CHECK(message(other, tensors) == "puzzle tokens: expected 1, found 2");
  }
  {
    Sizes longest{32, 2, 256, 7, 7, 1, 2, 47656, 1};
    Arena measure;
    CHECK(Schedule::fits(longest));
    CHECK(Schedule(measure, longest, true).size() == Schedule::most_stages);
    ++longest.l_cycles;
    CHECK_FALSE(Schedule::fits(longest));
  }
  {
    test::RandomTensors tensors(config, 1);
    Config endless = config;  // no file's few bytes may make a segment of millions of steps
    endless.sizes.h_cycles = 1024;
    endless.sizes.l_cycles = 1024;
    CHECK(message(endless, tensors) ==
          "model: expected at most 1048576 steps in a segment, found more: 1024 x 1024 cycles, 2 and 2 layers");
    endless.sizes.h_cycles = endless.sizes.l_cycles = ~std::size_t{0};
    CHECK(made(endless, tensors).error().code() == ErrorCode::unsupported);
  }
  {
    Config deep = config;  // whose sums of levels could overflow
    deep.sizes.inner = 131072 + 64;
    ModelOptions options;
    for (const Precision precision : {Precision::int8, Precision::bf16}) {
      options.precision = precision;
      const auto result = make_model(deep, {}, options);
      REQUIRE_FALSE(result);
      CHECK(result.error().message() ==
            "model: expected a hidden and an inner size up to 131072 for int8 and bfloat16, found 32 and 131136");
    }
  }
  {
    test::RandomTensors tensors(config, 1);
    auto views = tensors.views();
    for (TensorView& view : views) {
      if (view.name == "puzzle_emb.weights") view.shape[0] = 0;
    }
    const auto result = make_model(config, views);
    REQUIRE_FALSE(result);
    CHECK(result.error().message() == "puzzle_emb.weights: expected at least one row, found none");
  }
  {
    test::RandomTensors tensors(config, 1);
    auto views = tensors.views();
    for (TensorView& view : views) {
      if (view.name == "H_init") view.dtype = DType::i32;
    }
    auto result = make_model(config, views);
    REQUIRE_FALSE(result);
    CHECK(result.error().message() == "H_init: expected float32, float16 or bfloat16, found int32");
  }
}

TEST_CASE("unaligned tensors are packed as well") {
  const Config config = test::small_config();
  test::RandomTensors tensors(config, 3);
  auto views = tensors.views();
  std::vector<std::vector<std::byte>> shifted;
  for (TensorView& view : views) {
    shifted.emplace_back(view.bytes() + 1);
    std::memcpy(shifted.back().data() + 1, view.data, view.bytes());
    view.data = shifted.back().data() + 1;
  }
  const Model unaligned = make_model(config, views).value();
  const Model aligned = made(config, tensors).value();
  CHECK(unaligned.fingerprint() == aligned.fingerprint());
  const auto tokens = test::random_tokens(config, 16, 4);
  CHECK(answer_of(unaligned, tokens).q_halt == answer_of(aligned, tokens).q_halt);
}

TEST_CASE("puzzle ids chosen at load, and every page let go") {
  const Config config = test::small_config();
  test::RandomTensors tensors(config, 5);
  const std::array<std::size_t, 3> keep{2, 1, 2};
  std::size_t released = 0;
  ModelOptions options;
  options.puzzle_ids = keep;
  options.release = [](void* context, const std::byte*, std::size_t size) noexcept {
    *static_cast<std::size_t*>(context) += size;
  };
  options.release_context = &released;
  const Model some = made(config, tensors, options).value();
  const Model all = made(config, tensors).value();
  const auto tokens = test::random_tokens(config, 16, 6);
  for (const std::size_t id : {1U, 2U}) {
    CHECK(solve(some, tokens, {}, id).value().q_halt == solve(all, tokens, {}, id).value().q_halt);
  }
  CHECK(solve(some, tokens, {}, 0).error().message() == "puzzle id: expected one of the 2 kept at load, found 0");
  CHECK(some.config().puzzle_ids == 3);  // the file's
  CHECK(some.fingerprint() != all.fingerprint());
  std::size_t large = 0;
  for (const TensorView& view : tensors.views()) large += view.bytes() > 1000 ? view.bytes() : 0;
  CHECK(released >= large);
  const std::array<std::size_t, 1> beyond{3};
  options.puzzle_ids = beyond;
  CHECK(message(config, tensors, options) == "puzzle_emb.weights: expected puzzle ids below 3, found 3");
}

TEST_CASE("rows of a puzzle embedding have the ids that are told, as many as they are and ascending") {
  const Config config = test::small_config();
  test::RandomTensors tensors(config, 11);
  const auto tokens = test::random_tokens(config, 16, 12);
  const Model all = made(config, tensors).value();
  const std::vector<std::uint64_t> ids{4, 7, 90};
  ModelOptions options;
  options.row_ids = ids;
  const Model some = made(config, tensors, options).value();
  for (std::size_t row = 0; row < 3; ++row) {
    const auto id = static_cast<std::size_t>(ids[row]);
    CHECK(solve(some, tokens, {}, id).value().q_halt == solve(all, tokens, {}, row).value().q_halt);
  }
  for (const std::size_t id : {0U, 5U, 91U}) {
    CHECK(solve(some, tokens, {}, id).error().message() ==
          "puzzle id: expected one of the 3 kept at load, found " + std::to_string(id));
  }
  options.row_ids = std::span(ids).first(2);
  CHECK(message(config, tensors, options) == "puzzle_emb.weights: expected ascending ids of 3 rows, found 2");
  const std::vector<std::uint64_t> mixed{4, 90, 7};
  options.row_ids = mixed;
  CHECK(message(config, tensors, options) ==
        "puzzle_emb.weights: expected ascending ids of 3 rows, found 3 that do not ascend");
}

TEST_CASE("learned positions: their number is the longest puzzle") {
  Config config = test::small_config();
  config.positions = PositionEncoding::learned;
  test::RandomTensors tensors(config, 7, 10);
  const Model model = made(config, tensors).value();
  CHECK(model->max_tokens() == 9);
  CHECK(solve(model, test::random_tokens(config, 9, 8), {}, 1).has_value());
  CHECK(solve(model, test::random_tokens(config, 10, 8), {}, 1).error().message() ==
        "tokens: expected at most 9 (learned positions), found 10");
  for (const std::size_t rows : {0U, 1U}) {  // none for a token beside the puzzle's own
    test::RandomTensors few(config, 7, rows);
    CHECK(message(config, few) ==
          "embed_pos.embedding_weight: expected more than 1 learned positions, found " + std::to_string(rows));
  }
}

TEST_CASE("lower precision stays close and takes less memory") {
  Config config = test::small_config();
  config.sizes.hidden = 128;
  config.sizes.heads = 4;
  config.puzzle_emb_ndim = 128;
  test::RandomTensors tensors(config, 9);
  const auto tokens = test::random_tokens(config, 16, 10);
  const auto logits = [&](Precision precision, std::size_t& bytes) {
    ModelOptions options;
    options.precision = precision;
    const Model model = made(config, tensors, options).value();
    bytes = model.weight_bytes();
    CHECK(model.fingerprint() == made(config, tensors).value().fingerprint());
    Solver solver(model);
    solver.start(tokens, 1).value();
    solver.step();
    return Eigen::MatrixXf(solver.logits());
  };
  std::size_t f32 = 0;
  std::size_t bf16 = 0;
  std::size_t int8 = 0;
  const Eigen::MatrixXf exact = logits(Precision::f32, f32);
  const float bf16_off = (logits(Precision::bf16, bf16) - exact).norm() / exact.norm();
  const float int8_off = (logits(Precision::int8, int8) - exact).norm() / exact.norm();
  CHECK(bf16_off > 0.0F);
  CHECK(bf16_off < 0.03F);
  CHECK(int8_off < 0.12F);
  CHECK(100 * bf16 < 52 * f32);
  CHECK(100 * int8 < 29 * f32);
}
