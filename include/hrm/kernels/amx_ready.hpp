#pragma once
/// May this process use tile registers? Asked of the operating system, which has to save them.

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hrm::kernels {

/// Asks Linux for the tile registers of Intel AMX, for all threads of the process; false where they are refused or do
/// not exist. A system call; any thread. A template on whom it is compiled for, as everything here.
template <class Arch>
[[nodiscard]] bool amx_ready() noexcept {
#if defined(__linux__) && defined(__x86_64__)
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

}  // namespace hrm::kernels
