#pragma once
/// How much memory a piece of work takes at most, measured in a process of its own.

#include <support/sanitized.hpp>

#include <cstddef>
#include <fstream>
#include <string>

#if defined(__linux__)
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#endif

/// Whether memory_of() works: Linux with glibc, and no sanitizer, as those take memory of their own.
#if defined(__linux__) && defined(__GLIBC__) && !HRM_TEST_SANITIZED
#define HRM_TEST_MEASURES_MEMORY 1
#else
#define HRM_TEST_MEASURES_MEMORY 0
#endif

#if HRM_TEST_MEASURES_MEMORY
namespace support {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// A line of /proc/self/status in bytes: "VmRSS:" is the resident memory, "VmHWM:" the most there has been of it.
[[nodiscard]] inline std::size_t memory_status(const std::string& line) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kibibytes = 0;
    if (word == line && status >> kibibytes) return kibibytes * 1024;
  }
  return ~std::size_t{0};
}

/// Runs `work` in a child process and gives how many bytes its resident memory grew by at most, mapped files' pages
/// included; all ones where it gave false or did not end by itself. What the parent's allocator keeps for later is
/// given back first, so that nothing comes for free.
template <class Work>
[[nodiscard]] std::size_t memory_of(const Work& work) {
  int ends[2] = {};
  if (::pipe(ends) != 0) return ~std::size_t{0};
  const pid_t child = ::fork();
  if (child == 0) {
    ::malloc_trim(0);
    const bool reset = static_cast<bool>(std::ofstream("/proc/self/clear_refs") << 5 << std::flush);  // the peak
    const std::size_t before = memory_status("VmRSS:");
    const bool good = reset && work();
    const std::size_t most = memory_status("VmHWM:");
    const std::size_t grown = !good ? ~std::size_t{0} : most > before ? most - before : 0;
    ::_exit(::write(ends[1], &grown, sizeof grown) == sizeof grown ? 0 : 1);
  }
  ::close(ends[1]);
  std::size_t grown = 0;
  const bool told = ::read(ends[0], &grown, sizeof grown) == sizeof grown;
  ::close(ends[0]);
  int status = 0;
  const bool ended =
      child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return told && ended ? grown : ~std::size_t{0};
}

}  // namespace support
#endif
