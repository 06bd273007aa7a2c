#pragma once
/// exp and silu on vectors.

#include <hrm/kernels/simd.hpp>

namespace hrm::kernels {

/// The nearest whole number: an integer, but with AVX-512, which scales by floats, a float.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE auto nearest(typename Simd<Arch>::Float x) noexcept {
  if constexpr (Arch::family == Family::avx512) {
    return Simd<Arch>::nearest(x);
  } else {
    return Simd<Arch>::round(x);
  }
}
/// Such a number as a float.
template <class Arch, class Whole>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float as_float(Whole n) noexcept {
  if constexpr (Arch::family == Family::avx512) {
    return n;
  } else {
    return Simd<Arch>::to_float(n);
  }
}
/// p * 2^n for such an n, where both are normal numbers (AVX-512: any).
template <class Arch, class Whole>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float times_power_of_two(typename Simd<Arch>::Float p,
                                                                              Whole n) noexcept {
  if constexpr (Arch::family == Family::avx512) {
    return Simd<Arch>::scale(p, n);
  } else {
    return Simd<Arch>::scaled(p, n);
  }
}

/// e^x within 2 ulp for x in [-87, 88] and nothing promised outside.
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by a minimax polynomial of degree 7 (the coefficients of Cephes' expf).
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp_inside(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  const auto n = nearest<Arch>(x * S::set(1.44269504F));
  const auto whole = as_float<Arch>(n);
  auto r = S::fma(whole, S::set(-0.693359375F), x);  // ln 2 in two parts; the first has few bits, so this is exact
  r = S::fma(whole, S::set(2.12194440e-4F), r);
  const auto r2 = r * r;
  auto p = S::fma(S::set(1.9875691500e-4F), r, S::set(1.3981999507e-3F));
  auto q = S::fma(S::set(8.3334519073e-3F), r, S::set(4.1665795894e-2F));
  auto u = S::fma(S::set(1.6666665459e-1F), r, S::set(5.0000001201e-1F));
  p = S::fma(p, r2, q);
  p = S::fma(p, r2, u);
  p = S::fma(p, r2, r) + S::set(1.0F);
  return times_power_of_two<Arch>(p, n);
}

/// The same, clamped to [-87, 88]: never zero, subnormal, infinite or a trap.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  return exp_inside<Arch>(S::min(S::max(x, S::set(-87.0F)), S::set(88.0F)));
}

/// 2^r for r in [-1/2, 1/2], relative error below 2e-7.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp2_inside(typename Simd<Arch>::Float r) noexcept {
  using S = Simd<Arch>;
  auto p = S::set(1.535336188e-4F);
  p = S::fma(p, r, S::set(1.339887440e-3F));
  p = S::fma(p, r, S::set(9.618437358e-3F));
  p = S::fma(p, r, S::set(5.550332471e-2F));
  p = S::fma(p, r, S::set(2.402264791e-1F));
  p = S::fma(p, r, S::set(6.931472029e-1F));
  return S::fma(p, r, S::set(1.0F));
}

/// 2^x for x <= 0, relative error below 2e-7; about zero below -126. Softmax works in powers of two: its subtraction
/// of the maximum and the factor log2 e are then one instruction.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp2_not_positive(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  if constexpr (Arch::family != Family::avx512) x = S::max(x, S::set(-126.0F));
  const auto n = nearest<Arch>(x);
  const auto r = x - as_float<Arch>(n);  // exact
  return times_power_of_two<Arch>(exp2_inside<Arch>(r), n);
}

/// 2^x for x <= 100, about zero below -125; relative error below 8e-5 with degree 3, 3e-6 with degree 4. For what
/// becomes levels.
template <class Arch, int Degree>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp2_coarse(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  const auto polynomial = [](auto r) __attribute__((always_inline)) {  // minimax on [0, 1]
    if constexpr (Degree == 3) {
      auto p = S::fma(S::set(7.802452266e-02F), r, S::set(2.260671554e-01F));
      p = S::fma(p, r, S::set(6.958335405e-01F));
      return S::fma(p, r, S::set(9.999252186e-01F));
    } else {
      auto p = S::fma(S::set(1.353416791e-02F), r, S::set(5.201146062e-02F));
      p = S::fma(p, r, S::set(2.414427569e-01F));
      p = S::fma(p, r, S::set(6.930038345e-01F));
      return S::fma(p, r, S::set(1.000002593e+00F));
    }
  };
  if constexpr (Arch::family == Family::avx512) {
    return S::scale(polynomial(S::above_floor(x)), x);
  } else {
    x = S::max(x, S::set(-125.0F));
    const auto n = S::round(x - S::set(0.5F));  // may be one less than the floor
    return S::scaled(polynomial(x - S::to_float(n)), n);
  }
}

/// x / (1 + e^-x).
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float silu(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  if constexpr (!fuses_products<Arch>) {
    const auto minus = S::max(S::min(S::set(0.0F) - x, S::set(80.0F)), S::set(-87.0F));
    return as_written(x * S::reciprocal(exp_inside<Arch>(minus) + S::set(1.0F)));
  } else {
    // e^-x = 2^n 2^r with n + r = -x log2 e, which is -x times a float and times what that leaves over.
    const auto inside = S::within(x, S::set(87.0F));
    const auto n = nearest<Arch>(inside * S::set(-1.44269502F));
    const auto above = S::fms(inside, S::set(-1.44269502F), as_float<Arch>(n));
    const auto r = S::fma(inside, S::set(-1.92596299e-8F), above);
    if constexpr (Arch::family == Family::avx512) {
      auto p = S::fma(S::set(1.326472731e-3F), r, S::set(9.671512991e-3F));  // minimax on [-1/2, 1/2], within 9.2e-8
      p = S::fma(p, r, S::set(5.550733581e-2F));
      p = S::fma(p, r, S::set(2.402224243e-1F));
      p = S::fma(p, r, S::set(6.931470037e-1F));
      p = S::fma(p, r, S::set(1.0F));
      return as_written(x * S::reciprocal_once(times_power_of_two<Arch>(p, n) + S::set(1.0F)));
    } else {
      return as_written(x * S::reciprocal(times_power_of_two<Arch>(exp2_inside<Arch>(r), n) + S::set(1.0F)));
    }
  }
}

/// The same, relative error below 5e-6: for what becomes levels.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float silu_coarse(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  const auto power = S::min(x * S::set(-1.44269504F), S::set(100.0F));
  return as_written(x * S::reciprocal_once(exp2_coarse<Arch, 4>(power) + S::set(1.0F)));
}

}  // namespace hrm::kernels
