#pragma once
/// Keys and values of one head as attention's products read them: keys as a packed matrix [positions, head_dim], values
/// as its counterpart [head_dim, positions], both in panels.

#include <hrm/kernels/rows.hpp>

#include <type_traits>

namespace hrm::kernels {

/// Keys, values and where they lie, for products of E: float, bfloat16 (rounded), or whole numbers: keys as levels of 8
/// bits (int8) or 13 (int16), values as levels of 11, each position with scales of its own, so that positions can be
/// packed in any order.
template <class Arch, class E>
struct PackedKv {
  static constexpr bool levels = std::is_integral_v<E>;
  using K = std::conditional_t<levels && !Arch::dot8, std::int16_t, E>;  ///< of keys and of the queries they meet
  using V = std::conditional_t<levels, std::int16_t, E>;                 ///< of values and of the weights they meet
  using GK = Gemm<Arch, K>;
  using GV = Gemm<Arch, V>;
  using S = Simd<Arch>;
  static constexpr std::size_t cols = GK::panel_cols;
  static constexpr std::size_t widest = 128;                              ///< head_dim, unless E is float
  static constexpr float key_levels = sizeof(E) == 1 ? 127.0F : 4095.0F;  ///< the largest
  static constexpr float value_levels = 1023.0F;
  static_assert(double{key_levels} * double{key_levels} * widest < 2147483648.0);
  static_assert(GK::vectors == 2 && GV::panel_cols == cols && kv_group % S::lanes == 0);

  /// Per position, beyond the last up to a whole panel; levels alone.
  template <class Float>
  struct Scales {
    Float* keys;     ///< what a level of the key is worth
    Float* offsets;  ///< added to a score: undoes the zero point of queries, hides what is beyond the last position
    Float* values;
  };

  /// Bytes of a panel of keys, of a panel of values, and of all.
  static std::size_t key_panel(std::size_t head_dim) noexcept { return GK::panel_bytes(head_dim); }
  static std::size_t value_panel(std::size_t positions) noexcept {
    return GV::panel_bytes(levels ? round_up(positions, cols) : positions);
  }
  static std::size_t bytes(std::size_t positions, std::size_t head_dim) noexcept {
    const std::size_t matrices =
        ceil_div(positions, cols) * key_panel(head_dim) + ceil_div(head_dim, cols) * value_panel(positions);
    return matrices + (levels ? 3 * round_up(positions, cols) * sizeof(float) : 0);
  }
  /// The first panel of values.
  template <class Byte>
  static Byte* values(Byte* packed, std::size_t positions, std::size_t head_dim) noexcept {
    return packed + ceil_div(positions, cols) * key_panel(head_dim);
  }
  /// Where a position's value has its element `dim`, of E = float; the rest of the panel's follow.
  static HRM_ALWAYS_INLINE float* value_at(std::byte* packed, std::size_t positions, std::size_t head_dim,
                                           std::size_t position, std::size_t dim) noexcept {
    std::byte* const panel = values(packed, positions, head_dim) + dim / cols * value_panel(positions);
    return reinterpret_cast<float*>(panel) + position * cols + dim % cols;
  }
  template <class Byte>
  static auto scales(Byte* packed, std::size_t positions, std::size_t head_dim) noexcept {
    using Float = std::conditional_t<std::is_const_v<Byte>, const float, float>;
    auto* const first = reinterpret_cast<Float*>(values(packed, positions, head_dim) +
                                                 ceil_div(head_dim, cols) * value_panel(positions));
    const std::size_t count = round_up(positions, cols);
    return Scales<Float>{first, first + count, first + 2 * count};
  }

  /// See Table::pack_kv_tile.
  static void pack(const PackKvArgs& args) noexcept {
    if constexpr (levels) {
      pack_levels(args);
    } else if constexpr (std::is_same_v<E, bfloat16>) {
      pack_pairs(args);
    } else {
      pack_floats(args);
    }
  }

 private:
  /// Keys: panels of `cols` keys, each [head_dim][cols]. Values: panels of `cols` dimensions, each [positions][cols].
  static void pack_floats(const PackKvArgs& args) noexcept {
    constexpr std::size_t some = turned<Arch>;
    const float zeros[16] = {};  // keys beyond the last
    for (std::size_t first = args.begin - args.begin % cols; first < args.end; first += cols) {
      auto* const panel = reinterpret_cast<float*>(args.packed + first / cols * key_panel(args.head_dim));
      const std::size_t end = args.end == args.positions || args.end - first > cols ? cols : args.end - first;
      const auto key = [&](std::size_t j, std::size_t d) __attribute__((always_inline)) {
        return first + j < args.end ? args.k + (first + j) * args.stride + d : zeros;
      };
      static_assert(kv_group % some == 0 && cols % some == 0);
      for (std::size_t j = first < args.begin ? args.begin - first : 0; j < end; j += some) {
        std::size_t d = 0;
        for (; d + 16 <= args.head_dim; d += 16) {
          const float* rows[some];
          for (std::size_t i = 0; i < some; ++i) rows[i] = key(j + i, d);
          turn<Arch>(rows, 0, panel + d * cols + j, cols);
        }
        for (; d < args.head_dim; ++d) {
          for (std::size_t i = 0; i < some; ++i) panel[d * cols + j + i] = *key(j + i, d);
        }
      }
    }
    for (std::size_t d = 0; args.v != nullptr && d < args.head_dim; d += cols) {
      float* const panel = value_at(args.packed, args.positions, args.head_dim, 0, d);
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
  static void pack_pairs(const PackKvArgs& args) noexcept {
    const bool last = args.end == args.positions;
    const auto write = [&](std::size_t, const float* from, K* to) __attribute__((always_inline)) {
      write_operand<Arch, E>(reinterpret_cast<std::byte*>(to), 0, from, args.head_dim);
      const std::size_t end = round_up(GK::steps(args.head_dim) * GK::D::group, 32);
      for (std::size_t d = args.head_dim; d < end; ++d) to[d] = {};
    };
    const std::size_t end = last ? round_up(args.positions, cols) : args.end;
    for (std::size_t first = args.begin; first < end; first += S::lanes) turn_keys(args, first, write);
    alignas(64) bfloat16 rows[2][widest];
    std::byte* const to_values = values(args.packed, args.positions, args.head_dim);
    for (std::size_t p = args.begin; p < (last ? 2 * GK::steps(args.positions) : args.end); p += 2) {
      for (std::size_t i = 0; i < 2; ++i) {
        for (bfloat16& x : rows[i]) x = {};
        if (p + i >= args.positions) continue;
        const float* const from = args.v + (p + i) * args.stride;
        fetch(args, from);
        write_operand<Arch, E>(reinterpret_cast<std::byte*>(rows[i]), 0, from, args.head_dim);
      }
      for (std::size_t d = 0; d < args.head_dim; d += cols) {
        bfloat16 pairs[2 * cols];
        for (std::size_t j = 0; j < cols; ++j) {
          pairs[2 * j] = rows[0][d + j];
          pairs[2 * j + 1] = rows[1][d + j];
        }
        std::memcpy(static_cast<void*>(to_values + d / cols * value_panel(args.positions) + p / 2 * GK::step_bytes),
                    pairs, sizeof pairs);
      }
    }
  }

  /// Positions beyond the last, up to a whole panel, are levels of zero with an offset that hides them.
  static void pack_levels(const PackKvArgs& args) noexcept {
    const std::size_t end = args.end == args.positions ? round_up(args.positions, cols) : args.end;
    for (std::size_t first = args.begin; first < end; first += S::lanes) pack_keys(args, first);
    pack_values(args, end);
  }

  /// Positions lie far apart; one some way ahead is asked for.
  static HRM_ALWAYS_INLINE void fetch(const PackKvArgs& args, const float* row) noexcept {
    for (std::size_t d = 0; d < args.head_dim; d += 16) __builtin_prefetch(row + 8 * args.stride + d, 0, 3);
  }

  /// Where the key of a position begins in its panel.
  static HRM_ALWAYS_INLINE std::byte* key_at(const PackKvArgs& args, std::size_t position) noexcept {
    return args.packed + position / cols * key_panel(args.head_dim) + position % cols * 4;
  }

  /// Keys of a vector of positions, the elements of a step side by side, zeros where there are no more positions:
  /// `write(i, from, to)` makes those of position first + i.
  template <class Write>
  static HRM_ALWAYS_INLINE void turn_keys(const PackKvArgs& args, std::size_t first, const Write& write) noexcept {
    alignas(64) static constexpr K none[widest] = {};
    alignas(64) K keys[S::lanes][widest];
    const float* words[S::lanes];
    for (std::size_t i = 0; i < S::lanes; ++i) {
      const bool any = first + i < args.positions;
      words[i] = reinterpret_cast<const float*>(any ? keys[i] : none);
      if (!any) continue;
      const float* const from = args.k + (first + i) * args.stride;
      fetch(args, from);
      write(i, from, keys[i]);
    }
    turn_words<Arch, S::lanes>(words, GK::steps(args.head_dim), key_at(args, first), GK::step_bytes);
  }

  /// The same as levels, with their scales and offsets.
  static void pack_keys(const PackKvArgs& args, std::size_t first) noexcept {
    alignas(64) float worth[S::lanes] = {};  // of a level
    const auto write = [&](std::size_t i, const float* from, K* to) __attribute__((always_inline)) {
      const auto store = [&](std::size_t d, auto some) __attribute__((always_inline)) {
        GK::D::store_levels(to + d, some);
      };
      worth[i] = write_levels<Arch>(from, args.head_dim, largest_of<Arch>(from, args.head_dim), key_levels, store);
      const std::size_t end = GK::steps(args.head_dim) * GK::D::group;
      for (std::size_t d = round_up(args.head_dim, S::lanes); d < end; ++d) to[d] = 0;
    };
    turn_keys(args, first, write);
    const auto worths = S::load(worth);
    S::store(scales(args.packed, args.positions, args.head_dim).keys + first, worths);

    // The offsets take off what nothing but the zero point of a query meets.
    float* const offsets = scales(args.packed, args.positions, args.head_dim).offsets + first;
    S::store(offsets, S::set(0.0F));
    if constexpr (GK::D::zero_point != 0) {
      alignas(4) typename GK::Operand_t zeros[GK::D::group];
      for (auto& x : zeros) x = GK::D::zero_point;
      auto sum = GK::D::zero();
      const std::byte* const panel = key_at(args, first);
      for (std::size_t s = 0; s < GK::steps(args.head_dim); ++s) {
        const auto levels_of_step = GK::D::template weights<0>(panel + s * GK::step_bytes);
        sum = GK::D::dot(sum, GK::D::template operand<0>(zeros), levels_of_step);
      }
      S::store(offsets, S::set(0.0F) - worths * S::to_float(sum));
    }
    for (std::size_t i = 0; i < S::lanes; ++i) {
      if (first + i >= args.positions) offsets[i] = -1e36F;  // hidden, also from a query of 1e-30
    }
  }

  /// Values of positions from args.begin to `end`; those of p and p + lanes lie side by side: they are weighed in two
  /// vectors, which join without being sorted.
  static void pack_values(const PackKvArgs& args, std::size_t end) noexcept {
    auto* const panels = reinterpret_cast<V*>(values(args.packed, args.positions, args.head_dim));
    const std::size_t apart = value_panel(args.positions) / sizeof(V);
    float* const to_scales = scales(args.packed, args.positions, args.head_dim).values;
    for (std::size_t p = args.begin; p < end; ++p) {
      V* const to = panels + (p / cols * S::lanes + p % S::lanes) * 2 * cols + p / S::lanes % 2;
      const auto store = [&](std::size_t d, auto some) __attribute__((always_inline)) {
        store_halves<Arch>(to + d / cols * apart + d % cols * 2, some);
      };
      std::size_t d = 0;
      to_scales[p] = 0.0F;
      if (p < args.positions) {
        const float* const from = args.v + p * args.stride;
        fetch(args, from);
        to_scales[p] =
            write_levels<Arch>(from, args.head_dim, largest_of<Arch>(from, args.head_dim), value_levels, store);
        d = round_up(args.head_dim, S::lanes);
      }
      for (; d < round_up(args.head_dim, cols); d += S::lanes) store(d, S::set(std::int32_t{0}));
    }
  }
};

}  // namespace hrm::kernels
