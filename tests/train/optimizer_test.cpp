#include <hrm/solve/pool.hpp>
#include <hrm/train/optimizer.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"

using namespace hrm;
using namespace hrm::train;

TEST_CASE("the learning rate rises, then follows a cosine down to its lowest") {
  OptimizerOptions o;
  o.warm_up = 10;
  o.steps = 100;
  o.lowest = 0.2;
  CHECK(rate_course(o, 1) == doctest::Approx(0.1 * (0.2 + 0.4 * (1 + std::cos(3.141592653589793 * 0.01)))));
  CHECK(rate_course(o, 50) == doctest::Approx(0.6));
  CHECK(rate_course(o, 100) == doctest::Approx(0.2));
  CHECK(rate_course(o, 1000) == doctest::Approx(0.2));
  for (std::uint64_t n = 11; n < 100; ++n) CHECK(rate_course(o, n) > rate_course(o, n + 1));
  o.warm_up = 0;
  CHECK(rate_course(o, 50) == doctest::Approx(0.6));
  CHECK(rate_course(o, 1) <= 1.0);
}

TEST_CASE("atan2 in the upper half plane, at all scales and at zero") {
  double worst = 0;
  for (const float scale : {1e-12F, 1e-3F, 1.0F, 1e6F}) {
    for (int i = -200; i <= 200; ++i) {
      for (int j = 0; j <= 40; ++j) {
        Eigen::Array<float, 16, 1> a, b;
        a.setConstant(scale * float(i) / 37.0F);
        b.setConstant(scale * float(j) / 11.0F);
        const double want = i == 0 ? 0.0 : std::atan2(double(a[0]), double(b[0]));
        worst = std::max(worst, std::fabs(double(atan2_upper(a, b)[5]) - want));
      }
    }
  }
  CHECK(worst < 3e-7);
}

TEST_CASE("AdamATan2 follows its definition in double, on any number of threads") {
  const std::size_t count = 40000;
  const std::vector<float> begin = test::random_floats(count, 1);
  OptimizerOptions o;
  o.decay = 0.3;
  AdamATan2 adam(count);
  std::vector<float> values = begin, average = begin;
  std::vector<double> w(begin.begin(), begin.end()), m(count), v(count), mean(w);
  ThreadPool pool(3);
  AdamATan2 other(count);
  std::vector<float> same = begin;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    const std::vector<float> g = test::random_floats(count, 10 + n, n == 3 ? 1e-6 : 1.0);
    adam.step(n, 1e-2, o, g, values.data(), average.data(), 0.9, {});
    other.step(n, 1e-2, o, g, same.data(), nullptr, 0.9, Executor(pool));
    for (std::size_t i = 0; i < count; ++i) {
      m[i] += 0.1 * (double(g[i]) - m[i]);
      v[i] = 0.95 * v[i] + 0.05 * double(g[i]) * double(g[i]);
      w[i] = w[i] * (1 - 1e-2 * 0.3) -
             1e-2 * std::atan2(m[i] / (1 - std::pow(0.9, n)), std::sqrt(v[i] / (1 - std::pow(0.95, n))));
      mean[i] = 0.9 * mean[i] + 0.1 * w[i];
    }
  }
  CHECK(same == values);
  double worst = 0, worst_mean = 0;
  for (std::size_t i = 0; i < count; ++i) {
    worst = std::max(worst, std::fabs(double(values[i]) - w[i]));
    worst_mean = std::max(worst_mean, std::fabs(double(average[i]) - mean[i]));
  }
  CHECK(worst < 1e-6);
  CHECK(worst_mean < 1e-6);
}

TEST_CASE("sign-SGD moves the rows of the batch alone, each once") {
  std::vector<float> table(5 * 3, 1.0F);
  const std::vector<std::size_t> ids = {4, 1, 4};
  const std::vector<float> slopes = {2, -1, 0, -1, 5, 0, -1, -1, 0};
  sign_sgd(ids, slopes.data(), 3, 0.1, 0.5, table.data());
  const float kept = 0.95F;
  const std::vector<float> want = {1, 1, 1, kept + 0.1F, kept - 0.1F, kept,        1,   1,
                                   1, 1, 1, 1,           kept - 0.1F, kept + 0.1F, kept};
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(table[i] == doctest::Approx(want[i]));
}
