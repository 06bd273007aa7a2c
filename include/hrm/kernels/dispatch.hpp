#pragma once
/// Kernels that are chosen when the program runs; see hrm_add_kernels() in cmake/HrmAddKernels.cmake, which links the
/// objects and defines HRM_DISPATCH.

#include <hrm/kernels/table.hpp>

/// The table for this processor; weight 0 float32, 1 bfloat16, 2 int8. In an object of its own.
extern "C" const hrm::kernels::Table* hrm_kernels_pick(int weight) noexcept;

namespace hrm::kernels {

/// In Arch's place: whatever the processor has.
struct Dispatched {};

template <>
[[nodiscard]] inline const Table& table<Dispatched, float>() noexcept {
  return *hrm_kernels_pick(0);
}
template <>
[[nodiscard]] inline const Table& table<Dispatched, bfloat16>() noexcept {
  return *hrm_kernels_pick(1);
}
template <>
[[nodiscard]] inline const Table& table<Dispatched, std::int8_t>() noexcept {
  return *hrm_kernels_pick(2);
}

}  // namespace hrm::kernels
