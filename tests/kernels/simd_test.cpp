#include "harness.hpp"

using namespace test;
using S = hrm::kernels::Simd<Arch>;

namespace {

std::vector<float> lanes_of(S::Float x) {
  std::vector<float> out(S::lanes);
  S::store(out.data(), x);
  return out;
}

}  // namespace

TEST_CASE("vectors do lane by lane what their names say") {
  const auto a = random_floats(S::lanes, 1, 9.0F);
  const auto b = random_floats(S::lanes, 2, 9.0F);
  const auto va = S::load(a.data());
  const auto vb = S::load(b.data());
  const auto most = lanes_of(S::max(va, vb));
  const auto least = lanes_of(S::min(va, vb));
  const auto size = lanes_of(S::larger(S::larger(S::set(0.0F), va), vb));
  const auto swapped = lanes_of(S::swap_pairs(va));
  const auto fused = lanes_of(S::fma(va, vb, va));
  const auto whole = lanes_of(S::to_float(S::round(va)));
  const auto inverse = lanes_of(S::reciprocal(va));
  for (std::size_t i = 0; i < S::lanes; ++i) {
    CHECK(most[i] == std::max(a[i], b[i]));
    CHECK(least[i] == std::min(a[i], b[i]));
    CHECK(size[i] == std::max(std::fabs(a[i]), std::fabs(b[i])));
    CHECK(swapped[i] == a[i ^ 1U]);
    CHECK(fused[i] == doctest::Approx(a[i] * b[i] + a[i]).epsilon(1e-5));
    CHECK(whole[i] == std::nearbyint(a[i]));
    CHECK(inverse[i] == doctest::Approx(1.0F / a[i]).epsilon(3e-7));
  }
  double sum = 0.0;
  for (const float x : a) sum += static_cast<double>(x);
  CHECK(static_cast<double>(hrm::kernels::sum_of<Arch>(va)) == doctest::Approx(sum).epsilon(1e-5));
  CHECK(hrm::kernels::max_of<Arch>(va) == *std::max_element(a.begin(), a.end()));
}

TEST_CASE("rounding is to nearest, ties to even, in vectors and alone") {
  for (const float x : {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -126.5F, 126.5F, 0.49999997F}) {
    const auto whole = lanes_of(S::to_float(S::round(S::set(x))));
    CHECK(whole[0] == std::nearbyint(x));
    CHECK(static_cast<float>(hrm::kernels::round_to_int<Arch>(x)) == std::nearbyint(x));
  }
}

TEST_CASE("powers of two and halves of words are exact") {
  for (int n = -126; n <= 127; ++n) {
    for (const float p : {1.0F, 1.75F, -1.25F})
      CHECK(lanes_of(S::scaled(S::set(p), S::set(n)))[S::lanes - 1] == std::ldexp(p, n));
  }
  std::vector<hrm::bfloat16> pairs(2 * S::lanes);
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = hrm::to_bfloat16(static_cast<float>(i) * 1.25F - 7.0F);
  const auto* bytes = reinterpret_cast<const std::byte*>(pairs.data());
  const auto low = lanes_of(S::low_halves(bytes));
  const auto high = lanes_of(S::high_halves(bytes));
  for (std::size_t i = 0; i < S::lanes; ++i) {
    CHECK(low[i] == hrm::to_float(pairs[2 * i]));
    CHECK(high[i] == hrm::to_float(pairs[2 * i + 1]));
  }
}

TEST_CASE("halves of words are joined, and stored without touching those between") {
  std::vector<float> low(S::lanes);
  std::vector<float> high(S::lanes);
  for (std::size_t i = 0; i < S::lanes; ++i) {
    low[i] = std::bit_cast<float>(0x4b400000U + static_cast<std::uint32_t>(i) * 1111U);
    high[i] = std::bit_cast<float>(0x4b400000U + 32767U - static_cast<std::uint32_t>(i));
  }
  std::vector<std::int32_t> words(S::lanes);
  S::store(words.data(), S::joined(S::load(low.data()), S::load(high.data())));
  for (std::size_t i = 0; i < S::lanes; ++i) {
    CHECK((words[i] & 0xffff) == static_cast<std::int32_t>(i) * 1111);
    CHECK((words[i] >> 16) == 32767 - static_cast<std::int32_t>(i));
  }
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {
    std::vector<std::int16_t> to(2 * S::lanes + 1, 77);
    std::vector<std::int32_t> numbers(S::lanes);
    for (std::size_t i = 0; i < S::lanes; ++i)
      numbers[i] = (i % 2 == 0 ? 1 : -1) * (32767 - static_cast<std::int32_t>(i));
    hrm::kernels::store_halves<Arch>(to.data() + first, S::load(numbers.data()));
    for (std::size_t i = 0; i < to.size(); ++i) {
      const bool written = i >= first && (i - first) % 2 == 0 && (i - first) / 2 < S::lanes;
      CHECK(to[i] == (written ? numbers[(i - first) / 2] : 77));
    }
  }
}

TEST_CASE("partial loads and stores touch nothing else") {
  const auto a = random_floats(S::lanes, 3);
  for (std::size_t n = 0; n < S::lanes; ++n) {
    const std::vector<float> only(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n));
    const auto x = hrm::kernels::load_some<Arch>(only.data(), n);
    const auto all = lanes_of(x);
    for (std::size_t i = 0; i < S::lanes; ++i) CHECK(all[i] == (i < n ? a[i] : 0.0F));
    std::vector<float> to(n);
    hrm::kernels::store_some<Arch>(to.data(), x, n);
    CHECK(to == only);
  }
}
