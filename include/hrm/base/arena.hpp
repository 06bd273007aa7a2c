#pragma once
/// Aligned memory: one owner, one block, carved up once. Sizes can be asked for before anything is allocated.

#include <hrm/base/types.hpp>

#include <cstdlib>
#include <memory>
#include <type_traits>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hrm {

/// A block of zeroed bytes, 64-byte aligned (2 MiB and huge pages for large ones, where 4 KiB page faults would
/// cost more than filling it). Move-only. data() is null if memory ran out.
class Buffer {
 public:
  Buffer() noexcept = default;
  explicit Buffer(std::size_t size) noexcept { allocate(size); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(block_); }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_, size_}; }
  /// Has the system find its pages now, not when each is first written, which takes milliseconds for a huge one.
  HRM_NOINLINE void touch() noexcept {
    constexpr std::size_t page = 4096;
    for (std::size_t at = 0; at < size_; at += page) *static_cast<volatile std::byte*>(data_ + at) = std::byte{0};
  }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  // calloc knows which memory comes from the system, zero already: large blocks are not written twice. (Not inlined:
  // gcc 12 takes other vectors for this memory and warns.)
  HRM_NOINLINE void allocate(std::size_t size) noexcept {
    const std::size_t align = size >= huge_page ? huge_page : alignment;
    const std::size_t whole = round_up(size, align) + align;
    if (size > 0 && whole > size) block_ = std::calloc(1, whole);
    if (block_ == nullptr) return;
    const auto at = reinterpret_cast<std::uintptr_t>(block_);
    data_ = static_cast<std::byte*>(block_) + (round_up(at, align) - at);
    size_ = size;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == huge_page) static_cast<void>(::madvise(data_, round_up(size, align), MADV_HUGEPAGE));
#endif
  }
  void swap(Buffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  void* block_ = nullptr;  // what was allocated; data_ is the first place in it that is aligned
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Hands out 64-byte aligned pieces of a block, in order, never back. With a null block it only counts, so one
/// function can both measure and carve: run it on `Arena{}` and read used(), then again on the real block. Counting
/// never wraps round: what no memory could hold is `saturated`, which no Buffer has.
class Arena {
 public:
  Arena() noexcept = default;
  explicit Arena(std::byte* block) noexcept : block_(block) {}

  /// `count` rows of `width` elements of T (trivial types only); null while counting.
  template <class T>
  [[nodiscard]] T* take(std::size_t count, std::size_t width = 1) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    return reinterpret_cast<T*>(take_bytes(saturating_mul(saturating_mul(count, width), sizeof(T))));
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  HRM_NOINLINE std::byte* take_bytes(std::size_t size) noexcept {
    std::byte* const at = block_ == nullptr ? nullptr : block_ + used_;
    used_ = size > saturated - alignment ? saturated : saturating_add(used_, round_up(size, alignment));
    return at;
  }
  std::byte* block_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace hrm
