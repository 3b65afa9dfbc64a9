/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_SUBNORMAL_H
#define LSI_MATH_SUBNORMAL_H
/*
 * Between lsi_subnormals_off and lsi_subnormals_restore the calling thread reads and writes subnormal
 * numbers as zeros. The slots of a unit that has died, or of a pixel that is always black, decay into
 * that range and stay there for good, where processors take twice to a hundred times as long.
 * TensorFlow and XLA compute the same way (tsl/platform/denormal.h: ScopedFlushDenormal).
 *
 * The code in between must be a call that the compiler does not inline.
 */
#include <stdint.h>

#ifdef __SSE__
#include <xmmintrin.h>

static inline uint64_t lsi_subnormals_off(void) {
  enum { FLUSH_RESULTS = 1 << 15, ZERO_OPERANDS = 1 << 6 };
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | FLUSH_RESULTS | ZERO_OPERANDS);
  return before;
}

static inline void lsi_subnormals_restore(uint64_t before) {
  _mm_setcsr((unsigned)before);
}
#elif defined(__aarch64__)
static inline uint64_t lsi_subnormals_off(void) {
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" ::"r"(before | 1u << 24));
  return before;
}

static inline void lsi_subnormals_restore(uint64_t before) {
  __asm__ volatile("msr fpcr, %0" ::"r"(before));
}
#else
static inline uint64_t lsi_subnormals_off(void) {
  return 0;
}

static inline void lsi_subnormals_restore(uint64_t before) {
  (void)before;
}
#endif
#endif
