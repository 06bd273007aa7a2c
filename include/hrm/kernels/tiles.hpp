#pragma once
/// Products of bfloat16 numbers with sums in float32, for training: both operands are rounded for the occasion, since
/// weights change with every step. Where the processor has matrix tiles (AMX) they do the work, sixteen times as fast
/// as float32 there; elsewhere dot products of pairs do (AVX512-BF16).
///
/// Layouts. An operand is row-major, [rows, depth], each row zero-padded to whole cache lines, room for a multiple of
/// 16 rows. A packed matrix [depth, cols] stands in tiles of 32 x 16, each one KiB: row k of a tile has elements 2k and
/// 2k + 1 of 16 columns, side by side; tiles of one block of columns follow each other.

#include <hrm/kernels/amx_ready.hpp>
#include <hrm/kernels/tile_registers.hpp>
#include <hrm/kernels/transpose.hpp>

#if defined(HRM_SIMD_AVX512) && defined(__AVX512BF16__)
#define HRM_TILES 1
#if defined(HRM_SIMD_AMX)
#define HRM_TILES_AMX 1
#endif
#endif

namespace hrm::kernels {

/// A matrix [depth, cols] in tiles; owns nothing.
struct TiledMatrix {
  std::byte* tiles = nullptr;  ///< Tiles::packed_bytes(cols, depth), 64-byte aligned
  std::size_t cols = 0;
  std::size_t depth = 0;
};

template <class Arch>
struct Tiles {
  /// Whether this instruction set has products of bfloat16 at all; nothing else here may be used without.
#if defined(HRM_TILES)
  static constexpr bool offered = Arch::bf16;
#else
  static constexpr bool offered = false;
#endif
  static constexpr std::size_t side = 16;  ///< rows of an operand's tile, columns of a packed one
  static constexpr std::size_t step = 32;  ///< depth of a tile
  static constexpr std::size_t tile_bytes = 1024;

  [[nodiscard]] static constexpr std::size_t steps(std::size_t depth) noexcept { return ceil_div(depth, step); }
  /// Bytes from row to row of an operand: an odd number of cache lines keeps rows out of each other's sets.
  [[nodiscard]] static constexpr std::size_t operand_stride(std::size_t depth) noexcept {
    return (steps(depth) | 1) * 64;
  }
  [[nodiscard]] static constexpr std::size_t operand_bytes(std::size_t rows, std::size_t depth) noexcept {
    return round_up(rows, side) * operand_stride(depth);
  }
  [[nodiscard]] static constexpr std::size_t packed_bytes(std::size_t cols, std::size_t depth) noexcept {
    return ceil_div(cols, side) * steps(depth) * tile_bytes;
  }

  /// Sets up the calling thread's tiles while it lives. product() needs one in scope.
  class Session {
   public:
    Session() noexcept {  // NOLINT(modernize-use-equals-default) not empty where there are tiles
#if defined(HRM_TILES_AMX)
      if (matrix_unit()) load_tile_registers<Arch>(side);
#endif
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {  // NOLINT(modernize-use-equals-default)
#if defined(HRM_TILES_AMX)
      if (matrix_unit()) _tile_release();
#endif
    }
  };

#if defined(HRM_TILES)
  /// Whether the tiles' unit is there and the system lets us use it; asked once.
  [[nodiscard]] static bool matrix_unit() noexcept {
#if defined(HRM_TILES_AMX)
    static const bool granted = amx_ready<Arch>();
    return granted;
#else
    return false;
#endif
  }

  /// `rows` rows of `depth` floats, `stride` floats apart, become operand rows.
  static void write_operand(const float* from, std::size_t stride, std::size_t rows, std::size_t depth,
                            std::byte* to) noexcept {
    const std::size_t to_stride = operand_stride(depth);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t k = 0; k < depth; k += step)
        store(to + r * to_stride + 2 * k, halves(from + r * stride + k, depth - k));
    }
  }

  /// Column j of `depth` rows of `cols` floats, `stride` floats apart, becomes operand row `source(j)`: the transpose.
  template <class Source>
  static void write_turned(const float* from, std::size_t stride, std::size_t depth, std::size_t cols, std::byte* to,
                           const Source& source) noexcept {
    const std::size_t to_stride = operand_stride(depth);
    for (std::size_t c = 0; c < cols; c += side) {
      const std::size_t width = cols - c < side ? cols - c : side;
      for (std::size_t k = 0; k < depth; k += step) {
        __m512i square[side];
        HRM_UNROLL
        for (std::size_t p = 0; p < side; ++p) square[p] = pairs(from + c, stride, k + 2 * p, depth, width);
        transpose(square);
        for (std::size_t j = 0; j < width; ++j) store(to + source(c + j) * to_stride + 2 * k, square[j]);
      }
    }
  }

  /// Packs the matrix whose row k is `row(k)`, a pointer to w.cols floats.
  template <class Row>
  static void pack_rows(const TiledMatrix& w, const Row& row) noexcept {
    const std::size_t block_bytes = steps(w.depth) * tile_bytes;
    const std::size_t end = steps(w.depth) * step;
    for (std::size_t k = 0; k < end; k += 2) {
      const float* const even = k < w.depth ? row(k) : nullptr;
      const float* const odd = k + 1 < w.depth ? row(k + 1) : nullptr;
      std::byte* to = w.tiles + k / step * tile_bytes + k % step / 2 * 64;
      for (std::size_t c = 0; c < w.cols; c += side, to += block_bytes) {
        const std::size_t width = w.cols - c < side ? w.cols - c : side;
        store(to, interleaved(even == nullptr ? _mm512_setzero_ps() : load(even + c, width),
                              odd == nullptr ? _mm512_setzero_ps() : load(odd + c, width)));
      }
    }
  }

  /// Packs the matrix whose column j is `column(j)`, a pointer to w.depth floats: the weights of y = x W^T.
  template <class Column>
  static void pack_columns(const TiledMatrix& w, const Column& column) noexcept {
    std::byte* to = w.tiles;
    for (std::size_t c = 0; c < w.cols; c += side) {
      const std::size_t width = w.cols - c < side ? w.cols - c : side;
      for (std::size_t k = 0; k < w.depth; k += step, to += tile_bytes) {
        __m512i square[side];
        for (std::size_t j = 0; j < side; ++j) {
          square[j] = j < width ? halves(column(c + j) + k, w.depth - k) : _mm512_setzero_si512();
        }
        transpose(square);
        HRM_UNROLL
        for (std::size_t p = 0; p < side; ++p) store(to + 64 * p, square[p]);
      }
    }
  }

  /// c [rows, w.cols], `c_stride` floats from row to row, (+)= operand [rows, w.depth] times the packed matrix. A
  /// Session must be in scope.
  static void product(const std::byte* a, std::size_t rows, const TiledMatrix& w, float* c, std::size_t c_stride,
                      bool accumulate) noexcept {
#if defined(HRM_TILES_AMX)
    if (matrix_unit()) return on_tiles(a, rows, w, c, c_stride, accumulate);
#endif
    by_pairs(a, rows, w, c, c_stride, accumulate);
  }
  /// The same without the matrix unit.
  static void by_pairs(const std::byte* a, std::size_t rows, const TiledMatrix& w, float* c, std::size_t c_stride,
                       bool accumulate) noexcept {
    constexpr std::size_t tall = 12;
    const std::size_t a_stride = operand_stride(w.depth);
    const std::size_t depth_pairs = steps(w.depth) * side;
    for (std::size_t col = 0; col < w.cols; col += 2 * side) {
      const std::byte* const b = w.tiles + col / side * steps(w.depth) * tile_bytes;
      const bool both = col + side < w.cols;
      const std::byte* const b_next = both ? b + steps(w.depth) * tile_bytes : b;
      const __mmask16 first = mask(w.cols - col);
      const __mmask16 second = both ? mask(w.cols - col - side) : __mmask16{0};
      for (std::size_t r = 0; r < rows; r += tall) {
        __m512 sum[tall][2];
        const std::byte* row[tall];
        HRM_UNROLL
        for (std::size_t i = 0; i < tall; ++i) {
          row[i] = a + (r + i < rows ? r + i : r) * a_stride;
          sum[i][0] = sum[i][1] = _mm512_setzero_ps();
        }
        for (std::size_t p = 0; p < depth_pairs; ++p) {
          const auto b0 = as_bf16(_mm512_loadu_si512(b + 64 * p));
          const auto b1 = as_bf16(_mm512_loadu_si512(b_next + 64 * p));
          HRM_UNROLL
          for (std::size_t i = 0; i < tall; ++i) {
            std::int32_t two = 0;
            std::memcpy(&two, row[i] + 4 * p, 4);
            const auto x = as_bf16(_mm512_set1_epi32(two));
            sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
            sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
          }
        }
        for (std::size_t i = 0; i < tall && r + i < rows; ++i) {
          put(c + (r + i) * c_stride + col, sum[i][0], first, accumulate);
          if (both) put(c + (r + i) * c_stride + col + side, sum[i][1], second, accumulate);
        }
      }
    }
  }

 private:
  static HRM_ALWAYS_INLINE __mmask16 mask(std::size_t n) noexcept {
    return static_cast<__mmask16>(n >= side ? 0xffffU : (1U << n) - 1U);
  }
  static HRM_ALWAYS_INLINE __m512 load(const float* p, std::size_t n) noexcept {
    return _mm512_maskz_loadu_ps(mask(n), p);
  }
  static HRM_ALWAYS_INLINE void store(std::byte* p, __m512i x) noexcept { _mm512_storeu_si512(p, x); }
  static HRM_ALWAYS_INLINE __m512bh as_bf16(__m512i x) noexcept { return reinterpret_cast<__m512bh>(x); }
  static HRM_ALWAYS_INLINE void put(float* c, __m512 sum, __mmask16 some, bool accumulate) noexcept {
    if (accumulate) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(some, c), sum);
    _mm512_mask_storeu_ps(c, some, sum);
  }
  // 32 floats (zeros from `n` on), rounded.
  static HRM_ALWAYS_INLINE __m512i halves(const float* p, std::size_t n) noexcept {
    const __m512 low = load(p, n);
    const __m512 high = n > side ? load(p + side, n - side) : _mm512_setzero_ps();
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  }
  // Word j: even[j] below, odd[j] above, both rounded.
  static HRM_ALWAYS_INLINE __m512i interleaved(__m512 even, __m512 odd) noexcept {
    const __m512i one_after_other = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, one_after_other);
  }
  static HRM_ALWAYS_INLINE __m512i pairs(const float* from, std::size_t stride, std::size_t k, std::size_t depth,
                                         std::size_t width) noexcept {
    return interleaved(k < depth ? load(from + k * stride, width) : _mm512_setzero_ps(),
                       k + 1 < depth ? load(from + (k + 1) * stride, width) : _mm512_setzero_ps());
  }
#if defined(HRM_TILES_AMX)
  static void on_tiles(const std::byte* a, std::size_t rows, const TiledMatrix& w, float* c, std::size_t c_stride,
                       bool accumulate) noexcept {
    const std::size_t a_stride = operand_stride(w.depth);
    for (std::size_t r = 0; r < rows; r += 2 * side) {
      for (std::size_t col = 0; col < w.cols; col += 2 * side) {
        const std::byte* const b = w.tiles + col / side * steps(w.depth) * tile_bytes;
        const Block at{a + r * a_stride, a_stride,     b,         steps(w.depth), c + r * c_stride + col, c_stride,
                       rows - r,         w.cols - col, accumulate};
        if (rows - r > side) {
          w.cols - col > side ? block<2, 2>(at) : block<2, 1>(at);
        } else {
          w.cols - col > side ? block<1, 2>(at) : block<1, 1>(at);
        }
      }
    }
  }

  struct Block {
    const std::byte* a;
    std::size_t a_stride;
    const std::byte* b;
    std::size_t steps;
    float* c;
    std::size_t c_stride;
    std::size_t rows, cols;  // left from here on
    bool accumulate;
  };
  // M x N tiles of sums: tiles 0 to 3; 4, 5 hold the operand and 6, 7 the packed matrix.
  template <std::size_t M, std::size_t N>
  static HRM_ALWAYS_INLINE void block(const Block& at) noexcept {
    const bool whole = at.rows >= M * side && at.cols >= N * side;
    const auto c_bytes = static_cast<long>(at.c_stride * sizeof(float));
    const auto a_bytes = static_cast<long>(at.a_stride);
    float* const c_low = at.c + side * at.c_stride;
    asm volatile("" ::: "memory");  // gcc 12's tile loads do not say that they read memory
    if (whole && at.accumulate) {
      _tile_loadd(0, at.c, c_bytes);
      if constexpr (N == 2) _tile_loadd(1, at.c + side, c_bytes);
      if constexpr (M == 2) _tile_loadd(2, c_low, c_bytes);
      if constexpr (M == 2 && N == 2) _tile_loadd(3, c_low + side, c_bytes);
    } else {
      _tile_zero(0);
      if constexpr (N == 2) _tile_zero(1);
      if constexpr (M == 2) _tile_zero(2);
      if constexpr (M == 2 && N == 2) _tile_zero(3);
    }
    const std::byte* a = at.a;
    const std::byte* b = at.b;
    for (std::size_t s = 0; s < at.steps; ++s, a += 64, b += tile_bytes) {
      _tile_loadd(4, a, a_bytes);
      _tile_loadd(6, b, 64);
      if constexpr (N == 2) _tile_loadd(7, b + at.steps * tile_bytes, 64);
      if constexpr (M == 2) _tile_loadd(5, a + side * at.a_stride, a_bytes);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (N == 2) _tile_dpbf16ps(1, 4, 7);
      if constexpr (M == 2) _tile_dpbf16ps(2, 5, 6);
      if constexpr (M == 2 && N == 2) _tile_dpbf16ps(3, 5, 7);
    }
    if (whole) {
      _tile_stored(0, at.c, c_bytes);
      if constexpr (N == 2) _tile_stored(1, at.c + side, c_bytes);
      if constexpr (M == 2) _tile_stored(2, c_low, c_bytes);
      if constexpr (M == 2 && N == 2) _tile_stored(3, c_low + side, c_bytes);
      return;
    }
    alignas(64) float sums[M * side * N * side];
    constexpr long width = N * side * sizeof(float);
    _tile_stored(0, sums, width);
    if constexpr (N == 2) _tile_stored(1, sums + side, width);
    if constexpr (M == 2) _tile_stored(2, sums + side * N * side, width);
    if constexpr (M == 2 && N == 2) _tile_stored(3, sums + side * N * side + side, width);
    asm volatile("" ::: "memory");
    const std::size_t rows = at.rows < M * side ? at.rows : M * side;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t n = 0; n < N && n * side < at.cols; ++n) {
        put(at.c + r * at.c_stride + n * side, _mm512_load_ps(sums + (r * N + n) * side), mask(at.cols - n * side),
            at.accumulate);
      }
    }
  }
#endif
#endif
};

}  // namespace hrm::kernels
