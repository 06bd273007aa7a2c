#pragma once
/// What a path leads to, and files by their paths, without <filesystem>, which costs every program that includes it. On
/// Windows a path is UTF-8; one that is not is taken for the program's code page, in which main() gets its words.

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>

#include <cwchar>
// As <windows.h> has them, which would bring its macros along.
extern "C" __declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
extern "C" __declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned, unsigned long, const char*, int, wchar_t*,
                                                                   int);
#endif

namespace hrm::detail {

enum class PathKind : std::uint8_t { none, file, folder, other };

// Windows' own stat(), fseek() and ftell() stop at 2 GiB.
#if defined(_WIN32)
using FileStatus = struct _stat64;
/// The path as the system wants it; empty where it is in neither encoding.
[[nodiscard]] inline std::wstring wide(const std::string& path) {
  constexpr unsigned utf8 = 65001, code_page = 0;
  constexpr unsigned long strict = 8;
  const int size = path.size() < 32768 ? static_cast<int>(path.size()) : 0;  // the longest path there is
  std::wstring out(path.size(), L'\0');                                      // at most one of a byte
  for (const unsigned encoding : {utf8, code_page}) {
    const int units = ::MultiByteToWideChar(encoding, strict, path.data(), size, out.data(), size);
    if (units <= 0) continue;
    out.resize(static_cast<std::size_t>(units));
    return out;
  }
  return {};
}
[[nodiscard]] inline bool file_status(const std::string& path, FileStatus& status) {
  return ::_wstat64(wide(path).c_str(), &status) == 0;
}
[[nodiscard]] inline std::FILE* open_to_read(const std::string& path) { return ::_wfopen(wide(path).c_str(), L"rb"); }
/// Null, and errno EEXIST, where there is one of that name.
[[nodiscard]] inline std::FILE* open_new(const std::string& path) {  // fopen() of older systems knows no "x"
  const int file = ::_wopen(wide(path).c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
  return file < 0 ? nullptr : ::_fdopen(file, "wb");
}
inline void remove_file(const std::string& path) { static_cast<void>(::_wremove(wide(path).c_str())); }
[[nodiscard]] inline bool seek(std::FILE* file, std::int64_t offset, int whence) noexcept {
  return ::_fseeki64(file, offset, whence) == 0;
}
[[nodiscard]] inline std::int64_t tell(std::FILE* file) noexcept { return ::_ftelli64(file); }
#else
using FileStatus = struct stat;
[[nodiscard]] inline bool file_status(const std::string& path, FileStatus& status) {
  return ::stat(path.c_str(), &status) == 0;
}
[[nodiscard]] inline std::FILE* open_to_read(const std::string& path) { return std::fopen(path.c_str(), "rb"); }
/// Null, and errno EEXIST, where there is one of that name.
[[nodiscard]] inline std::FILE* open_new(const std::string& path) { return std::fopen(path.c_str(), "wbx"); }
inline void remove_file(const std::string& path) { static_cast<void>(std::remove(path.c_str())); }
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
  if (path.find('\0') != std::string::npos || !file_status(path, status)) return PathKind::none;
  if ((status.st_mode & S_IFMT) == S_IFREG) return PathKind::file;
  return (status.st_mode & S_IFMT) == S_IFDIR ? PathKind::folder : PathKind::other;
}

/// Gives a file another's name, whose place it takes in one step: who looks finds the old one or the new one.
[[nodiscard]] inline bool take_place(const std::string& from, const std::string& to) {
#if defined(_WIN32)  // where rename() refuses
  constexpr unsigned long replace_existing = 1;
  return ::MoveFileExW(wide(from).c_str(), wide(to).c_str(), replace_existing) != 0;
#else
  return std::rename(from.c_str(), to.c_str()) == 0;
#endif
}

/// A file that closes itself, as the deleter of a std::unique_ptr.
struct CloseFile {
  void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};

/// A file that takes another's place once it is whole: until then it has a name that no other has, so that a reader
/// (and a crash) finds the old one or the new one, whoever else writes it. Without finish() it goes, and the old one is
/// as it was. Move-only.
class Replacement {
 public:
  Replacement() noexcept = default;
  explicit Replacement(const std::string& path) : path_(path) {
    std::size_t taken = 0;  // names that are another writer's, a crash's or the user's own
    do {
      fresh_ = path;
      fresh_.append(".new");
      if (taken > 0) fresh_.append(std::to_string(taken));
      file_.reset(open_new(fresh_));
    } while (file_ == nullptr && errno == EEXIST && ++taken > 0);
  }
  Replacement(Replacement&&) noexcept = default;
  Replacement& operator=(Replacement&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }
  ~Replacement() {
    if (file_ == nullptr) return;
    file_.reset();
    remove_file(fresh_);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Null where it could not be made, and after finish().
  [[nodiscard]] std::FILE* file() const noexcept { return file_.get(); }
  /// Closes the file, which takes its place if all of it could be written: `good` says that so far it could. False: it
  /// is gone, and the old one is as it was.
  [[nodiscard]] bool finish(bool good) {
    if (std::fclose(file_.release()) == 0 && good && take_place(fresh_, path_)) return true;
    remove_file(fresh_);
    return false;
  }

 private:
  std::string path_, fresh_;
  std::unique_ptr<std::FILE, CloseFile> file_;
};

/// Replaces a file by what `write(file)` writes, which says whether it could. False where that failed.
template <class Write>
[[nodiscard]] bool replace_file(const std::string& path, const Write& write) {
  Replacement replacement(path);
  return replacement.file() != nullptr && replacement.finish(write(replacement.file()));
}

}  // namespace hrm::detail
