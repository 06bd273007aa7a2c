#include <doctest/doctest.h>

#include <hrm/solve/noise.hpp>

#include <algorithm>
#include <limits>
#include <vector>

using namespace hrm;

namespace {

constexpr std::size_t hidden = 64;
constexpr std::size_t positions = 50;

// The noise of one slot of two, z_H and z_L one after the other.
std::vector<float> noise(const Noise& noise, std::size_t attempt, std::size_t segment, std::size_t slot = 0,
                         std::size_t every = 0) {
  std::vector<float> z(4 * positions * hidden);
  Workspace w;
  w.positions = positions;
  w.z_h = z.data();
  w.z_l = z.data() + 2 * positions * hidden;
  std::size_t asked = 0;
  std::size_t done = 0;
  const auto stop = [&]() noexcept { return every != 0 && ++asked % every == 0; };
  while (!noise.add(w, slot, hidden, attempt, segment, done, stop)) {
  }
  std::vector<float> out;
  for (const float* at : {w.z_h, w.z_l}) {
    out.insert(out.end(), at + slot * positions * hidden, at + (slot + 1) * positions * hidden);
    const float* other = at + (1 - slot) * positions * hidden;
    CHECK(std::all_of(other, other + positions * hidden, [](float x) { return x == 0.0F; }));
  }
  return out;
}

}  // namespace

TEST_CASE("what is no deviation is none") {
  for (const float sigma :
       {0.0F, -1.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    CHECK_FALSE(Noise{sigma, 1}.on());
  CHECK(Noise{1e-30F, 1}.on());
}

TEST_CASE("noise is normal: mean, deviation, tails, and nothing shared between neighbours") {
  const std::vector<float> z = noise({0.25F, 3}, 1, 2);
  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  double halves = 0;  // z_H against z_L
  std::size_t within = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double x = z[i] / 0.25;
    sum += x;
    squares += x * x;
    neighbours += x * (z[(i + 1) % z.size()] / 0.25);
    halves += x * (z[(i + z.size() / 2) % z.size()] / 0.25);
    within += std::abs(x) < 1.0 ? 1 : 0;
  }
  const auto n = static_cast<double>(z.size());  // 6,400: four standard errors are 0.05
  CHECK(std::abs(sum / n) < 0.05);
  CHECK(std::abs(squares / n - 1.0) < 0.07);
  CHECK(std::abs(neighbours / n) < 0.05);
  CHECK(std::abs(halves / n) < 0.07);
  CHECK(std::abs(static_cast<double>(within) / n - 0.6827) < 0.024);
}

TEST_CASE("noise depends on seed, attempt and segment alone, not on the slot or on pauses") {
  const auto first = noise({0.5F, 7}, 3, 4);
  CHECK(noise({0.5F, 7}, 3, 4) == first);
  CHECK(noise({0.5F, 7}, 3, 4, 1) == first);
  for (const std::size_t every : {2U, 3U, 17U}) CHECK(noise({0.5F, 7}, 3, 4, 0, every) == first);
  CHECK(noise({0.5F, 8}, 3, 4) != first);
  CHECK(noise({0.5F, 7}, 4, 4) != first);
  CHECK(noise({0.5F, 7}, 3, 5) != first);
}

TEST_CASE("no noise before the first segment, and none where it is off") {
  const std::vector<float> none(2 * positions * hidden);
  CHECK(noise({0.5F, 7}, 3, 0) == none);
  CHECK(noise({0.0F, 7}, 3, 4) == none);
  CHECK(noise({-1.0F, 7}, 3, 4) == none);
}
