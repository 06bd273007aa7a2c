#pragma once
// What the kernels' tests share: seeded random matrices, packed weights and operands with owners, and what the kernels
// should have multiplied (operands and weights after rounding to the weight type).

#include <hrm/kernels/plain.hpp>
#include <hrm/kernels/table_of.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#if !defined(HRM_TEST_ARCH)
#define HRM_TEST_ARCH hrm::kernels::NativeArch
#endif

namespace test {

using Arch = HRM_TEST_ARCH;
using hrm::kernels::Operand;
using hrm::kernels::PackedMatrix;
using hrm::kernels::Table;
using hrm::kernels::Tile;
namespace plain = hrm::kernels::plain;

template <class Weight>
const Table& kernels() {
  return hrm::kernels::table<Arch, Weight>();
}

/// Cache-line aligned and followed by nothing: an overrun is seen by the address sanitizer.
template <class T>
struct AlignedDelete {
  void operator()(T* p) const { ::operator delete(p, std::align_val_t(64)); }
};
template <class T>
std::unique_ptr<T[], AlignedDelete<T>> aligned(std::size_t count) {
  void* p = ::operator new(count * sizeof(T) + (count == 0), std::align_val_t(64));
  std::memset(p, 0xa5, count * sizeof(T));
  return std::unique_ptr<T[], AlignedDelete<T>>(static_cast<T*>(p));
}

inline std::vector<float> random_floats(std::size_t count, std::uint32_t seed, float size = 1.0F) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> any(-size, size);
  std::vector<float> values(count);
  for (float& x : values) x = any(engine);
  return values;
}

/// W [cols, depth], packed from rows that are not aligned.
template <class Weight>
struct Packed {
  Packed(std::span<const float> w, std::size_t cols, std::size_t depth)
      : panels_count((cols + kernels<Weight>().panel_cols - 1) / kernels<Weight>().panel_cols) {
    const Table& t = kernels<Weight>();
    const std::size_t padded = panels_count * t.panel_cols;
    panels = aligned<std::byte>(panels_count * t.panel_bytes(depth));
    scales = aligned<float>(padded);
    offsets = aligned<std::int32_t>(padded);
    matrix = {panels.get(), scales.get(), offsets.get(), cols, depth};
    if (!kernels<Weight>().operand_by_row) matrix.scales = nullptr, matrix.offsets = nullptr;
    std::vector<float> copy(1);
    copy.insert(copy.end(), w.begin(), w.end());
    for (std::size_t p = 0; p < panels_count; ++p) {
      std::vector<const float*> rows(t.panel_cols, nullptr);
      for (std::size_t j = 0; j < t.panel_cols && p * t.panel_cols + j < cols; ++j) {
        rows[j] = copy.data() + 1 + (p * t.panel_cols + j) * depth;
      }
      t.pack_panel(matrix, p, rows.data());
    }
  }
  std::size_t panels_count;
  std::unique_ptr<std::byte[], AlignedDelete<std::byte>> panels;
  std::unique_ptr<float[], AlignedDelete<float>> scales;
  std::unique_ptr<std::int32_t[], AlignedDelete<std::int32_t>> offsets;
  PackedMatrix matrix;
};

/// Operand rows of x [rows, depth], written by row_tile.
template <class Weight>
struct Activations {
  Activations(std::size_t rows, std::size_t depth) {
    const std::size_t stride = kernels<Weight>().operand_stride(depth);
    data = aligned<std::byte>(rows * stride);
    scales = aligned<float>(rows);
    operand = {data.get(), kernels<Weight>().operand_by_row ? scales.get() : nullptr, stride};
  }
  Activations(std::span<const float> x, std::size_t rows, std::size_t depth) : Activations(rows, depth) {
    std::vector<float> copy(x.begin(), x.end());
    hrm::kernels::RowArgs args;
    args.z = copy.data();
    args.width = args.stride = depth;
    args.out = operand;
    kernels<Weight>().row_tile(args, 0, rows);
  }
  std::unique_ptr<std::byte[], AlignedDelete<std::byte>> data;
  std::unique_ptr<float[], AlignedDelete<float>> scales;
  Operand operand;
};

/// The values that rows of x have as operands, or rows of w as packed weights: float32, bfloat16 or levels times scale.
inline std::vector<float> as_bfloat16(std::span<const float> from) {
  std::vector<float> to(from.size());
  std::transform(from.begin(), from.end(), to.begin(), [](float x) { return hrm::to_float(hrm::to_bfloat16(x)); });
  return to;
}
inline std::vector<float> as_int8(std::span<const float> from, std::size_t width) {
  std::vector<float> to(from.size());
  std::vector<std::int32_t> levels(width);
  for (std::size_t r = 0; r < from.size() / width; ++r) {
    const float scale = plain::quantise(from.data() + r * width, width, levels.data());
    for (std::size_t k = 0; k < width; ++k) to[r * width + k] = static_cast<float>(levels[k]) * scale;
  }
  return to;
}
/// Levels of 16 bits, as large as the row's norm allows.
inline std::vector<float> as_int16(std::span<const float> from, std::size_t width) {
  std::vector<float> to(from.size());
  std::vector<std::int32_t> levels(width);
  for (std::size_t r = 0; r < from.size() / width; ++r) {
    const float* const row = from.data() + r * width;
    const float scale = plain::quantise(row, width, levels.data(), plain::most_level(row, width));
    for (std::size_t k = 0; k < width; ++k) to[r * width + k] = static_cast<float>(levels[k]) * scale;
  }
  return to;
}
template <class Weight>
std::vector<float> rounded_weights(std::span<const float> w, std::size_t depth) {
  if (sizeof(Weight) == 1) return as_int8(w, depth);
  if (hrm::kernels::as_levels<Arch, Weight>) return as_int16(as_bfloat16(w), depth);
  if (sizeof(Weight) == 2) return as_bfloat16(w);
  return {w.begin(), w.end()};
}
template <class Weight>
std::vector<float> rounded_operand(std::span<const float> x, std::size_t depth) {
  if (sizeof(Weight) == 1) return as_int8(x, depth);
  if (hrm::kernels::as_levels<Arch, Weight>) return as_int16(x, depth);
  if (sizeof(Weight) == 2 && Arch::bf16) return as_bfloat16(x);
  return {x.begin(), x.end()};
}

/// x W^T in double, of the rounded values.
template <class Weight>
std::vector<double> expected_product(std::span<const float> x, std::span<const float> w, std::size_t rows,
                                     std::size_t cols, std::size_t depth) {
  std::vector<double> y(rows * cols);
  const auto xr = rounded_operand<Weight>(x, depth);
  const auto wr = rounded_weights<Weight>(w, depth);
  plain::product(xr.data(), wr.data(), rows, cols, depth, y.data());
  return y;
}

/// The largest |a - b|.
template <class A, class B>
double distance(const A& a, const B& b) {
  REQUIRE(a.size() == b.size());
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return most;
}

/// Runs `tile` over rows x panels in one go, or cut into uneven pieces.
template <class Run>
void in_tiles(std::size_t rows, std::size_t panels, std::size_t row_step, std::size_t panel_step, const Run& run) {
  for (std::size_t p = 0; p < panels; p += panel_step) {
    for (std::size_t r = 0; r < rows; r += row_step) {
      run(Tile{r, std::min(rows, r + row_step), p, std::min(panels, p + panel_step)});
    }
  }
}

}  // namespace test

#define HRM_EVERY_WEIGHT float, hrm::bfloat16, std::int8_t
