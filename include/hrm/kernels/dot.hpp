#pragma once
/// How one weight type is multiplied on one instruction set: what a lane of packed weights holds, what a row of
/// operands holds, and the instruction (or the few) between them. gemm.hpp loops over this and knows no weight type.
///
/// A step of depth takes `group` consecutive elements of a row. A lane of weights holds the same `group` elements of
/// its column in `lane_bytes` bytes. Where a step takes several instructions a lane, it has several phases.

#include <hrm/kernels/simd.hpp>

#include <type_traits>

namespace hrm::kernels {

template <class Arch, class Weight>
struct Dot;

/// float32: one element a lane, a fused multiply-add where there is one.
template <class Arch>
struct FloatDot {
  using S = Simd<Arch>;
  using Operand = float;
  using Result = float;
  using Accumulator = typename S::Float;
  using Lanes = typename S::Float;
  static constexpr std::size_t group = 1;
  static constexpr std::size_t lane_bytes = 4;
  static constexpr std::size_t phases = 1;

  static HRM_ALWAYS_INLINE Accumulator zero() noexcept { return S::set(0.0F); }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    return S::load(reinterpret_cast<const float*>(at));
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return S::set(*at);
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept { return S::fma(x, w, sum); }
};
template <class Arch>
  requires(Arch::family != Family::neon64)
struct Dot<Arch, float> : FloatDot<Arch> {};

/// Whether bfloat16 weights become levels of 16 bits: where there is no dot product of bfloat16, and products of levels
/// are quicker than those of float32.
template <class Arch, class Weight>
inline constexpr bool as_levels = std::is_same_v<Weight, bfloat16> && !Arch::bf16 &&
                                  (Arch::dot16 || Arch::family == Family::avx2 || Arch::family == Family::sse2);

/// bfloat16 weights without an instruction for them: a lane holds two elements, which are widened (exactly) one phase
/// after the other and meet float operands.
template <class Arch>
struct WidenedDot {
  using S = Simd<Arch>;
  using Operand = float;
  using Result = float;
  using Accumulator = typename S::Float;
  using Lanes = typename S::Float;
  static constexpr std::size_t group = 2;
  static constexpr std::size_t lane_bytes = 4;
  static constexpr std::size_t phases = 2;

  static HRM_ALWAYS_INLINE Accumulator zero() noexcept { return S::set(0.0F); }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    if constexpr (Phase == 0) {
      return S::low_halves(at);
    } else {
      return S::high_halves(at);
    }
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return S::set(at[Phase]);
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept { return S::fma(x, w, sum); }
};
template <class Arch>
  requires(Arch::family != Family::neon64 && !Arch::bf16 && !as_levels<Arch, bfloat16>)
struct Dot<Arch, bfloat16> : WidenedDot<Arch> {};

/// int8 weights without a dot product of bytes: a lane holds two elements, widened to 16 bits; operands are int16 in
/// [-127, 127], so that the products' sums of two can not overflow (an unsigned-times-signed byte product would
/// saturate).
template <class Arch>
  requires(Arch::family != Family::neon64 && !Arch::dot8)
struct Dot<Arch, std::int8_t> {
  using S = Simd<Arch>;
  using Operand = std::int16_t;
  using Result = std::int32_t;
  using Accumulator = typename S::Int;
  static constexpr std::size_t group = 2;
  static constexpr std::size_t lane_bytes = 2;
  static constexpr std::size_t phases = 1;
  static constexpr std::int32_t zero_point = 0;

  static HRM_ALWAYS_INLINE Accumulator zero() noexcept { return S::set(std::int32_t{0}); }
  /// Writes one vector of levels as operand elements.
  static HRM_ALWAYS_INLINE void store_levels(Operand* to, Accumulator levels) noexcept { S::store(to, levels); }

#if defined(HRM_SIMD_AVX512)
  using Lanes = __m512i;
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return _mm512_set1_epi32(pair(at));
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(_mm512_add_epi32(sum, _mm512_madd_epi16(x, w)));
  }
#elif defined(HRM_SIMD_AVX2)
  using Lanes = __m256i;
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return _mm256_set1_epi32(pair(at));
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(_mm256_add_epi32(sum, _mm256_madd_epi16(x, w)));
  }
#elif defined(HRM_SIMD_SSE2)
  using Lanes = __m128i;
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return _mm_set1_epi32(pair(at));
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(_mm_add_epi32(sum, _mm_madd_epi16(x, w)));
  }
#else
  struct Lanes {
    std::int16_t lane[8];
  };
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    Lanes r{};
    for (std::size_t i = 0; i < 8; ++i) r.lane[i] = static_cast<std::int8_t>(at[i]);
    return r;
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return {{at[0], at[1], at[0], at[1], at[0], at[1], at[0], at[1]}};
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    for (std::size_t i = 0; i < 4; ++i)
      sum.lane[i] += x.lane[2 * i] * w.lane[2 * i] + x.lane[2 * i + 1] * w.lane[2 * i + 1];
    return sum;
  }
#endif

 private:
  static HRM_ALWAYS_INLINE std::int32_t pair(const Operand* at) noexcept {
    std::int32_t two = 0;
    std::memcpy(&two, at, 4);
    return two;
  }
};

#if defined(HRM_SIMD_AVX512) || defined(HRM_SIMD_VNNI) || defined(HRM_SIMD_NEON_DOT)
/// What dot products of words have in common: a word of each lane holds the elements of a step.
template <class Arch, class Element, class Sum>
struct WordDot {
  using S = Simd<Arch>;
  using Operand = Element;
  using Result = Sum;
  using Accumulator = std::conditional_t<std::is_integral_v<Sum>, typename S::Int, typename S::Float>;
  static constexpr std::size_t group = 4 / sizeof(Element);
  static constexpr std::size_t lane_bytes = 4;
  static constexpr std::size_t phases = 1;
#if defined(HRM_SIMD_AVX512)
  using Lanes = __m512i;
  static HRM_ALWAYS_INLINE Lanes broadcast(std::int32_t word) noexcept { return _mm512_set1_epi32(word); }
#elif defined(HRM_SIMD_NEON_DOT)
  using Lanes = int32x4_t;
  static HRM_ALWAYS_INLINE Lanes broadcast(std::int32_t word) noexcept { return vdupq_n_s32(word); }
#else
  using Lanes = __m256i;
  static HRM_ALWAYS_INLINE Lanes broadcast(std::int32_t word) noexcept { return _mm256_set1_epi32(word); }
#endif

  static HRM_ALWAYS_INLINE Accumulator zero() noexcept { return S::set(Sum{}); }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    Lanes lanes;
    std::memcpy(&lanes, at, sizeof lanes);
    return lanes;
  }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    std::int32_t word = 0;
    std::memcpy(&word, at, 4);
    return broadcast(word);
  }
};
#endif

#if defined(HRM_SIMD_VNNI)
/// int8 by vpdpbusd: four elements a lane; operands are unsigned with their zero at 128.
template <class Arch>
  requires(Arch::family != Family::neon64 && Arch::dot8)
struct Dot<Arch, std::int8_t> : WordDot<Arch, std::uint8_t, std::int32_t> {
  using Words = WordDot<Arch, std::uint8_t, std::int32_t>;
  using typename Words::Accumulator;
  using typename Words::Lanes;
  static constexpr std::int32_t zero_point = 128;

  static HRM_ALWAYS_INLINE void store_levels(std::uint8_t* to, Accumulator levels) noexcept {
    const __m128i shifted = _mm_xor_si128(bytes(levels), _mm_set1_epi8(-128));
    std::memcpy(to, &shifted, Words::S::lanes);
  }
  /// The same as elements of a packed column.
  static HRM_ALWAYS_INLINE void store_levels(std::int8_t* to, Accumulator levels) noexcept {
    const __m128i as_they_are = bytes(levels);
    std::memcpy(to, &as_they_are, Words::S::lanes);
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
#if defined(HRM_SIMD_AVX512)
    return Accumulator(_mm512_dpbusd_epi32(sum, x, w));
#else
    return Accumulator(_mm256_dpbusd_avx_epi32(sum, x, w));
#endif
  }

 private:
  static HRM_ALWAYS_INLINE __m128i bytes(Accumulator levels) noexcept {
#if defined(HRM_SIMD_AVX512)
    return _mm512_cvtepi32_epi8(levels);
#else
    const __m128i halves = Words::S::halves_of(levels);
    return _mm_packs_epi16(halves, halves);
#endif
  }
};
#endif

/// Levels of 16 bits: two elements a lane, signed on both sides. Whoever multiplies sees to it that the sums stay below
/// 2^31. Where there is no dot product of them, this is int8's without the widening.
template <class Arch>
  requires(Arch::family != Family::neon64 && !Arch::dot16)
struct Dot<Arch, std::int16_t> : Dot<Arch, std::int8_t> {
  using typename Dot<Arch, std::int8_t>::Lanes;
  static constexpr std::size_t lane_bytes = 4;

  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    Lanes lanes;
    std::memcpy(static_cast<void*>(&lanes), at, sizeof lanes);
    return lanes;
  }
};

#if defined(HRM_SIMD_VNNI)
/// The same by vpdpwssd.
template <class Arch>
  requires(Arch::dot16)
struct Dot<Arch, std::int16_t> : WordDot<Arch, std::int16_t, std::int32_t> {
  using Words = WordDot<Arch, std::int16_t, std::int32_t>;
  using typename Words::Accumulator;
  using typename Words::Lanes;
  static constexpr std::int32_t zero_point = 0;

  static HRM_ALWAYS_INLINE void store_levels(std::int16_t* to, Accumulator levels) noexcept {
    Words::S::store(to, levels);
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
#if defined(HRM_SIMD_AVX512)
    return Accumulator(_mm512_dpwssd_epi32(sum, x, w));
#else
    return Accumulator(_mm256_dpwssd_avx_epi32(sum, x, w));
#endif
  }
};
#endif

/// bfloat16 weights as such levels, and operands too.
template <class Arch>
  requires(as_levels<Arch, bfloat16>)
struct Dot<Arch, bfloat16> : Dot<Arch, std::int16_t> {};

#if defined(HRM_SIMD_AVX512) && defined(__AVX512BF16__)
/// bfloat16 by vdpbf16ps: pairs of weights and of operands, both rounded to bfloat16.
template <class Arch>
  requires(Arch::family == Family::avx512 && Arch::bf16)
struct Dot<Arch, bfloat16> : WordDot<Arch, bfloat16, float> {
  using typename WordDot<Arch, bfloat16, float>::Accumulator;

  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, __m512i x, __m512i w) noexcept {
    return Accumulator(_mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w)));
  }
};
#endif

}  // namespace hrm::kernels
