// Slow: 27 million weights, three times; what sanitizers look for is in the tests beside it too.

#include <doctest/doctest.h>

#include <hrm/solve/solver.hpp>

#include "support/make_weights.hpp"

#include <cmath>

using namespace hrm;

namespace {

/// The logits of the oracle's eight puzzles after one segment.
std::vector<double> logits(const std::vector<support::Tensor>& tensors, const Config& config, Precision precision) {
  ModelOptions options;
  options.precision = precision;
  const auto views = support::views_of(tensors);
  const Model model = make_model(config, views, options).value();
  SolverOptions solver_options;
  solver_options.halting = Never{};
  Solver solver(model, solver_options);
  std::vector<double> all;
  for (const std::size_t m : {1U, 3U, 7U, 9U, 11U, 13U, 17U, 19U}) {
    std::vector<Token> tokens(81);
    for (std::size_t i = 0; i < 81; ++i) tokens[i] = static_cast<Token>((i * m + i / 9 * m / 3) % 10 + 1);
    REQUIRE(solver.start(tokens));
    static_cast<void>(solver.step());
    const auto out = solver.logits();
    for (std::ptrdiff_t r = 0; r < out.rows(); ++r) {
      for (std::ptrdiff_t c = 0; c < out.cols(); ++c) all.push_back(static_cast<double>(out(r, c)));
    }
  }
  return all;
}

double distance(const std::vector<double>& found, const std::vector<double>& exact) {
  double off = 0.0;
  double all = 0.0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    off += (found[i] - exact[i]) * (found[i] - exact[i]);
    all += exact[i] * exact[i];
  }
  return std::sqrt(off / all);
}

}  // namespace

TEST_CASE("narrow weights are no further off than in a plain fake-quantised PyTorch model") {
  // The published Sudoku model's shape with random weights, on which rounding is amplified.
  // Relative L2 distances of PyTorch 1.13's logits from its float32's, by tests/model/quantised_oracle.py.
  constexpr double torch_bfloat16 = 0.08576;
  constexpr double torch_int8 = 0.23205;
  const support::Shape shape;
  const auto tensors = support::make_weights(shape, 1);
  Config config;
  config.sizes = Sizes{shape.hidden, shape.heads, shape.inner_size(), shape.vocab, 4, 4, 2, 2, 1};
  config.puzzle_ids = 1;
  config.puzzle_emb_ndim = shape.puzzle_emb_ndim;
  config.seq_len = shape.seq_len;
  const auto exact = logits(tensors, config, Precision::f32);
  const double bfloat16 = distance(logits(tensors, config, Precision::bf16), exact);
  const double int8 = distance(logits(tensors, config, Precision::int8), exact);
  MESSAGE("bfloat16 " << bfloat16 << ", int8 " << int8);
  CHECK(bfloat16 > 0.0);
  CHECK(bfloat16 <= 1.2 * torch_bfloat16);
  CHECK(int8 > 0.0);
  CHECK(int8 <= 1.2 * torch_int8);
}
