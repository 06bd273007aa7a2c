#include <hrm/train/loss.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"

using namespace hrm;
using namespace hrm::train;
using namespace hrm::train::test;

TEST_CASE("cross entropies: values by definition, gradients by central differences of a double copy") {
  const Floats logits = {2.5F, -3.0F, 0.0F, -0.25F, 11.0F, 1.0F};
  for (const TaskLoss kind : {TaskLoss::stablemax, TaskLoss::softmax}) {
    const auto share = [&](const Doubles& x, std::size_t label) {
      const auto s = [&](double v) { return kind == TaskLoss::softmax ? std::exp(v) : v < 0 ? 1 / (1 - v) : 1 + v; };
      double sum = 0;
      for (const double v : x) sum += s(v);
      return -std::log(s(x[label]) / sum);
    };
    for (std::size_t label = 0; label < logits.size(); ++label) {
      Floats slope(logits.size());
      const double loss =
          cross_entropy(kind, logits.data(), logits.size(), static_cast<Token>(label), 2.0, slope.data());
      CHECK(loss == doctest::Approx(share(widen(logits), label)).epsilon(1e-12));
      Doubles at = widen(logits);
      at[2] = 1e-3;  // off the kink of stablemax' second derivative
      Floats near = logits;
      near[2] = 1e-3F;
      CHECK(cross_entropy(kind, near.data(), near.size(), static_cast<Token>(label), 2.0, slope.data()) > 0.0);
      Doubles want = differences(
          at, [&](const Doubles& x) { return 2.0 * share(x, label); }, 1e-6);
      CHECK(relative(slope, want) < 1e-5);
    }
  }
}

TEST_CASE("stablemax has finite gradients where the unused branch would overflow") {
  const Floats logits = {1.0F, 1e30F, -1e30F};
  Floats slope(3);
  CHECK(std::isfinite(cross_entropy(TaskLoss::stablemax, logits.data(), 3, 0, 1.0, slope.data())));
  for (const float g : slope) CHECK(is_finite(g));
}

TEST_CASE("softmax has finite losses and gradients where the label's share is too small for a double") {
  const Floats logits = {0.0F, -800.0F, 5.0F};
  Floats slope(3);
  const double sum = 1.0 + std::exp(-5.0);
  CHECK(cross_entropy(TaskLoss::softmax, logits.data(), 3, 1, 2.0, slope.data()) ==
        doctest::Approx(805.0 + std::log(sum)).epsilon(1e-12));
  CHECK(slope[0] == doctest::Approx(2.0 * std::exp(-5.0) / sum));
  CHECK(slope[1] == doctest::Approx(-2.0));
  CHECK(slope[2] == doctest::Approx(2.0 / sum));
}

TEST_CASE("binary cross entropy is exact at large values, and its slope is sigmoid - target") {
  for (const double target : {0.0, 0.3, 1.0}) {
    for (const double x : {-800.0, -2.0, 0.0, 3.0, 800.0}) {
      const double loss = binary_cross_entropy(x, target);
      CHECK(std::isfinite(loss));
      CHECK(loss >= 0.0);
      if (std::fabs(x) < 10) {
        CHECK(loss == doctest::Approx(-target * std::log(sigmoid(x)) - (1 - target) * std::log(1 - sigmoid(x))));
        const double slope = (binary_cross_entropy(x + 1e-6, target) - binary_cross_entropy(x - 1e-6, target)) / 2e-6;
        CHECK(slope == doctest::Approx(sigmoid(x) - target).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("argmax takes the first of the largest") {
  const Floats x = {1.0F, 3.0F, 3.0F, -1.0F};
  CHECK(argmax(x.data(), x.size()) == 1);
}
