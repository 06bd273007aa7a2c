#pragma once
// Included before everything else where this machine has AVX2 but no VNNI: the two instructions as functions, so that
// the kernels that are made of them can be tested. Without AVX-512 the compiler makes no others of that set.
#include <cstdint>
#include <cstring>

#include <immintrin.h>

/// Each 32-bit sum gets four products of an unsigned and a signed byte; it wraps around.
inline __m256i emulated_dpbusd(__m256i sum, __m256i x, __m256i w) {
  std::uint32_t sums[8];
  std::uint8_t unsigned_bytes[32];
  std::int8_t signed_bytes[32];
  std::memcpy(sums, &sum, sizeof sums);
  std::memcpy(unsigned_bytes, &x, sizeof unsigned_bytes);
  std::memcpy(signed_bytes, &w, sizeof signed_bytes);
  for (int i = 0; i < 32; ++i) sums[i / 4] += static_cast<std::uint32_t>(unsigned_bytes[i] * signed_bytes[i]);
  std::memcpy(&sum, sums, sizeof sums);
  return sum;
}
/// The same with two products of signed 16-bit numbers.
inline __m256i emulated_dpwssd(__m256i sum, __m256i x, __m256i w) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
}
#define _mm256_dpbusd_avx_epi32 emulated_dpbusd
#define _mm256_dpwssd_avx_epi32 emulated_dpwssd
#define __AVXVNNI__ 1
