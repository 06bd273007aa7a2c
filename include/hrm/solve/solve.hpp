#pragma once
/// The short way: a puzzle in, an answer out.

#include <hrm/solve/solver.hpp>

namespace hrm {

/// Thinks until it halts or reaches the limit. Allocates a solver for the call; for many puzzles keep a Solver.
[[nodiscard]] inline Result<Answer> solve(const Model& model, std::span<const Token> tokens, SolverOptions options = {},
                                          std::size_t puzzle_id = 0) {
  if (!model) return Error(ErrorCode::state, "model: it was moved from");
  if (options.max_tokens == 0) options.max_tokens = tokens.empty() ? 1 : tokens.size();
  Solver solver(model, options);
  if (auto started = solver.start(tokens, puzzle_id); !started) return started.error();
  while (!solver.step()) {
  }
  return solver.answer();
}

}  // namespace hrm
