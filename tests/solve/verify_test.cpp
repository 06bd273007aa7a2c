#include <doctest/doctest.h>

#include <hrm/solve/verify.hpp>

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
