#pragma once
/// Vectors of one instruction set: `Simd<Arch>` is a thin wrapper over xsimd, or over plain arrays where xsimd has no
/// word (no instruction set at all). Everything here is a template on Arch, so that objects compiled for different
/// instruction sets can be linked together: no function of the same name has two bodies.

#include <hrm/kernels/arch.hpp>

#include <cmath>

#if defined(HRM_SIMD_AVX512) || defined(HRM_SIMD_AVX2) || defined(HRM_SIMD_SSE2) || defined(HRM_SIMD_NEON64)
#define HRM_SIMD_VECTOR 1
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push  // gcc 12 warns falsely of uninitialised values inside its own avx512fintrin.h
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if XSIMD_VERSION_MAJOR < 8
#error "hrm: xsimd 8.1 or later is needed; Ubuntu 22.04's is older"
#endif
#if defined(HRM_SIMD_AVX512) || defined(HRM_SIMD_AVX2)
#include <immintrin.h>
#elif defined(HRM_SIMD_SSE2)
#include <emmintrin.h>  // the other costs 0.4 s to compile
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

/// Before a loop over registers: it must be unrolled, or they would live in memory.
#if defined(__clang__)
#define HRM_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define HRM_UNROLL _Pragma("GCC unroll 32")
#else
#define HRM_UNROLL
#endif

namespace hrm::kernels {

/// Nearest integer, ties to even, of |x| < 2^31; what the vector conversions do.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE std::int32_t round_to_int(float x) noexcept {
#if defined(HRM_SIMD_VECTOR) && !defined(HRM_SIMD_NEON64)
  return _mm_cvtss_si32(_mm_set_ss(x));  // lrintf would be a call
#else
  return static_cast<std::int32_t>(__builtin_lrintf(x));
#endif
}

/// Plain arrays in a vector's place.
struct ScalarFloat {
  float lane[4];
};
struct ScalarInt {
  std::int32_t lane[4];
};

#define HRM_SCALAR_OPERATOR(op)                                                                                \
  [[nodiscard]] HRM_ALWAYS_INLINE ScalarFloat operator op(ScalarFloat a, ScalarFloat b) noexcept {             \
    return {{a.lane[0] op b.lane[0], a.lane[1] op b.lane[1], a.lane[2] op b.lane[2], a.lane[3] op b.lane[3]}}; \
  }
HRM_SCALAR_OPERATOR(+)
HRM_SCALAR_OPERATOR(-)
HRM_SCALAR_OPERATOR(*)
HRM_SCALAR_OPERATOR(/)
#undef HRM_SCALAR_OPERATOR

using hrm::as_written;
/// The same of vectors.
[[nodiscard]] HRM_ALWAYS_INLINE ScalarFloat as_written(ScalarFloat x) noexcept {
  for (float& lane : x.lane) lane = as_written(lane);
  return x;
}
#if defined(HRM_SIMD_VECTOR)
template <class Xsimd>
[[nodiscard]] HRM_ALWAYS_INLINE xsimd::batch<float, Xsimd> as_written(xsimd::batch<float, Xsimd> x) noexcept {
#if defined(HRM_REGROUPED)
  asm("" : HRM_REGROUPED(x.data));
#endif
  return x;
}
#endif

/// The vectors of Arch. Float and Int have `lanes` elements of 32 bits; loads and stores need no alignment.
template <class Arch>
struct Simd;

template <>
struct Simd<Scalar> {
  using Float = ScalarFloat;
  using Int = ScalarInt;
  static constexpr std::size_t lanes = 4;

  static HRM_ALWAYS_INLINE Float set(float x) noexcept { return {{x, x, x, x}}; }
  static HRM_ALWAYS_INLINE Int set(std::int32_t x) noexcept { return {{x, x, x, x}}; }
  static HRM_ALWAYS_INLINE Float load(const float* p) noexcept { return {{p[0], p[1], p[2], p[3]}}; }
  static HRM_ALWAYS_INLINE void store(float* p, Float x) noexcept { std::memcpy(p, x.lane, sizeof x); }
  static HRM_ALWAYS_INLINE Int load(const std::int32_t* p) noexcept { return {{p[0], p[1], p[2], p[3]}}; }
  static HRM_ALWAYS_INLINE void store(std::int32_t* p, Int x) noexcept { std::memcpy(p, x.lane, sizeof x); }
  /// Rounded once where the processor can: left to the compiler, it would be so here and not so there.
  static HRM_ALWAYS_INLINE float fma(float a, float b, float c) noexcept {
#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    return as_written(a * b + c);
#endif
  }
  static HRM_ALWAYS_INLINE Float fma(Float a, Float b, Float c) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) a.lane[i] = fma(a.lane[i], b.lane[i], c.lane[i]);
    return a;
  }
  static HRM_ALWAYS_INLINE Float max(Float a, Float b) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
  }
  static HRM_ALWAYS_INLINE Float min(Float a, Float b) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
  }
  /// The larger size of non-negative a and any b.
  static HRM_ALWAYS_INLINE Float larger(Float a, Float b) noexcept {
    for (float& x : b.lane) x = x < 0.0F ? -x : x;
    return max(a, b);
  }
  static HRM_ALWAYS_INLINE Float swap_pairs(Float a) noexcept { return {{a.lane[1], a.lane[0], a.lane[3], a.lane[2]}}; }
  static HRM_ALWAYS_INLINE Int round(Float a) noexcept {
    Int r{};
    for (std::size_t i = 0; i < lanes; ++i) r.lane[i] = round_to_int<Scalar>(a.lane[i]);
    return r;
  }
  static HRM_ALWAYS_INLINE Float to_float(Int a) noexcept {
    Float r{};
    for (std::size_t i = 0; i < lanes; ++i) r.lane[i] = static_cast<float>(a.lane[i]);
    return r;
  }
  static HRM_ALWAYS_INLINE Int sub(Int a, Int b) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) a.lane[i] -= b.lane[i];
    return a;
  }
  /// Whole numbers that fit in 16 bits, side by side.
  static HRM_ALWAYS_INLINE void store(std::int16_t* p, Int x) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) p[i] = static_cast<std::int16_t>(x.lane[i]);
  }
  /// Words whose lower halves are those of `low`, whose upper halves are the lower ones of `high`.
  static HRM_ALWAYS_INLINE Int joined(Float low, Float high) noexcept {
    Int r{};
    for (std::size_t i = 0; i < lanes; ++i) {
      const auto word = (bit_cast<std::uint32_t>(low.lane[i]) & 0xffffU) | bit_cast<std::uint32_t>(high.lane[i]) << 16;
      r.lane[i] = static_cast<std::int32_t>(word);
    }
    return r;
  }
  /// p * 2^n, where p and that are normal numbers.
  static HRM_ALWAYS_INLINE Float scaled(Float p, Int n) noexcept {
    Float r{};
    for (std::size_t i = 0; i < lanes; ++i)
      r.lane[i] = bit_cast<float>(bit_cast<std::int32_t>(p.lane[i]) + (n.lane[i] << 23));
    return r;
  }
  /// The float32 values of bfloat16 numbers that stand in the lower or upper halves of words.
  static HRM_ALWAYS_INLINE Float low_halves(const std::byte* p) noexcept { return halves(p, 16, 0xffff0000U); }
  static HRM_ALWAYS_INLINE Float high_halves(const std::byte* p) noexcept { return halves(p, 0, 0xffff0000U); }
  static HRM_ALWAYS_INLINE Float reciprocal(Float a) noexcept { return as_written(set(1.0F) / a); }
  static HRM_ALWAYS_INLINE Float reciprocal_once(Float a) noexcept { return as_written(set(1.0F) / a); }

 private:
  static HRM_ALWAYS_INLINE Float halves(const std::byte* p, int shift, std::uint32_t mask) noexcept {
    Float r{};
    for (std::size_t i = 0; i < lanes; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, p + 4 * i, 4);
      r.lane[i] = bit_cast<float>((word << shift) & mask);
    }
    return r;
  }
};

#if defined(HRM_SIMD_VECTOR)
/// What xsimd says the same way for every instruction set.
template <class Arch, class Xsimd>
struct XsimdBase {
  using Float = xsimd::batch<float, Xsimd>;
  using Int = xsimd::batch<std::int32_t, Xsimd>;
  static constexpr std::size_t lanes = Float::size;

  static HRM_ALWAYS_INLINE Float set(float x) noexcept { return Float(x); }
  static HRM_ALWAYS_INLINE Int set(std::int32_t x) noexcept { return Int(x); }
  static HRM_ALWAYS_INLINE Float load(const float* p) noexcept { return Float::load_unaligned(p); }
  static HRM_ALWAYS_INLINE void store(float* p, Float x) noexcept { x.store_unaligned(p); }
  static HRM_ALWAYS_INLINE Int load(const std::int32_t* p) noexcept { return Int::load_unaligned(p); }
  static HRM_ALWAYS_INLINE void store(std::int32_t* p, Int x) noexcept { x.store_unaligned(p); }
  static HRM_ALWAYS_INLINE Float fma(Float a, Float b, Float c) noexcept { return as_written(xsimd::fma(a, b, c)); }
  /// a * b - c.
  static HRM_ALWAYS_INLINE Float fms(Float a, Float b, Float c) noexcept { return as_written(xsimd::fms(a, b, c)); }
  static HRM_ALWAYS_INLINE Float max(Float a, Float b) noexcept { return xsimd::max(a, b); }
  static HRM_ALWAYS_INLINE Float min(Float a, Float b) noexcept { return xsimd::min(a, b); }
  /// The nearest number in [-limit, limit].
  static HRM_ALWAYS_INLINE Float within(Float a, Float limit) noexcept { return min(max(a, set(0.0F) - limit), limit); }
  static HRM_ALWAYS_INLINE Float larger(Float a, Float b) noexcept { return xsimd::max(a, xsimd::abs(b)); }
  static HRM_ALWAYS_INLINE Float to_float(Int a) noexcept { return xsimd::to_float(a); }
  static HRM_ALWAYS_INLINE Int sub(Int a, Int b) noexcept { return a - b; }
  static HRM_ALWAYS_INLINE Int joined(Float low, Float high) noexcept {
    return (bits_as<Int>(low) & Int(0xffff)) | (bits_as<Int>(high) << 16);
  }
  static HRM_ALWAYS_INLINE Float scaled(Float p, Int n) noexcept { return bits_as<Float>(bits_as<Int>(p) + (n << 23)); }
  static HRM_ALWAYS_INLINE Float low_halves(const std::byte* p) noexcept { return bits_as<Float>(words(p) << 16); }
  static HRM_ALWAYS_INLINE Float high_halves(const std::byte* p) noexcept {
    return bits_as<Float>(words(p) & Int(static_cast<std::int32_t>(0xffff0000U)));
  }
  static HRM_ALWAYS_INLINE Float reciprocal(Float a) noexcept { return as_written(Float(1.0F) / a); }
  static HRM_ALWAYS_INLINE Float reciprocal_once(Float a) noexcept { return as_written(Float(1.0F) / a); }

 private:
  // xsimd::bitwise_cast names a vector in xsimd 8, an element from 10 on.
  template <class To, class From>
  static HRM_ALWAYS_INLINE To bits_as(From x) noexcept {
    return To(bit_cast<typename To::register_type>(x.data));
  }
  static HRM_ALWAYS_INLINE Int words(const std::byte* p) noexcept {
    return Int::load_unaligned(reinterpret_cast<const std::int32_t*>(p));
  }
};
#endif

#if defined(HRM_SIMD_AVX512)
template <class Arch>
  requires(Arch::family == Family::avx512)
struct Simd<Arch> : XsimdBase<Arch, xsimd::avx512bw> {
  using Base = XsimdBase<Arch, xsimd::avx512bw>;
  using typename Base::Float;
  using typename Base::Int;
  static HRM_ALWAYS_INLINE Float swap_pairs(Float a) noexcept { return Float(_mm512_permute_ps(a, 0xb1)); }
  /// xsimd 8.1 multiplies and adds here, and leaves it to the compiler whether that becomes one instruction.
  static HRM_ALWAYS_INLINE Float fma(Float a, Float b, Float c) noexcept { return Float(_mm512_fmadd_ps(a, b, c)); }
  static HRM_ALWAYS_INLINE Float larger(Float a, Float b) noexcept { return Float(_mm512_range_ps(a, b, 0xb)); }
  static HRM_ALWAYS_INLINE Int round(Float a) noexcept { return Int(_mm512_cvtps_epi32(a)); }
  /// The nearest integer as a float, what is above the next lower one, and p * 2^floor(n) for an n of any size.
  static HRM_ALWAYS_INLINE Float nearest(Float a) noexcept { return Float(_mm512_roundscale_ps(a, 0)); }
  static HRM_ALWAYS_INLINE Float above_floor(Float a) noexcept { return Float(_mm512_reduce_ps(a, 9)); }
  static HRM_ALWAYS_INLINE Float scale(Float p, Float n) noexcept { return Float(_mm512_scalef_ps(p, n)); }
  static HRM_ALWAYS_INLINE Float within(Float a, Float limit) noexcept { return Float(_mm512_range_ps(a, limit, 2)); }
  static HRM_ALWAYS_INLINE Float fms(Float a, Float b, Float c) noexcept { return Float(_mm512_fmsub_ps(a, b, c)); }
  static HRM_ALWAYS_INLINE Int joined(Float low, Float high) noexcept {
    const __m512i upper = _mm512_slli_epi32(_mm512_castps_si512(high), 16);
    return Int(_mm512_mask_blend_epi16(0xaaaaaaaaU, _mm512_castps_si512(low), upper));
  }
  using Base::store;
  static HRM_ALWAYS_INLINE void store(std::int16_t* p, Int x) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(x));
  }
  static HRM_ALWAYS_INLINE void store_halves(std::int16_t* p, Int x) noexcept {
    _mm512_mask_storeu_epi16(p, 0x55555555U, x);
  }
  static HRM_ALWAYS_INLINE Float load_some(const float* p, std::size_t n) noexcept {
    return Float(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1U), p));
  }
  static HRM_ALWAYS_INLINE void store_some(float* p, Float x, std::size_t n) noexcept {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1U), x);
  }
  static HRM_ALWAYS_INLINE float sum(Float a) noexcept {
    a = a + Float(_mm512_shuffle_f32x4(a, a, 0x4e));
    a = a + Float(_mm512_shuffle_f32x4(a, a, 0xb1));
    a = a + Float(_mm512_permute_ps(a, 0x4e));
    return _mm512_cvtss_f32(a + Float(_mm512_permute_ps(a, 0xb1)));
  }
  static HRM_ALWAYS_INLINE float most(Float a) noexcept {
    a = Base::max(a, Float(_mm512_shuffle_f32x4(a, a, 0x4e)));
    a = Base::max(a, Float(_mm512_shuffle_f32x4(a, a, 0xb1)));
    a = Base::max(a, Float(_mm512_permute_ps(a, 0x4e)));
    return _mm512_cvtss_f32(Base::max(a, Float(_mm512_permute_ps(a, 0xb1))));
  }
  /// 1 / a within 2 ulp.
  static HRM_ALWAYS_INLINE Float reciprocal_once(Float a) noexcept {
    const Float r(_mm512_rcp14_ps(a));
    return fma(r, Float(_mm512_fnmadd_ps(a, r, _mm512_set1_ps(1.0F))), r);
  }
  /// 1 / a within 1 ulp: the instruction's 14 bits and two steps of Newton's method; a division takes 16 cycles.
  static HRM_ALWAYS_INLINE Float reciprocal(Float a) noexcept {
    const Float once = reciprocal_once(a);
    return fma(once, Float(_mm512_fnmadd_ps(a, once, _mm512_set1_ps(1.0F))), once);
  }
};
#elif defined(HRM_SIMD_AVX2)
template <class Arch>
  requires(Arch::family == Family::avx2)
struct Simd<Arch> : XsimdBase<Arch, xsimd::fma3<xsimd::avx2>> {
  using Base = XsimdBase<Arch, xsimd::fma3<xsimd::avx2>>;
  using typename Base::Float;
  using typename Base::Int;
  static HRM_ALWAYS_INLINE Float swap_pairs(Float a) noexcept { return Float(_mm256_permute_ps(a, 0xb1)); }
  static HRM_ALWAYS_INLINE Int round(Float a) noexcept { return Int(_mm256_cvtps_epi32(a)); }
  using Base::store;
  static HRM_ALWAYS_INLINE void store(std::int16_t* p, Int x) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), halves_of(x));
  }
  /// Whole numbers that fit in 16 bits, side by side.
  static HRM_ALWAYS_INLINE __m128i halves_of(__m256i a) noexcept {
    return _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  }
};
#elif defined(HRM_SIMD_SSE2)
template <>
struct Simd<Sse2> : XsimdBase<Sse2, xsimd::sse2> {
  static HRM_ALWAYS_INLINE Float swap_pairs(Float a) noexcept { return Float(_mm_shuffle_ps(a, a, 0xb1)); }
  static HRM_ALWAYS_INLINE Int round(Float a) noexcept { return Int(_mm_cvtps_epi32(a)); }
  using XsimdBase::store;
  static HRM_ALWAYS_INLINE void store(std::int16_t* p, Int x) noexcept {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(x, x));
  }
};
#elif defined(HRM_SIMD_NEON64)
template <class Arch>
  requires(Arch::family == Family::neon64)
struct Simd<Arch> : XsimdBase<Arch, xsimd::neon64> {
  using Base = XsimdBase<Arch, xsimd::neon64>;
  using typename Base::Float;
  using typename Base::Int;
  static HRM_ALWAYS_INLINE Float swap_pairs(Float a) noexcept { return Float(vrev64q_f32(a)); }
  static HRM_ALWAYS_INLINE Int round(Float a) noexcept { return Int(vcvtnq_s32_f32(a)); }
  using Base::store;
  static HRM_ALWAYS_INLINE void store(std::int16_t* p, Int x) noexcept { vst1_s16(p, vmovn_s32(x)); }
  // xsimd 8.1 shifts by calling a function.
  static HRM_ALWAYS_INLINE Int joined(Float low, Float high) noexcept {
    return Int(vsliq_n_s32(vreinterpretq_s32_f32(low), vreinterpretq_s32_f32(high), 16));
  }
  static HRM_ALWAYS_INLINE Float scaled(Float p, Int n) noexcept {
    return Float(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(n, 23))));
  }
  static HRM_ALWAYS_INLINE Float low_halves(const std::byte* p) noexcept {
    return Float(vreinterpretq_f32_u32(vshlq_n_u32(words(p), 16)));
  }
  static HRM_ALWAYS_INLINE Float high_halves(const std::byte* p) noexcept {
    return Float(vreinterpretq_f32_u32(vandq_u32(words(p), vdupq_n_u32(0xffff0000U))));
  }

 private:
  static HRM_ALWAYS_INLINE uint32x4_t words(const std::byte* p) noexcept {
    return vreinterpretq_u32_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)));
  }
};
#endif

/// Has gcc keep x in its register. Otherwise it loads a vector anew for every instruction that reads it (with AVX-512
/// one panel in four: a hundredth of the time), and sums whole numbers in another order, for which sixteen registers
/// are too few: a microkernel takes half as long again.
template <class Arch, class Vector>
HRM_ALWAYS_INLINE void hold([[maybe_unused]] Vector& x) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && \
    (defined(HRM_SIMD_AVX512) || defined(HRM_SIMD_AVX2) || defined(HRM_SIMD_SSE2))
  if constexpr (requires { x.data; }) {
    asm("" : "+v"(x.data));
  } else if constexpr (Arch::family != Family::scalar) {
    asm("" : "+v"(x));
  }
#endif
}

/// Loads n < lanes elements, zeros beyond.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE typename Simd<Arch>::Float load_some(const float* p, std::size_t n) noexcept {
  if constexpr (Arch::family == Family::avx512) return Simd<Arch>::load_some(p, n);
  alignas(64) float lane[Simd<Arch>::lanes] = {};
  for (std::size_t i = 0; i < n; ++i) lane[i] = p[i];
  return Simd<Arch>::load(lane);
}
/// Stores the first n < lanes elements.
template <class Arch>
HRM_ALWAYS_INLINE void store_some(float* p, typename Simd<Arch>::Float x, std::size_t n) noexcept {
  if constexpr (Arch::family == Family::avx512) return Simd<Arch>::store_some(p, x, n);
  alignas(64) float lane[Simd<Arch>::lanes];
  Simd<Arch>::store(lane, x);
  for (std::size_t i = 0; i < n; ++i) p[i] = lane[i];
}

/// Stores whole numbers that fit in 16 bits to every other element from `p` on; those between are other threads'.
template <class Arch>
HRM_ALWAYS_INLINE void store_halves(std::int16_t* p, typename Simd<Arch>::Int x) noexcept {
  if constexpr (Arch::family == Family::avx512) return Simd<Arch>::store_halves(p, x);
  alignas(64) std::int32_t lane[Simd<Arch>::lanes];
  Simd<Arch>::store(lane, x);
  for (std::size_t i = 0; i < Simd<Arch>::lanes; ++i) p[2 * i] = static_cast<std::int16_t>(lane[i]);
}

/// a * b + c, rounded as often as by the set's vectors.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE float fma_of(float a, float b, float c) noexcept {
  if constexpr (Arch::family == Family::scalar) {
    return Simd<Arch>::fma(a, b, c);
  } else if constexpr (Arch::family == Family::sse2) {
    return as_written(a * b + c);
  } else {
    return __builtin_fmaf(a, b, c);
  }
}

/// Sum and maximum over the lanes, by halves.
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE float sum_of(typename Simd<Arch>::Float x) noexcept {
  if constexpr (Arch::family == Family::avx512) return Simd<Arch>::sum(x);
  alignas(64) float lane[Simd<Arch>::lanes];
  Simd<Arch>::store(lane, x);
  for (std::size_t half = Simd<Arch>::lanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lane[i] = as_written(lane[i] + lane[i + half]);
  }
  return lane[0];
}
template <class Arch>
[[nodiscard]] HRM_ALWAYS_INLINE float max_of(typename Simd<Arch>::Float x) noexcept {
  if constexpr (Arch::family == Family::avx512) return Simd<Arch>::most(x);
  alignas(64) float lane[Simd<Arch>::lanes];
  Simd<Arch>::store(lane, x);
  float most = lane[0];
  for (std::size_t i = 1; i < Simd<Arch>::lanes; ++i) most = lane[i] > most ? lane[i] : most;
  return most;
}

}  // namespace hrm::kernels
