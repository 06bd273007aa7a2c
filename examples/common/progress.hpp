#pragma once
/// How far a program is: one line on standard error, written over and over.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace example {

/// Whether standard error is a terminal.
inline bool error_terminal() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  return ::isatty(STDERR_FILENO) != 0;
#else
  return false;
#endif
}

/// Letters that a line on that terminal may have without going on to the next one.
inline std::size_t error_width() noexcept {
#if defined(TIOCGWINSZ)
  struct winsize size {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col - std::size_t{1};
#endif
  return 79;
}

/// On a terminal one line, cut to its width, that takes its own place; elsewhere nothing, or whole lines now and then.
/// Allocates nothing.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  /// How often it is shown on a terminal, and elsewhere (zero: never).
  explicit Progress(std::chrono::milliseconds terminal, std::chrono::milliseconds elsewhere = {}) noexcept
      : terminal_(error_terminal()), every_(terminal_ ? terminal : elsewhere) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end(); }

  /// Whether it is time to show it.
  [[nodiscard]] bool due() const noexcept { return every_ != every_.zero() && Clock::now() - shown_ >= every_; }
  /// A bar of the share that is done, and what printf() makes of the rest.
  template <class... Parts>
  void show(double share, const char* format, const Parts&... parts) noexcept {
    if (every_ == every_.zero()) return;
    shown_ = Clock::now();
    std::array<char, 256> text{};
    constexpr std::size_t bar = 22;
    const double most = static_cast<double>(bar - 2);
    const auto full = share > 0 ? static_cast<std::size_t>(std::min(most, share * most)) : std::size_t{0};
    for (std::size_t i = 0; i < bar; ++i) text[i] = i <= full ? '#' : '.';
    text.front() = '[';
    text[bar - 1] = ']';
    text[bar] = ' ';
    static_cast<void>(std::snprintf(text.data() + bar + 1, text.size() - bar - 1, format, parts...));
    const std::size_t wide = terminal_ ? std::min(error_width(), text.size()) : text.size();
    static_cast<void>(std::fprintf(stderr, "%s%.*s%s", terminal_ ? "\r\x1b[K" : "", static_cast<int>(wide), text.data(),
                                   terminal_ ? "" : "\n"));
    open_ = terminal_;
  }
  /// Leaves the line; what is said next begins another.
  void end() noexcept {
    if (open_) static_cast<void>(std::fputc('\n', stderr));
    open_ = false;
  }
  /// Takes the line away.
  void clear() noexcept {
    if (open_) static_cast<void>(std::fputs("\r\x1b[K", stderr));
    open_ = false;
  }

 private:
  bool terminal_;
  std::chrono::milliseconds every_;
  bool open_ = false;
  Clock::time_point shown_{};
};

}  // namespace example
