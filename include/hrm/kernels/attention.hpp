#pragma once
/// softmax(q k^T) v, one head at a time, in blocks of keys: the scores of a few queries against one block live on the
/// stack, and a running maximum and sum join the blocks (as in FlashAttention, arXiv 2205.14135). Up to key_block
/// positions there is one block and nothing to join.

#include <hrm/kernels/elementwise.hpp>
#include <hrm/kernels/rows.hpp>

#include <type_traits>

namespace hrm::kernels {

/// Attention whose products are of E: float, or bfloat16 where there is an instruction for it (queries, keys, values
/// and weights rounded; scores, softmax and sums in float32). Keys are packed as a matrix [positions, head_dim], values
/// as its counterpart [head_dim, positions], in panels of each key block.
template <class Arch, class E>
struct AttentionOf {
  using G = Gemm<Arch, E>;
  using S = Simd<Arch>;
  using Blocks = RowBlocks<Arch, E>;
  static constexpr bool narrow = sizeof(E) == 2;
  /// Queries whose scores are held at once.
  static constexpr std::size_t query_block = G::panels_at_once == 2 ? 4 * G::row_block : G::row_block;
  static constexpr std::size_t cols = G::panel_cols;
  static constexpr std::size_t key_block = narrow ? 128 : 256;  ///< keys whose scores are held at once
  static constexpr std::size_t dim_block = 128;                 ///< dimensions of the output held at once
  static_assert(G::vectors == 2);
  static_assert(key_block % cols == 0 && dim_block % cols == 0 && key_block % 32 == 0);

  static std::size_t key_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    return ceil_div(positions, cols) * G::panel_bytes(head_dim);
  }
  static std::size_t kv_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    return key_bytes(positions, head_dim) + ceil_div(head_dim, cols) * G::panel_bytes(positions);
  }

  /// Keys: panels of `cols` keys, each [head_dim][cols]. Values: panels of `cols` dimensions, each [positions][cols].
  static void pack(const PackKvArgs& args) noexcept {
    if constexpr (narrow) return pack_narrow(args);
    std::byte* const values = args.packed + key_bytes(args.positions, args.head_dim);
    constexpr std::size_t some = turned<Arch>;
    const float zeros[16] = {};  // keys beyond the last
    for (std::size_t first = args.begin - args.begin % cols; first < args.end; first += cols) {
      auto* const panel = reinterpret_cast<float*>(args.packed + first / cols * G::panel_bytes(args.head_dim));
      const std::size_t end = args.end == args.positions || args.end - first > cols ? cols : args.end - first;
      const auto key = [&](std::size_t j, std::size_t d) __attribute__((always_inline)) {
        return first + j < args.end ? args.k + (first + j) * args.stride + d : zeros;
      };
      for (std::size_t j = first < args.begin ? args.begin - first : 0; j < end;) {
        const std::size_t together = j % some == 0 && j + some <= end ? some : 1;
        std::size_t d = 0;
        for (; together == some && d + 16 <= args.head_dim; d += 16) {
          const float* rows[some];
          for (std::size_t i = 0; i < some; ++i) rows[i] = key(j + i, d);
          turn<Arch>(rows, 0, panel + d * cols + j, cols);
        }
        for (; d < args.head_dim; ++d) {
          for (std::size_t i = 0; i < together; ++i) panel[d * cols + j + i] = *key(j + i, d);
        }
        j += together;
      }
    }
    for (std::size_t d = 0; d < args.head_dim; d += cols) {
      auto* const panel = reinterpret_cast<float*>(values + d / cols * G::panel_bytes(args.positions));
      const std::size_t count = args.head_dim - d < cols ? args.head_dim - d : cols;
      for (std::size_t p = args.begin; p < args.end; ++p) {
        const float* const from = args.v + p * args.stride + d;
        float* const to = panel + p * cols;
        if (count == cols) {
          HRM_UNROLL
          for (std::size_t j = 0; j < cols; j += S::lanes) S::store(to + j, S::load(from + j));
          continue;
        }
        for (std::size_t j = 0; j < count; ++j) to[j] = from[j];
        for (std::size_t j = count; j < cols; ++j) to[j] = 0.0F;
      }
    }
  }

  /// The same with pairs of elements side by side, and zeros where a tile goes beyond the head or the positions.
  static void pack_narrow(const PackKvArgs& args) noexcept {
    bfloat16 rows[2][dim_block];
    const std::size_t steps = G::steps(args.head_dim);
    const bool last = args.end == args.positions;
    for (std::size_t p = args.begin; p < (last ? round_up(args.positions, cols) : args.end); ++p) {
      for (bfloat16& x : rows[0]) x = {};
      if (p < args.positions) {
        write_operand<Arch, E>(reinterpret_cast<std::byte*>(rows[0]), 0, args.k + p * args.stride, args.head_dim);
      }
      std::byte* const to = args.packed + p / cols * G::panel_bytes(args.head_dim) + p % cols * 4;
      for (std::size_t s = 0; s < steps; ++s) std::memcpy(to + s * G::step_bytes, rows[0] + 2 * s, 4);
    }
    std::byte* const values = args.packed + key_bytes(args.positions, args.head_dim);
    for (std::size_t p = args.begin; p < (last ? 2 * G::steps(args.positions) : args.end); p += 2) {
      for (std::size_t i = 0; i < 2; ++i) {
        for (bfloat16& x : rows[i]) x = {};
        if (p + i >= args.positions) continue;
        write_operand<Arch, E>(reinterpret_cast<std::byte*>(rows[i]), 0, args.v + (p + i) * args.stride, args.head_dim);
      }
      for (std::size_t d = 0; d < args.head_dim; d += cols) {
        bfloat16 pairs[2 * cols];
        for (std::size_t j = 0; j < cols; ++j) {
          pairs[2 * j] = rows[0][d + j];
          pairs[2 * j + 1] = rows[1][d + j];
        }
        std::memcpy(static_cast<void*>(values + d / cols * G::panel_bytes(args.positions) + p / 2 * G::step_bytes),
                    pairs, sizeof pairs);
      }
    }
  }

  /// The queries of one block: begin to begin + rows, output dimensions dim to dim + dims (<= dim_block).
  template <class Weight>
  static void attend_block(const AttendArgs& args, const Blocks& products, std::size_t begin, std::size_t rows,
                           std::size_t dim, std::size_t dims) noexcept {
    alignas(64) float scores[query_block * key_block];
    alignas(64) float out[query_block * dim_block];
    alignas(64) float block[query_block * dim_block];
    // Numbers of the queries, room for whole vectors of them.
    constexpr std::size_t numbers = round_up(query_block, S::lanes);
    alignas(64) float most[numbers] = {};
    alignas(64) float before[numbers] = {};  // `most` of the blocks before this one
    alignas(64) float shift[numbers] = {};
    alignas(64) float rescale[numbers];
    float sum[query_block];
    const auto* const keys = args.packed;
    const std::size_t key_panel = G::panel_bytes(args.head_dim);
    const std::byte* const values = args.packed + key_bytes(args.positions, args.head_dim);
    const std::size_t value_panel = G::panel_bytes(args.positions);
    const auto* queries = reinterpret_cast<const std::byte*>(args.q + begin * args.q_stride);
    std::size_t query_stride = args.q_stride * sizeof(float);
    alignas(64) std::byte rounded[narrow ? query_block * dim_block * 2 : 1];
    if constexpr (narrow) {
      query_stride = G::steps(args.head_dim) * 4;
      for (std::size_t i = 0; i < rows; ++i) {
        std::memset(rounded + i * query_stride, 0, query_stride);
        write_operand<Arch, E>(rounded + i * query_stride, 0, args.q + (begin + i) * args.q_stride, args.head_dim);
      }
      queries = rounded;
    }
    const std::size_t blocks = ceil_div(args.positions, key_block);

    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * key_block;
      const std::size_t count = args.positions - first < key_block ? args.positions - first : key_block;
      const std::size_t padded = round_up(count, cols);
      multiply(products, rows, queries, query_stride, keys + first / cols * key_panel, key_panel, padded / cols,
               G::steps(args.head_dim), scores, key_block);
      // Padding becomes -1e30, a weight of about zero; by whole vectors, as what is loaded next can not be put together
      // from stores that are on their way.
      alignas(64) float fence[S::lanes];
      for (std::size_t j = 0; j < S::lanes; ++j) fence[j] = j < count % S::lanes ? 3e38F : -1e30F;
      // In passes over all rows, as the rows of a pass need not wait for each other.
      const auto log2e = S::set(1.44269504F);
      for (std::size_t i = 0; i < rows; ++i) {
        float* const row = scores + i * key_block;
        std::size_t end = count - count % S::lanes;
        if (end < padded) {
          S::store(row + end, S::min(S::load(fence), S::load(row + end)));
          for (end += S::lanes; end < padded; end += S::lanes) S::store(row + end, S::set(-1e30F));
        }
        auto top = S::load(row);
        auto next = S::load(row + S::lanes);  // a panel is two vectors
        for (std::size_t c = 2 * S::lanes; c < padded; c += 2 * S::lanes) {
          top = S::max(top, S::load(row + c));
          next = S::max(next, S::load(row + c + S::lanes));
        }
        const float here = max_of<Arch>(S::max(top, next));
        const float now = b > 0 && most[i] > here ? most[i] : here;
        // e^(s - most) = 2^(s log2 e - most log2 e). The product on the right is rounded once for the whole row, so
        // every weight has the same factor, which the division by their sum takes out.
        shift[i] = now * -1.44269504F;
        before[i] = most[i];
        most[i] = now;
      }
      for (std::size_t i = 0; b > 0 && i < rows; i += S::lanes) {
        S::store(rescale + i, exp2_not_positive<Arch>(S::fma(S::load(before + i), log2e, S::load(shift + i))));
      }
      alignas(64) float totals[query_block * S::lanes];
      for (std::size_t i = 0; i < rows; ++i) {
        float* const row = scores + i * key_block;
        auto total = S::set(0.0F);
        auto other = S::set(0.0F);
        const auto minus = S::set(shift[i]);
        const auto weigh = [&](std::size_t c) __attribute__((always_inline)) {
          const auto p = exp2_not_positive<Arch>(S::fma(S::load(row + c), log2e, minus));
          store_operand<Arch, E>(reinterpret_cast<std::byte*>(row), c, p);  // in its score's place
          return p;
        };
        for (std::size_t c = 0; c < padded; c += 2 * S::lanes) {
          total = total + weigh(c);
          other = other + weigh(c + S::lanes);
        }
        S::store(totals + i * S::lanes, total + other);
      }
      for (std::size_t i = 0; i < rows; ++i) {
        const float weights_sum = sum_of<Arch>(S::load(totals + i * S::lanes));
        // Said outright, so that every compiler and level of optimisation gives the same bits.
        if (b == 0) {
          sum[i] = weights_sum;
        } else if constexpr (Arch::family == Family::avx512 || Arch::family == Family::avx2) {
          sum[i] = __builtin_fmaf(sum[i], rescale[i], weights_sum);
        } else {
          sum[i] = sum[i] * rescale[i] + weights_sum;
        }
      }
      multiply(products, rows, reinterpret_cast<const std::byte*>(scores), key_block * sizeof(float),
               values + dim / cols * value_panel + first / G::D::group * G::step_bytes, value_panel,
               ceil_div(dims, cols), G::steps(count), b == 0 ? out : block, dim_block);
      for (std::size_t i = 0; b > 0 && i < rows; ++i) {
        const auto factor = S::set(rescale[i]);
        for (std::size_t at = i * dim_block; at < i * dim_block + dims; at += S::lanes) {
          S::store(out + at, S::fma(S::load(out + at), factor, S::load(block + at)));
        }
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const float inverse = 1.0F / sum[i];
      const auto factor = S::set(inverse);
      float* const row = out + i * dim_block;
      const std::size_t column = args.column + dim;
      std::size_t c = 0;
      if constexpr (Gemm<Arch, Weight>::quantised) {
        float* const to = args.rows + (begin + i) * args.row_stride + column;
        for (; c + S::lanes <= dims; c += S::lanes) S::store(to + c, S::load(row + c) * factor);
        for (; c < dims; ++c) to[c] = row[c] * inverse;
      } else {
        std::byte* const to = args.out.data + (begin + i) * args.out.stride;
        for (; c + S::lanes <= dims; c += S::lanes)
          store_operand<Arch, Weight>(to, column + c, S::load(row + c) * factor);
        for (; c < dims; ++c) row[c] *= inverse;
        write_operand<Arch, Weight>(to, column + dims - dims % S::lanes, row + dims - dims % S::lanes, dims % S::lanes);
      }
    }
  }

  /// See AttendArgs.
  template <class Weight>
  static void attend(const AttendArgs& args) noexcept {
    const Blocks products(args.begin, args.end);
    const std::size_t queries = args.end - args.begin;
    const std::size_t blocks = ceil_div(queries, query_block);
    for (std::size_t dim = 0; dim < args.head_dim; dim += dim_block) {
      const std::size_t dims = args.head_dim - dim < dim_block ? args.head_dim - dim : dim_block;
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t begin = queries * b / blocks;
        const std::size_t end = queries * (b + 1) / blocks;
        attend_block<Weight>(args, products, args.begin + begin, end - begin, dim, dims);
      }
    }
  }

 private:
  /// Sums of `rows` operand rows from `a` on and `count` panels, `apart` bytes from each other. `blocks`: what tiles
  /// are set up by; not used elsewhere.
  static void multiply(const Blocks& blocks, std::size_t rows, const std::byte* a, std::size_t a_stride,
                       const std::byte* b, std::size_t apart, std::size_t count, std::size_t steps, float* out,
                       std::size_t out_stride) noexcept {
    const auto pass = [&]<std::size_t Panels>(const auto& some, std::size_t panel) __attribute__((always_inline)) {
      for (; panel + Panels <= count; panel += Panels) {
        for (std::size_t block = 0; block < some.count(); ++block) {
          const std::size_t begin = some.begin(block);
          some.multiply(some.begin(block + 1) - begin, a + begin * a_stride, a_stride, b + panel * apart, apart, steps,
                        out + begin * out_stride + panel * cols, out_stride, b, 0);
        }
      }
      return panel;
    };
    if constexpr (uses_tiles<Arch, E>) {
      for (std::size_t panel = 0; panel < count; ++panel) {
        blocks.multiply(rows, a, a_stride, b + panel * apart, apart, steps, out + panel * cols, out_stride, b, 0);
      }
    } else {
      std::size_t panel = 0;
      if constexpr (G::panels_at_once == 2) panel = pass.template operator()<2>(RowBlocks<Arch, E, 2>(0, rows), panel);
      pass.template operator()<1>(RowBlocks<Arch, E>(0, rows), panel);
    }
  }
};

/// Attention of a model with this weight type: float32 with float32 weights; with narrower ones bfloat16, where there
/// is an instruction for it and the head is not unusually wide. Of int8 models long sequences alone, where attention is
/// a large part of the work: short ones give nearly the same on every machine.
template <class Arch, class Weight>
struct Attention {
  using Wide = AttentionOf<Arch, float>;
  using Narrow = AttentionOf<Arch, bfloat16>;
  static constexpr bool offered = Arch::bf16 && sizeof(Weight) < 4;
  static constexpr std::size_t query_block = std::conditional_t<offered, Narrow, Wide>::query_block;
  static constexpr std::size_t kv_group = offered ? 2 : 1;
  static constexpr std::size_t long_sequence = 256;

  static constexpr bool narrow(std::size_t positions, std::size_t head_dim) noexcept {
    return offered && head_dim <= Narrow::dim_block && (sizeof(Weight) == 2 || positions > long_sequence);
  }
  static std::size_t kv_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    if constexpr (offered) {
      if (narrow(positions, head_dim)) return Narrow::kv_bytes(positions, head_dim);
    }
    return Wide::kv_bytes(positions, head_dim);
  }
  static void pack(const PackKvArgs& args) noexcept {
    if constexpr (offered) {
      if (narrow(args.positions, args.head_dim)) return Narrow::pack(args);
    }
    Wide::pack(args);
  }
  static void attend(const AttendArgs& args) noexcept {
    if constexpr (offered) {
      if (narrow(args.positions, args.head_dim)) return Narrow::template attend<Weight>(args);
    }
    Wide::template attend<Weight>(args);
  }
};

}  // namespace hrm::kernels
