#pragma once
/// Products y = x W^T with packed constant W. A microkernel keeps rows x panel_cols sums in registers over the whole
/// depth, in order, one accumulator a sum: its bits depend on nothing but its row and its column.

#include <hrm/kernels/amx.hpp>
#include <hrm/kernels/levels.hpp>
#include <hrm/kernels/micro_kernel.hpp>
#include <hrm/kernels/table.hpp>
#include <hrm/kernels/transpose.hpp>

namespace hrm::kernels {

/// Sizes and packing of one weight type on one instruction set.
template <class Arch, class Weight>
struct Gemm {
  using D = Dot<Arch, Weight>;
  using S = Simd<Arch>;
  using Operand_t = typename D::Operand;
  using Result = typename D::Result;
  static constexpr bool quantised = std::is_integral_v<Result>;  ///< levels, with scales of rows and columns
  static constexpr bool column_offsets = sizeof(Weight) == 1;    ///< what undoes an operand's zero point
  static constexpr bool tiled = uses_tiles<Arch, Weight>;
  static constexpr std::size_t panels_at_once = Micro<Arch, Weight>::pair_rows > 0 ? 2 : 1;
  static constexpr std::size_t row_block =
      panels_at_once == 2 ? Micro<Arch, Weight>::pair_rows : Micro<Arch, Weight>::rows;
  static constexpr std::size_t vectors = Micro<Arch, Weight>::vectors;
  static constexpr std::size_t panel_cols = vectors * S::lanes;
  static constexpr std::size_t swiglu_run = panel_cols / 2;
  static constexpr std::size_t step_bytes = panel_cols * D::lane_bytes;
  /// Bytes of rows that stay in the second-level cache while the panels pass by: processors with AVX-512 have at least
  /// 1 MiB of it, others may have half a MiB.
  static constexpr std::size_t cached = std::size_t{Arch::family == Family::avx512 ? 640 : 320} << 10;

  /// Steps of depth: whole tiles of them where there are tiles; of whole numbers, none that the microkernel has to take
  /// by itself, as gcc 12 keeps their sums in memory then.
  static constexpr std::size_t steps(std::size_t depth) noexcept {
    constexpr std::size_t at_once = std::is_integral_v<Result> ? Micro<Arch, Weight>::unroll : 1;
    return round_up(ceil_div(depth, D::group), tiled ? 16 : at_once);
  }
  static std::size_t panel_bytes(std::size_t depth) noexcept { return round_up(steps(depth) * step_bytes, alignment); }
  /// Panels worked out at once: two where they, and the two to come, leave room in the second-level cache for rows.
  static std::size_t panels_together(std::size_t depth) noexcept {
    return panels_at_once == 2 && 2 * panel_bytes(depth) <= cached / 2 ? 2 : 1;
  }
  /// Rows a power of two apart would share a few sets of the first-level cache: an odd number of cache lines does not.
  static std::size_t operand_stride(std::size_t depth) noexcept {
    const std::size_t lines = ceil_div(steps(depth) * D::group * sizeof(Operand_t), alignment);
    return (lines | 1) * alignment;
  }

  /// See Table::pack_panel.
  static void pack_panel(const PackedMatrix& w, std::size_t panel, const float* const* rows) noexcept {
    std::byte* const to = w.panels + panel * panel_bytes(w.depth);
    const std::size_t written = ceil_div(w.depth, D::group) * step_bytes;
    std::memset(to + written, 0, panel_bytes(w.depth) - written);
    if constexpr (quantised) {
      for (std::size_t j = 0; j < panel_cols; j += S::lanes) pack_levels(w, panel, j, rows + j, to + j * D::lane_bytes);
      return;
    }
    constexpr std::size_t chunk = 16;  // elements of a row read at once, so that its cache line is used up
    for (std::size_t first = 0; first < w.depth; first += chunk) {
      const std::size_t end = first + chunk < w.depth ? first + chunk : w.depth;
      const std::size_t padded = round_up(end, D::group);
      std::size_t j = 0;
      if constexpr (std::is_same_v<Weight, float>) {
        constexpr std::size_t some = turned<Arch>;  // columns that are none come last
        for (; end - first == chunk && j + some <= panel_cols && rows[j + some - 1] != nullptr; j += some)
          turn<Arch>(rows + j, first, reinterpret_cast<float*>(to) + first * panel_cols + j, panel_cols);
      }
      for (; j < panel_cols; ++j) {
        const float* const row = rows[j];
        for (std::size_t k = first; k < padded; ++k) {
          const float value = row != nullptr && k < end ? row[k] : 0.0F;
          std::byte* const at = to + k / D::group * step_bytes + j * D::lane_bytes + k % D::group * sizeof(Weight);
          if constexpr (std::is_same_v<Weight, bfloat16>) {
            const bfloat16 rounded = to_bfloat16(value);
            std::memcpy(at, &rounded, sizeof rounded);
          } else {
            std::memcpy(at, &value, sizeof value);
          }
        }
      }
    }
  }

 private:
  /// A vector of columns as levels, from column `first` of the panel on; `to` is where their first step's lie.
  static void pack_levels(const PackedMatrix& w, std::size_t panel, std::size_t first, const float* const* rows,
                          std::byte* to) noexcept {
    using Level = std::conditional_t<sizeof(Weight) == 1, std::int8_t, std::int16_t>;
    constexpr std::size_t lanes = S::lanes;
    constexpr std::size_t chunk = 64 / sizeof(Level);  // 16 words
    float tops[lanes] = {};
    float largest[lanes] = {};
    std::int32_t sums[lanes] = {};
    for (std::size_t i = 0; i < lanes && rows[i] != nullptr; ++i) {  // columns that are none come last
      double squares = 0.0;
      for (std::size_t k = 0; k < w.depth; k += chunk) {
        const std::size_t count = w.depth - k < chunk ? w.depth - k : chunk;
        float rounded[chunk];
        const float* const some = weights_of(rows[i] + k, count, rounded);
        const float most = largest_of<Arch>(some, count);
        const auto norm = as_levels<Arch, Weight> ? static_cast<double>(norm_of<Arch>(some, count, most)) : 0.0;
        squares += norm * norm;
        largest[i] = most > largest[i] ? most : largest[i];
      }
      tops[i] = most_level<Arch, Weight>(largest[i], static_cast<float>(__builtin_sqrt(squares)));
    }
    for (std::size_t k = 0; k < w.depth; k += chunk) {
      const std::size_t count = w.depth - k < chunk ? w.depth - k : chunk;
      alignas(64) Level levels[lanes][chunk + lanes] = {};
      for (std::size_t i = 0; i < lanes && rows[i] != nullptr; ++i) {
        float rounded[chunk];
        const auto store = [&](std::size_t c, auto some) __attribute__((always_inline)) {
          alignas(64) std::int32_t whole[S::lanes];
          S::store(whole, some);
          for (std::size_t l = 0; l < S::lanes; ++l) levels[i][c + l] = static_cast<Level>(whole[l]);
        };
        write_levels<Arch>(weights_of(rows[i] + k, count, rounded), count, largest[i], tops[i], store);
        for (std::size_t c = 0; c < count; ++c) sums[i] += levels[i][c];
      }
      const std::size_t steps = ceil_div(count, D::group);
      std::byte* const there = to + k / D::group * step_bytes;
      if constexpr (D::lane_bytes == 4) {
        const float* words[lanes];
        for (std::size_t i = 0; i < lanes; ++i) words[i] = reinterpret_cast<const float*>(levels[i]);
        turn_words<Arch, lanes>(words, steps, there, step_bytes);
      } else {
        for (std::size_t s = 0; s < steps; ++s) {
          for (std::size_t i = 0; i < lanes; ++i)
            std::memcpy(there + s * step_bytes + i * D::lane_bytes, levels[i] + s * D::group, D::lane_bytes);
        }
      }
    }
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t column = panel * panel_cols + first + i;
      w.scales[column] = tops[i] > 0.0F ? largest[i] / tops[i] : 0.0F;
      // Wraps around where the sums do.
      if constexpr (column_offsets)
        w.offsets[column] = static_cast<std::int32_t>(128U * static_cast<std::uint32_t>(sums[i]));
    }
  }

  /// Elements of a row as its type has them, in `rounded` if that is not how they are.
  static const float* weights_of(const float* from, std::size_t count, float* rounded) noexcept {
    if constexpr (sizeof(Weight) == 1) return from;
    for (std::size_t c = 0; c < count; ++c) rounded[c] = to_float(to_bfloat16(from[c]));
    return rounded;
  }
};

/// Rows [begin, end) of operands in blocks of nearly equal height (17 rows are 9 and 8, not 14 and 3), and the product
/// of a block with one panel, or with two at once.
template <class Arch, class Weight, std::size_t Panels = 1>
class RowBlocks {
 public:
  using Result = typename Dot<Arch, Weight>::Result;
  using Kernels = MicroKernels<Arch, MultipliedAs<Arch, Weight>, Panels>;
  static constexpr std::size_t most = Kernels::most;  ///< rows of a block

  RowBlocks(std::size_t begin, std::size_t end) noexcept
      : begin_(begin), rows_(end - begin), count_(ceil_div(rows_, most)) {}
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t begin(std::size_t block) const noexcept { return begin_ + rows_ * block / count_; }

  /// Sums of `rows` operand rows from `a` on (a block's), and the panel `b` of `steps`, or two that lie `apart` bytes
  /// apart. While it works, its share of `ahead_bytes` from `ahead` on is pulled into the second-level cache, evenly:
  /// all at once, the requests would take every line buffer and stall the loads of this panel.
  void multiply(std::size_t rows, const std::byte* a, std::size_t a_stride, const std::byte* b, std::size_t apart,
                std::size_t steps, Result* out, std::size_t out_stride, const std::byte* ahead,
                std::size_t ahead_bytes) const noexcept {
    micro_kernels<Arch, MultipliedAs<Arch, Weight>, Panels>.of_rows[rows](a, a_stride, b, apart, steps, out, out_stride,
                                                                          ahead, ceil_div(ahead_bytes, steps));
  }

 private:
  std::size_t begin_, rows_, count_;
};

/// Rows in blocks of one or two tiles of at most `most` rows. All tiles have one height, as their configuration costs
/// as much as a product; where a block has fewer rows than its two tiles, they overlap and some rows are worked out
/// twice, alike.
struct TileBlocks {
  std::size_t rows, count, height;

  constexpr TileBlocks(std::size_t rows_, std::size_t most) noexcept
      : rows(rows_), count(ceil_div(rows, 2 * most)), height(1) {
    const std::size_t tallest = count == 0 ? 1 : ceil_div(rows, count);
    height = tallest > most ? ceil_div(tallest, 2) : tallest;
  }
  [[nodiscard]] constexpr std::size_t begin(std::size_t block) const noexcept { return rows * block / count; }
  /// Where the second tile of a block of so many rows begins; 0: there is none.
  [[nodiscard]] constexpr std::size_t second(std::size_t block_rows) const noexcept {
    return block_rows > height ? block_rows - height : 0;
  }
};

#if defined(HRM_SIMD_AMX)
/// The same products in tiles.
template <class Arch, class Weight>
  requires(uses_tiles<Arch, Weight>)
class RowBlocks<Arch, Weight, 1> {
 public:
  using T = TileProduct<Arch, Weight>;
  using Result = typename Dot<Arch, Weight>::Result;
  static constexpr std::size_t most = 2 * T::rows;

  RowBlocks(std::size_t begin, std::size_t end) noexcept
      : begin_(begin), blocks_(end - begin, T::rows), tiles_(blocks_.height) {}
  [[nodiscard]] std::size_t count() const noexcept { return blocks_.count; }
  [[nodiscard]] std::size_t begin(std::size_t block) const noexcept { return begin_ + blocks_.begin(block); }

  void multiply(std::size_t rows, const std::byte* a, std::size_t a_stride, const std::byte* b, std::size_t /*apart*/,
                std::size_t steps, Result* out, std::size_t out_stride, const std::byte* ahead,
                std::size_t ahead_bytes) const noexcept {
    const std::size_t tiles = steps / T::steps;
    const std::size_t pace = ceil_div(ahead_bytes, tiles);
    if (const std::size_t second = blocks_.second(rows); second > 0) {
      T::template multiply<true>(a, a + second * a_stride, a_stride, b, tiles, out, out + second * out_stride,
                                 out_stride, ahead, pace);
    } else {
      T::template multiply<false>(a, a, a_stride, b, tiles, out, out, out_stride, ahead, pace);
    }
  }

 private:
  std::size_t begin_;
  TileBlocks blocks_;
  T tiles_;
};
#endif

/// Sums of one block and one vector of a panel's columns as floats; rows of sums are `Stride` apart.
template <class Arch, class Weight, std::size_t Stride>
class Column {
 public:
  using G = Gemm<Arch, Weight>;
  using S = Simd<Arch>;
  using Float = typename S::Float;

  Column(const typename G::Result* sums, const PackedMatrix& w, const float* row_scales, std::size_t panel,
         std::size_t c) noexcept
      : sums_(sums + c), row_scales_(row_scales) {
    if constexpr (G::quantised) scale_ = S::load(w.scales + panel * G::panel_cols + c);
    if constexpr (G::column_offsets) offset_ = S::load(w.offsets + panel * G::panel_cols + c);
  }
  [[nodiscard]] HRM_ALWAYS_INLINE Float operator[](std::size_t row) const noexcept {
    if constexpr (G::quantised) {
      return as_written(S::to_float(count(row)) * scale(row));
    } else {
      return S::load(sums_ + row * Stride);
    }
  }
  /// The same, added to c: said outright, as a compiler that fuses the two roundings does so at some levels of
  /// optimisation only.
  [[nodiscard]] HRM_ALWAYS_INLINE Float plus(std::size_t row, Float c) const noexcept {
    if constexpr (G::quantised) {
      return S::fma(S::to_float(count(row)), scale(row), c);
    } else {
      return S::load(sums_ + row * Stride) + c;
    }
  }

 private:
  struct Nothing {};
  [[nodiscard]] HRM_ALWAYS_INLINE auto count(std::size_t row) const noexcept {
    auto count = S::load(sums_ + row * Stride);
    if constexpr (G::D::zero_point != 0) count = S::sub(count, offset_);
    return count;
  }
  [[nodiscard]] HRM_ALWAYS_INLINE Float scale(std::size_t row) const noexcept {
    return as_written(scale_ * S::set(row_scales_[row]));
  }
  const typename G::Result* sums_;
  const float* row_scales_;
  std::conditional_t<G::quantised, Float, Nothing> scale_;
  std::conditional_t<G::column_offsets, typename S::Int, Nothing> offset_;
};

/// Runs the microkernel over a tile and hands every finished block of sums to
/// `epilogue(column, row, rows, panel)`, where column(c) is the Column of the panel's columns c, c + 1, ..
template <class Arch, class Weight, class Epilogue>
HRM_ALWAYS_INLINE void product(const Operand& x, const PackedMatrix& w, const Tile& tile,
                               const Epilogue& epilogue) noexcept {
  using G = Gemm<Arch, Weight>;
  const std::size_t rows = tile.row_end - tile.row_begin;
  if (rows == 0) return;
  const std::size_t steps = G::steps(w.depth);
  const std::size_t panel_bytes = G::panel_bytes(w.depth);
  const std::size_t fits = G::cached / x.stride > G::row_block ? G::cached / x.stride : G::row_block;
  const std::size_t groups = ceil_div(rows, fits);

  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t row_begin = tile.row_begin + rows * g / groups;
    const std::size_t row_end = tile.row_begin + rows * (g + 1) / groups;
    // `Panels` panels at once, as long as there are as many.
    const auto pass = [&]<std::size_t Panels>(std::size_t panel) __attribute__((always_inline)) {
      constexpr std::size_t cols = Panels * G::panel_cols;
      const RowBlocks<Arch, Weight, Panels> blocks(row_begin, row_end);
      for (; panel + Panels <= tile.panel_end; panel += Panels) {
        const std::byte* const b = w.panels + panel * panel_bytes;
        const std::size_t next = panel + Panels < tile.panel_end ? panel + Panels : tile.next;
        const std::size_t ahead = next == 0 ? 0 : ceil_div(Panels * panel_bytes, blocks.count());
        const std::byte* const from = next == 0 ? b : w.panels + next * panel_bytes;
        std::size_t next_begin = row_begin;
        for (std::size_t block = 0; block < blocks.count(); ++block) {
          const std::size_t begin = next_begin;
          next_begin = blocks.begin(block + 1);
          const std::size_t count = next_begin - begin;
          alignas(64) typename G::Result sums[RowBlocks<Arch, Weight, Panels>::most * cols];
          blocks.multiply(count, x.data + begin * x.stride, x.stride, b, panel_bytes, steps, sums, cols,
                          from + block * ahead, ahead);
          const float* const row_scales = G::quantised ? x.scales + begin : nullptr;
          for (std::size_t p = 0; p < Panels; ++p) {
            epilogue(
                [&](std::size_t c) __attribute__((always_inline)) {
                  return Column<Arch, Weight, cols>(sums + p * G::panel_cols, w, row_scales, panel + p, c);
                },
                begin, count, panel + p);
          }
        }
      }
      return panel;
    };
    std::size_t panel = tile.panel_begin;
    if constexpr (G::panels_at_once == 2) {
      if (G::panels_together(w.depth) == 2 && !Micro<Arch, Weight>::one_by_one(row_end - row_begin, panel_bytes))
        panel = pass.template operator()<2>(panel);
    }
    if (panel < tile.panel_end) pass.template operator()<1>(panel);
  }
}

}  // namespace hrm::kernels
