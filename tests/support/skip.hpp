#pragma once
/// Cases that cannot run here. A program that had one, and of which nothing failed, ends with a code that ctest shows
/// as skipped: they stand in files of their own, so that no others are hidden.

#include <doctest/doctest.h>

#include <string>

namespace support {

/// SKIP_RETURN_CODE of all tests.
inline constexpr int skipped_code = 77;

/// Whether a case was skipped.
inline bool& skipped() noexcept {
  static bool any = false;
  return any;
}

inline void skip(const std::string& why) {
  MESSAGE("skipped: ", why);
  skipped() = true;
}

}  // namespace support
