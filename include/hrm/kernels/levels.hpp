#pragma once
/// Floats as whole numbers times a scale, the form in which int8 weights, and others where that is quicker, are
/// multiplied.

#include <hrm/kernels/dot.hpp>

namespace hrm::kernels {

/// Two results of `fold(result, vector)` over a row's vectors in turn, zeros beyond the row: two, or each would wait
/// for the one before it.
template <class Arch, class Fold>
HRM_ALWAYS_INLINE void fold_row(const float* from, std::size_t width, typename Simd<Arch>::Float (&results)[2],
                                const Fold& fold) noexcept {
  using S = Simd<Arch>;
  const std::size_t whole = width - width % S::lanes;
  std::size_t k = 0;
  for (; k + 2 * S::lanes <= whole; k += 2 * S::lanes) {
    results[0] = fold(results[0], S::load(from + k));
    results[1] = fold(results[1], S::load(from + k + S::lanes));
  }
  if (k < whole) results[0] = fold(results[0], S::load(from + k));
  if (whole < width) results[1] = fold(results[1], load_some<Arch>(from + whole, width - whole));
}

/// The largest size of a float row's elements.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE float largest_of(const float* from, std::size_t width) noexcept {
  using S = Simd<Arch>;
  typename S::Float most[2] = {S::set(0.0F), S::set(0.0F)};
  fold_row<Arch>(
      from, width, most, [](auto a, auto x) __attribute__((always_inline)) { return S::larger(a, x); });
  return max_of<Arch>(S::max(most[0], most[1]));
}

/// The root of the sum of a float row's squares, or more where those are not normal numbers.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE float norm_of(const float* from, std::size_t width, float largest) noexcept {
  using S = Simd<Arch>;
  typename S::Float sums[2] = {S::set(0.0F), S::set(0.0F)};
  fold_row<Arch>(
      from, width, sums, [](auto a, auto x) __attribute__((always_inline)) { return S::fma(x, x, a); });
  const float squares = sum_of<Arch>(sums[0] + sums[1]);
  const bool normal = largest > 1e-15F && squares < 3e38F;
  return as_written(normal ? __builtin_sqrtf(squares) : largest * __builtin_sqrtf(static_cast<float>(width)));
}

/// Levels of a float row whose largest size is `largest`: value / scale rounded to whole numbers of at most
/// `most_level`, handed to `store(k, levels)` vector by vector, the last one with zeros beyond the row. Returns the
/// scale.
template <class Arch, class Store>
HRM_ALWAYS_INLINE float write_levels(const float* from, std::size_t width, float largest, float most_level,
                                     const Store& store) noexcept {
  using S = Simd<Arch>;
  // Below the smallest normal number the inverse could overflow; such a row counts as zeros.
  const auto factor = S::set(as_written(largest > 1e-30F ? most_level / largest : 0.0F));
  const std::size_t whole = width - width % S::lanes;
  std::size_t k = 0;
  for (; k + 2 * S::lanes <= whole; k += 2 * S::lanes) {
    store(k, S::round(S::load(from + k) * factor));
    store(k + S::lanes, S::round(S::load(from + k + S::lanes) * factor));
  }
  if (k < whole) store(k, S::round(S::load(from + k) * factor));
  if (whole < width) store(whole, S::round(load_some<Arch>(from + whole, width - whole) * factor));
  return as_written(largest / most_level);
}

/// What the largest element of a row or column of this norm becomes: 127 with int8. Levels of 16 bits are as large as
/// their norm allows: a sum of products is at most the product of the norms (Cauchy and Schwarz), and stays below 2^31
/// whatever the depth.
template <class Arch, class Weight>
[[nodiscard]] HRM_ALWAYS_INLINE float most_level(float largest, float norm) noexcept {
  if constexpr (!as_levels<Arch, Weight>) return 127.0F;
  // 46340 and 32767 less what is added by rounding: to bfloat16 a 512th, to levels half the root of the depth.
  constexpr float longest = 46000.0F;
  constexpr float most = 32600.0F;
  const float level = longest * as_written(largest / norm);
  // A few bits of it, so that a norm summed in another order gives the same levels.
  return level < most ? bit_cast<float>(bit_cast<std::uint32_t>(level) & 0xfff80000U) : most;
}

}  // namespace hrm::kernels
