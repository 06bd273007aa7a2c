#pragma once
/// exp and silu on vectors, and their plain forms' names.

#include <hrm/kernels/simd.hpp>

namespace hrm::kernels {

/// e^x within 2 ulp for x in [-87, 88]; clamped beyond, so it is never zero, subnormal, infinite or a trap.
/// x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor polynomial fitted (minimax) to degree 6.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float exp(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  x = S::min(S::max(x, S::set(-87.0F)), S::set(88.0F));
  const auto n = S::round(x * S::set(1.44269504F));
  const auto whole = S::to_float(n);
  auto r = S::fma(whole, S::set(-0.693359375F), x);  // ln 2 in two parts; the first has few bits, so this is exact
  r = S::fma(whole, S::set(2.12194440e-4F), r);
  auto p = S::set(1.9875691500e-4F);
  p = S::fma(p, r, S::set(1.3981999507e-3F));
  p = S::fma(p, r, S::set(8.3334519073e-3F));
  p = S::fma(p, r, S::set(4.1665795894e-2F));
  p = S::fma(p, r, S::set(1.6666665459e-1F));
  p = S::fma(p, r, S::set(5.0000001201e-1F));
  p = S::fma(p, r * r, r) + S::set(1.0F);
  return p * S::pow2(n);
}

/// x / (1 + e^-x).
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float silu(typename Simd<Arch>::Float x) noexcept {
  using S = Simd<Arch>;
  const auto e = exp<Arch>(S::min(S::set(0.0F) - x, S::set(80.0F)));
  return x * S::reciprocal(e + S::set(1.0F));
}

}  // namespace hrm::kernels
