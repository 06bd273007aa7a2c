// Picks the kernels for the processor this runs on. Compiled for the baseline; knows the other objects by name alone.
#include <hrm/kernels/table.hpp>

extern "C" {
const hrm::kernels::Table* hrm_kernels_of_baseline(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_sse2(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx2(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512vnni(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_of_avx512bf16(int weight) noexcept;
const hrm::kernels::Table* hrm_kernels_pick(int weight) noexcept;
}

extern "C" const hrm::kernels::Table* hrm_kernels_pick(int weight) noexcept {
#if defined(HRM_HAS_sse2)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (vnni && __builtin_cpu_supports("avx512bf16")) return hrm_kernels_of_avx512bf16(weight);
  if (vnni) return hrm_kernels_of_avx512vnni(weight);
  if (avx512) return hrm_kernels_of_avx512(weight);
  if (avx2) return hrm_kernels_of_avx2(weight);
  return hrm_kernels_of_sse2(weight);
#else
  return hrm_kernels_of_baseline(weight);
#endif
}
