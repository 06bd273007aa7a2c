#pragma once
/// Rows of activations: residual sums, RMSNorm, and their form as operands of products.

#include <hrm/kernels/gemm.hpp>

namespace hrm::kernels {

/// Writes `count` floats as operand elements from element `column` of an operand row on. Not for int8, whose scale
/// needs the whole row.
template <class Arch, class Weight>
HRM_ALWAYS_INLINE void write_operand(std::byte* row, std::size_t column, const float* from,
                                     std::size_t count) noexcept {
  using O = typename Dot<Arch, Weight>::Operand;
  static_assert(!Gemm<Arch, Weight>::quantised);
  O* const to = reinterpret_cast<O*>(row) + column;
  if constexpr (sizeof(O) == 4) {
    using S = Simd<Arch>;
    const std::size_t whole = count - count % S::lanes;
    std::size_t i = 0;
    for (; i < whole; i += S::lanes) S::store(to + i, S::load(from + i));
    for (; i < count; ++i) to[i] = from[i];
  } else {
    std::size_t i = 0;
#if defined(HRM_SIMD_AVX512) && defined(__AVX512BF16__)
    for (; i + 16 <= count; i += 16) {
      const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
      std::memcpy(static_cast<void*>(to + i), &rounded, sizeof rounded);
    }
#elif defined(HRM_SIMD_NEON_BF16)
    for (; i + 4 <= count; i += 4) {
      const bfloat16x4_t rounded = vcvt_bf16_f32(vld1q_f32(from + i));
      std::memcpy(static_cast<void*>(to + i), &rounded, sizeof rounded);
    }
#endif
    for (; i < count; ++i) to[i] = to_bfloat16(from[i]);
  }
}

/// The same for one whole vector.
template <class Arch, class Weight>
HRM_ALWAYS_INLINE void store_operand(std::byte* row, std::size_t column, typename Simd<Arch>::Float from) noexcept {
  using S = Simd<Arch>;
  using O = typename Dot<Arch, Weight>::Operand;
  if constexpr (sizeof(O) == 4) {
    S::store(reinterpret_cast<O*>(row) + column, from);
  } else {
    alignas(64) float exact[S::lanes];
    S::store(exact, from);
    write_operand<Arch, Weight>(row, column, exact, S::lanes);
  }
}

/// Writes a whole float row as operand row `index`, padding included.
template <class Arch, class Weight>
HRM_ALWAYS_INLINE void write_operand_row(const Operand& out, std::size_t index, const float* from,
                                         std::size_t width) noexcept {
  using G = Gemm<Arch, Weight>;
  using O = typename G::Operand_t;
  std::byte* const row = out.data + index * out.stride;
  O pad{};
  if constexpr (G::quantised) {
    const auto store = [&](std::size_t k, auto levels) __attribute__((always_inline)) {
      G::D::store_levels(reinterpret_cast<O*>(row) + k, levels);
    };
    const float largest = largest_of<Arch>(from, width);
    const float norm = as_levels<Arch, Weight> ? norm_of<Arch>(from, width, largest) : 0.0F;
    out.scales[index] = write_levels<Arch>(from, width, largest, most_level<Arch, Weight>(largest, norm), store);
    pad = static_cast<O>(G::D::zero_point);
  } else {
    write_operand<Arch, Weight>(row, 0, from, width);
  }
  O* const rest = reinterpret_cast<O*>(row);
  for (std::size_t k = width; k < G::operand_stride(width) / sizeof(O); ++k) rest[k] = pad;
}

/// See RowArgs.
template <class Arch, class Weight>
void row_tile(const RowArgs& args, std::size_t row_begin, std::size_t row_end) noexcept {
  using S = Simd<Arch>;
  const std::size_t width = args.width;
  for (std::size_t r = row_begin; r < row_end; ++r) {
    float* const z = args.z + r * args.stride;
    const float* const a = args.a == nullptr ? nullptr : args.a + r * args.stride;
    const float* const b = args.b == nullptr ? nullptr : args.b + r * args.stride;
    if (a != nullptr || b != nullptr || args.norm) {
      const auto sum_at = [&](std::size_t k, const auto& at) __attribute__((always_inline)) {
        auto value = at(z + k);
        if (a != nullptr && b != nullptr) return value + as_written(at(a + k) + at(b + k));
        if (a != nullptr) return value + at(a + k);
        if (b != nullptr) return value + at(b + k);
        return value;
      };
      const auto full = [](const float* p) __attribute__((always_inline)) { return S::load(p); };
      // Four sums of squares, or each addition would wait for the one before it.
      typename S::Float squares[4] = {S::set(0.0F), S::set(0.0F), S::set(0.0F), S::set(0.0F)};
      const std::size_t whole = width - width % S::lanes;
      std::size_t k = 0;
      for (; k + 4 * S::lanes <= whole; k += 4 * S::lanes) {
        HRM_UNROLL
        for (std::size_t c = 0; c < 4; ++c) {
          const auto value = sum_at(k + c * S::lanes, full);
          squares[c] = S::fma(value, value, squares[c]);
          S::store(z + k + c * S::lanes, value);
        }
      }
      for (; k < whole; k += S::lanes) {
        const auto value = sum_at(k, full);
        squares[0] = S::fma(value, value, squares[0]);
        S::store(z + k, value);
      }
      if (k < width) {
        const std::size_t count = width - k;
        const auto value = sum_at(
            k, [&](const float* p) __attribute__((always_inline)) { return load_some<Arch>(p, count); });
        squares[0] = S::fma(value, value, squares[0]);
        store_some<Arch>(z + k, value, count);
      }
      if (args.norm) {
        // One rounding instead of two: an error here is shared by the whole row and grows from segment to segment.
        const float mean =
            sum_of<Arch>((squares[0] + squares[1]) + (squares[2] + squares[3])) / static_cast<float>(width) + args.eps;
        const auto factor = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(mean)));
        const auto scale = S::set(factor);
        for (k = 0; k < whole; k += S::lanes) S::store(z + k, S::load(z + k) * scale);
        for (; k < width; ++k) z[k] *= factor;
      }
    }
    if (args.out.data != nullptr) write_operand_row<Arch, Weight>(args.out, r, z, width);
  }
}

}  // namespace hrm::kernels
