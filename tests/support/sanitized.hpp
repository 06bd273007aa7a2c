#pragma once
/// HRM_TEST_SANITIZED: 1 under AddressSanitizer or ThreadSanitizer, which bring their own allocation and make
/// everything many times slower; else 0.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HRM_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HRM_TEST_SANITIZED 1
#endif
#endif
#ifndef HRM_TEST_SANITIZED
#define HRM_TEST_SANITIZED 0
#endif
