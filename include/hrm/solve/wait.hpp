#pragma once
/// Waiting that gives the core away: some ten microseconds of looking, then a futex.

#include <atomic>
#include <cstdint>

namespace hrm {

/// Blocks while the word holds `old`; whoever changes it calls notify_all(). Returns at any change.
inline void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  for (int i = 0; i < 256; ++i) {  // about 10 microseconds, a tile; a spinning thread starves whoever shares its core
    if (word.load(std::memory_order_acquire) != old) return;
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  word.wait(old, std::memory_order_acquire);
}

}  // namespace hrm
