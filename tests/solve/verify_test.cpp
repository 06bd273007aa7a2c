#include <doctest/doctest.h>

#include <hrm/solve/verify.hpp>

#include <cmath>
#include <limits>

#include "support/random_model.hpp"

using namespace hrm;

TEST_CASE("a test that a model made holds for it; a value that is off is told, however far") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 71);
  const SelfTest good = make_self_test(model, test::random_tokens(config, 16, 72), 1, 2, 1e-3F).value();
  CHECK(verify(model, good));
  const auto found = [&](float logit) {
    SelfTest test = good;
    test.logits[3] = logit;
    return std::string(verify(model, test).error().message());
  };
  const std::string where = "self-test: logit 3: expected it within the test's tolerance, found it ";
  CHECK(found(good.logits[3] + 1.0F).starts_with(where));
  for (const float far : {1e13F, -1e30F, 3e38F}) {
    CHECK(found(far) == where + std::to_string(static_cast<std::int64_t>(9e12F * 1e6F)) + " millionths off");
  }
  CHECK(found(std::numeric_limits<float>::infinity()) == where + "-1 millionths off");

  SelfTest test = good;
  for (const float off : {0.5F, -0.5F}) {  // as far off as it may be, and no further
    test.q[1] = good.q[1] + off;
    test.tolerance = std::abs(test.q[1] - good.q[1]);
    CHECK(verify(model, test));
    test.tolerance = std::nextafter(test.tolerance, 0.0F);
    CHECK(std::string(verify(model, test).error().message())
              .starts_with("self-test: q value 1: expected it within the test's tolerance, found it "));
  }
  test.logits.pop_back();
  CHECK(verify(model, test).error().message() == "self-test: logit: expected 111 values, found 112");
}

TEST_CASE("a test's answer is a solver's that does not halt, after as many segments as it says") {
  const Config config = test::small_config();
  const Model model = test::random_model(config, 71);
  for (const std::uint32_t segments : {1U, 8U}) {     // more than the model's own limit too
    for (const std::size_t count : {5U, 16U, 30U}) {  // shorter and longer than its puzzles
      const auto tokens = test::random_tokens(config, count, 75);
      SolverOptions options;
      options.max_tokens = count;
      options.max_segments = segments;
      options.halting = Never{};
      Solver solver(model, options);
      solver.start(tokens, 2).value();
      for (std::uint32_t i = 0; i < segments; ++i) solver.step();
      const auto logits = solver.logits();
      const SelfTest expected{tokens,
                              2,
                              segments,
                              0.25F,
                              {logits.data(), logits.data() + logits.size()},
                              {solver.q_halt(), solver.q_continue()}};
      CHECK(make_self_test(model, tokens, 2, segments, 0.25F).value() == expected);
    }
  }
  CHECK(make_self_test(model, {}, 1, 1, 0.0F).error().message() == "tokens: expected at least one, found none");
}

TEST_CASE("a test without a segment, or of a model that was moved from, is an error") {
  const Config config = test::small_config();
  Model model = test::random_model(config, 73);
  const auto tokens = test::random_tokens(config, 16, 74);
  SelfTest test = make_self_test(model, tokens, 1, 1, 1e-3F).value();
  CHECK(make_self_test(model, tokens, 1, 0, 1e-3F).error().message() == "segments: expected at least one, found none");
  const Model other(std::move(model));
  CHECK(verify(other, test));
  // NOLINTNEXTLINE(bugprone-use-after-move)
  CHECK(make_self_test(model, tokens, 1, 1, 1e-3F).error().message() == "model: it was moved from");
  CHECK(verify(model, test).error().message() == "self-test: model: it was moved from");
  test.segments = 0;
  CHECK(verify(other, test).error().message() == "self-test: segments: expected at least one, found none");
}
