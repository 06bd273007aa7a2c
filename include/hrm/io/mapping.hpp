#pragma once
/// A file's bytes as memory that the system fills as it is looked at: what POSIX and Windows have in common.

#include <cstddef>

#if defined(__unix__) || defined(__APPLE__)
#define HRM_MAPS_FILES 1
#include <sys/mman.h>
#elif defined(_WIN32)
#define HRM_MAPS_FILES 1
#include <io.h>

namespace hrm::detail {
#if defined(_WIN64)
using WindowsSize = unsigned long long;
#else
using WindowsSize = unsigned long;
#endif
}  // namespace hrm::detail

// As <windows.h> has them, which would bring its macros along.
struct _SECURITY_ATTRIBUTES;
extern "C" {
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*, unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long, unsigned long,
                                                    hrm::detail::WindowsSize);
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
__declspec(dllimport) int __stdcall VirtualUnlock(void*, hrm::detail::WindowsSize);
__declspec(dllimport) int __stdcall CloseHandle(void*);
}
#else
#define HRM_MAPS_FILES 0
#endif

namespace hrm::detail {

/// The first `size` bytes, at least one, of an open file, read-only; they outlast the descriptor. nullptr: that can not
/// be, and the file is to be read instead.
[[nodiscard]] inline const std::byte* map_file([[maybe_unused]] int descriptor,
                                               [[maybe_unused]] std::size_t size) noexcept {
#if defined(_WIN32)
  constexpr unsigned long page_readonly = 2, file_map_read = 4;
  void* const file = reinterpret_cast<void*>(::_get_osfhandle(descriptor));
  void* const section = ::CreateFileMappingW(file, nullptr, page_readonly, 0, 0, nullptr);
  if (section == nullptr) return nullptr;
  const void* const at = ::MapViewOfFile(section, file_map_read, 0, 0, size);
  static_cast<void>(::CloseHandle(section));
  return static_cast<const std::byte*>(at);
#elif HRM_MAPS_FILES
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  return at == MAP_FAILED ? nullptr : static_cast<const std::byte*>(at);
#else
  return nullptr;
#endif
}

/// All of what map_file() gave.
inline void unmap([[maybe_unused]] const std::byte* data, [[maybe_unused]] std::size_t size) noexcept {
#if defined(_WIN32)
  static_cast<void>(::UnmapViewOfFile(data));
#elif HRM_MAPS_FILES
  static_cast<void>(::munmap(const_cast<std::byte*>(data), size));
#endif
}

/// Lets whole pages of it go; they come back from the file when they are looked at.
inline void release_mapped([[maybe_unused]] const std::byte* data, [[maybe_unused]] std::size_t size) noexcept {
#if defined(_WIN32)
  static_cast<void>(::VirtualUnlock(const_cast<std::byte*>(data), size));  // of pages that were not locked: just that
#elif HRM_MAPS_FILES
  static_cast<void>(::madvise(const_cast<std::byte*>(data), size, MADV_DONTNEED));
#endif
}

}  // namespace hrm::detail
