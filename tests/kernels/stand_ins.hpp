#pragma once
// Included before everything else: instructions as functions, so that kernels that are made of them can be tested on a
// processor without. Compiled for AVX2: VNNI's, without AVX-512, so that the compiler makes no others of that set.
// Compiled for AVX512F, BW, DQ and VL: by STAND_IN, 1 for VNNI, 2 for bfloat16's too, 3 for tiles too.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include <immintrin.h>

namespace stand_in {

/// A sum with four products of an unsigned and a signed byte; it wraps around.
inline void add_bytes(void* sum, const void* x, const void* w) {
  std::uint32_t s = 0;
  std::memcpy(&s, sum, 4);
  for (int i = 0; i < 4; ++i) {
    const int product = static_cast<const std::uint8_t*>(x)[i] * static_cast<const std::int8_t*>(w)[i];
    s += static_cast<std::uint32_t>(product);
  }
  std::memcpy(sum, &s, 4);
}

/// add(sum, x, w) of every 32 bits of three vectors.
template <class Add>
void each_lane(Add add, void* sums, const void* xs, const void* ws, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4) {
    add(static_cast<std::byte*>(sums) + at, static_cast<const std::byte*>(xs) + at,
        static_cast<const std::byte*>(ws) + at);
  }
}

#if defined(__AVX512F__)
inline __m512i dpbusd(__m512i sum, __m512i x, __m512i w) {
  each_lane(add_bytes, &sum, &x, &w, sizeof sum);
  return sum;
}
inline __m512i dpwssd(__m512i sum, __m512i x, __m512i w) { return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w)); }
#else
inline __m256i dpbusd(__m256i sum, __m256i x, __m256i w) {
  each_lane(add_bytes, &sum, &x, &w, sizeof sum);
  return sum;
}
inline __m256i dpwssd(__m256i sum, __m256i x, __m256i w) { return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w)); }
#endif

}  // namespace stand_in

#if !defined(__AVX512F__)
#define __AVXVNNI__ 1
#define _mm256_dpbusd_avx_epi32 stand_in::dpbusd
#define _mm256_dpwssd_avx_epi32 stand_in::dpwssd
#else
#define __AVX512VNNI__ 1
#define _mm512_dpbusd_epi32 stand_in::dpbusd
#define _mm512_dpwssd_epi32 stand_in::dpwssd
#endif

#if STAND_IN >= 2
namespace stand_in {

inline float widened(std::uint16_t x) {
  const std::uint32_t bits = std::uint32_t{x} << 16;
  float f = 0.0F;
  std::memcpy(&f, &bits, 4);
  return f;
}

/// To the nearest bfloat16, ties to even; a NaN stays one.
inline std::uint16_t rounded(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

/// A sum with two products of bfloat16.
inline void add_bf16(void* sum, const void* x, const void* w) {
  float s = 0.0F;
  std::uint16_t a[2], b[2];
  std::memcpy(&s, sum, 4);
  std::memcpy(a, x, 4);
  std::memcpy(b, w, 4);
  s = __builtin_fmaf(widened(a[0]), widened(b[0]), s);
  s = __builtin_fmaf(widened(a[1]), widened(b[1]), s);
  std::memcpy(sum, &s, 4);
}

inline __m512 dpbf16(__m512 sum, __m512bh x, __m512bh w) {
  each_lane(add_bf16, &sum, &x, &w, sizeof sum);
  return sum;
}
/// The 16 numbers of a vector, rounded.
inline void round_all(const void* from, void* to) {
  float wide[16];
  std::uint16_t narrow[16];
  std::memcpy(wide, from, sizeof wide);
  for (int i = 0; i < 16; ++i) narrow[i] = rounded(wide[i]);
  std::memcpy(to, narrow, sizeof narrow);
}
inline __m256bh cvtne(__m512 x) {
  __m256bh to;
  round_all(&x, &to);
  return to;
}
inline __m512bh cvtne2(__m512 high, __m512 low) {
  __m512bh to;
  round_all(&low, &to);
  round_all(&high, reinterpret_cast<std::byte*>(&to) + 32);
  return to;
}

}  // namespace stand_in

#define __AVX512BF16__ 1
#define _mm512_dpbf16_ps stand_in::dpbf16
#define _mm512_cvtneps_pbh stand_in::cvtne
#define _mm512_cvtne2ps_pbh stand_in::cvtne2
#endif

#if STAND_IN >= 3
namespace stand_in {

/// A thread's tile registers. What the processor would refuse ends the program.
struct TileRegisters {
  bool ready = false;
  std::uint8_t rows[8] = {};
  std::uint16_t row_bytes[8] = {};
  std::uint8_t tile[8][16][64] = {};
};
inline thread_local TileRegisters tiles;

inline void hold(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "tiles: %s\n", what);
  std::abort();
}
inline void hold_ready(int t) { hold(tiles.ready && tiles.rows[t] != 0, "not set up"); }

inline void load_config(const void* config) {
  std::uint8_t byte[64];
  std::memcpy(byte, config, 64);
  hold(byte[0] == 1, "no such palette");
  for (int i = 1; i < 16; ++i) hold(byte[i] == 0, "reserved");
  tiles = TileRegisters{};
  tiles.ready = true;
  for (int t = 0; t < 16; ++t) {
    std::uint16_t row_bytes = 0;
    std::memcpy(&row_bytes, byte + 16 + 2 * t, 2);
    const std::uint8_t rows = byte[48 + t];
    hold(row_bytes <= 64 && rows <= 16 && (row_bytes == 0) == (rows == 0) && (t < 8 || rows == 0), "shape");
    if (t >= 8) continue;
    tiles.rows[t] = rows;
    tiles.row_bytes[t] = row_bytes;
  }
}
inline void release() { tiles.ready = false; }
inline void zero(int t) {
  hold_ready(t);
  std::memset(tiles.tile[t], 0, sizeof tiles.tile[t]);
}
inline void load(int t, const void* from, std::size_t stride) {
  zero(t);
  for (std::size_t r = 0; r < tiles.rows[t]; ++r)
    std::memcpy(tiles.tile[t][r], static_cast<const std::byte*>(from) + r * stride, tiles.row_bytes[t]);
}
inline void store(int t, void* to, std::size_t stride) {
  hold_ready(t);
  for (std::size_t r = 0; r < tiles.rows[t]; ++r)
    std::memcpy(static_cast<std::byte*>(to) + r * stride, tiles.tile[t][r], tiles.row_bytes[t]);
}
template <class Add>
void multiply(int sum, int x, int w, Add add) {
  for (const int t : {sum, x, w}) hold_ready(t);
  hold(tiles.rows[sum] == tiles.rows[x] && tiles.row_bytes[sum] == tiles.row_bytes[w] &&
           tiles.row_bytes[x] == 4 * tiles.rows[w],
       "shapes of a product");
  for (std::size_t m = 0; m < tiles.rows[x]; ++m)
    for (std::size_t k = 0; k < tiles.row_bytes[x]; k += 4)
      for (std::size_t n = 0; n < tiles.row_bytes[w]; n += 4)
        add(tiles.tile[sum][m] + n, tiles.tile[x][m] + k, tiles.tile[w][k / 4] + n);
}
inline void dpbf16_tiles(int sum, int x, int w) { multiply(sum, x, w, add_bf16); }
inline void dpbusd_tiles(int sum, int x, int w) { multiply(sum, x, w, add_bytes); }

}  // namespace stand_in

/// For -Wl,--wrap=syscall: Linux grants the tiles (amx_ready.hpp).
extern "C" long __real_syscall(long, ...);
extern "C" inline __attribute__((used)) long __wrap_syscall(long number, long a, long b, long c, long d, long e,
                                                            long f) {
  constexpr long arch_prctl = 158, request_permission = 0x1023;
  return number == arch_prctl && a == request_permission ? 0 : __real_syscall(number, a, b, c, d, e, f);
}

#define __AMX_TILE__ 1
#define __AMX_BF16__ 1
#define __AMX_INT8__ 1
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbusd
#define _tile_zero stand_in::zero
#define _tile_loadd stand_in::load
#define _tile_stored stand_in::store
#define _tile_dpbf16ps stand_in::dpbf16_tiles
#define _tile_dpbusd stand_in::dpbusd_tiles
#define _tile_loadconfig stand_in::load_config
#define _tile_release stand_in::release
#endif
