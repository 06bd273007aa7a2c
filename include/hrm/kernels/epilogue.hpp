#pragma once
/// Products with what follows them: store, add, bias; rotary embedding; silu(gate) * up. Each copies what it is given:
/// for all the compiler knows, a vector that is stored may change it, and it would be read anew for every row.

#include <hrm/kernels/elementwise.hpp>
#include <hrm/kernels/packed_kv.hpp>

namespace hrm::kernels {

/// See StoreArgs.
template <class Arch, class Weight>
void store_tile(const StoreArgs& given, const Tile& tile) noexcept {
  using G = Gemm<Arch, Weight>;
  using S = Simd<Arch>;
  const StoreArgs args = given;
  product<Arch, Weight>(
      args.x, args.w, tile,
      [&](const auto& column, std::size_t row, std::size_t rows, std::size_t panel) __attribute__((always_inline)) {
        const std::size_t first = panel * G::panel_cols;
        float* const c = args.c + row * args.c_stride + first;
        // A whole panel without bias, as everywhere but in the heads: no branch within the rows.
        if (args.bias == nullptr && first + G::panel_cols <= args.w.cols) {
          const auto sums = column(0);
          const auto more = column(S::lanes);
          static_assert(G::vectors == 2);
          if (!args.accumulate) {
            for (std::size_t i = 0; i < rows; ++i) {
              S::store(c + i * args.c_stride, sums[i]);
              S::store(c + i * args.c_stride + S::lanes, more[i]);
            }
            return;
          }
          // What comes next, which may come from far: the next block's rows, or the first one's of the next panel, but
          // never the next lane's, which its thread is at work on.
          const bool last = row + rows == tile.row_end;
          float* to = c;
          const float* ahead =
              last ? args.c + tile.row_begin * args.c_stride + first + G::panel_cols : c + rows * args.c_stride;
          for (std::size_t i = 0; i < rows; ++i, to += args.c_stride, ahead += args.c_stride) {
            __builtin_prefetch(ahead, 1);
            S::store(to, sums.plus(i, S::load(to)));
            S::store(to + S::lanes, more.plus(i, S::load(to + S::lanes)));
          }
          return;
        }
        for (std::size_t v = 0; v < G::panel_cols && first + v < args.w.cols; v += S::lanes) {
          const std::size_t left = args.w.cols - first - v;
          const bool whole = left >= S::lanes;
          const auto at = [&](const float* p) __attribute__((always_inline)) {
            return whole ? S::load(p) : load_some<Arch>(p, left);
          };
          const auto bias = args.bias == nullptr ? S::set(0.0F) : at(args.bias + first + v);
          const auto sums = column(v);
          for (std::size_t i = 0; i < rows; ++i) {
            float* const to = c + i * args.c_stride + v;
            const bool more = args.accumulate || args.bias != nullptr;
            const auto value = more ? sums.plus(i, args.accumulate ? as_written(bias + at(to)) : bias) : sums[i];
            if (whole) {
              S::store(to, value);
            } else {
              store_some<Arch>(to, value, left);
            }
          }
        }
      });
}

/// Values of `rows` rows from `row` on, a vector from `column` on, to where the attention reads them.
template <class Arch, class Sums>
HRM_ALWAYS_INLINE void pack_values(const QkvArgs& args, std::size_t row, std::size_t rows, std::size_t column,
                                   const Sums& sums) noexcept {
  using Packed = PackedKv<Arch, float>;
  const std::size_t heads = args.hidden / args.head_dim;
  const std::size_t position = row % args.positions;
  std::byte* const first = args.kv + (row / args.positions * heads + column / args.head_dim) * args.kv_bytes;
  float* to = Packed::value_at(first, args.positions, args.head_dim, position, column % args.head_dim);
  std::size_t left = args.positions - position;
  for (std::size_t i = 0; i < rows; ++i, --left, to += Packed::cols) {
    if (left == 0) {  // the next sequence begins
      left = args.positions;
      to += heads * args.kv_bytes / sizeof(float) - args.positions * Packed::cols;
    }
    Simd<Arch>::store(to, sums[i]);
  }
}

/// A vector of a row's columns from `first` on, of heads narrower than it: rotary embedding and scale pair by pair.
template <class Arch>
HRM_NOINLINE void turn_pairs(const QkvArgs& args, std::size_t row, std::size_t first, const float* some) noexcept {
  const std::size_t end = 3 * args.hidden - first;
  for (std::size_t c = 0; c < Simd<Arch>::lanes && c < end; c += 2) {
    const std::size_t part = (first + c) / args.hidden;
    const std::size_t angle = row % args.positions * args.head_dim + (first + c) % args.hidden % args.head_dim;
    float even = some[c];
    float odd = some[c + 1];
    if (part < 2 && args.cos != nullptr) {
      even = fma_of<Arch>(some[c], args.cos[angle], as_written(some[c + 1] * args.sin[angle]));
      odd = fma_of<Arch>(some[c + 1], args.cos[angle + 1], as_written(some[c] * args.sin[angle + 1]));
    }
    const float scale = part == 0 ? args.q_scale : 1.0F;
    float* const to = args.qkv + row * args.stride + first + c;
    to[0] = even * scale;
    to[1] = odd * scale;
  }
}

/// See QkvArgs.
template <class Arch, class Weight>
void qkv_tile(const QkvArgs& given, const Tile& tile) noexcept {
  using G = Gemm<Arch, Weight>;
  using S = Simd<Arch>;
  const QkvArgs args = given;
  product<Arch, Weight>(
      args.x, args.w, tile,
      [&](const auto& column, std::size_t row, std::size_t rows, std::size_t panel) __attribute__((always_inline)) {
        const std::size_t width = 3 * args.hidden;
        for (std::size_t v = 0; v < G::panel_cols; v += S::lanes) {
          const std::size_t col = panel * G::panel_cols + v;
          if (col >= width) break;
          const std::size_t part = col / args.hidden;
          const std::size_t dim = col % args.hidden % args.head_dim;
          const auto sums = column(v);
          if (dim + S::lanes > args.head_dim) {
            for (std::size_t i = 0; i < rows; ++i) {
              alignas(64) float some[S::lanes];
              S::store(some, sums[i]);
              turn_pairs<Arch>(given, row + i, col, some);
            }
            continue;
          }
          if constexpr (std::is_same_v<typename G::Operand_t, float>) {  // see Table::value_run
            if (part == 2 && args.kv != nullptr) {
              pack_values<Arch>(args, row, rows, col % args.hidden, sums);
              continue;
            }
          }
          float* to = args.qkv + row * args.stride + col;
          const auto scale = S::set(part == 0 ? args.q_scale : 1.0F);
          if (part == 2 || args.cos == nullptr) {  // values, or learned positions
            for (std::size_t i = 0; i < rows; ++i, to += args.stride) S::store(to, sums[i] * scale);
            continue;
          }
          const std::size_t end = args.positions * args.head_dim;
          std::size_t angle = row % args.positions * args.head_dim + dim;
          for (std::size_t i = 0; i < rows; ++i, to += args.stride) {
            const auto value = sums[i];
            const auto turned =
                S::fma(value, S::load(args.cos + angle), S::swap_pairs(value) * S::load(args.sin + angle));
            S::store(to, turned * scale);
            angle += args.head_dim;
            if (angle >= end) angle = dim;
          }
        }
      });
}

/// See SwigluArgs.
template <class Arch, class Weight>
void swiglu_tile(const SwigluArgs& given, const Tile& tile) noexcept {
  using G = Gemm<Arch, Weight>;
  using S = Simd<Arch>;
  const SwigluArgs args = given;
  product<Arch, Weight>(
      args.x, args.w, tile,
      [&](const auto& column, std::size_t row, std::size_t rows, std::size_t panel) __attribute__((always_inline)) {
        static_assert(G::swiglu_run == S::lanes);
        constexpr bool narrow = sizeof(typename G::Operand_t) == 2;  // rounded to bfloat16 next
        const std::size_t first = panel * G::swiglu_run;
        const auto gate = column(0);
        const auto up = column(S::lanes);
        for (std::size_t i = 0; i < rows; ++i) {
          if constexpr (G::quantised) {
            S::store(args.rows + (row + i) * args.row_stride + first, silu_coarse<Arch>(gate[i]) * up[i]);
          } else {
            const auto gated = narrow ? silu_coarse<Arch>(gate[i]) : silu<Arch>(gate[i]);
            store_operand<Arch, Weight>(args.out.data + (row + i) * args.out.stride, first, gated * up[i]);
          }
        }
      });
}

}  // namespace hrm::kernels
