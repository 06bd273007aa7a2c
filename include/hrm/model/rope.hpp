#pragma once
/// Rotary position embedding tables (reference: hrm_torch.py, class Inner; half-split form).

#include <hrm/base/types.hpp>

#include <cmath>

namespace hrm {

/// Fills cos and sin [positions, head_dim], interleaved as the kernels want them: columns 2i and 2i + 1 belong to the
/// pair (i, i + head_dim / 2); sin is negative at even columns. Frequencies and angles are rounded to float32 as the
/// reference rounds them (position 900 would be off by 1e-4 otherwise).
inline void fill_rope(float* cos, float* sin, std::size_t positions, std::size_t head_dim, float theta) noexcept {
  for (std::size_t i = 0; i < head_dim / 2; ++i) {
    const float exponent = -static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const auto frequency = static_cast<float>(std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
    for (std::size_t p = 0; p < positions; ++p) {
      const float angle = as_written(static_cast<float>(p) * frequency);
      const auto c = static_cast<float>(std::cos(static_cast<double>(angle)));
      const auto s = static_cast<float>(std::sin(static_cast<double>(angle)));
      float* cos_row = cos + p * head_dim;
      float* sin_row = sin + p * head_dim;
      cos_row[2 * i] = cos_row[2 * i + 1] = c;
      sin_row[2 * i] = -s;
      sin_row[2 * i + 1] = s;
    }
  }
}

/// Row of the stored projection that stands at `column` of the interleaved q or k.
[[nodiscard]] constexpr std::size_t rope_row(std::size_t column, std::size_t head_dim) noexcept {
  const std::size_t head = column / head_dim;
  const std::size_t within = column % head_dim;
  return head * head_dim + within / 2 + (within % 2) * (head_dim / 2);
}

}  // namespace hrm
