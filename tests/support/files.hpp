#pragma once
/// Files for tests: read and write whole ones, and a folder that goes when the test ends.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <hrm/base/error.hpp>
#include <iterator>
#include <span>
#include <string>

#include <unistd.h>

namespace support {

[[nodiscard]] inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// For what writes to a callback: into the std::string that `context` points to.
inline bool append(void* context, std::span<const std::byte> bytes) {
  static_cast<std::string*>(context)->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

/// A fresh folder in the system's temporary one.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int number = 0;
    path_ =
        std::filesystem::temp_directory_path() / ("hrm-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }
  /// Writes a file in it and gives its path.
  [[nodiscard]] std::string write(const std::string& name, std::string_view bytes) const {
    write_file(path(name), bytes);
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

/// The message of a result's error; "" where there is none.
template <class T>
[[nodiscard]] std::string message_of(const hrm::Result<T>& result) {
  return result.has_value() ? std::string() : std::string(result.error().message());
}

}  // namespace support
