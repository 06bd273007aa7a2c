#pragma once
/// Waiting that gives the core away: some ten microseconds of looking, then a futex.

#include <atomic>
#include <chrono>
#include <cstdint>

// libstdc++ without a futex (MinGW's, say) looks at the word before it takes its lock (gcc 12, bits/atomic_wait.h), and
// sleeps on where the word changes in between.
#if defined(__GLIBCXX__) && !defined(_GLIBCXX_HAVE_LINUX_FUTEX)
#define HRM_WAITS_BY_LOCK 1
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <new>
#else
#define HRM_WAITS_BY_LOCK 0
#endif

namespace hrm {

#if HRM_WAITS_BY_LOCK
namespace detail {
/// Where all who wait are; few do at a time.
struct WaitingRoom {
  std::mutex door;
  std::condition_variable changed;
  std::atomic<std::uint32_t> guests{0};
};
inline WaitingRoom& waiting_room() noexcept {
  alignas(WaitingRoom) static std::byte memory[sizeof(WaitingRoom)];
  static WaitingRoom& room = *::new (memory) WaitingRoom;  // never destroyed: a pool may be, later than other statics
  return room;
}
}  // namespace detail
#endif

/// Blocks while the word holds `old`; whoever changes it calls wake_all(). Returns at any change.
inline void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  // About a tile, by the clock: a pause takes as long as a processor likes. A spinning thread starves whoever shares
  // its core.
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(10);
  do {
    for (int i = 0; i < 8; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
      __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
      asm volatile("yield");
#endif
    }
  } while (std::chrono::steady_clock::now() < until);
#if HRM_WAITS_BY_LOCK
  detail::WaitingRoom& room = detail::waiting_room();
  room.guests.fetch_add(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the word is looked at after that is seen
  {
    std::unique_lock lock(room.door);
    while (word.load(std::memory_order_acquire) == old) room.changed.wait(lock);
  }
  room.guests.fetch_sub(1);
#else
  word.wait(old, std::memory_order_acquire);
#endif
}

/// Wakes all who wait for the word, which has been changed.
inline void wake_all(std::atomic<std::uint32_t>& word) noexcept {
#if HRM_WAITS_BY_LOCK
  static_cast<void>(word);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  detail::WaitingRoom& room = detail::waiting_room();
  if (room.guests.load() == 0) return;
  { const std::lock_guard lock(room.door); }  // nobody is between looking and sleeping
  room.changed.notify_all();
#else
  word.notify_all();
#endif
}

}  // namespace hrm
