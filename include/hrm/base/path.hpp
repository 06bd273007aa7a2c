#pragma once
/// What a path leads to, without <filesystem>, which costs every program that includes it.

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace hrm::detail {

enum class PathKind : std::uint8_t { none, file, folder, other };

/// Links are followed; a name with a zero byte leads nowhere.
[[nodiscard]] inline PathKind path_kind(const std::string& path) noexcept {
  struct stat status {};
  if (path.find('\0') != std::string::npos || ::stat(path.c_str(), &status) != 0) return PathKind::none;
  if ((status.st_mode & S_IFMT) == S_IFREG) return PathKind::file;
  return (status.st_mode & S_IFMT) == S_IFDIR ? PathKind::folder : PathKind::other;
}

}  // namespace hrm::detail
