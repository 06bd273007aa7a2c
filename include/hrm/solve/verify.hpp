#pragma once
/// Tries a model with the test that its archive carries: a model that passes computes right on this machine.

#include <hrm/model/self_test.hpp>
#include <hrm/solve/solver.hpp>

namespace hrm {

/// Computes a test's answer: logits and q values after `segments` segments without halting, of which there is one at
/// least. Allocates a solver.
[[nodiscard]] inline Result<SelfTest> make_self_test(const Model& model, std::span<const Token> tokens,
                                                     std::uint64_t puzzle_id, std::uint32_t segments, float tolerance) {
  if (!model) return Error(ErrorCode::state, "model: it was moved from");
  if (segments == 0) return Error(ErrorCode::value, "segments: expected at least one, found none");
  SolverOptions options;
  options.max_tokens = tokens.empty() ? 1 : tokens.size();
  options.max_segments = segments;
  options.halting = Never{};
  Solver solver(model, options);
  if (auto started = solver.start(tokens, static_cast<std::size_t>(puzzle_id)); !started) return started.error();
  while (!solver.step()) {
  }
  SelfTest test;
  test.tokens.assign(tokens.begin(), tokens.end());
  test.puzzle_id = puzzle_id;
  test.segments = segments;
  test.tolerance = tolerance;
  const auto logits = solver.logits();
  test.logits.assign(logits.data(), logits.data() + logits.size());
  test.q = {solver.q_halt(), solver.q_continue()};
  return test;
}

/// Runs a test and compares every value. Errors name the first that is further off than the tolerance. Takes the test's
/// segments' time; allocates a solver.
[[nodiscard]] inline Result<void> verify(const Model& model, const SelfTest& test) {
  auto found = make_self_test(model, test.tokens, test.puzzle_id, test.segments, test.tolerance);
  if (!found) return found.error().in("self-test");
  const auto millionths = [](float off) -> std::int64_t {
    constexpr float most = 9e12F;  // more would not fit
    return is_finite(off) ? static_cast<std::int64_t>((off < most ? off : most) * 1e6F) : -1;
  };
  const auto compare = [&](std::string_view what, const std::vector<float>& want,
                           const std::vector<float>& got) -> Result<void> {
    if (want.size() != got.size())
      return Error(ErrorCode::value, "self-test: ", what, ": expected ", want.size(), " values, found ", got.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const float off = want[i] < got[i] ? got[i] - want[i] : want[i] - got[i];
      if (is_finite(got[i]) && off <= test.tolerance) continue;
      return Error(ErrorCode::value, "self-test: ", what, " ", i,
                   ": expected it within the test's tolerance, found it ", millionths(off), " millionths off");
    }
    return {};
  };
  if (auto logits = compare("logit", test.logits, found->logits); !logits) return logits;
  return compare("q value", test.q, found->q);
}

}  // namespace hrm
