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
  static_assert(sizeof(Weight) != 1);
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
#endif
    for (; i < count; ++i) to[i] = to_bfloat16(from[i]);
  }
}

/// Writes a whole float row as operand row `index`, padding included.
template <class Arch, class Weight>
HRM_ALWAYS_INLINE void write_operand_row(const Operand& out, std::size_t index, const float* from,
                                         std::size_t width) noexcept {
  using G = Gemm<Arch, Weight>;
  using O = typename G::Operand_t;
  using S = Simd<Arch>;
  std::byte* const row = out.data + index * out.stride;
  O pad{};
  if constexpr (G::quantised) {
    auto most = S::set(0.0F);
    std::size_t k = 0;
    for (; k + S::lanes <= width; k += S::lanes) most = S::max(most, S::abs(S::load(from + k)));
    if (k < width) most = S::max(most, S::abs(load_some<Arch>(from + k, width - k)));
    const float largest = max_of<Arch>(most);
    out.scales[index] = largest / 127.0F;
    // Below the smallest normal number the inverse could overflow; such a row counts as zeros.
    const float inverse = largest > 1e-30F ? 127.0F / largest : 0.0F;
    const auto factor = S::set(inverse);
    O* const to = reinterpret_cast<O*>(row);
    for (k = 0; k < width; k += S::lanes) {
      const std::size_t count = width - k < S::lanes ? width - k : S::lanes;
      const auto level = S::round((count == S::lanes ? S::load(from + k) : load_some<Arch>(from + k, count)) * factor);
      alignas(64) std::int32_t lane[S::lanes];
      S::store(lane, level);
      for (std::size_t i = 0; i < count; ++i) to[k + i] = static_cast<O>(lane[i] + G::D::zero_point);
    }
    pad = static_cast<O>(G::D::zero_point);
  } else {
    write_operand<Arch, Weight>(row, 0, from, width);
  }
  O* const rest = reinterpret_cast<O*>(row);
  for (std::size_t k = width; k < out.stride / sizeof(O); ++k) rest[k] = pad;
}

/// See RowArgs.
template <class Arch, class Weight>
void row_tile(const RowArgs& args, std::size_t row_begin, std::size_t row_end) noexcept {
  using S = Simd<Arch>;
  const std::size_t width = args.width;
  for (std::size_t r = row_begin; r < row_end; ++r) {
    float* const z = args.z + r * width;
    const float* const a = args.a == nullptr ? nullptr : args.a + r * width;
    const float* const b = args.b == nullptr ? nullptr : args.b + r * width;
    if (a != nullptr || b != nullptr || args.norm) {
      auto squares = S::set(0.0F);
      for (std::size_t k = 0; k < width; k += S::lanes) {
        const std::size_t count = width - k < S::lanes ? width - k : S::lanes;
        const auto at = [&](const float* p) __attribute__((always_inline)) {
          return count == S::lanes ? S::load(p + k) : load_some<Arch>(p + k, count);
        };
        auto value = at(z);
        if (a != nullptr && b != nullptr) {
          value = value + (at(a) + at(b));
        } else if (a != nullptr) {
          value = value + at(a);
        } else if (b != nullptr) {
          value = value + at(b);
        }
        squares = S::fma(value, value, squares);
        if (count == S::lanes) {
          S::store(z + k, value);
        } else {
          store_some<Arch>(z + k, value, count);
        }
      }
      if (args.norm) {
        // One rounding instead of two: an error here is shared by the whole row and grows from segment to segment.
        const float mean = sum_of<Arch>(squares) / static_cast<float>(width) + args.eps;
        const auto factor = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(mean)));
        const auto scale = S::set(factor);
        std::size_t k = 0;
        for (; k + S::lanes <= width; k += S::lanes) S::store(z + k, S::load(z + k) * scale);
        for (; k < width; ++k) z[k] *= factor;
      }
    }
    if (args.out.data != nullptr) write_operand_row<Arch, Weight>(args.out, r, z, width);
  }
}

}  // namespace hrm::kernels
