#pragma once
/// softmax(q k^T) v, one head at a time, in blocks of keys: the scores of a few queries against one block live on the
/// stack, and a running maximum and sum join the blocks (as in FlashAttention, arXiv 2205.14135). Up to as many
/// positions as a block holds there is nothing to join.

#include <hrm/kernels/elementwise.hpp>
#include <hrm/kernels/packed_kv.hpp>

namespace hrm::kernels {

/// Attention whose products are of E, with softmax and what joins the blocks in float32:
///   float     as it stands
///   bfloat16  queries, keys, values and weights rounded, sums in float32; where there is an instruction for it
///   int8      queries and keys as levels of 8 bits, values of 11, weights of 13 after they took over their values'
///             scales; sums in int32, alike on every set
///   int16     the same with queries and keys of 13 bits and weights of 14
template <class Arch, class E>
struct AttentionOf {
  using Packed = PackedKv<Arch, E>;
  using K = typename Packed::K;
  using V = typename Packed::V;
  using G = Gemm<Arch, K>;
  using GV = Gemm<Arch, V>;
  using S = Simd<Arch>;
  using Blocks = RowBlocks<Arch, K>;
  static constexpr bool levels = Packed::levels;
  static constexpr bool narrow = sizeof(E) < 4;
  static constexpr bool subtract_first = levels || !fuses_products<Arch>;  ///< see exponent
  static constexpr std::size_t cols = G::panel_cols;
  static constexpr std::size_t dim_block = Packed::widest;  ///< dimensions of the output held at once

  /// Queries and keys whose scores are held at once: of a long sequence few queries and many keys, so that there is
  /// little to join. (Levels' sums allow no more keys, bfloat16 was not measured.)
  struct Held {
    std::size_t queries, keys;
  };
  static constexpr Held of_short{G::panels_at_once == 2 ? 4 * G::row_block : G::row_block, sizeof(E) == 2 ? 128 : 256};
  static constexpr Held of_long = narrow ? of_short : Held{G::row_block, 6144 / (G::row_block < 6 ? 6 : G::row_block)};
  static constexpr Held held(std::size_t positions) noexcept { return positions > of_short.keys ? of_long : of_short; }
  static constexpr std::size_t query_block = of_short.queries;
  static constexpr std::size_t most_scores = narrow ? query_block * of_short.keys : 6144;
  static_assert(of_short.queries * of_short.keys <= most_scores && of_long.queries * of_long.keys <= most_scores);
  static constexpr float weight_levels = of_short.keys == 128 ? 16383.0F : 8191.0F;  ///< the largest weight
  static_assert(double{weight_levels} * double{Packed::value_levels} * of_short.keys < 2147483648.0);
  static_assert(G::row_block == GV::row_block && G::panels_at_once == GV::panels_at_once);
  static_assert(of_short.keys % 32 == 0 && of_long.keys % 32 == 0 && 32 % cols == 0 && dim_block % cols == 0);

  /// The queries of one block: begin to begin + rows, output dimensions dim to dim + dims (<= dim_block). `ahead_bytes`
  /// from `ahead` on are asked for meanwhile.
  template <class Weight>
  static void attend_block(const AttendArgs& args, const Blocks& products, std::size_t begin, std::size_t rows,
                           std::size_t dim, std::size_t dims, const std::byte* ahead,
                           std::size_t ahead_bytes) noexcept {
    const std::size_t key_block = held(args.positions).keys;
    alignas(64) typename G::Result found[most_scores];
    auto* const scores = reinterpret_cast<float*>(found);
    alignas(64) float out[query_block * dim_block];
    alignas(64) typename GV::Result block[query_block * dim_block];
    // Numbers of the queries, room for whole vectors of them.
    constexpr std::size_t numbers = round_up(query_block, S::lanes);
    alignas(64) float unit[numbers] = {};  // log2 e, in units of a row's scores; see unit_of
    alignas(64) float most[numbers] = {};
    alignas(64) float before[numbers] = {};  // `most`, or `shift`, of the blocks before this one
    alignas(64) float shift[numbers] = {};
    alignas(64) float rescale[numbers];
    float sum[query_block];
    const std::size_t key_panel = Packed::key_panel(args.head_dim);
    const std::size_t value_panel = Packed::value_panel(args.positions);
    const std::byte* const values =
        Packed::values(args.packed, args.positions, args.head_dim) + dim / cols * value_panel;
    [[maybe_unused]] const auto scales = Packed::scales(args.packed, args.positions, args.head_dim);
    alignas(64) std::byte rounded[narrow ? query_block * dim_block * 2 : 1];
    const auto* queries = rounded;
    std::size_t query_stride = G::steps(args.head_dim) * 4;
    if constexpr (narrow) {
      for (std::size_t i = 0; i < rows; ++i)
        unit[i] = log2e * round_query(args.q + (begin + i) * args.q_stride, args.head_dim, rounded + i * query_stride);
    } else {
      queries = reinterpret_cast<const std::byte*>(args.q + begin * args.q_stride);
      query_stride = args.q_stride * sizeof(float);
      for (std::size_t i = 0; i < rows; ++i) unit[i] = log2e;
    }

    for (std::size_t first = 0; first < args.positions; first += key_block) {
      const std::size_t count = args.positions - first < key_block ? args.positions - first : key_block;
      const std::size_t padded = round_up(count, cols);
      multiply<K>(products, rows, queries, query_stride, args.packed + first / cols * key_panel, key_panel,
                  padded / cols, G::steps(args.head_dim), found, key_block, nullptr, 0);
      // Padding becomes -1e30, a weight of about zero; by whole vectors, as what is loaded next can not be put together
      // from stores that are on their way.
      alignas(64) float fence[S::lanes];
      for (std::size_t j = 0; j < S::lanes; ++j) fence[j] = j < count % S::lanes ? 3e38F : -1e30F;
      // In passes over all rows, as the rows of a pass need not wait for each other.
      for (std::size_t i = 0; i < rows; ++i) {
        float* const row = scores + i * key_block;
        if constexpr (!levels) {
          std::size_t end = count - count % S::lanes;
          if (end < padded) {
            S::store(row + end, S::min(S::load(fence), S::load(row + end)));
            for (end += S::lanes; end < padded; end += S::lanes) S::store(row + end, S::set(-1e30F));
          }
        }
        const auto score = [&](std::size_t c) __attribute__((always_inline)) {
          if constexpr (levels) {  // whose offsets hide the padding
            const auto exact = S::to_float(S::load(found + i * key_block + c));
            const auto value = S::fma(exact, S::load(scales.keys + first + c), S::load(scales.offsets + first + c));
            S::store(row + c, value);
            return value;
          } else {
            return S::load(row + c);
          }
        };
        auto top = score(0);
        auto next = score(S::lanes);  // a panel is two vectors
        for (std::size_t c = 2 * S::lanes; c < padded; c += 2 * S::lanes) {
          top = S::max(top, score(c));
          next = S::max(next, score(c + S::lanes));
        }
        const float here = max_of<Arch>(S::max(top, next));
        before[i] = subtract_first ? most[i] : shift[i];
        most[i] = first > 0 && most[i] > here ? most[i] : here;
        if constexpr (!subtract_first) unit[i] = unit_of(most[i]);
        shift[i] = subtract_first ? -most[i] : as_written(most[i] * -unit[i]);
      }
      for (std::size_t i = 0; first > 0 && i < rows; i += S::lanes) {
        const auto less = S::load(shift + i);
        const auto earlier = S::load(before + i);
        if constexpr (subtract_first) {
          S::store(rescale + i, exp2_not_positive<Arch>(exponent(earlier, S::load(unit + i), less)));
        } else {
          S::store(rescale + i, exp2_not_positive<Arch>(less - earlier));  // rounding and all
        }
      }
      // What makes levels of weights that have taken over the scales of their values, and what one of them is worth.
      alignas(64) float take_over[levels ? of_long.keys : 1];
      [[maybe_unused]] const float worth = levels ? scale_weights(scales.values + first, padded, take_over) : 1.0F;
      alignas(64) float totals[query_block * S::lanes];
      for (std::size_t i = 0; i < rows; ++i) {
        float* const row = scores + i * key_block;
        auto total = S::set(0.0F);
        auto other = S::set(0.0F);
        const auto factor = S::set(unit[i]);
        const auto minus = S::set(shift[i]);
        const auto power = [](auto x) __attribute__((always_inline)) {
          if constexpr (narrow)
            return exp2_coarse<Arch, 3>(x);
          else
            return exp2_not_positive<Arch>(x);
        };
        for (std::size_t c = 0; c < padded; c += 2 * S::lanes) {
          const auto p = power(exponent(S::load(row + c), factor, minus));
          const auto q = power(exponent(S::load(row + c + S::lanes), factor, minus));
          total = as_written(total + p);
          other = as_written(other + q);
          if constexpr (levels) {  // in the scores' place
            const auto first_half = S::fma(p, S::load(take_over + c), S::set(counts_ones));
            const auto second_half = S::fma(q, S::load(take_over + c + S::lanes), S::set(counts_ones));
            S::store(reinterpret_cast<std::int32_t*>(row) + c / 2, S::joined(first_half, second_half));
          } else {
            store_operand<Arch, E>(reinterpret_cast<std::byte*>(row), c, p);
            store_operand<Arch, E>(reinterpret_cast<std::byte*>(row), c + S::lanes, q);
          }
        }
        S::store(totals + i * S::lanes, total + other);
      }
      for (std::size_t i = 0; i < rows; ++i) {
        const float weights_sum = sum_of<Arch>(S::load(totals + i * S::lanes));
        sum[i] = first == 0 ? weights_sum : fma_of<Arch>(sum[i], rescale[i], weights_sum);
      }
      const auto weigh = [&](typename GV::Result * to) __attribute__((always_inline)) {
        multiply<V>(products, rows, reinterpret_cast<const std::byte*>(scores), key_block * sizeof(float),
                    values + first / GV::D::group * GV::step_bytes, value_panel, ceil_div(dims, cols),
                    GV::steps(levels ? padded : count), to, dim_block, ahead, first == 0 ? ahead_bytes : 0);
      };
      if constexpr (!levels) {
        if (first == 0) {
          weigh(out);
          continue;
        }
      }
      weigh(block);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t at = i * dim_block; at < i * dim_block + dims; at += S::lanes) {
          typename S::Float more;
          if constexpr (levels) {
            more = as_written(S::to_float(S::load(block + at)) * S::set(worth));
          } else {
            more = S::load(block + at);
          }
          S::store(out + at, first == 0 ? more : S::fma(S::load(out + at), S::set(rescale[i]), more));
        }
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const float inverse = as_written(1.0F / sum[i]);
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
        const std::size_t rest = dims - c;
        for (std::size_t d = c; d < dims; ++d) row[d] *= inverse;
        write_operand<Arch, Weight>(to, column + c, row + c, rest);
      }
    }
  }

  /// See AttendArgs.
  template <class Weight>
  static void attend(const AttendArgs& args) noexcept {
    const Blocks products(args.begin, args.end);
    const std::size_t queries = args.end - args.begin;
    const std::size_t blocks = ceil_div(queries, held(args.positions).queries);
    for (std::size_t dim = 0; dim < args.head_dim; dim += dim_block) {
      const std::size_t dims = args.head_dim - dim < dim_block ? args.head_dim - dim : dim_block;
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t begin = queries * b / blocks;
        const std::size_t end = queries * (b + 1) / blocks;
        const std::size_t from = args.ahead_bytes * b / blocks;
        const std::size_t to = args.ahead_bytes * (b + 1) / blocks;
        attend_block<Weight>(args, products, args.begin + begin, end - begin, dim, dims, args.ahead + from,
                             dim == 0 ? to - from : 0);
      }
    }
  }

 private:
  static constexpr float log2e = 1.44269504F;
  static constexpr float counts_ones = 12582912.0F;  ///< 1.5 * 2^23: the last bits of what is added to it count ones

  /// e^(s - most) = 2^(s log2 e - most log2 e), `shift` being the product on the right. That is rounded once for the
  /// whole row, so every float weight has the same factor, 2^32 at most (see unit_of), which the division by their sum
  /// takes out. Levels count from 1 down and must not have it, and without a fused multiply-add every product would be
  /// rounded by itself: `shift` is what is taken off the score then, exactly where it matters.
  static HRM_ALWAYS_INLINE auto exponent(typename S::Float score, typename S::Float unit,
                                         typename S::Float shift) noexcept {
    if constexpr (subtract_first) {
      return as_written(as_written(score + shift) * unit);
    } else {
      return S::fma(score, unit, shift);
    }
  }

  /// log2 e, or where a score is so large that the rounding of its product could leave what a power of two can be, 2,
  /// whose product is exact: floats are so far apart there that what is less than the largest weighs nothing in either.
  static float unit_of(float most) noexcept { return most < 0x1p29F && most > -0x1p29F ? log2e : 2.0F; }

  /// A query as operand, zeros up to a whole step; returns what one of its levels is worth, 1 unless there are any.
  static float round_query(const float* from, std::size_t head_dim, std::byte* to) noexcept {
    std::memset(to, 0, G::steps(head_dim) * 4);
    if constexpr (levels) {
      const auto store = [&](std::size_t d, auto some) __attribute__((always_inline)) {
        G::D::store_levels(reinterpret_cast<typename G::Operand_t*>(to) + d, some);
      };
      const float largest = largest_of<Arch>(from, head_dim);
      const float scale = write_levels<Arch>(from, head_dim, largest, Packed::key_levels, store);
      return largest > 1e-30F ? scale : 1.0F;  // levels of zero: padding stays what it is
    } else {
      write_operand<Arch, E>(to, 0, from, head_dim);
      return 1.0F;
    }
  }

  /// Factors of weights in [0, 1]: the scale of the weight's value over the largest of them, in levels. Returns what a
  /// level of such a weight, times a level of a value, is worth.
  static float scale_weights(const float* value_scales, std::size_t count, float* factors) noexcept {
    auto most = S::set(0.0F);
    for (std::size_t c = 0; c < count; c += S::lanes) most = S::max(most, S::load(value_scales + c));
    const float largest = max_of<Arch>(most);
    const auto to_levels = S::set(as_written(largest > 1e-30F ? weight_levels / largest : 0.0F));
    for (std::size_t c = 0; c < count; c += S::lanes) S::store(factors + c, S::load(value_scales + c) * to_levels);
    return as_written(largest / weight_levels);
  }

  /// Sums of `rows` operand rows from `a` on and `count` panels, `apart` bytes from each other. `blocks`: what tiles
  /// are set up by; not used elsewhere. `ahead_bytes` from `ahead` on are asked for meanwhile.
  template <class T>
  static void multiply(const Blocks& blocks, std::size_t rows, const std::byte* a, std::size_t a_stride,
                       const std::byte* b, std::size_t apart, std::size_t count, std::size_t steps,
                       typename Gemm<Arch, T>::Result* out, std::size_t out_stride, const std::byte* ahead,
                       std::size_t ahead_bytes) noexcept {
    const auto pass = [&]<std::size_t Panels>(const auto& some, std::size_t panel) __attribute__((always_inline)) {
      const std::size_t share = ahead_bytes * Panels / (count * some.count());
      for (; panel + Panels <= count; panel += Panels) {
        for (std::size_t block = 0; block < some.count(); ++block) {
          const std::size_t begin = some.begin(block);
          some.multiply(some.begin(block + 1) - begin, a + begin * a_stride, a_stride, b + panel * apart, apart, steps,
                        out + begin * out_stride + panel * cols, out_stride, share == 0 ? b : ahead, share);
          ahead += share;
        }
      }
      return panel;
    };
    if constexpr (uses_tiles<Arch, T>) {
      for (std::size_t panel = 0; panel < count; ++panel) {
        blocks.multiply(rows, a, a_stride, b + panel * apart, apart, steps, out + panel * cols, out_stride, b, 0);
      }
    } else {
      std::size_t panel = 0;
      if constexpr (G::panels_at_once == 2) panel = pass.template operator()<2>(RowBlocks<Arch, T, 2>(0, rows), panel);
      pass.template operator()<1>(RowBlocks<Arch, T>(0, rows), panel);
    }
  }
};

/// Attention of a model with this weight type: float32 with float32 weights and with unusually wide heads; with
/// bfloat16 ones bfloat16 where there is an instruction for it, 16-bit levels where those are multiplied as levels too;
/// with int8 ones 8-bit levels. Of int8 models long sequences are in bfloat16 where there are tiles; short ones, and
/// all on every other set, give nearly the same on every machine.
template <class Arch, class Weight>
struct Attention {
  static constexpr bool bytes = sizeof(Weight) == 1;
  static constexpr bool in_levels = bytes || as_levels<Arch, Weight>;
  static constexpr bool halves = (sizeof(Weight) == 2 && !in_levels) || (bytes && uses_tiles<Arch, bfloat16>);
  static_assert(!halves || Arch::bf16, "otherwise OperandWeight is float");
  using Wide = AttentionOf<Arch, float>;
  using Halves = AttentionOf<Arch, bfloat16>;
  using Levels = AttentionOf<std::conditional_t<Arch::amx, Avx512Vnni, Arch>,
                             std::conditional_t<bytes, std::int8_t, std::int16_t>>;
  using Usual = std::conditional_t<halves, Halves, std::conditional_t<in_levels, Levels, Wide>>;
  static constexpr std::size_t query_block = Usual::query_block;
  /// A value becomes levels by its largest element, and bfloat16's positions lie in pairs: more than a vector knows.
  static constexpr std::size_t value_run = std::is_same_v<Usual, Wide> ? Wide::cols : 0;
  static constexpr std::size_t long_sequence = 256;
  static constexpr std::size_t narrowest = 16;  ///< heads that gain from levels

  /// Calls `run` with an object of the class that is responsible.
  template <class Run>
  static auto choose(std::size_t positions, std::size_t head_dim, const Run& run) noexcept {
    if (head_dim >= (in_levels ? narrowest : 0) && head_dim <= Usual::dim_block) {
      if constexpr (halves) {
        if (!bytes || positions > long_sequence) return run(Halves{});
      }
      if constexpr (in_levels) return run(Levels{});
    }
    return run(Wide{});
  }
  static std::size_t kv_bytes(std::size_t positions, std::size_t head_dim) noexcept {
    return choose(positions, head_dim, [&](auto it) { return decltype(it)::Packed::bytes(positions, head_dim); });
  }
  static void pack(const PackKvArgs& args) noexcept {
    choose(args.positions, args.head_dim, [&](auto it) { decltype(it)::Packed::pack(args); });
  }
  static void attend(const AttendArgs& args) noexcept {
    using Written = std::conditional_t<in_levels, std::int8_t, Weight>;  // float rows, whichever levels they become
    choose(args.positions, args.head_dim, [&](auto it) { decltype(it)::template attend<Written>(args); });
  }
};

}  // namespace hrm::kernels
