#pragma once
/// What a path leads to, without <filesystem>, which costs every program that includes it. On Windows a path is in the
/// program's code page.

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <string>

#if defined(_WIN32)
extern "C" __declspec(dllimport) int __stdcall MoveFileExA(const char*, const char*, unsigned long);  // <windows.h>'s
#endif

namespace hrm::detail {

enum class PathKind : std::uint8_t { none, file, folder, other };

// Windows' own stat(), fseek() and ftell() stop at 2 GiB.
#if defined(_WIN32)
using FileStatus = struct _stat64;
[[nodiscard]] inline bool file_status(const char* path, FileStatus& status) noexcept {
  return ::_stat64(path, &status) == 0;
}
[[nodiscard]] inline bool seek(std::FILE* file, std::int64_t offset, int whence) noexcept {
  return ::_fseeki64(file, offset, whence) == 0;
}
[[nodiscard]] inline std::int64_t tell(std::FILE* file) noexcept { return ::_ftelli64(file); }
#else
using FileStatus = struct stat;
[[nodiscard]] inline bool file_status(const char* path, FileStatus& status) noexcept {
  return ::stat(path, &status) == 0;
}
[[nodiscard]] inline bool seek(std::FILE* file, std::int64_t offset, int whence) noexcept {
  return std::fseek(file, static_cast<long>(offset), whence) == 0;
}
[[nodiscard]] inline std::int64_t tell(std::FILE* file) noexcept { return std::ftell(file); }
#endif

/// Links are followed; a name with a zero byte leads nowhere.
[[nodiscard]] inline PathKind path_kind(const std::string& path) {
  FileStatus status{};
#if defined(_WIN32)  // which knows no folder by a name that ends in a slash, but for a drive's
  if (path.size() > 1 && (path.back() == '/' || path.back() == '\\') && path[path.size() - 2] != ':')
    return path_kind(path.substr(0, path.size() - 1));
#endif
  if (path.find('\0') != std::string::npos || !file_status(path.c_str(), status)) return PathKind::none;
  if ((status.st_mode & S_IFMT) == S_IFREG) return PathKind::file;
  return (status.st_mode & S_IFMT) == S_IFDIR ? PathKind::folder : PathKind::other;
}

/// Gives a file another's name, whose place it takes in one step: who looks finds the old one or the new one.
[[nodiscard]] inline bool take_place(const std::string& from, const std::string& to) noexcept {
#if defined(_WIN32)  // where rename() refuses
  constexpr unsigned long replace_existing = 1;
  return ::MoveFileExA(from.c_str(), to.c_str(), replace_existing) != 0;
#else
  return std::rename(from.c_str(), to.c_str()) == 0;
#endif
}

}  // namespace hrm::detail
