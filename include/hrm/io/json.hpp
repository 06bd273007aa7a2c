#pragma once
/// A small checked JSON reader for what model files hold: no tree is built, the caller says what it expects.

#include <hrm/io/text.hpp>

#include <deque>
#include <string>
#include <vector>

namespace hrm {

/// Reads JSON front to back. Total on any bytes: depth, number of keys and number of escaped strings are limited, a
/// repeated key is refused, and memory is at most some bytes per byte of text. Texts handed out are views of the input,
/// or of strings that `texts` keeps (those with escapes).
class JsonReader {
 public:
  enum class Kind : std::uint8_t { object, array, string, number, boolean, null, none };

  static constexpr std::size_t max_depth = 32;
  static constexpr std::size_t max_keys = std::size_t{1} << 18;
  static constexpr std::size_t max_escaped = std::size_t{1} << 16;

  JsonReader(std::string_view text, std::deque<std::string>& texts) noexcept : text_(text), texts_(texts) {}

  /// What stands next.
  [[nodiscard]] Kind peek() noexcept {
    blanks();
    if (at_ == text_.size()) return Kind::none;
    switch (text_[at_]) {
      case '{':
        return Kind::object;
      case '[':
        return Kind::array;
      case '"':
        return Kind::string;
      case 't':
      case 'f':
        return Kind::boolean;
      case 'n':
        return Kind::null;
      default:
        return detail::is_digit(text_[at_]) || text_[at_] == '-' ? Kind::number : Kind::none;
    }
  }

  /// An object: `member(key)` is called for every key and must read its value.
  [[nodiscard]] HRM_COLD Result<void> object(detail::Callback<std::string_view> member) {
    if (!next('{')) return fail("an object");
    if (++depth_ > max_depth) return deep();
    const std::size_t first = keys_.size();
    if (!next('}')) {
      do {
        auto key = string();
        if (!key) return key.error();
        if (keys_.size() == max_keys)
          return Error(ErrorCode::format, "keys: expected at most ", max_keys, ", found more");
        keys_.push_back({0, *key});
        if (!next(':')) return fail("':'");
        if (auto read = member(*key); !read) return read;
      } while (next(','));
      if (!next('}')) return fail("',' or '}'");
    }
    if (const auto* twin = detail::find_twin(std::span(keys_).subspan(first)); twin != nullptr) {
      return Error(ErrorCode::format, detail::brief(twin->text), ": expected every name once, found it twice");
    }
    keys_.resize(first);
    --depth_;
    return {};
  }

  /// An array: `element(index)` is called for every element and must read it.
  [[nodiscard]] HRM_COLD Result<void> array(detail::Callback<std::size_t> element) {
    if (!next('[')) return fail("an array");
    if (++depth_ > max_depth) return deep();
    if (!next(']')) {
      std::size_t index = 0;
      do {
        if (auto read = element(index++); !read) return read;
      } while (next(','));
      if (!next(']')) return fail("',' or ']'");
    }
    --depth_;
    return {};
  }

  [[nodiscard]] HRM_COLD Result<std::string_view> string() {
    if (!next('"')) return fail("a string");
    const std::size_t begin = at_;
    bool escapes = false;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("a string without control characters");
      if (text_[at_] != '\\') continue;
      escapes = true;
      if (++at_ == text_.size()) break;
    }
    if (at_ == text_.size()) return fail("the end of a string");
    const std::string_view raw = text_.substr(begin, at_ - begin);
    ++at_;
    if (!escapes) return raw;
    if (texts_.size() == max_escaped)
      return Error(ErrorCode::format, "strings: expected at most ", max_escaped, " with escapes, found more");
    std::string& decoded = texts_.emplace_back();
    if (!decode(raw, decoded)) {
      at_ = begin;
      return fail("a string with known escapes");
    }
    return std::string_view(decoded);
  }

  /// A number's text, checked against JSON's form.
  [[nodiscard]] HRM_COLD Result<std::string_view> number() {
    blanks();
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t from = at_;
      while (at_ < text_.size() && detail::is_digit(text_[at_])) ++at_;
      return at_ > from;
    };
    const auto one_of = [&](std::string_view set) {
      const bool there = at_ < text_.size() && set.find(text_[at_]) != std::string_view::npos;
      at_ += there ? 1 : 0;
      return there;
    };
    static_cast<void>(one_of("-"));
    if (!one_of("0") && !digits()) return fail("a number");
    if (one_of(".") && !digits()) return fail("digits");
    if (one_of("eE")) {
      static_cast<void>(one_of("+-"));
      if (!digits()) return fail("digits");
    }
    return text_.substr(begin, at_ - begin);
  }

  /// A whole number from 0 on that fits.
  [[nodiscard]] HRM_COLD Result<std::size_t> size() {
    auto text = number();
    if (!text) return text.error();
    std::size_t value = 0;
    if (!detail::parse_size(*text, value))
      return Error(ErrorCode::format, "expected a whole number from 0 on, found ", detail::brief(*text));
    return value;
  }

  /// Steps over any one value.
  [[nodiscard]] HRM_COLD Result<void> skip() {
    switch (peek()) {
      case Kind::object:
        return object([this](std::string_view) { return skip(); });
      case Kind::array:
        return array([this](std::size_t) { return skip(); });
      case Kind::string: {
        auto read = string();
        return read ? Result<void>() : read.error();
      }
      case Kind::number: {
        auto read = number();
        return read ? Result<void>() : read.error();
      }
      case Kind::boolean:
        return word("true") || word("false") ? Result<void>() : fail("true or false");
      case Kind::null:
        return word("null") ? Result<void>() : fail("null");
      case Kind::none:
        break;
    }
    return fail("a value");
  }

  /// Nothing but blanks may follow.
  [[nodiscard]] HRM_COLD Result<void> end() {
    blanks();
    return at_ == text_.size() ? Result<void>() : fail("the end");
  }

 private:
  void blanks() noexcept {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  // Whether `c` is what comes next, blanks aside; it is then passed.
  [[nodiscard]] bool next(char c) noexcept {
    blanks();
    const bool there = at_ < text_.size() && text_[at_] == c;
    at_ += there ? 1 : 0;
    return there;
  }
  [[nodiscard]] bool word(std::string_view w) noexcept {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }
  [[nodiscard]] Error fail(std::string_view expected) const noexcept {
    const bool end = at_ >= text_.size();
    return Error(ErrorCode::format, "byte ", at_, ": expected ", expected, ", found ",
                 end ? "the end" : text_.substr(at_, 1));
  }
  [[nodiscard]] static Error deep() noexcept {
    return Error(ErrorCode::format, "nesting: expected at most ", max_depth, " levels, found more");
  }

  [[nodiscard]] static bool hex(std::string_view digits, std::uint32_t& out) noexcept {
    if (digits.size() != 4) return false;
    out = 0;
    for (const char c : digits) {
      const std::size_t value =
          std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (value == std::string_view::npos) return false;
      out = out << 4 | static_cast<std::uint32_t>(value);
    }
    return true;
  }
  [[nodiscard]] static bool decode(std::string_view raw, std::string& out) {
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        put(raw[i], out);
        continue;
      }
      constexpr std::string_view names = "\"\\/bfnrt";
      constexpr std::string_view values = "\"\\/\b\f\n\r\t";
      const char name = raw[++i];  // string() has seen that one follows
      if (const std::size_t which = names.find(name); which != std::string_view::npos) {
        put(values[which], out);
        continue;
      }
      std::uint32_t code = 0;
      if (name != 'u' || !hex(raw.substr(i + 1, 4), code)) return false;
      i += 4;
      if (code >= 0xd800 && code < 0xdc00) {  // the first half of a pair
        std::uint32_t low = 0;
        if (raw.substr(i + 1, 2) != "\\u" || !hex(raw.substr(i + 3, 4), low) || low < 0xdc00 || low > 0xdfff)
          return false;
        i += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      } else if (code >= 0xdc00 && code < 0xe000) {
        return false;
      }
      put_utf8(code, out);
    }
    return true;
  }
  HRM_NOINLINE static void put(char c, std::string& out) { out.push_back(c); }
  static void put_utf8(std::uint32_t code, std::string& out) {
    if (code < 0x80) return put(static_cast<char>(code), out);
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // bytes of six bits that follow the first
    put(static_cast<char>((0xff00U >> (more + 1) & 0xffU) | code >> (6 * more)), out);
    for (int i = more; i-- > 0;) put(static_cast<char>(0x80U | (code >> (6 * i) & 0x3fU)), out);
  }

  std::string_view text_;
  std::deque<std::string>& texts_;
  std::vector<detail::SortKey> keys_;  // of every object that is open, one after the other
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace hrm
