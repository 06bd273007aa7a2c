// Picks the kernels for the processor this runs on. Compiled for the baseline; knows the other objects by name alone.
#include <hrm/kernels/amx_ready.hpp>
#include <hrm/kernels/table.hpp>

#if defined(HRM_HAS_sse2)
#include <cpuid.h>
#elif defined(HRM_HAS_neon64)
#include <sys/auxv.h>
#endif

extern "C" {
const hrm::kernels::Table* hrm_kernels_of_baseline(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_sse2(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx2(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avxvnni(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512vnni(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512bf16(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_amx(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_neon64(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_neondot(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_neonbf16(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_pick(int weight) noexcept;
}

#if defined(HRM_HAS_sse2)
namespace {
// What __builtin_cpu_supports() does not know in every compiler.
bool has_avx_vnni() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || a < 1) return false;  // there is no second page
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 1U << 4) != 0;
}

#if defined(HRM_HAS_amx)
struct Baseline {};

bool has_amx() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned bf16 = 1U << 22, tile = 1U << 24, int8 = 1U << 25;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & (bf16 | tile | int8)) == (bf16 | tile | int8);
}
#endif
}  // namespace
#endif

extern "C" const hrm::kernels::Table* hrm_kernels_pick(int weight) noexcept {
#if defined(HRM_HAS_sse2)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
#if defined(HRM_HAS_amx)
  static const bool amx = bf16 && has_amx() && hrm::kernels::amx_ready<Baseline>();
  if (amx) return hrm_kernels_of_amx(weight);
#endif
  // Intel's processors begin one dot product of bfloat16 in two cycles, but four of 16-bit levels.
  if (bf16 && !__builtin_cpu_is("intel")) return hrm_kernels_of_avx512bf16(weight);
  if (vnni) return hrm_kernels_of_avx512vnni(weight);
  if (avx512) return hrm_kernels_of_avx512(weight);
  if (avx2 && has_avx_vnni()) return hrm_kernels_of_avxvnni(weight);
  if (avx2) return hrm_kernels_of_avx2(weight);
  return hrm_kernels_of_sse2(weight);
#elif defined(HRM_HAS_neon64)
  constexpr unsigned long dot = 1UL << 20, bf16 = 1UL << 14;  // HWCAP_ASIMDDP, HWCAP2_BF16: older headers lack them
  if ((getauxval(AT_HWCAP) & dot) == 0) return hrm_kernels_of_neon64(weight);
  return (getauxval(AT_HWCAP2) & bf16) != 0 ? hrm_kernels_of_neonbf16(weight) : hrm_kernels_of_neondot(weight);
#else
  return hrm_kernels_of_baseline(weight);
#endif
}
