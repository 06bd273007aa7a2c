#pragma once
/// Feature macros. None of them changes the layout of a public type, so files compiled with different
/// settings can be linked together.

#include <cstddef>
#include <cstdint>

#define HRM_VERSION_MAJOR 0
#define HRM_VERSION_MINOR 1
#define HRM_VERSION_PATCH 0

/// 1 where the including file is compiled with exceptions, else 0. With it `Result::value()` throws; without
/// it the handler below is called. Define it to 0 to have the handler even where exceptions are on.
#ifndef HRM_EXCEPTIONS
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define HRM_EXCEPTIONS 1
#else
#define HRM_EXCEPTIONS 0
#endif
#endif

/// Checks of our own invariants (never of input, which gives an Error). Off unless defined, e.g.
/// `#define HRM_ASSERT(condition) assert(condition)` before the first include, the same in every file.
#ifndef HRM_ASSERT
#define HRM_ASSERT(condition) static_cast<void>(0)
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#error "hrm: gcc or clang (clang-cl on Windows) can compile this, cl can not"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "hrm: model files, and the memory that they are mapped to, are little endian; this machine is not"
#endif
#if defined(min) || defined(max)
#error "hrm: define NOMINMAX before <windows.h>, whose macros min and max are in the way"
#endif
#if defined(slots)
#error "hrm: define QT_NO_KEYWORDS before Qt's headers, whose macro slots is in the way"
#endif
#if defined(check) || defined(verify)
#error "hrm: undefine the macros check and verify (Unreal's) before hrm's headers: push_macro, #undef, pop_macro"
#endif

/// For the inner loops of kernels, which must be compiled for the instruction set of their caller, and for what depends
/// on its other settings.
#define HRM_ALWAYS_INLINE inline __attribute__((always_inline))
#define HRM_NOINLINE __attribute__((noinline))
#if defined(__GNUC__) && !defined(__clang__) && (defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__))
/// Where the compiler may regroup sums and products: how asm names a float or a vector, see as_written().
#if defined(__SSE2__)
#define HRM_REGROUPED "+v"
#elif defined(__aarch64__)
#define HRM_REGROUPED "+w"
#else
#define HRM_REGROUPED "+m"
#endif
#endif
/// For what runs once a model, on headers: compiled for size, which compiles faster.
#define HRM_COLD __attribute__((cold))
