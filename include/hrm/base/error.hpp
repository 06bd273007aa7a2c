#pragma once
/// Errors are values. `Result<T>` holds a T or an Error; `value()` turns the Error into an exception (or a call
/// of the handler where exceptions are off). An Error never allocates, so the real-time paths may return one.

#include <hrm/base/config.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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

  /// A piece of an error's text: a string, a character or an integer.
  class Part {
   public:
    // NOLINTBEGIN(google-explicit-constructor)
    Part(std::string_view text) noexcept : text_(text.data()), number_(text.size()), kind_(Kind::text) {}
    Part(const char* text) noexcept : Part(std::string_view(text)) {}
    Part(const std::string& text) noexcept : Part(std::string_view(text)) {}
    Part(char c) noexcept : number_(static_cast<unsigned char>(c)), kind_(Kind::character) {}
    template <class T>
      requires(std::is_integral_v<T> && !std::is_same_v<T, char>)
    Part(T number)
    noexcept : number_(static_cast<std::uint64_t>(number)), kind_(number < T(0) ? Kind::negative : Kind::number) {}
    // NOLINTEND(google-explicit-constructor)

   private:
    friend class Error;
    enum class Kind : std::uint8_t { text, number, negative, character };
    const char* text_ = nullptr;
    std::uint64_t number_;  // a text's length
    Kind kind_;
  };

  Error() noexcept = default;

  /// The parts are written one after the other.
  template <class... Parts>
  HRM_ALWAYS_INLINE explicit Error(ErrorCode code, const Parts&... parts) noexcept
      : Error(code, std::initializer_list<Part>{Part(parts)...}) {}

  // Not inlined, and no template: errors are built in hundreds of places, and none of them is in a hurry.
  HRM_NOINLINE Error(ErrorCode code, std::initializer_list<Part> parts) noexcept : code_(code) {
    for (const Part& part : parts) add(part);
  }

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] std::string_view message() const noexcept { return {text_.data(), size_}; }

  /// The same error with the text "where: " before it; of a long `where` the beginning, so that what was expected and
  /// found stays.
  [[nodiscard]] HRM_NOINLINE Error in(std::string_view where) const noexcept {
    constexpr std::size_t least = 120;
    const std::size_t room = capacity - size_ > least + 2 ? capacity - size_ - 2 : least;
    return Error(code_, where.substr(0, room), ": ", message());
  }

  /// Writes the message. Whoever calls it includes <ostream>.
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Error& error) {
    return out << error.message();
  }

 private:
  void add(const Part& part) noexcept {
    std::array<char, 24> digits{};
    std::size_t at = digits.size();
    std::string_view text;
    if (part.kind_ == Part::Kind::text) {
      text = std::string_view(part.text_, static_cast<std::size_t>(part.number_));
    } else {
      const bool negative = part.kind_ == Part::Kind::negative;
      std::uint64_t rest = negative ? 0 - part.number_ : part.number_;
      if (part.kind_ == Part::Kind::character) digits[--at] = static_cast<char>(rest);
      for (bool more = part.kind_ != Part::Kind::character; more; more = rest != 0) {
        digits[--at] = static_cast<char>('0' + rest % 10);
        rest /= 10;
      }
      if (negative) digits[--at] = '-';
      text = std::string_view(digits.data() + at, digits.size() - at);
    }
    while (!text.empty()) {  // one line of UTF-8, whatever a file's names hold
      const std::size_t size = character(text);
      const std::size_t taken = size == 0 ? 1 : size;
      if (taken > capacity - size_) return;
      std::memcpy(text_.data() + size_, size == 0 ? "?" : text.data(), taken);
      size_ = static_cast<std::uint16_t>(size_ + taken);
      text.remove_prefix(taken);
    }
  }
  /// Bytes of the character that the text begins with; 0 where that is a control character, or not UTF-8.
  static std::size_t character(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
    const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || size > text.size()) return 0;
    // Of the second byte some values are a control character's, a surrogate's, or those of a number written too long.
    const unsigned least = first == 0xc2 || first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < least || byte(1) > most) return 0;
    for (std::size_t i = 2; i < size; ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return size;
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

/// The handler in use, one for the program; a shared library whose symbols are hidden has its own. Set it before other
/// threads run. Null: the program ends at once.
inline ErrorHandler& error_handler() noexcept {
  static ErrorHandler handler = nullptr;
  return handler;
}

namespace detail {

/// A file's own text as an error shows it: a long one must not push out what was expected and found.
[[nodiscard]] constexpr std::string_view brief(std::string_view text) noexcept { return text.substr(0, 120); }

/// "[2, 3]" in a string that never allocates, for messages.
[[nodiscard]] HRM_COLD inline Error shape_text(const std::size_t* shape, std::size_t rank) noexcept {
  Error line(ErrorCode::shape, "[");
  for (std::size_t i = 0; i < rank; ++i) line = Error(ErrorCode::shape, line.message(), i == 0 ? "" : ", ", shape[i]);
  return Error(ErrorCode::shape, line.message(), "]");
}

// What becomes of an error in value(). Two names, and everything between them and the caller is inlined always: of a
// function that files with and without exceptions both have, the linker would keep one for all of them.
#if HRM_EXCEPTIONS
[[noreturn]] inline void throw_exception(const Error& error) { throw Exception(error); }
#else
[[noreturn]] inline void call_handler(const Error& error) {
  if (error_handler() != nullptr) error_handler()(error);
  std::_Exit(EXIT_FAILURE);
}
#endif
[[noreturn]] HRM_ALWAYS_INLINE void raise(const Error& error) {
#if HRM_EXCEPTIONS
  throw_exception(error);
#else
  call_handler(error);
#endif
}

}  // namespace detail

/// A T or an Error. Truthy when it holds a T.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)  // NOLINT(google-explicit-constructor)
      : value_(std::move(value)), ok_(true) {}
  Result(const Error& error) noexcept : error_(error), ok_(false) {}  // NOLINT(google-explicit-constructor)
  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : ok_(other.ok_) {
    if (ok_) {
      std::construct_at(&value_, std::move(other.value_));
    } else {
      std::construct_at(&error_, other.error_);
    }
  }
  Result(const Result& other) requires std::is_copy_constructible_v<T> : ok_(other.ok_) {
    if (ok_) {
      std::construct_at(&value_, other.value_);
    } else {
      std::construct_at(&error_, other.error_);
    }
  }
  Result& operator=(Result other) noexcept {
    static_assert(std::is_nothrow_move_constructible_v<T>, "a move that throws would leave neither value nor error");
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }
  ~Result() {
    if (ok_) std::destroy_at(&value_);
  }

  [[nodiscard]] bool has_value() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }

  /// The value; throws hrm::Exception (or calls the handler) if there is none.
  [[nodiscard]] HRM_ALWAYS_INLINE T& value() & { return check(), value_; }
  [[nodiscard]] HRM_ALWAYS_INLINE const T& value() const& { return check(), value_; }
  [[nodiscard]] HRM_ALWAYS_INLINE T value() && { return check(), std::move(value_); }

  /// Unchecked: only after has_value().
  [[nodiscard]] T& operator*() & noexcept { return value_; }
  [[nodiscard]] const T& operator*() const& noexcept { return value_; }
  [[nodiscard]] T operator*() && noexcept { return std::move(value_); }
  [[nodiscard]] T* operator->() noexcept { return &value_; }
  [[nodiscard]] const T* operator->() const noexcept { return &value_; }

  /// The error; only where there is no value.
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  HRM_ALWAYS_INLINE void check() const {
    if (!ok_) detail::raise(error_);
  }
  union {
    T value_;
    Error error_;
  };
  bool ok_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept = default;
  Result(const Error& error) noexcept : error_(error), failed_(true) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  HRM_ALWAYS_INLINE void value() const {
    if (failed_) detail::raise(error_);
  }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace hrm
