#pragma once
/// softmax(q k^T) v, one head at a time, in blocks of keys: the scores of a few queries against one block live on the
/// stack, and a running maximum and sum join the blocks (as in FlashAttention, arXiv 2205.14135). Up to key_block
/// positions there is one block and nothing to join.

#include <hrm/kernels/elementwise.hpp>
#include <hrm/kernels/rows.hpp>

namespace hrm::kernels {

/// Attention in float32 through the float microkernel: keys are packed as a matrix [positions, head_dim], values as its
/// counterpart [head_dim, positions], in panels of each key block.
template <class Arch>
struct Attention {
  using G = Gemm<Arch, float>;
  using S = Simd<Arch>;
  static constexpr std::size_t query_block = G::row_block;
  static constexpr std::size_t cols = G::panel_cols;
  static constexpr std::size_t key_block = 256;  ///< keys whose scores are held at once
  static constexpr std::size_t dim_block = 128;  ///< dimensions of the output held at once
  static_assert(Gemm<Arch, float>::vectors == 2);
  static_assert(key_block % cols == 0 && dim_block % cols == 0);

  static std::size_t key_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    return ceil_div(positions, cols) * cols * head_dim * sizeof(float);
  }
  static std::size_t kv_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    return round_up(key_bytes(positions, head_dim), alignment) +
           round_up(positions * round_up(head_dim, cols) * sizeof(float), alignment);
  }

  /// Keys: panels of `cols` keys, each [head_dim][cols]. Values: panels of `cols` dimensions, each [positions][cols].
  static void pack(const PackKvArgs& args) noexcept {
    auto* const keys = reinterpret_cast<float*>(args.packed);
    auto* const values =
        reinterpret_cast<float*>(args.packed + round_up(key_bytes(args.positions, args.head_dim), alignment));
    for (std::size_t first = 0; first < args.positions; first += cols) {
      float* const panel = keys + first * args.head_dim;
      const std::size_t real = args.positions - first < cols ? args.positions - first : cols;
      const std::size_t whole = args.head_dim - args.head_dim % 16;  // one cache line of every key at a time
      for (std::size_t d = 0; d < whole; d += 16) {
        for (std::size_t j = 0; j < real; ++j) {
          const float* const from = args.k + (first + j) * args.stride + d;
          float* const to = panel + d * cols + j;
          HRM_UNROLL
          for (std::size_t e = 0; e < 16; ++e) to[e * cols] = from[e];
        }
      }
      for (std::size_t j = 0; j < real; ++j) {
        const float* const from = args.k + (first + j) * args.stride + whole;
        float* const to = panel + whole * cols + j;
        for (std::size_t e = 0; e < args.head_dim % 16; ++e) to[e * cols] = from[e];
      }
      for (std::size_t d = 0; real < cols && d < args.head_dim; ++d) {
        for (std::size_t j = real; j < cols; ++j) panel[d * cols + j] = 0.0F;
      }
    }
    for (std::size_t d = 0; d < args.head_dim; d += cols) {
      float* const panel = values + d * args.positions;
      const std::size_t count = args.head_dim - d < cols ? args.head_dim - d : cols;
      for (std::size_t p = 0; p < args.positions; ++p) {
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

  /// The queries of one block: begin to begin + rows, output dimensions dim to dim + dims (<= dim_block).
  template <class Weight>
  static void attend_block(const AttendArgs& args, std::size_t begin, std::size_t rows, std::size_t dim,
                           std::size_t dims) noexcept {
    alignas(64) float scores[query_block * key_block];
    alignas(64) float out[query_block * dim_block];
    alignas(64) float block[query_block * cols];
    float most[query_block];
    float sum[query_block];
    const auto* const keys = args.packed;
    const std::byte* const values = args.packed + round_up(key_bytes(args.positions, args.head_dim), alignment);
    const auto* const queries = reinterpret_cast<const std::byte*>(args.q + begin * args.q_stride);
    const auto kernel = micro_kernels<Arch, float>.of_rows[rows];
    const std::size_t blocks = ceil_div(args.positions, key_block);

    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * key_block;
      const std::size_t count = args.positions - first < key_block ? args.positions - first : key_block;
      const std::size_t padded = round_up(count, cols);
      for (std::size_t c = 0; c < padded; c += cols) {
        const std::byte* const panel = keys + (first + c) * args.head_dim * sizeof(float);
        kernel(queries, args.q_stride * sizeof(float), panel, args.head_dim, scores + c, key_block, panel, 0);
      }
      float rescale[query_block];
      for (std::size_t i = 0; i < rows; ++i) {
        float* const row = scores + i * key_block;
        for (std::size_t c = count; c < padded; ++c) row[c] = -1e30F;  // padding: a weight of about zero
        auto top = S::load(row);
        auto next = S::load(row + S::lanes);  // a panel is two vectors
        for (std::size_t c = 2 * S::lanes; c < padded; c += 2 * S::lanes) {
          top = S::max(top, S::load(row + c));
          next = S::max(next, S::load(row + c + S::lanes));
        }
        float now = max_of<Arch>(S::max(top, next));
        if (b > 0 && most[i] > now) now = most[i];
        // e^(s - most) = 2^(s log2 e - most log2 e). The product on the right is rounded once for the whole row, so
        // every weight has the same factor, which the division by their sum takes out.
        auto total = S::set(0.0F);
        auto other = S::set(0.0F);
        const auto log2e = S::set(1.44269504F);
        const auto shift = S::set(now * -1.44269504F);
        const auto weigh = [&](std::size_t c) __attribute__((always_inline)) {
          const auto p = exp2_not_positive<Arch>(S::fma(S::load(row + c), log2e, shift));
          S::store(row + c, p);
          return p;
        };
        for (std::size_t c = 0; c < padded; c += 2 * S::lanes) {
          total = total + weigh(c);
          other = other + weigh(c + S::lanes);
        }
        const float weights_sum = sum_of<Arch>(total + other);
        if (b == 0) {
          sum[i] = weights_sum;
        } else {
          alignas(64) float e[S::lanes];
          S::store(e, exp2_not_positive<Arch>(S::fma(S::set(most[i]), log2e, shift)));
          rescale[i] = e[0];
          // Said outright, so that every compiler and level of optimisation gives the same bits.
          if constexpr (Arch::family == Family::avx512 || Arch::family == Family::avx2) {
            sum[i] = __builtin_fmaf(sum[i], rescale[i], weights_sum);
          } else {
            sum[i] = sum[i] * rescale[i] + weights_sum;
          }
        }
        most[i] = now;
      }
      for (std::size_t d = 0; d < dims; d += cols) {
        const std::byte* const panel = values + ((dim + d) * args.positions + first * cols) * sizeof(float);
        const auto* const weights = reinterpret_cast<const std::byte*>(scores);
        if (b == 0) {
          kernel(weights, key_block * sizeof(float), panel, count, out + d, dim_block, panel, 0);
          continue;
        }
        kernel(weights, key_block * sizeof(float), panel, count, block, cols, panel, 0);
        for (std::size_t i = 0; i < rows; ++i) {
          const auto factor = S::set(rescale[i]);
          for (std::size_t c = 0; c < cols; c += S::lanes) {
            float* const o = out + i * dim_block + d + c;
            S::store(o, S::fma(S::load(o), factor, S::load(block + i * cols + c)));
          }
        }
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const float inverse = 1.0F / sum[i];
      const auto factor = S::set(inverse);
      float* const row = out + i * dim_block;
      for (std::size_t c = 0; c < dims; c += S::lanes) S::store(row + c, S::load(row + c) * factor);
      if constexpr (Gemm<Arch, Weight>::quantised) {
        std::memcpy(args.rows + (begin + i) * args.row_stride + args.column + dim, row, dims * sizeof(float));
      } else {
        write_operand<Arch, Weight>(args.out.data + (begin + i) * args.out.stride, args.column + dim, row, dims);
      }
    }
  }

  /// See AttendArgs.
  template <class Weight>
  static void attend(const AttendArgs& args) noexcept {
    for (std::size_t dim = 0; dim < args.head_dim; dim += dim_block) {
      const std::size_t dims = args.head_dim - dim < dim_block ? args.head_dim - dim : dim_block;
      const std::size_t queries = args.end - args.begin;
      const std::size_t blocks = ceil_div(queries, query_block);
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t begin = args.begin + queries * b / blocks;
        const std::size_t end = args.begin + queries * (b + 1) / blocks;
        attend_block<Weight>(args, begin, end - begin, dim, dims);
      }
    }
  }
};

}  // namespace hrm::kernels
