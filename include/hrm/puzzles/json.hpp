#pragma once
/// A reader of JSON text that walks through it once: the caller says at each place what it expects, so nothing is built
/// that is not wanted and nothing is sized by what the text says. For puzzle files (ARC tasks, dataset.json).

#include <hrm/base/error.hpp>

#include <limits>
#include <string>
#include <string_view>

namespace hrm {

/// Each function consumes one value and gives false where the text is not as expected; error() then says where and
/// why, and every later call gives false too. Strict JSON, in UTF-8 (which is passed on unchecked).
class JsonCursor {
 public:
  static constexpr std::size_t max_depth = 64;

  /// The text must outlive the reader.
  explicit JsonCursor(std::string_view text) noexcept : text_(text) {}

  /// An object: `field(key)` for each member must consume its value (skip() where it is not wanted).
  template <class Field>
  bool object(Field&& field) {
    return group('{', '}', [&] {
      std::string key;
      return string(key) && expect(':') && field(std::string_view(key));
    });
  }

  /// An array: `element()` must consume each element.
  template <class Element>
  bool array(Element&& element) {
    return group('[', ']', element);
  }

  /// A string, its escapes resolved.
  bool string(std::string& out) {
    out.clear();
    if (!expect('"')) return false;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) return fail("a string without control characters");
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return false;
      }
    }
    return expect_now('"', "the end of a string");
  }

  /// A whole number whose digits fit std::int64_t (so not its least one); a fraction or an exponent is not taken.
  bool integer(std::int64_t& out) {
    if (failed_) return false;
    space();
    const bool negative = peek() == '-';
    if (negative) ++at_;
    const std::size_t first = at_;
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t value = 0;
    while (is_digit(peek())) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > (most - digit) / 10) return fail("a smaller whole number");
      value = value * 10 + digit;
      ++at_;
    }
    const bool leading_zero = at_ - first > 1 && text_[first] == '0';
    if (at_ == first || leading_zero || peek() == '.' || peek() == 'e' || peek() == 'E') return fail("a whole number");
    out = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
    return true;
  }

  /// `null`, if it stands here; else nothing is consumed and the answer is false (which is no failure).
  bool null() noexcept {
    space();
    if (failed_ || text_.substr(at_, 4) != "null") return false;
    at_ += 4;
    return true;
  }

  /// Any value, thrown away.
  bool skip() {
    if (failed_) return false;
    space();
    std::string unused;
    std::string_view word;
    switch (peek()) {
      case '{':
        return object([&](std::string_view) { return skip(); });
      case '[':
        return array([&] { return skip(); });
      case '"':
        return string(unused);
      case 't':
        word = "true";
        break;
      case 'f':
        word = "false";
        break;
      case 'n':
        word = "null";
        break;
      default:
        return number();
    }
    if (text_.substr(at_, word.size()) != word) return fail("a value");
    at_ += word.size();
    return true;
  }

  /// Nothing but space is left.
  bool end() {
    if (failed_) return false;
    space();
    return at_ == text_.size() || fail("the end of the text");
  }

  /// For the caller's own findings at the present place: what was expected. Always false.
  bool fail(std::string_view expected) {
    if (failed_) return false;
    failed_ = true;
    const std::string_view found = at_ < text_.size() ? text_.substr(at_, 12) : std::string_view("the end");
    error_ = Error(ErrorCode::format, "json: byte ", at_, ", expected ", expected, ", found ", found);
    return false;
  }

  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() noexcept {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool expect(char c) {
    if (failed_) return false;
    space();
    return expect_now(c, std::string_view(&c, 1));
  }
  bool expect_now(char c, std::string_view what) {
    if (at_ >= text_.size() || text_[at_] != c) return fail(what);
    ++at_;
    return true;
  }

  template <class Member>
  bool group(char open, char close, Member&& member) {
    if (!expect(open)) return false;
    if (++depth_ > max_depth) return fail("less nesting");
    space();
    if (peek() != close) {
      do {
        if (!member()) return fail("another value");
        space();
      } while (peek() == ',' && ++at_ > 0);
    }
    --depth_;
    return expect(close);
  }

  bool number() {
    const std::size_t first = at_;
    if (peek() == '-') ++at_;
    const auto digits = [&] {
      const std::size_t from = at_;
      while (is_digit(peek())) ++at_;
      return at_ > from;
    };
    const std::size_t whole = at_;
    if (!digits() || (text_[whole] == '0' && at_ - whole > 1)) return at_ = first, fail("a value");
    if (peek() == '.' && (++at_, !digits())) return fail("digits");
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return fail("digits");
    }
    return true;
  }

  bool hex(std::uint32_t& value) {
    value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const char low = static_cast<char>(c | 0x20);
      if (!is_digit(c) && (low < 'a' || low > 'f')) return fail("four hexadecimal digits");
      value = value * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : low - 'a' + 10);
      ++at_;
    }
    return true;
  }

  bool escape(std::string& out) {
    const char c = peek();
    constexpr std::string_view from = "\"\\/bfnrt";
    constexpr std::string_view to = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = from.find(c); c != '\0' && which != std::string_view::npos) {
      ++at_;
      out.push_back(to[which]);
      return true;
    }
    if (c != 'u') return fail("an escape");
    ++at_;
    std::uint32_t code = 0;
    if (!hex(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      std::uint32_t low = 0;
      if (code >= 0xdc00 || !expect_now('\\', "a surrogate pair") || !expect_now('u', "a surrogate pair") ||
          !hex(low)) {
        return fail("a surrogate pair");
      }
      if (low < 0xdc00 || low > 0xdfff) return fail("a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto byte = [&](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
    } else {
      byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool failed_ = false;
  Error error_;
};

/// `text` as a JSON string, quoted and escaped.
[[nodiscard]] inline std::string json_quote(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (code < 0x20 || code == 0x7f) {
      out.append("\\u00").push_back(hex[code >> 4]);
      out.push_back(hex[code & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace hrm
