#pragma once
/// AdamATan2 with decoupled weight decay, sign-SGD for puzzle embeddings, the learning rate's course and the moving
/// average of the weights (reference: hrm_torch.py, class AdamATan2; train.py).

#include <hrm/train/learner.hpp>

#include <Eigen/Core>

namespace hrm::train {

struct OptimizerOptions {
  double rate = 1e-3;           ///< learning rate at its highest
  double lowest = 0.1;          ///< share of it that is left at the end
  std::uint64_t warm_up = 200;  ///< steps of linear rise
  std::uint64_t steps = 10000;  ///< where the cosine ends
  double beta1 = 0.9;
  double beta2 = 0.95;
  double decay = 0.1;         ///< weight decay: w *= 1 - rate * decay before each step
  double puzzle_rate = 1e-2;  ///< of the puzzle embedding's sign-SGD; follows the same course
  double puzzle_decay = 0.1;
  double average = 0.999;  ///< share of the moving average that stays at each step; early on (1 + n) / (10 + n) at most
};

/// The course of the learning rate, 0 to 1, at step n (the first is 1): warm-up, then a cosine down to `lowest`.
[[nodiscard]] inline double rate_course(const OptimizerOptions& o, std::uint64_t n) noexcept {
  const double rise = o.warm_up == 0 ? 1.0 : std::min(1.0, static_cast<double>(n) / static_cast<double>(o.warm_up));
  const double done = o.steps == 0 ? 1.0 : std::min(1.0, static_cast<double>(n) / static_cast<double>(o.steps));
  return rise * (o.lowest + (1.0 - o.lowest) * 0.5 * (1.0 + std::cos(3.141592653589793 * done)));
}

/// atan2(a, b) for b >= 0, within 2e-7, element by element; 0 where both are 0. By halves: atan2(a, b) =
/// 2 atan(a / (b + sqrt(a^2 + b^2))), whose argument lies in [-1, 1], and there a polynomial does (Abramowitz and
/// Stegun, 4.4.49).
template <class A, class B>
[[nodiscard]] auto atan2_upper(const A& a, const B& b) {
  const auto t = (a / ((a * a + b * b).sqrt() + b).max(1e-37F)).max(-1.0F).min(1.0F).eval();
  const auto u = (t * t).eval();
  return (2.0F * t *
          (1.0F + u * (-0.3333314528F +
                       u * (0.1999355085F +
                            u * (-0.1420889944F +
                                 u * (0.1065626393F +
                                      u * (-0.0752896400F +
                                           u * (0.0429096138F + u * (-0.0161657367F + u * 0.0028662257F)))))))))
      .eval();
}

/// The moments of AdamATan2 over `count` numbers, and the step.
class AdamATan2 {
 public:
  explicit AdamATan2(std::size_t count) : first_(count), second_(count) {}

  /// values -= rate * atan2(m / (1 - beta1^n), sqrt(v / (1 - beta2^n))) after values *= 1 - rate * decay, n counting
  /// steps from 1; then average = keep * average + (1 - keep) * values. All spans have `count` numbers, a multiple
  /// of 16.
  void step(std::uint64_t n, double rate, const OptimizerOptions& o, std::span<const float> gradient, float* values,
            float* average, double keep, const Executor& executor) noexcept {
    const auto correct = [n](double beta) {
      return static_cast<float>(1.0 / (1.0 - std::pow(beta, static_cast<double>(n))));
    };
    const float correct1 = correct(o.beta1);
    const float correct2 = correct(o.beta2);
    const auto by = static_cast<float>(rate);
    const auto decay = static_cast<float>(o.decay);
    const auto new1 = static_cast<float>(1.0 - o.beta1);
    const auto new2 = static_cast<float>(1.0 - o.beta2);
    const auto beta2 = static_cast<float>(o.beta2);
    const auto new_average = static_cast<float>(1.0 - keep);
    constexpr std::size_t job = 16384;
    constexpr std::size_t block = 512;
    using Block = Eigen::Array<float, block, 1>;
    parallel_for(executor, ceil_div(first_.size(), job), [&](std::size_t j, std::size_t) {
      const std::size_t end = std::min(first_.size(), (j + 1) * job);
      for (std::size_t at = j * job; at < end; at += block) {
        const auto count = static_cast<Eigen::Index>(std::min(block, end - at));
        const auto map = [&](float* p) { return Eigen::Map<Eigen::Array<float, Eigen::Dynamic, 1>>(p + at, count); };
        Block turn;
        auto m = map(first_.data());
        auto v = map(second_.data());
        const Eigen::Map<const Eigen::Array<float, Eigen::Dynamic, 1>> g(gradient.data() + at, count);
        m += new1 * (g - m);
        v = beta2 * v + new2 * g * g;
        angle(m.data(), v.data(), static_cast<std::size_t>(count), correct1, correct2, turn.data());
        auto w = map(values);
        w -= by * (decay * w + turn.head(count));  // one sum: the small part is not rounded twice
        if (average != nullptr) {
          auto mean = map(average);
          mean += new_average * (w - mean);
        }
      }
    });
  }

  [[nodiscard]] Values& first() noexcept { return first_; }
  [[nodiscard]] Values& second() noexcept { return second_; }

 private:
  static void angle(const float* m, const float* v, std::size_t count, float correct1, float correct2,
                    float* out) noexcept {
    using Piece = Eigen::Array<float, 16, 1>;  // fixed: no temporary is allocated
    for (std::size_t i = 0; i < count; i += 16) {
      const Piece a = Eigen::Map<const Piece>(m + i) * correct1;
      const Piece b = (Eigen::Map<const Piece>(v + i) * correct2).sqrt();
      Eigen::Map<Piece>(out + i) = atan2_upper(a, b);
    }
  }

  Values first_, second_;
};

/// Sign-SGD on the rows of the puzzle embedding that stand in a batch, each once however often it stands there:
/// row = row * (1 - rate * decay) - rate * sign(sum of its gradients). gradients [ids.size(), width].
inline void sign_sgd(std::span<const std::size_t> ids, const float* gradients, std::size_t width, double rate,
                     double decay, float* table) {
  std::vector<std::size_t> order(ids.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ids[a] < ids[b]; });
  std::vector<float> sum(width);
  const auto shrink = static_cast<float>(1.0 - rate * decay);
  const auto by = static_cast<float>(rate);
  for (std::size_t i = 0; i < order.size();) {
    const std::size_t id = ids[order[i]];
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (; i < order.size() && ids[order[i]] == id; ++i) {
      const float* const row = gradients + order[i] * width;
      for (std::size_t k = 0; k < width; ++k) sum[k] += row[k];
    }
    float* const row = table + id * width;
    for (std::size_t k = 0; k < width; ++k) {
      const float sign = sum[k] > 0.0F ? 1.0F : sum[k] < 0.0F ? -1.0F : 0.0F;
      row[k] = row[k] * shrink - by * sign;
    }
  }
}

}  // namespace hrm::train
