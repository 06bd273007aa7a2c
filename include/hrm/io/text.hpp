#pragma once
/// Pieces that the readers share: a cursor over bytes that cannot run past the end, and numbers in text.

#include <hrm/base/error.hpp>
#include <hrm/base/sort.hpp>
#include <hrm/base/types.hpp>

namespace hrm::detail {

/// How many tensors a file may have, whatever its format: far more than any model, and few enough for their table to
/// take some mebibytes.
inline constexpr std::size_t max_tensors = std::size_t{1} << 16;

/// Bytes of a tensor's, a storage's or a zip entry's name at most. A pickle can use one long name for all its tensors:
/// sorting those, or looking their records up in one long folder, would take minutes.
inline constexpr std::size_t max_name = 1024;

/// Reads little-endian numbers and runs of bytes, front to back. Past the end every read gives zeros and ok() is false.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }

  template <class T>
  [[nodiscard]] T number() noexcept {
    static_assert(std::is_integral_v<T>);
    return static_cast<T>(little(sizeof(T)));
  }
  /// The next `count` bytes; empty (and not ok) if there are fewer.
  [[nodiscard]] std::span<const std::byte> take(std::uint64_t count) noexcept {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    const auto run = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return run;
  }
  [[nodiscard]] std::string_view text(std::uint64_t count) noexcept {
    const auto run = take(count);
    return {reinterpret_cast<const char*>(run.data()), run.size()};
  }

  /// A number of `size` bytes, 8 at most.
  [[nodiscard]] HRM_NOINLINE std::uint64_t little(std::size_t size) noexcept {
    std::uint64_t value = 0;
    const auto run = take(size);
    for (std::size_t i = 0; i < run.size(); ++i) value |= std::to_integer<std::uint64_t>(run[i]) << (8 * i);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// A callable seen through a pointer: `Result<void>(Argument)`. Keeps readers from being compiled once a caller. It
/// must not outlive the callable.
template <class Argument>
class Callback {
 public:
  template <class Callable>
    requires(!std::is_same_v<Callable, Callback>)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Callback(const Callable& callable)
  noexcept
      : callable_(&callable),
        call_([](const void* c, Argument argument) { return (*static_cast<const Callable*>(c))(argument); }) {}
  [[nodiscard]] Result<void> operator()(Argument argument) const { return call_(callable_, argument); }

 private:
  const void* callable_;
  Result<void> (*call_)(const void* callable, Argument argument);
};

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Whole text to a decimal number without sign; false for anything else or one too large.
[[nodiscard]] constexpr bool parse_size(std::string_view text, std::size_t& out) noexcept {
  std::size_t value = 0;
  for (const char c : text) {
    if (!is_digit(c) || !checked_mul(value, 10, value) || !checked_add(value, static_cast<std::size_t>(c - '0'), value))
      return false;
  }
  out = value;
  return !text.empty();
}

/// Whole text, as "-12.5e-3", to a number; false for anything else. Exact for up to 15 digits and powers up to 22,
/// which is what configurations hold; otherwise off by a rounding or two, or 0 where powers below -308 are asked for.
/// Infinite results are refused.
[[nodiscard]] constexpr bool parse_number(std::string_view text, double& out) noexcept {
  std::size_t at = 0;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  std::uint64_t digits = 0;
  int power = 0;
  bool any = false;
  const auto run = [&](bool fraction) {
    for (; at < text.size() && is_digit(text[at]); ++at) {
      any = true;
      if (digits < 100'000'000'000'000'000U) {
        digits = digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
        power -= fraction ? 1 : 0;
      } else if (power < 10000 && !fraction) {
        ++power;
      }
    }
  };
  run(false);
  if (at < text.size() && text[at] == '.') {
    ++at;
    run(true);
  }
  if (!any) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const bool down = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at == text.size()) return false;
    int exponent = 0;
    for (; at < text.size() && is_digit(text[at]); ++at)
      exponent = exponent < 10000 ? exponent * 10 + (text[at] - '0') : exponent;
    power += down ? -exponent : exponent;
  }
  if (at != text.size()) return false;
  double scale = 1.0;
  double step = 10.0;
  int left = power < 0 ? -power : power;
  for (; left > 0; left >>= 1, step *= step) {
    if ((left & 1) != 0) scale *= step;
  }
  double value = static_cast<double>(digits);
  value = digits == 0 ? 0.0 : power < 0 ? value / scale : value * scale;
  if ((bit_cast<std::uint64_t>(value) >> 52 & 0x7ffU) == 0x7ffU) return false;
  out = negative ? -value : value;
  return true;
}

}  // namespace hrm::detail
