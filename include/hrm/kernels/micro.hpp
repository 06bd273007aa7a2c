#pragma once
/// Sizes of the microkernels.

#include <hrm/kernels/dot.hpp>
#if defined(HRM_SIMD_NEON64)
#include <hrm/kernels/dot_neon.hpp>
#endif

namespace hrm::kernels {

/// Whether products of this weight type are made tile by tile.
template <class Arch, class Weight>
inline constexpr bool uses_tiles = Arch::amx &&
                                   (std::is_same_v<Weight, bfloat16> || std::is_same_v<Weight, std::int8_t>);

/// Rows and vectors of the microkernels: as many accumulators as registers allow beside a step's weights, its broadcast
/// and what the dot product needs in between. Of a panel by itself taller than wide, since a row costs a broadcast from
/// the first-level cache while a column costs a vector from the second.
template <class Arch, class Weight>
struct Micro {
  static constexpr std::size_t vectors = 2;  ///< of a panel
  static constexpr bool multiply_then_add =
      std::is_integral_v<Weight> && !(sizeof(Weight) == 1 ? Arch::dot8 : Arch::dot16);
  static constexpr bool widened = std::is_same_v<Weight, bfloat16> && !Arch::bf16 && !as_levels<Arch, Weight>;
  static constexpr std::size_t rows = uses_tiles<Arch, Weight>         ? 32
                                      : Arch::family == Family::scalar ? 2
                                      : Arch::family == Family::neon64 ? 8
                                      : Arch::family == Family::avx512 ? (multiply_then_add ? 12
                                                                          : widened         ? 13
                                                                                            : 14)
                                                                       : 6;
  /// Rows of two panels at once; 0: one by one. 10 loads for 24 sums instead of 16 for 28: as quick on a core of one's
  /// own, a tenth quicker where the other hyperthread of the core is at work too.
  static constexpr std::size_t pair_rows =
      Arch::family == Family::avx512 && !uses_tiles<Arch, Weight> && !multiply_then_add && !widened ? 6 : 0;
  /// Steps at once: those of a row vector where there are any; of steps that are widened, which have two phases, one.
  static constexpr std::size_t unroll = [] {
    using D = Dot<Arch, Weight>;
    if constexpr (requires { D::row_steps; }) return D::row_steps;
    return std::size_t{widened ? 1 : 2};
  }();
  /// AMD's processors with AVX-512 (bfloat16, but no tiles) follow a panel by themselves, and what is to come is best
  /// asked for all the way into the first-level cache; others have to be asked for the panel at hand too, and for what
  /// is to come into the second level alone.
  static constexpr bool follows = Arch::family == Family::avx512 && Arch::bf16 && !Arch::amx;
  /// Whether so many rows are better multiplied with one panel than with two at once. Of few blocks of rows two panels
  /// are done with before the two to come are there; of one block, either way. Processors that follow by themselves are
  /// quicker with two, but where one stays in the first-level cache.
  static constexpr bool one_by_one(std::size_t height, std::size_t panel_bytes) noexcept {
    constexpr std::size_t stays = std::size_t{32} << 10;
    const std::size_t few = follows && panel_bytes >= stays ? 3 : 10;  // blocks
    return height > pair_rows && height <= few * pair_rows;
  }
};

}  // namespace hrm::kernels
