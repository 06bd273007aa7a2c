#pragma once
/// The instruction sets, as tags, and which of them the including file is compiled for.

#include <hrm/base/types.hpp>

#if !defined(HRM_SCALAR)
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define HRM_SIMD_AVX512 1
#if defined(__AVX512VNNI__)
#define HRM_SIMD_VNNI 1
#endif
// Intel's processors begin one dot product of bfloat16 in two cycles, but four of 16-bit levels (bench/kernels,
// "Four for one"). They are told by FP16, which AMD's up to Zen 5 do not have, but for Cooper Lake.
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__) && !defined(__AVX512FP16__) && !defined(__cooperlake__)
#define HRM_SIMD_BF16_QUICK 1
#endif
// Two spellings: gcc's and later clang's, and clang 14's.
#if defined(__linux__) && defined(__x86_64__) && defined(__AVX512BF16__) && defined(__AVX512VNNI__) && \
    ((defined(__AMX_BF16__) && defined(__AMX_INT8__)) || (defined(__AMXBF16__) && defined(__AMXINT8__)))
#define HRM_SIMD_AMX 1
#endif
#elif defined(__AVX2__) && defined(__FMA__)
#define HRM_SIMD_AVX2 1
#if defined(__AVXVNNI__)
#define HRM_SIMD_VNNI 1
#endif
#elif defined(__SSE2__)
#define HRM_SIMD_SSE2 1
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define HRM_SIMD_NEON64 1
#if defined(__ARM_FEATURE_DOTPROD)
#define HRM_SIMD_NEON_DOT 1
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define HRM_SIMD_NEON_BF16 1
#endif
#endif
#endif
#endif

namespace hrm::kernels {

enum class Family : std::uint8_t { scalar, sse2, avx2, avx512, neon64 };

/// Instruction sets. `bf16`, `dot8` and `dot16`: dot products of bfloat16 pairs, of int8 quadruples and of int16 pairs,
/// added to a sum in one instruction. `amx`: products of whole tiles of bfloat16 and of int8.
struct Scalar {
  static constexpr Family family = Family::scalar;
  static constexpr bool bf16 = false, dot8 = false, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"scalar float32", "scalar bfloat16", "scalar int8"};
};
struct Sse2 {
  static constexpr Family family = Family::sse2;
  static constexpr bool bf16 = false, dot8 = false, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"sse2 float32", "sse2 bfloat16", "sse2 int8"};
};
struct Avx2 {
  static constexpr Family family = Family::avx2;
  static constexpr bool bf16 = false, dot8 = false, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"avx2 float32", "avx2 bfloat16", "avx2 int8"};
};
struct AvxVnni {  ///< AVX2 with VNNI, as Intel's processors without AVX-512 have it
  static constexpr Family family = Family::avx2;
  static constexpr bool bf16 = false, dot8 = true, dot16 = true, amx = false;
  static constexpr const char* names[3] = {"avxvnni float32", "avxvnni bfloat16", "avxvnni int8"};
};
struct Avx512 {
  static constexpr Family family = Family::avx512;
  static constexpr bool bf16 = false, dot8 = false, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"avx512 float32", "avx512 bfloat16", "avx512 int8"};
};
struct Avx512Vnni {
  static constexpr Family family = Family::avx512;
  static constexpr bool bf16 = false, dot8 = true, dot16 = true, amx = false;
  static constexpr const char* names[3] = {"avx512vnni float32", "avx512vnni bfloat16", "avx512vnni int8"};
};
struct Avx512Bf16 {
  static constexpr Family family = Family::avx512;
  static constexpr bool bf16 = true, dot8 = true, dot16 = true, amx = false;
  static constexpr const char* names[3] = {"avx512bf16 float32", "avx512bf16 bfloat16", "avx512bf16 int8"};
};
struct Amx {
  static constexpr Family family = Family::avx512;
  static constexpr bool bf16 = true, dot8 = true, dot16 = true, amx = true;
  static constexpr const char* names[3] = {"amx float32", "amx bfloat16", "amx int8"};
};
struct Neon64 {
  static constexpr Family family = Family::neon64;
  static constexpr bool bf16 = false, dot8 = false, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"neon64 float32", "neon64 bfloat16", "neon64 int8"};
};
struct NeonDot {  ///< with dot products of bytes (ARMv8.2): Apple's processors, Cortex-A76 and later
  static constexpr Family family = Family::neon64;
  static constexpr bool bf16 = false, dot8 = true, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"neondot float32", "neondot bfloat16", "neondot int8"};
};
struct NeonBf16 {  ///< and of bfloat16 (ARMv8.6): Apple's M2, Neoverse V1 and later
  static constexpr Family family = Family::neon64;
  static constexpr bool bf16 = true, dot8 = true, dot16 = false, amx = false;
  static constexpr const char* names[3] = {"neonbf16 float32", "neonbf16 bfloat16", "neonbf16 int8"};
};

/// Whether the set has products fused with sums, rounded once.
template <class Arch>
inline constexpr bool fuses_products = !(Arch::family == Family::scalar || Arch::family == Family::sse2);

/// The best that the including file is compiled for. Define HRM_SCALAR to have no vectors at all.
#if defined(HRM_SIMD_AMX)
using NativeArch = Amx;
#elif defined(HRM_SIMD_BF16_QUICK)
using NativeArch = Avx512Bf16;
#elif defined(HRM_SIMD_AVX512) && defined(HRM_SIMD_VNNI)
using NativeArch = Avx512Vnni;
#elif defined(HRM_SIMD_AVX512)
using NativeArch = Avx512;
#elif defined(HRM_SIMD_AVX2) && defined(HRM_SIMD_VNNI)
using NativeArch = AvxVnni;
#elif defined(HRM_SIMD_AVX2)
using NativeArch = Avx2;
#elif defined(HRM_SIMD_SSE2)
using NativeArch = Sse2;
#elif defined(HRM_SIMD_NEON_BF16)
using NativeArch = NeonBf16;
#elif defined(HRM_SIMD_NEON_DOT)
using NativeArch = NeonDot;
#elif defined(HRM_SIMD_NEON64)
using NativeArch = Neon64;
#else
using NativeArch = Scalar;
#endif

}  // namespace hrm::kernels
