#pragma once
/// Included first in every file where HRM_PREBUILT_KERNELS is on: the kernels of this instruction set are compiled
/// once, in the files beside this one, and not again in each program. See cmake/programs.cmake.

#include <hrm/kernels/table_of.hpp>

namespace hrm::kernels {

extern template const Table& table<DefaultArch, float>() noexcept;
extern template const Table& table<DefaultArch, bfloat16>() noexcept;
extern template const Table& table<DefaultArch, std::int8_t>() noexcept;

}  // namespace hrm::kernels
