#pragma once
/// Bytes of a file, wherever they come from: a path (mapped where the system can), memory, or the caller's own reader.

#include <hrm/base/arena.hpp>
#include <hrm/base/error.hpp>
#include <hrm/base/path.hpp>
#include <hrm/io/mapping.hpp>

#include <memory>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace hrm {

/// Fills out[0, size) with the bytes from `offset` on; false where that fails. For a game's own file system.
using ReadCallback = bool (*)(void* context, std::uint64_t offset, std::byte* out, std::size_t size);

/// The bytes of one file, read-only, all of them at once. Move-only; views of bytes() live as long as it does (moving
/// it does not move them). A mapped file must not be cut short by another program while it is open: as for every
/// mapping, POSIX systems then end the program, and Windows refuses the other one; Options::map = false reads a copy
/// instead.
class Source {
 public:
  struct Options {
    bool map = true;  ///< map the file where the system can
  };

  Source() noexcept = default;
  Source(Source&& other) noexcept { swap(other); }
  Source& operator=(Source&& other) noexcept {
    Source moved(std::move(other));
    swap(moved);
    return *this;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (mapped_) detail::unmap(data_, size_);
  }

  /// Opens a regular file; on Windows its path is UTF-8 (base/path.hpp). Errors: it is not there, is no regular file,
  /// cannot be read.
  [[nodiscard]] HRM_COLD static Result<Source> open(const std::string& path, const Options& options);
  [[nodiscard]] HRM_COLD static Result<Source> open(const std::string& path) { return open(path, Options{}); }

  /// Looks at the caller's memory, which must outlive the source and everything made from it (a Model does not keep it,
  /// unless it says so). `name` stands in messages.
  [[nodiscard]] static Source memory(std::span<const std::byte> bytes, std::string_view name = "memory") {
    Source source;
    source.name_ = name;
    source.data_ = bytes.data();
    source.size_ = bytes.size();
    return source;
  }

  /// Reads `size` bytes through a callback into memory of its own, a mebibyte at a time.
  [[nodiscard]] HRM_COLD static Result<Source> read(ReadCallback callback, void* context, std::uint64_t size,
                                                    std::string_view name = "callback");

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool mapped() const noexcept { return mapped_; }

  /// Calls use(piece) for `bytes`, views of this source's, some mebibytes at a time, and lets each piece's pages go: a
  /// file of any size passes through little memory.
  template <class Use>
  void pass(std::span<const std::byte> bytes, const Use& use) const {
    constexpr std::size_t piece = std::size_t{4} << 20;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto run = bytes.subspan(at, bytes.size() - at < piece ? bytes.size() - at : piece);
      use(run);
      release(run.data(), run.size());
    }
  }

  /// Lets the pages of a mapped range go: they no longer count as this program's memory, and are read again from the
  /// file if they are looked at. Nothing happens to memory that is not mapped.
  void release(const std::byte* data, std::size_t size) const noexcept {
    if (!mapped_ || data < data_ || data > data_ + size_ || size > static_cast<std::size_t>(data_ + size_ - data))
      return;
    constexpr std::size_t page = 65536;  // a multiple of every page size in use
    const auto offset = static_cast<std::size_t>(data - data_);
    const std::size_t begin = offset / page * page;  // what a page shares with its neighbours is read again
    const std::size_t end = round_up(offset + size, page) < size_ ? round_up(offset + size, page) : size_;
    detail::release_mapped(data_ + begin, end - begin);
  }

 private:
  void swap(Source& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(owned_, other.owned_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
  }
  /// Maps an open file of at least one byte, if the system does.
  bool map(int descriptor, std::uint64_t size) noexcept {
    const bool fits = size <= std::size_t{0} - std::size_t{1};
    data_ = fits ? detail::map_file(descriptor, static_cast<std::size_t>(size)) : nullptr;
    mapped_ = data_ != nullptr;
    size_ = mapped_ ? static_cast<std::size_t>(size) : 0;
    return mapped_;
  }
  [[nodiscard]] HRM_COLD Result<void> reserve(std::uint64_t size) {
    const bool fits = size <= std::size_t{0} - std::size_t{1} - (std::size_t{4} << 20);  // room for the rounding up
    if (fits) owned_ = Buffer(static_cast<std::size_t>(size));
    if (!fits || (size > 0 && owned_.data() == nullptr)) {
      return Error(ErrorCode::memory, name_, ": file: expected memory for its bytes, found none for ", size);
    }
    data_ = owned_.data();
    size_ = static_cast<std::size_t>(size);
    return {};
  }

  std::string name_;
  Buffer owned_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
};

inline Result<Source> Source::read(ReadCallback callback, void* context, std::uint64_t size, std::string_view name) {
  Source source;
  source.name_ = name;
  if (auto memory = source.reserve(size); !memory) return memory.error();
  constexpr std::size_t piece = std::size_t{1} << 20;
  for (std::size_t at = 0; at < source.size_; at += piece) {
    const std::size_t count = source.size_ - at < piece ? source.size_ - at : piece;
    if (!callback(context, at, source.owned_.data() + at, count)) {
      return Error(ErrorCode::io, name, ": file: cannot be read: expected ", count, " bytes at ", at,
                   ", found an error");
    }
  }
  return source;
}

namespace detail {

#if defined(__unix__) || defined(__APPLE__)
/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};
#endif

}  // namespace detail

inline Result<Source> Source::open(const std::string& path, const Options& options) {
  const auto wrong = [&](const char* found) {
    return Error(ErrorCode::io, path, ": file: expected a file that can be read, found ", found);
  };
  if (path.find('\0') != std::string::npos) return wrong("a name with a zero byte");
  Source source;
  source.name_ = path;
#if defined(__unix__) || defined(__APPLE__)
  const detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe must not block us
  if (file.number() < 0)
    return wrong(detail::path_kind(path) == detail::PathKind::none ? "none" : "one that may not be read");
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return wrong("an error");
  if (!S_ISREG(status.st_mode)) return wrong(S_ISDIR(status.st_mode) ? "a folder" : "a device or a pipe");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0) return source;
  if (options.map && source.map(file.number(), size)) return source;
  if (auto memory = source.reserve(size); !memory) return memory.error();
  constexpr std::size_t most = std::size_t{1} << 30;  // macOS refuses to read 2 GiB or more at once
  for (std::size_t done = 0; done < source.size_;) {
    const std::size_t left = source.size_ - done;
    const ssize_t count = ::read(file.number(), source.owned_.data() + done, left < most ? left : most);
    if (count <= 0) return wrong("a read error");
    done += static_cast<std::size_t>(count);
  }
#else
  const auto kind = detail::path_kind(path);
  if (kind != detail::PathKind::file)
    return wrong(kind == detail::PathKind::none ? "none" : kind == detail::PathKind::folder ? "a folder" : "a device");
  const std::unique_ptr<std::FILE, detail::CloseFile> file(detail::open_to_read(path));
  if (file == nullptr) return wrong("one that may not be read");
  detail::FileStatus status{};
  if (!detail::file_status(path, status)) return wrong("an error");
  const auto size = static_cast<std::uint64_t>(status.st_size);
#if defined(_WIN32)
  if (options.map && size > 0 && source.map(::_fileno(file.get()), size)) return source;
#else
  static_cast<void>(options);
#endif
  if (auto memory = source.reserve(size); !memory) return memory.error();
  if (source.size_ > 0 && std::fread(source.owned_.data(), 1, source.size_, file.get()) != source.size_)
    return wrong("a read error");
#endif
  return source;
}

}  // namespace hrm
