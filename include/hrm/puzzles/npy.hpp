#pragma once
/// Arrays of whole numbers in NumPy's .npy files, read a row at a time and written row by row.

#include <hrm/base/types.hpp>
#include <hrm/puzzles/file.hpp>

#include <algorithm>
#include <vector>

namespace hrm {

/// An open .npy file of rank 1 (rows of one number) or 2, C order, little endian, any whole-number type. Its header is
/// checked against the file's size when it is opened; values when they are read. Holds one row or 64 KiB, whichever is
/// more. Move-only, not for several threads at once.
class NpyReader {
 public:
  /// Longest row read, in numbers.
  static constexpr std::size_t max_row = std::size_t{1} << 20;

  /// Error: not such a file (wrong magic, version, order, type or rank), or longer or shorter than its header says.
  [[nodiscard]] static Result<NpyReader> open(const std::string& path) {
    auto file = PuzzleFile::open(path);
    if (!file) return file.error();
    NpyReader npy(std::move(*file));
    if (auto header = npy.read_header(); !header) return header.error();
    return npy;
  }

  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }

  /// Fills `out` (cols() numbers) with a row. Reading rows in order reads the file once. Error: a number that does not
  /// fit std::int32_t, or the file cannot be read.
  Result<void> read_row(std::size_t row, std::span<std::int32_t> out) {
    HRM_ASSERT(row < rows_ && out.size() == cols_);
    if (row < first_ || row >= first_ + held_) {
      const std::size_t bytes = cols_ * item_;
      const std::size_t count = std::min(rows_ - row, std::max<std::size_t>(1, block / bytes));
      buffer_.resize(count * bytes);
      held_ = 0;
      if (auto read = file_.read(data_ + row * bytes, buffer_); !read) return read.error();
      first_ = row;
      held_ = count;
    }
    const std::byte* from = buffer_.data() + (row - first_) * cols_ * item_;
    for (std::size_t i = 0; i < cols_; ++i) {
      std::uint64_t bits = 0;
      for (std::size_t b = 0; b < item_; ++b) bits |= std::to_integer<std::uint64_t>(from[i * item_ + b]) << (8 * b);
      const bool negative = signed_ && (bits >> (8 * item_ - 1)) != 0;
      if (negative && item_ < 8) bits |= ~std::uint64_t{0} << (8 * item_);
      const auto value = static_cast<std::int64_t>(bits);
      if ((value < 0 && !negative) || value > std::numeric_limits<std::int32_t>::max() ||
          value < std::numeric_limits<std::int32_t>::min()) {
        return Error(ErrorCode::value, path(), ": row ", row, ", expected numbers of 32 bits, found a larger one");
      }
      out[i] = static_cast<std::int32_t>(value);
    }
    return {};
  }

  /// One number of a file of rank 1.
  [[nodiscard]] Result<std::int32_t> at(std::size_t row) {
    std::int32_t value = 0;
    if (auto read = read_row(row, {&value, 1}); !read) return read.error();
    return value;
  }

 private:
  static constexpr std::size_t block = std::size_t{64} << 10;
  static constexpr std::size_t max_header = 4096;

  explicit NpyReader(PuzzleFile file) : file_(std::move(file)) {}
  template <class... Parts>
  [[nodiscard]] Error wrong(ErrorCode code, const Parts&... parts) const noexcept {
    return Error(code, path(), ": ", parts...);
  }

  Result<void> read_header() {
    std::array<std::byte, 12> start{};
    const std::size_t have = std::min(file_.size(), start.size());
    if (auto read = file_.read(0, std::span(start).first(have)); !read) return read.error();
    const std::string_view bytes(reinterpret_cast<const char*>(start.data()), have);
    if (have < 10 || bytes.substr(0, 6) != "\x93NUMPY") {
      return wrong(ErrorCode::format, "magic, expected \\x93NUMPY, found another");
    }
    const auto number = [&](std::size_t at, std::size_t size) {
      std::size_t value = 0;
      for (std::size_t b = 0; b < size; ++b) value |= std::to_integer<std::size_t>(start[at + b]) << (8 * b);
      return value;
    };
    const std::size_t version = number(6, 1);
    if (version < 1 || version > 3)
      return wrong(ErrorCode::unsupported, "npy version, expected 1 to 3, found ", version);
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    if (have < 8 + length_bytes) return wrong(ErrorCode::format, "header, expected more bytes, found ", have);
    const std::size_t length = number(8, length_bytes);
    if (length > max_header) {
      return wrong(ErrorCode::format, "header, expected at most ", max_header, " bytes, found ", length);
    }
    std::string header(length, '\0');
    data_ = 8 + length_bytes + length;
    if (auto read = file_.read(8 + length_bytes, std::as_writable_bytes(std::span(header))); !read) return read.error();
    if (auto parsed = parse_header(header); !parsed) return parsed.error();

    std::size_t size = 0;
    if (!checked_mul(rows_, cols_, size) || !checked_mul(size, item_, size) || !checked_add(size, data_, size)) {
      return wrong(ErrorCode::shape, "shape, expected one that fits memory, found ", rows_, " x ", cols_);
    }
    if (size != file_.size()) {
      return wrong(ErrorCode::format, "bytes for ", rows_, " x ", cols_, " numbers, expected ", size, ", found ",
                   file_.size());
    }
    return {};
  }

  /// A Python dict: {'descr': '|u1', 'fortran_order': False, 'shape': (3, 81), }
  Result<void> parse_header(std::string_view text) {
    const auto skip_space = [&] {
      while (!text.empty() && (text[0] == ' ' || text[0] == '\n')) text.remove_prefix(1);
    };
    const auto take = [&](std::string_view word) {
      skip_space();
      if (text.substr(0, word.size()) != word) return false;
      text.remove_prefix(word.size());
      return true;
    };
    const auto quoted = [&](std::string_view& out) {
      skip_space();
      if (text.empty() || (text[0] != '\'' && text[0] != '"')) return false;
      const std::size_t end = text.find(text[0], 1);
      if (end == std::string_view::npos) return false;
      out = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      return true;
    };
    const auto broken = [&] { return wrong(ErrorCode::format, "header, expected descr, fortran_order and shape"); };
    unsigned seen = 0;
    if (!take("{")) return broken();
    while (!take("}")) {
      std::string_view key;
      std::string_view descr;
      if (!quoted(key) || !take(":")) return broken();
      if (key == "descr" && quoted(descr)) {
        seen |= 1;
        if (!parse_type(descr)) {
          return wrong(ErrorCode::unsupported, "dtype, expected a little-endian whole number, found ", descr);
        }
      } else if (key == "fortran_order" && take("False")) {
        seen |= 2;
      } else if (key == "fortran_order" && take("True")) {
        return wrong(ErrorCode::unsupported, "order, expected C, found Fortran");
      } else if (key == "shape" && take("(")) {
        seen |= 4;
        rank_ = 0;
        std::array<std::size_t, 2> shape{0, 1};
        while (!take(")")) {
          skip_space();
          std::size_t digits = 0;
          std::size_t value = 0;
          for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
            if (digits >= 18) return wrong(ErrorCode::shape, "shape, expected smaller numbers");
            value = value * 10 + static_cast<std::size_t>(text[digits] - '0');
          }
          if (digits == 0) return broken();
          text.remove_prefix(digits);
          if (rank_ == shape.size()) return wrong(ErrorCode::shape, "dimensions, expected 1 or 2, found more");
          shape[rank_++] = value;
          if (!take(",")) {
            if (!take(")")) return broken();
            break;
          }
        }
        if (rank_ == 0) return wrong(ErrorCode::shape, "dimensions, expected 1 or 2, found 0");
        rows_ = shape[0];
        cols_ = shape[1];
        if (cols_ == 0 || cols_ > max_row) {
          return wrong(ErrorCode::shape, "row length, expected 1 to ", max_row, ", found ", cols_);
        }
      } else {
        return broken();
      }
      if (!take(",")) {
        if (!take("}")) return broken();
        break;
      }
    }
    return seen == 7 ? Result<void>() : Result<void>(broken());
  }

  bool parse_type(std::string_view descr) noexcept {
    if (descr.size() != 3 || (descr[1] != 'i' && descr[1] != 'u')) return false;
    item_ = static_cast<std::size_t>(descr[2] - '0');
    signed_ = descr[1] == 'i';
    return item_ == 1 ? descr[0] == '|' || descr[0] == '<'
                      : descr[0] == '<' && (item_ == 2 || item_ == 4 || item_ == 8);
  }

  PuzzleFile file_;
  std::size_t data_ = 0, rows_ = 0, cols_ = 1, rank_ = 0, item_ = 1;
  bool signed_ = false;
  std::vector<std::byte> buffer_;
  std::size_t first_ = 0, held_ = 0;  // the rows in the buffer
};

/// Writes an .npy file row by row, under another name until finish(); how many rows there are is filled in then.
/// Move-only.
class NpyWriter {
 public:
  /// `cols` 0 makes rank 1; `bytes` is 1 (uint8) or 4 (int32). Error: the file cannot be written.
  [[nodiscard]] static Result<NpyWriter> create(const std::string& path, std::size_t cols, std::size_t bytes) {
    HRM_ASSERT(bytes == 1 || bytes == 4);
    NpyWriter npy;
    npy.file_ = detail::Replacement(path);
    npy.cols_ = cols;
    npy.bytes_ = bytes;
    if (npy.file_.file() == nullptr || !npy.write_header()) return npy.wrong();
    return npy;
  }

  /// max(cols, 1) numbers; they must fit.
  Result<void> add(std::span<const std::int32_t> row) {
    HRM_ASSERT(row.size() == (cols_ == 0 ? 1 : cols_));
    row_.clear();
    for (const std::int32_t value : row) {
      for (std::size_t b = 0; b < bytes_; ++b) {
        row_.push_back(static_cast<unsigned char>(static_cast<std::uint32_t>(value) >> (8 * b)));
      }
    }
    ++rows_;
    if (std::fwrite(row_.data(), 1, row_.size(), file_.file()) != row_.size()) return wrong();
    return {};
  }

  /// Completes the file, which takes its place. Error: something could not be written.
  Result<void> finish() {
    if (file_.finish(std::fseek(file_.file(), 0, SEEK_SET) == 0 && write_header())) return {};
    return wrong();
  }

 private:
  NpyWriter() = default;
  [[nodiscard]] Error wrong() const noexcept { return Error(ErrorCode::io, file_.path(), ": cannot be written"); }

  bool write_header() {
    std::string text = bytes_ == 1 ? "{'descr': '|u1'" : "{'descr': '<i4'";
    text += ", 'fortran_order': False, 'shape': (" + std::to_string(rows_) + ",";
    if (cols_ > 0) text += " " + std::to_string(cols_);
    text += "), }";
    text.resize(117, ' ');  // 128 bytes in all, as NumPy aligns it
    text = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + text + "\n";
    return std::fwrite(text.data(), 1, text.size(), file_.file()) == text.size();
  }

  detail::Replacement file_;
  std::size_t cols_ = 0, bytes_ = 1, rows_ = 0;
  std::vector<unsigned char> row_;
};

}  // namespace hrm
