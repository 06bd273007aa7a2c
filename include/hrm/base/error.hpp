#pragma once
/// Errors are values. `Result<T>` holds a T or an Error; `value()` turns the Error into an exception (or a call
/// of the handler where exceptions are off). An Error never allocates, so the real-time paths may return one.

#include <hrm/base/config.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#if HRM_EXCEPTIONS
#include <exception>
#endif

namespace hrm {

enum class ErrorCode : std::uint8_t {
  io,           ///< the file cannot be opened, read, mapped or written
  format,       ///< the bytes are not what the format allows
  unsupported,  ///< well-formed, but outside what is read here (compressed zip entry, unknown dtype, ..)
  missing,      ///< a tensor, a key or a file is not there
  shape,        ///< a tensor's shape or a config's number does not fit the others
  value,        ///< a number out of its range: NaN weights, a token outside the vocabulary, ..
  memory,       ///< the caller's buffer is too small, or memory ran out
  mismatch,     ///< saved state or panels of another model, precision or version
  state         ///< called at the wrong time
};

/// What went wrong: a code for programs, one line for people ("file: tensor: what, expected A, found B").
/// The text lives inside (longer ones are cut at the end); copying and building never allocate.
class Error {
 public:
  static constexpr std::size_t capacity = 504;

  Error() noexcept = default;

  /// The parts (text, string_view, char or integers) are written one after the other.
  template <class... Parts>
  explicit Error(ErrorCode code, const Parts&... parts) noexcept : code_(code) {
    (add(parts), ...);
  }

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] std::string_view message() const noexcept { return {text_.data(), size_}; }

  /// The same error with the text "where: " before it.
  [[nodiscard]] Error in(std::string_view where) const noexcept { return Error(code_, where, ": ", message()); }

 private:
  void add(std::string_view text) noexcept {
    const std::size_t room = capacity - size_;
    const std::size_t count = text.size() < room ? text.size() : room;
    for (std::size_t i = 0; i < count; ++i) {  // one line, whatever a file's names hold
      const char c = text[i];
      text_[size_ + i] = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    size_ = static_cast<std::uint16_t>(size_ + count);
  }
  void add(const char* text) noexcept { add(std::string_view(text)); }
  void add(char c) noexcept { add(std::string_view(&c, 1)); }
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, char>)
  void add(T number) noexcept {
    std::array<char, 24> digits{};
    std::size_t at = digits.size();
    const bool negative = number < T(0);
    auto rest = static_cast<std::uint64_t>(number);
    if (negative) rest = 0 - rest;
    do {
      digits[--at] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) digits[--at] = '-';
    add(std::string_view(digits.data() + at, digits.size() - at));
  }

  std::array<char, capacity> text_{};
  std::uint16_t size_ = 0;
  ErrorCode code_ = ErrorCode::state;
};

#if HRM_EXCEPTIONS
/// What `Result::value()` throws. what() is the error's line.
class Exception : public std::exception {
 public:
  explicit Exception(const Error& error) noexcept : error_(error) {
    const std::string_view text = error.message();
    std::memcpy(text_.data(), text.data(), text.size());
  }
  [[nodiscard]] const char* what() const noexcept override { return text_.data(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
  std::array<char, Error::capacity + 1> text_{};
};
#endif

/// Called by `value()` on an Error where exceptions are off; must not return (if it does, the program ends).
using ErrorHandler = void (*)(const Error&) noexcept;

/// The handler in use, one for the program. Set it before other threads run. Null: the program ends at once.
inline ErrorHandler& error_handler() noexcept {
  static ErrorHandler handler = nullptr;
  return handler;
}

namespace detail {
[[noreturn]] inline void raise(const Error& error) {
#if HRM_EXCEPTIONS
  throw Exception(error);
#else
  if (error_handler() != nullptr) error_handler()(error);
  std::_Exit(EXIT_FAILURE);
#endif
}
}  // namespace detail

/// A T or an Error. Truthy when it holds a T.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)  // NOLINT(google-explicit-constructor)
      : content_(std::in_place_index<0>, std::move(value)) {}
  Result(const Error& error) noexcept
      : content_(std::in_place_index<1>, error) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws hrm::Exception (or calls the handler) if there is none.
  [[nodiscard]] T& value() & { return check(), *std::get_if<0>(&content_); }
  [[nodiscard]] const T& value() const& { return check(), *std::get_if<0>(&content_); }
  [[nodiscard]] T value() && { return check(), std::move(*std::get_if<0>(&content_)); }

  /// Unchecked: only after has_value().
  [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&content_); }
  [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&content_); }
  [[nodiscard]] T operator*() && noexcept { return std::move(*std::get_if<0>(&content_)); }
  [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&content_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&content_); }

  /// The error; only where there is no value.
  [[nodiscard]] const Error& error() const noexcept { return *std::get_if<1>(&content_); }

 private:
  void check() const {
    if (!has_value()) detail::raise(error());
  }
  std::variant<T, Error> content_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept = default;
  Result(const Error& error) noexcept : error_(error), failed_(true) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  void value() const {
    if (failed_) detail::raise(error_);
  }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace hrm
