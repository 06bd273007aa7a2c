#pragma once
/// Setting up the tile registers of Intel AMX.

#include <hrm/kernels/arch.hpp>

#if defined(HRM_SIMD_AMX)
#include <immintrin.h>

namespace hrm::kernels {

/// Sets up the calling thread's eight tile registers, zeroed, with rows of 64 bytes: `height` of them (1 to 16) in
/// tiles 0 to 5, sixteen in 6 and 7. _tile_release() gives them back, so that a thread that is switched away from has
/// none to save. A template on whom it is compiled for, as everything here.
template <class Arch>
void load_tile_registers(std::size_t height) noexcept {
  struct alignas(64) {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {};
  } shapes;
  static_assert(sizeof shapes == 64);
  for (std::size_t t = 0; t < 8; ++t) shapes.rows[t] = static_cast<std::uint8_t>(t < 6 ? height : 16);
  asm volatile("" ::"m"(shapes));  // gcc believes that what follows reads eight bytes, and might not write the others
  _tile_loadconfig(&shapes);
}

}  // namespace hrm::kernels
#endif
