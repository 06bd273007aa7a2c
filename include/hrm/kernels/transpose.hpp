#pragma once
/// Squares of words turned in registers, for packing: rows come in, columns go out.

#include <hrm/kernels/simd.hpp>

namespace hrm::kernels {

#if defined(HRM_SIMD_AVX512)
/// 16 x 16 words, in place.
HRM_ALWAYS_INLINE void transpose(__m512i (&r)[16]) noexcept {
  constexpr std::size_t side = 16;
  __m512i t[side];
  HRM_UNROLL
  for (std::size_t i = 0; i < side; i += 4) {
    const __m512i a = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    const __m512i b = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    const __m512i c = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]);
    const __m512i d = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
  HRM_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    const __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
    const __m512i d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
    r[i] = _mm512_shuffle_i32x4(a, b, 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(a, b, 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(c, d, 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(c, d, 0xdd);
  }
}
#endif

/// Columns that turn() takes at a time; 1 where there is nothing to turn with.
template <class Arch>
inline constexpr std::size_t turned = Arch::family == Family::avx512   ? 16
                                      : Arch::family == Family::scalar ? 1
                                                                       : 4;

/// Sixteen elements from `first` on of each of `turned` rows become columns of `to`, whose rows lie `stride` floats
/// apart; `to` and `stride` are aligned to as many floats. Sixteen are read, `count` (a multiple of 4) are written.
template <class Arch>
HRM_ALWAYS_INLINE void turn(const float* const* rows, std::size_t first, float* to, std::size_t stride,
                            std::size_t count = 16) noexcept {
#if defined(HRM_SIMD_AVX512)
  if constexpr (turned<Arch> == 16) {
    __m512i square[16];
    HRM_UNROLL
    for (std::size_t j = 0; j < 16; ++j) square[j] = _mm512_loadu_si512(rows[j] + first);
    transpose(square);
    HRM_UNROLL
    for (std::size_t k = 0; k < 16; ++k) {
      if (k < count) _mm512_store_si512(to + k * stride, square[k]);
    }
    return;
  }
#endif
#if defined(HRM_SIMD_VECTOR) && !defined(HRM_SIMD_NEON64)
  if constexpr (turned<Arch> == 4) {
    for (std::size_t k = 0; k < count; k += 4) {
      __m128 a = _mm_loadu_ps(rows[0] + first + k);
      __m128 b = _mm_loadu_ps(rows[1] + first + k);
      __m128 c = _mm_loadu_ps(rows[2] + first + k);
      __m128 d = _mm_loadu_ps(rows[3] + first + k);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_store_ps(to + k * stride, a);
      _mm_store_ps(to + (k + 1) * stride, b);
      _mm_store_ps(to + (k + 2) * stride, c);
      _mm_store_ps(to + (k + 3) * stride, d);
    }
    return;
  }
#elif defined(HRM_SIMD_NEON64)
  if constexpr (turned<Arch> == 4) {
    for (std::size_t k = 0; k < count; k += 4) {
      const float32x4x2_t ab = vtrnq_f32(vld1q_f32(rows[0] + first + k), vld1q_f32(rows[1] + first + k));
      const float32x4x2_t cd = vtrnq_f32(vld1q_f32(rows[2] + first + k), vld1q_f32(rows[3] + first + k));
      for (std::size_t i = 0; i < 2; ++i) {
        vst1q_f32(to + (k + i) * stride, vcombine_f32(vget_low_f32(ab.val[i]), vget_low_f32(cd.val[i])));
        vst1q_f32(to + (k + i + 2) * stride, vcombine_f32(vget_high_f32(ab.val[i]), vget_high_f32(cd.val[i])));
      }
    }
    return;
  }
#endif
  for (std::size_t k = 0; k < count; ++k) to[k * stride] = rows[0][first + k];
}

/// The first `count` words of each of `Rows` rows become columns of `to`, whose rows lie `stride` bytes apart: in
/// squares where there are whole ones, for which `to` is aligned as turn() wants it, and words up to a multiple of 16
/// are read.
template <class Arch, std::size_t Rows>
HRM_ALWAYS_INLINE void turn_words(const float* const* rows, std::size_t count, std::byte* to,
                                  std::size_t stride) noexcept {
  constexpr std::size_t some = turned<Arch>;
  for (std::size_t s = 0; s < count; s += 16) {
    const std::size_t words = count - s < 16 ? count - s : 16;
    std::byte* const there = to + s * stride;
    if (some > 1 && Rows % some == 0 && (some == 16 || words % 4 == 0)) {
      for (std::size_t i = 0; i < Rows; i += some)
        turn<Arch>(rows + i, s, reinterpret_cast<float*>(there) + i, stride / sizeof(float), words);
      continue;
    }
    for (std::size_t k = 0; k < words; ++k) {
      for (std::size_t i = 0; i < Rows; ++i) std::memcpy(there + k * stride + 4 * i, rows[i] + s + k, 4);
    }
  }
}

}  // namespace hrm::kernels
