#pragma once
/// Aligned memory: one owner, one block, carved up once. Sizes can be asked for before anything is allocated.

#include <hrm/base/types.hpp>

#include <memory>
#include <new>
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
  explicit Buffer(std::size_t size) noexcept : size_(size) {
    if (size == 0) return;
    const std::size_t align = size >= huge_page ? huge_page : alignment;
    data_ = static_cast<std::byte*>(::operator new(round_up(size, align), std::align_val_t(align), std::nothrow));
    if (data_ == nullptr) {
      size_ = 0;
      return;
    }
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == huge_page) static_cast<void>(::madvise(data_, round_up(size, align), MADV_HUGEPAGE));
#endif
    std::memset(data_, 0, size);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(size_ >= huge_page ? huge_page : alignment));
  }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_, size_}; }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Hands out 64-byte aligned pieces of a block, in order, never back. With a null block it only counts, so one
/// function can both measure and carve: run it on `Arena{}` and read used(), then again on the real block.
class Arena {
 public:
  Arena() noexcept = default;
  explicit Arena(std::byte* block) noexcept : block_(block) {}

  /// `count` elements of T (trivial types only); null while counting.
  template <class T>
  [[nodiscard]] T* take(std::size_t count) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    std::byte* at = block_ == nullptr ? nullptr : block_ + used_;
    used_ += round_up(count * sizeof(T), alignment);
    return reinterpret_cast<T*>(at);
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  std::byte* block_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace hrm
