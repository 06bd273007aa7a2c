#include "harness.hpp"

using namespace test;
using S = hrm::kernels::Simd<Arch>;

namespace {

template <class F>
std::vector<float> in_vectors(std::vector<float> x, const F& f) {
  x.resize(hrm::round_up(x.size(), S::lanes));
  for (std::size_t i = 0; i < x.size(); i += S::lanes) S::store(x.data() + i, f(S::load(x.data() + i)));
  return x;
}

/// The largest relative error of y against `exact` of x, from x[first] on.
template <class Exact>
double worst_of(const std::vector<float>& x, const std::vector<float>& y, const Exact& exact, std::size_t first = 0) {
  double worst = 0.0;
  for (std::size_t i = first; i < x.size(); ++i) {
    const double wanted = exact(static_cast<double>(x[i]));
    worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - wanted) / std::fabs(wanted));
  }
  return worst;
}

}  // namespace

TEST_CASE("exp is within 2 ulp over its range") {
  std::vector<float> x = {0.0F, -0.0F, 1.0F, -1.0F, -87.0F, 88.0F, 0.34657359F, -0.34657359F, 1e-30F, -1e-30F};
  for (float v = -87.0F; v < 88.0F; v += 0.00371F) x.push_back(v);
  const auto y = in_vectors(x, [](auto v) { return hrm::kernels::exp<Arch>(v); });
  CHECK(worst_of(x, y, [](double v) { return std::exp(v); }) < 2 * 1.19e-7);
  CHECK(y[0] == 1.0F);
  CHECK(y[1] == 1.0F);
}

TEST_CASE("exp is clamped: never zero, infinite or NaN") {
  const auto y =
      in_vectors({-1e30F, -200.0F, -88.0F, 89.0F, 200.0F, 1e30F}, [](auto v) { return hrm::kernels::exp<Arch>(v); });
  for (const float v : y) {
    CHECK(hrm::is_finite(v));
    CHECK(v > 0.0F);
  }
  CHECK(y[0] < 2e-38F);
  CHECK(y[5] > 1e38F);
}

TEST_CASE("silu is accurate, and right at both ends") {
  std::vector<float> x = {0.0F, 50.0F, -50.0F, -79.0F, 300.0F, 1e13F, 1e14F, 1e30F, 3e38F};
  for (float v = -30.0F; v < 30.0F; v += 0.00173F) x.push_back(v);
  const auto y = in_vectors(x, [](auto v) { return hrm::kernels::silu<Arch>(v); });
  CHECK(worst_of(x, y, plain::silu, 1) < 6e-7);
  CHECK(y[0] == 0.0F);
  const auto far = in_vectors({-200.0F, -1e20F}, [](auto v) { return hrm::kernels::silu<Arch>(v); });
  CHECK(std::fabs(far[0]) < 1e-30F);
  CHECK(std::fabs(far[1]) < 1e-10F);
}

TEST_CASE_TEMPLATE("the coarse powers of two are as right as they say, and about zero far below", Degree,
                   std::integral_constant<int, 3>, std::integral_constant<int, 4>) {
  const auto power = [](auto v) { return hrm::kernels::exp2_coarse<Arch, Degree::value>(v); };
  std::vector<float> x = {0.0F, -0.0F, -1e-30F, -1.0F, -124.9F, 1.0F, 100.0F};
  for (float v = -124.0F; v < 100.0F; v += 0.00317F) x.push_back(v);
  const auto y = in_vectors(x, power);
  CHECK(worst_of(x, y, [](double v) { return std::exp2(v); }) < (Degree::value == 3 ? 8e-5 : 3e-6));
  const auto small = in_vectors({-126.0F, -1000.0F, -1e30F}, power);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(small[i] >= 0.0F);
    CHECK(small[i] < 3e-38F);
  }
}

TEST_CASE("the coarse silu is right to 17 bits, and at both ends") {
  std::vector<float> x = {0.0F, 50.0F, -50.0F, -69.0F, 300.0F, 1e30F};
  for (float v = -30.0F; v < 30.0F; v += 0.00173F) x.push_back(v);
  const auto y = in_vectors(x, [](auto v) { return hrm::kernels::silu_coarse<Arch>(v); });
  CHECK(worst_of(x, y, plain::silu, 1) < 5e-6);
  CHECK(y[0] == 0.0F);
  const auto far = in_vectors({-200.0F, -1e20F}, [](auto v) { return hrm::kernels::silu_coarse<Arch>(v); });
  CHECK(std::fabs(far[0]) < 1e-27F);
  CHECK(std::fabs(far[1]) < 1e-9F);
}
