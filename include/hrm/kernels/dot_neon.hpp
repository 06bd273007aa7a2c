#pragma once
/// Dot products on 64-bit ARM, where an instruction multiplies by one lane of a vector: a load brings a row's elements
/// of several steps, and none has to be spread over a vector of its own.
///
/// Beside what dot.hpp describes, `Row` is such a vector of operand elements, of `row_steps` steps, and dot<L>() takes
/// the elements of its L-th phase (step L / phases).

#include <hrm/kernels/dot.hpp>

#if defined(HRM_SIMD_NEON64)
namespace hrm::kernels {

/// Fused multiply-adds of rows of floats.
template <class Base, std::size_t RowSteps>
struct FloatRows : Base {
  using Base::dot;
  using typename Base::Accumulator;
  using typename Base::Lanes;
  using Row = float32x4_t;
  static constexpr std::size_t row_steps = RowSteps;

  static HRM_ALWAYS_INLINE Row row(const float* at) noexcept { return vld1q_f32(at); }
  template <int L>
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Row x, Lanes w) noexcept {
    return Accumulator(vfmaq_laneq_f32(sum, w, x, L));
  }
};

template <class Arch>
  requires(Arch::family == Family::neon64)
struct Dot<Arch, float> : FloatRows<FloatDot<Arch>, 4> {};

/// bfloat16 weights without an instruction for them, widened.
template <class Arch>
  requires(Arch::family == Family::neon64 && !Arch::bf16)
struct Dot<Arch, bfloat16> : FloatRows<WidenedDot<Arch>, 2> {};

/// Pairs of 16-bit levels: two multiply-adds that widen, for which the first and the second elements of all columns are
/// taken apart.
template <class Arch>
struct NeonPairs {
  using S = Simd<Arch>;
  using Operand = std::int16_t;
  using Result = std::int32_t;
  using Accumulator = typename S::Int;
  struct Lanes {
    int16x4_t first, second;
  };
  using Row = int16x8_t;
  static constexpr std::size_t group = 2;
  static constexpr std::size_t phases = 1;
  static constexpr std::size_t row_steps = 4;
  static constexpr std::int32_t zero_point = 0;

  static HRM_ALWAYS_INLINE Accumulator zero() noexcept { return S::set(std::int32_t{0}); }
  static HRM_ALWAYS_INLINE void store_levels(Operand* to, Accumulator levels) noexcept { S::store(to, levels); }
  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes operand(const Operand* at) noexcept {
    return {vdup_n_s16(at[0]), vdup_n_s16(at[1])};
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(vmlal_s16(vmlal_s16(sum, x.first, w.first), x.second, w.second));
  }
  static HRM_ALWAYS_INLINE Row row(const Operand* at) noexcept { return vld1q_s16(at); }
  template <int L>
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Row x, Lanes w) noexcept {
    return Accumulator(vmlal_laneq_s16(vmlal_laneq_s16(sum, w.first, x, 2 * L), w.second, x, 2 * L + 1));
  }
};

/// int8 weights without a dot product of bytes, widened to 16 bits.
template <class Arch>
  requires(Arch::family == Family::neon64 && !Arch::dot8)
struct Dot<Arch, std::int8_t> : NeonPairs<Arch> {
  using typename NeonPairs<Arch>::Lanes;
  static constexpr std::size_t lane_bytes = 2;

  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    const int16x8_t pairs = vmovl_s8(vld1_s8(reinterpret_cast<const std::int8_t*>(at)));
    return {vget_low_s16(vuzp1q_s16(pairs, pairs)), vget_low_s16(vuzp2q_s16(pairs, pairs))};
  }
};

/// Levels of 16 bits.
template <class Arch>
  requires(Arch::family == Family::neon64)
struct Dot<Arch, std::int16_t> : NeonPairs<Arch> {
  using typename NeonPairs<Arch>::Lanes;
  static constexpr std::size_t lane_bytes = 4;

  template <std::size_t Phase>
  static HRM_ALWAYS_INLINE Lanes weights(const std::byte* at) noexcept {
    const int16x4x2_t apart = vld2_s16(reinterpret_cast<const std::int16_t*>(at));
    return {apart.val[0], apart.val[1]};
  }
};

#if defined(HRM_SIMD_NEON_DOT)
/// Rows of words: a vector of them holds four steps.
template <class Arch, class Element, class Sum>
struct WordRows : WordDot<Arch, Element, Sum> {
  using Row = typename WordDot<Arch, Element, Sum>::Lanes;
  static constexpr std::size_t row_steps = 4;

  static HRM_ALWAYS_INLINE Row row(const Element* at) noexcept {
    return vld1q_s32(reinterpret_cast<const std::int32_t*>(at));
  }
};

/// int8 by sdot: four elements a lane, signed on both sides.
template <class Arch>
  requires(Arch::family == Family::neon64 && Arch::dot8)
struct Dot<Arch, std::int8_t> : WordRows<Arch, std::int8_t, std::int32_t> {
  using Words = WordRows<Arch, std::int8_t, std::int32_t>;
  using typename Words::Accumulator;
  using typename Words::Lanes;
  static constexpr std::int32_t zero_point = 0;

  static HRM_ALWAYS_INLINE void store_levels(std::int8_t* to, Accumulator levels) noexcept {
    const int16x4_t halves = vmovn_s32(levels);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(halves, halves));
    std::memcpy(to, &bytes, 4);
  }
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x)));
  }
  template <int L>
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(vdotq_laneq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x), L));
  }
};
#endif

#if defined(HRM_SIMD_NEON_BF16)
/// bfloat16 by bfdot: pairs of weights and of operands, both rounded to bfloat16.
template <class Arch>
  requires(Arch::family == Family::neon64 && Arch::bf16)
struct Dot<Arch, bfloat16> : WordRows<Arch, bfloat16, float> {
  using Words = WordRows<Arch, bfloat16, float>;
  using typename Words::Accumulator;
  using typename Words::Lanes;

  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(vbfdotq_f32(sum, vreinterpretq_bf16_s32(w), vreinterpretq_bf16_s32(x)));
  }
  template <int L>
  static HRM_ALWAYS_INLINE Accumulator dot(Accumulator sum, Lanes x, Lanes w) noexcept {
    return Accumulator(vbfdotq_laneq_f32(sum, vreinterpretq_bf16_s32(w), vreinterpretq_bf16_s32(x), L));
  }
};
#endif

}  // namespace hrm::kernels
#endif
