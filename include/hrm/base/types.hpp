#pragma once
/// Number types, and views of raw tensors as files hold them. No Eigen here: the kernels include this.

#include <hrm/base/config.hpp>

#include <array>
#include <cstring>
#include <span>
#include <string_view>

namespace hrm {

/// A token id; never negative where valid.
using Token = std::int32_t;

/// std::bit_cast, which libc++ has from version 14 on only.
template <class To, class From>
[[nodiscard]] constexpr To bit_cast(const From& from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

/// Cache line and widest vector: where every row of ours begins.
inline constexpr std::size_t alignment = 64;

[[nodiscard]] constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept { return (n + to - 1) / to * to; }
[[nodiscard]] constexpr std::size_t ceil_div(std::size_t n, std::size_t by) noexcept { return (n + by - 1) / by; }

/// a + b and a * b that say false instead of wrapping round; for sizes that come out of files.
[[nodiscard]] constexpr bool checked_add(std::size_t a, std::size_t b, std::size_t& sum) noexcept {
  sum = a + b;
  return sum >= a;
}
[[nodiscard]] constexpr bool checked_mul(std::size_t a, std::size_t b, std::size_t& product) noexcept {
  product = a * b;
  return a == 0 || product / a == b;
}
/// a + b and a * b that stay at the largest number instead of wrapping round; for sizes that a caller or a file asks
/// for, so that too much always looks like too much.
inline constexpr std::size_t saturated = ~std::size_t{0};
[[nodiscard]] constexpr std::size_t saturating_add(std::size_t a, std::size_t b) noexcept {
  return a + b < a ? saturated : a + b;
}
[[nodiscard]] constexpr std::size_t saturating_mul(std::size_t a, std::size_t b) noexcept {
  std::size_t product = 0;
  return checked_mul(a, b, product) ? product : saturated;
}

/// A file's number as a size, the largest one where it is larger than this machine's can be, as most of 64 bits are on
/// one of 32.
[[nodiscard]] constexpr std::size_t saturating_size(std::uint64_t number) noexcept {
  return number < saturated ? static_cast<std::size_t>(number) : saturated;
}

/// As an archive numbers them; it has none of the last, which no model is made of: files may, beside the weights.
enum class DType : std::uint8_t { f32, f16, bf16, i32, i64, u8, i8, f64 };

[[nodiscard]] constexpr std::size_t size_of(DType type) noexcept {
  constexpr std::array<std::uint8_t, 8> sizes{4, 2, 2, 4, 8, 1, 1, 8};
  return sizes[static_cast<std::size_t>(type)];
}
[[nodiscard]] constexpr std::string_view name_of(DType type) noexcept {
  constexpr std::array<std::string_view, 8> names{"float32", "float16", "bfloat16", "int32",
                                                  "int64",   "uint8",   "int8",     "float64"};
  return names[static_cast<std::size_t>(type)];
}

/// x, computed by itself. With -ffast-math gcc regroups a product or a sum with what it becomes part of, in another way
/// wherever the code is inlined, and one row's bits would depend on where it lies. Nothing in other builds.
[[nodiscard]] HRM_ALWAYS_INLINE float as_written(float x) noexcept {
#if defined(HRM_REGROUPED)
  asm("" : HRM_REGROUPED(x));
#endif
  return x;
}

/// A bfloat16 number: the upper half of a float32. Storage, and the tag of a model whose weights are kept so.
struct bfloat16 {
  std::uint16_t bits = 0;
};

/// Rounds to nearest, ties to even; NaN stays NaN.
[[nodiscard]] constexpr bfloat16 to_bfloat16(float value) noexcept {
  const auto bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}
[[nodiscard]] constexpr float to_float(bfloat16 value) noexcept {
  return bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
/// IEEE half precision to float32, exact.
[[nodiscard]] constexpr float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0x1f) return bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent != 0) return bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float tiny = static_cast<float>(fraction) * 0x1p-24F;
  return sign != 0 ? -tiny : tiny;
}
/// By its bits, so that it holds under -ffast-math too.
[[nodiscard]] constexpr bool is_finite(float value) noexcept {
  return (bit_cast<std::uint32_t>(value) & 0x7f800000U) != 0x7f800000U;
}

/// A tensor as a file holds it: little endian, row-major, contiguous, not necessarily aligned. Owns nothing.
struct TensorView {
  static constexpr std::size_t max_rank = 4;

  std::string_view name;
  DType dtype = DType::f32;
  std::size_t rank = 0;
  std::array<std::size_t, max_rank> shape{};
  const std::byte* data = nullptr;
  const std::byte* scales = nullptr;  ///< int8 weights: one float32 a row, a value is scale * stored; else null

  [[nodiscard]] constexpr std::size_t elements() const noexcept {
    std::size_t n = 1;
    for (std::size_t i = 0; i < rank; ++i) n *= shape[i];
    return n;
  }
  [[nodiscard]] constexpr std::size_t bytes() const noexcept { return elements() * size_of(dtype); }
};

/// The tensor of that name, or null.
[[nodiscard]] constexpr const TensorView* find_tensor(std::span<const TensorView> tensors,
                                                      std::string_view name) noexcept {
  for (const TensorView& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

/// Whether a tensor holds numbers that read_floats() can give: f32, f16, bf16 or scaled int8.
[[nodiscard]] constexpr bool holds_floats(const TensorView& tensor) noexcept {
  return tensor.dtype == DType::f32 || tensor.dtype == DType::f16 || tensor.dtype == DType::bf16 ||
         (tensor.dtype == DType::i8 && tensor.scales != nullptr);
}

/// Writes `count` elements from `first` on as float32. False if the tensor holds none, or any is NaN or infinite.
[[nodiscard]] inline bool read_floats(const TensorView& tensor, std::size_t first, std::size_t count,
                                      float* out) noexcept {
  if (!holds_floats(tensor)) return false;
  const std::byte* from = tensor.data + first * size_of(tensor.dtype);
  std::uint32_t worst = 0;  // an exponent of all ones marks NaN and infinity
  if (tensor.dtype == DType::f32) {
    std::memcpy(out, from, count * 4);
  } else if (tensor.dtype == DType::i8) {
    const std::size_t width = tensor.shape[tensor.rank - 1];
    for (std::size_t i = 0; i < count;) {
      const std::size_t row = (first + i) / width;
      const std::size_t end = (row + 1) * width - first < count ? (row + 1) * width - first : count;
      float scale = 0.0F;
      std::memcpy(&scale, tensor.scales + row * sizeof(float), sizeof(float));
      for (; i < end; ++i) out[i] = scale * static_cast<float>(static_cast<std::int8_t>(from[i]));
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, from + 2 * i, 2);
      out[i] = tensor.dtype == DType::bf16 ? to_float(bfloat16{bits}) : half_to_float(bits);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t exponent = bit_cast<std::uint32_t>(out[i]) & 0x7f800000U;
    worst = exponent > worst ? exponent : worst;
  }
  return worst != 0x7f800000U;
}

}  // namespace hrm
