#pragma once
/// Files of puzzles: read whole within a limit, in pieces from a place, or line by line.

#include <hrm/base/error.hpp>
#include <hrm/base/path.hpp>

#include <cstdio>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hrm {

namespace detail {

/// `text` without the characters of `blanks` around it.
[[nodiscard]] inline std::string_view trimmed(std::string_view text, std::string_view blanks) noexcept {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

/// The next line of `file` without its end ("\n" or "\r\n") and tabs before it into `line`; false at the end. `name`
/// and `number` of the line, from 1, are for errors: a line longer than `longest` bytes, or reading fails.
[[nodiscard]] inline Result<bool> read_line(std::FILE* file, std::string_view name, std::size_t number,
                                            std::string& line, std::size_t longest) {
  line.clear();
  for (;;) {
    const int c = std::getc(file);
    if (c == EOF && std::ferror(file) != 0) return Error(ErrorCode::io, name, ": cannot be read");
    if (c == EOF && line.empty()) return false;
    if (c == EOF || c == '\n') break;
    if (line.size() >= longest) {
      return Error(ErrorCode::format, name, ": line ", number, ", expected at most ", longest, " bytes, found more");
    }
    line.push_back(static_cast<char>(c));
  }
  // Editors put a byte order mark before the first line, and old ends of lines behind every one.
  if (number == 1 && line.compare(0, 3, "\xEF\xBB\xBF") == 0) line.erase(0, 3);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\t')) line.pop_back();
  return true;
}

}  // namespace detail

/// A file open for reading, closed at the end. Move-only. Not for several threads at once.
class PuzzleFile {
 public:
  /// Error: it cannot be opened, or is no plain file (a folder, a pipe, a device).
  [[nodiscard]] static Result<PuzzleFile> open(const std::string& path) {
    PuzzleFile file;
    file.path_ = path;
    const detail::PathKind kind = detail::path_kind(path);
    if (kind == detail::PathKind::none) return file.wrong("cannot be opened");
    if (kind != detail::PathKind::file) return file.wrong("is no plain file");
    file.handle_.reset(detail::open_to_read(path));
    if (!file.handle_ || !detail::seek(file.handle_.get(), 0, SEEK_END)) return file.wrong("cannot be opened");
    const std::int64_t size = detail::tell(file.handle_.get());
    if (size < 0 || !detail::seek(file.handle_.get(), 0, SEEK_SET)) return file.wrong("cannot be read");
    file.size_ = static_cast<std::size_t>(size);
    return file;
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Fills `out` with the bytes from `offset` on. Error: the file is too short, or reading fails.
  Result<void> read(std::size_t offset, std::span<std::byte> out) {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error(ErrorCode::format, path_, ": bytes, expected at least ", offset + out.size(), ", found ", size_);
    }
    if (offset != at_ && !detail::seek(handle_.get(), static_cast<std::int64_t>(offset), SEEK_SET)) {
      return wrong("cannot be read");
    }
    at_ = offset + out.size();
    if (std::fread(out.data(), 1, out.size(), handle_.get()) == out.size()) return {};
    at_ = unknown;
    return wrong("cannot be read");
  }

  /// The next line, without its end ("\n" or "\r\n", and tabs before it), into `line`; false at the end of the file.
  /// Error: a line longer than `longest` bytes, or reading fails.
  Result<bool> next_line(std::string& line, std::size_t longest = std::size_t{1} << 20) {
    at_ = unknown;
    auto more = detail::read_line(handle_.get(), path_, lines_ + 1, line, longest);
    if (more && *more) ++lines_;
    return more;
  }
  /// How many lines next_line has given.
  [[nodiscard]] std::size_t lines() const noexcept { return lines_; }

 private:
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

  PuzzleFile() = default;
  [[nodiscard]] Error wrong(std::string_view what) const noexcept { return Error(ErrorCode::io, path_, ": ", what); }

  std::string path_;
  std::unique_ptr<std::FILE, detail::CloseFile> handle_;
  std::size_t size_ = 0;
  std::size_t at_ = 0;  // where reading goes on, or unknown
  std::size_t lines_ = 0;
};

/// A whole text file. Error: it cannot be read, or has more than `most` bytes.
[[nodiscard]] inline Result<std::string> read_text(const std::string& path, std::size_t most = std::size_t{256} << 20) {
  auto file = PuzzleFile::open(path);
  if (!file) return file.error();
  if (file->size() > most) {
    return Error(ErrorCode::format, path, ": bytes, expected at most ", most, ", found ", file->size());
  }
  std::string text(file->size(), '\0');
  if (auto read = file->read(0, std::as_writable_bytes(std::span(text))); !read) return read.error();
  return text;
}

}  // namespace hrm
