// The kernels of one instruction set: the one this file is compiled for. HRM_KERNELS_OF is the function's name.
#include <hrm/kernels/table_of.hpp>

extern "C" const hrm::kernels::Table* HRM_KERNELS_OF(int weight) noexcept {
  using namespace hrm::kernels;
  switch (weight) {
    case 0:
      return &table_of<NativeArch, float>;
    case 1:
      return &table_of<NativeArch, hrm::bfloat16>;
    default:
      return &table_of<NativeArch, std::int8_t>;
  }
}
