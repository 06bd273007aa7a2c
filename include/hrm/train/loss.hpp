#pragma once
/// Losses and their gradients with respect to logits, in double within a row: stablemax and softmax cross entropy,
/// binary cross entropy (reference: stablemax_ce; the paper, section 2.4).

#include <hrm/base/types.hpp>

#include <algorithm>
#include <cmath>

namespace hrm::train {

enum class TaskLoss : std::uint8_t { stablemax, softmax };

/// -log of the label's share, and its gradient times `weight` into `gradient` [vocab].
/// stablemax: s(x) = x + 1 for x >= 0, 1 / (1 - x) below; softmax: s(x) = exp(x).
[[nodiscard]] inline double cross_entropy(TaskLoss kind, const float* logits, std::size_t vocab, Token label,
                                          double weight, float* gradient) noexcept {
  double most = 0.0;
  if (kind == TaskLoss::softmax) most = static_cast<double>(*std::max_element(logits, logits + vocab));
  const auto s = [&](std::size_t j) {
    const auto x = static_cast<double>(logits[j]);
    if (kind == TaskLoss::softmax) return std::exp(x - most);
    return x < 0.0 ? 1.0 / (1.0 - x) : 1.0 + x;
  };
  double sum = 0.0;
  for (std::size_t j = 0; j < vocab; ++j) sum += s(j);
  const auto target = static_cast<std::size_t>(label);
  if (kind == TaskLoss::softmax) {  // whose share may be too small for a double: its logarithm never is
    for (std::size_t j = 0; j < vocab; ++j)
      gradient[j] = static_cast<float>(weight * (s(j) / sum - (j == target ? 1.0 : 0.0)));
    return std::log(sum) - (static_cast<double>(logits[target]) - most);
  }
  const double own = s(target);
  for (std::size_t j = 0; j < vocab; ++j) {
    const double value = s(j);
    const double slope = logits[j] < 0.0F ? value * value : 1.0;
    gradient[j] = static_cast<float>(weight * slope * (1.0 / sum - (j == target ? 1.0 / own : 0.0)));
  }
  return -std::log(own / sum);
}

[[nodiscard]] inline double sigmoid(double x) noexcept { return 1.0 / (1.0 + std::exp(-x)); }

/// Binary cross entropy of sigmoid(x) against a target in [0, 1]; its gradient is sigmoid(x) - target.
[[nodiscard]] inline double binary_cross_entropy(double x, double target) noexcept {
  return std::max(x, 0.0) - x * target + std::log1p(std::exp(-std::fabs(x)));
}

/// The first of the largest.
[[nodiscard]] inline Token argmax(const float* logits, std::size_t vocab) noexcept {
  return static_cast<Token>(std::max_element(logits, logits + vocab) - logits);
}

}  // namespace hrm::train
