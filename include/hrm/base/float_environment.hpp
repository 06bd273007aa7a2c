#pragma once
/// How the processor rounds while a model is at work.

#include <cstdint>

#if defined(__GNUC__) && defined(__SSE__) && (defined(__x86_64__) || defined(__i386__))
#define HRM_FLOAT_ENVIRONMENT 1  ///< 1: MXCSR, 2: FPCR, 0: nothing to set
#elif defined(__GNUC__) && defined(__aarch64__)
#define HRM_FLOAT_ENVIRONMENT 2
#else
#define HRM_FLOAT_ENVIRONMENT 0
#endif

namespace hrm {

/// While it lives, the calling thread rounds to nearest, without traps, and takes and gives zeros for subnormal
/// numbers: a weight of attention that is all but zero would otherwise cost some processors a hundred cycles each time
/// it is multiplied, and what a model works out would depend on how the caller's thread is set up. Everything is as it
/// was afterwards, the flags of exceptions too (but for those of the x87, which has MinGW's sines and logarithms). Does
/// nothing where there is nothing to set (WebAssembly).
class FloatEnvironment {
 public:
#if HRM_FLOAT_ENVIRONMENT > 0
  FloatEnvironment() noexcept : before_(get()) { set(wanted); }
  ~FloatEnvironment() { set(before_); }
#else
  FloatEnvironment() noexcept {}  // NOLINT(modernize-use-equals-default): used, for a warning's sake
  ~FloatEnvironment() {}          // NOLINT(modernize-use-equals-default)
#endif
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  // The compiler does not know what floating-point operations depend on: what is to be worked out inside must begin and
  // end in memory, as a tile does.
#if HRM_FLOAT_ENVIRONMENT == 1
  using Word = std::uint32_t;
  static constexpr Word to_zero = 0x8000 | 0x1f80 | 0x0040;  // every exception masked, from subnormal to zero
#if defined(__MINGW32__)
  // MXCSR, and above it the control word of the x87, which rounds by itself.
  static constexpr Word wanted = to_zero | 0x037f0000;
  static Word get() noexcept { return __builtin_ia32_stmxcsr() | Word{x87()} << 16; }
  static void set(Word word) noexcept {
    set_x87(static_cast<std::uint16_t>(word >> 16));
    set_mxcsr(word & 0xffff);
  }
  static std::uint16_t x87() noexcept {
    std::uint16_t word = 0;
    asm volatile("fnstcw %0" : "=m"(word));
    return word;
  }
  static void set_x87(std::uint16_t word) noexcept { asm volatile("fldcw %0" : : "m"(word) : "memory"); }
#else
  static constexpr Word wanted = to_zero;
  static Word get() noexcept { return __builtin_ia32_stmxcsr(); }
  static void set(Word word) noexcept { set_mxcsr(word); }
#endif
  static void set_mxcsr(Word word) noexcept {
    asm volatile("" ::: "memory");
    __builtin_ia32_ldmxcsr(word);
    asm volatile("" ::: "memory");
  }
#elif HRM_FLOAT_ENVIRONMENT == 2
  using Word = std::uint64_t;
  static constexpr Word wanted = Word{1} << 24;  // subnormal numbers to zero, both ways
  static Word get() noexcept {
    Word word = 0;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void set(Word word) noexcept { asm volatile("msr fpcr, %0" : : "r"(word) : "memory"); }
#endif
#if HRM_FLOAT_ENVIRONMENT > 0
  Word before_;
#endif
};

}  // namespace hrm
