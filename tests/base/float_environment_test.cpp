#include <doctest/doctest.h>

#include <hrm/base/float_environment.hpp>
#include <hrm/base/types.hpp>

#include <cfenv>
#include <cfloat>
#include <cmath>

namespace {

// Worked out when and where they are called: what is volatile is not known before.
float times(float a, float b) {
  volatile float known = a;
  volatile float product = known * b;
  return product;
}
float plus(float a, float b) {
  volatile float known = a;
  volatile float sum = known + b;
  return sum;
}
bool is_zero(float x) { return (hrm::bit_cast<std::uint32_t>(x) & 0x7fffffffU) == 0; }

}  // namespace

TEST_CASE("subnormal numbers are zeros while it lives, taken and given, and then again what they are") {
  const float subnormal = FLT_MIN / 4;
  {
    const hrm::FloatEnvironment environment;
    CHECK(is_zero(times(FLT_MIN, 0.25F)) == (HRM_FLOAT_ENVIRONMENT > 0));
    CHECK(is_zero(times(subnormal, 1e30F)) == (HRM_FLOAT_ENVIRONMENT > 0));
    CHECK(times(FLT_MIN, 2.0F) == 2 * FLT_MIN);
  }
  CHECK_FALSE(is_zero(times(FLT_MIN, 0.25F)));
  CHECK_FALSE(is_zero(times(subnormal, 1e30F)));
}

TEST_CASE("sums are rounded to nearest while it lives, and then again as the caller wants") {
  const float one_and_a_bit = 1.0F + FLT_EPSILON;
  for (const int way : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST}) {
    REQUIRE(std::fesetround(way) == 0);
    const float before = plus(1.0F, 0.25F * FLT_EPSILON);
    float low = 0.0F;
    float high = 0.0F;
    float after = 0.0F;
    {
      const hrm::FloatEnvironment environment;
      {
        const hrm::FloatEnvironment again;
        low = plus(1.0F, 0.25F * FLT_EPSILON);
      }
      high = plus(1.0F, 0.75F * FLT_EPSILON);
    }
    after = plus(1.0F, 0.25F * FLT_EPSILON);
    REQUIRE(std::fesetround(FE_TONEAREST) == 0);
    CAPTURE(way);
    CHECK(before == (way == FE_UPWARD ? one_and_a_bit : 1.0F));
    CHECK(after == before);
    if (HRM_FLOAT_ENVIRONMENT > 0) {
      CHECK(low == 1.0F);
      CHECK(high == one_and_a_bit);
    }
  }
}

TEST_CASE("what the C library works out does not depend on the caller's rounding") {
  const volatile float angle = 0.7F;
  const volatile float many = 0.3F;
  struct Found {
    float sine = 0.0F, cosine = 0.0F, logarithm = 0.0F;
    bool operator==(const Found&) const = default;
  };
  const auto work_out = [&] {
    const hrm::FloatEnvironment environment;
    return Found{std::sin(angle), std::cos(angle), std::log(many)};
  };
  const Found expected = work_out();
  for (const int way : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    REQUIRE(std::fesetround(way) == 0);
    const Found found = work_out();
    const int after = std::fegetround();
    REQUIRE(std::fesetround(FE_TONEAREST) == 0);
    CHECK(after == way);
    if (HRM_FLOAT_ENVIRONMENT > 0) CHECK(found == expected);
  }
}

TEST_CASE("the caller sees no flags of what happened meanwhile") {
  std::feclearexcept(FE_ALL_EXCEPT);
  {
    const hrm::FloatEnvironment environment;
    CHECK(times(FLT_MAX, FLT_MAX) > FLT_MAX);
  }
  if (HRM_FLOAT_ENVIRONMENT == 1) CHECK(std::fetestexcept(FE_OVERFLOW) == 0);
  CHECK(times(FLT_MAX, FLT_MAX) > FLT_MAX);
  CHECK(std::fetestexcept(FE_OVERFLOW) != 0);
}

#if HRM_FLOAT_ENVIRONMENT == 1
TEST_CASE("a caller's traps are off while it lives") {
  const std::uint32_t before = __builtin_ia32_stmxcsr();
  const std::uint32_t trapping = before & ~std::uint32_t{0x1fbf};  // no flags, every exception a trap
  __builtin_ia32_ldmxcsr(trapping);
  float huge = 0.0F;
  {
    const hrm::FloatEnvironment environment;
    huge = times(FLT_MAX, FLT_MAX);
  }
  const std::uint32_t after = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before);
  CHECK(huge > FLT_MAX);
  CHECK(after == trapping);
}
#endif
