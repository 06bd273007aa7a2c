#pragma once
/// Tile registers (Intel AMX): eight of 16 rows x 64 bytes, and a product of two of them into a third in 16 cycles.
/// An operand's rows are a left tile as they lie; a packed panel, whose steps hold groups of a column's elements side
/// by side, is a right one. The operating system lends the registers to a process that asks (amx_ready.hpp).

#include <hrm/kernels/micro.hpp>
#include <hrm/kernels/tile_registers.hpp>

#if defined(HRM_SIMD_AMX)
namespace hrm::kernels {

/// The tile registers of this thread: tiles 0 to 3 are sums (row tile i and column tile j at 2i + j), 4 and 5 operand
/// rows, 6 and 7 weights. Constructed for left tiles of `height` rows; given back at the end.
template <class Arch, class Weight>
class TileProduct {
 public:
  using D = Dot<Arch, Weight>;
  static constexpr std::size_t rows = 16;                            ///< of a tile, at most
  static constexpr std::size_t steps = 16;                           ///< of depth in a tile
  static constexpr std::size_t step_bytes = 2 * 16 * D::lane_bytes;  ///< of a panel of two tiles' columns

  explicit TileProduct(std::size_t height) noexcept { load_tile_registers<Arch>(height); }
  TileProduct(const TileProduct&) = delete;
  TileProduct& operator=(const TileProduct&) = delete;
  ~TileProduct() { _tile_release(); }

  /// Sums of two row tiles (one if `b1` is no second: `Two` false), from a0 and a1 on, and one panel over `tiles` tiles
  /// of depth. `next` is what to pull into the second-level cache meanwhile, `pace` bytes a tile of depth.
  template <bool Two>
  static HRM_NOINLINE void multiply(const std::byte* a0, const std::byte* a1, std::size_t a_stride, const std::byte* b,
                                    std::size_t tiles, typename D::Result* out0, typename D::Result* out1,
                                    std::size_t out_stride, const std::byte* next, std::size_t pace) noexcept {
    asm volatile("" ::: "memory");  // what was written as operand is read by no instruction the compiler knows
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (Two) {
      _tile_zero(2);
      _tile_zero(3);
    }
    for (std::size_t t = 0; t < tiles; ++t) {
      _tile_loadd(6, b, step_bytes);
      _tile_loadd(7, b + 64, step_bytes);
      _tile_loadd(4, a0, a_stride);
      if constexpr (Two) _tile_loadd(5, a1, a_stride);
      if constexpr (sizeof(Weight) == 2) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (Two) {
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
      } else {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        if constexpr (Two) {
          _tile_dpbusd(2, 5, 6);
          _tile_dpbusd(3, 5, 7);
        }
      }
      for (std::size_t ahead = 0; ahead < pace; ahead += 64) __builtin_prefetch(next + ahead, 0, 2);
      next += pace;
      a0 += 64;
      a1 += 64;
      b += steps * step_bytes;
    }
    const std::size_t stride = out_stride * sizeof *out0;
    _tile_stored(0, out0, stride);
    _tile_stored(1, out0 + 16, stride);
    if constexpr (Two) {
      _tile_stored(2, out1, stride);
      _tile_stored(3, out1 + 16, stride);
    }
    asm volatile("" ::: "memory");
  }
};

}  // namespace hrm::kernels
#endif
