/* SPDX-License-Identifier: MIT */
#include "math/clones.h"
#include "math/micro.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")

enum { ROWS = 8, LANES = 16 };
#define VECTORS 3 /* 24 accumulators, 3 vectors of b, 1 broadcast: 28 of 32 registers */

typedef __m512 vec;
typedef __mmask16 part;

LSI_INLINE vec vec_zero(void) {
  return _mm512_setzero_ps();
}
LSI_INLINE vec vec_all(const float *p) {
  return _mm512_set1_ps(*p);
}
LSI_INLINE vec vec_load(const float *p) {
  return _mm512_loadu_ps(p);
}
LSI_INLINE void vec_store(float *p, vec x) {
  _mm512_storeu_ps(p, x);
}
LSI_INLINE part part_of(int lanes) {
  return (part)((1u << lanes) - 1u);
}
LSI_INLINE vec vec_load_part(const float *p, part k) {
  return _mm512_maskz_loadu_ps(k, p);
}
LSI_INLINE void vec_store_part(float *p, part k, vec x) {
  _mm512_mask_storeu_ps(p, k, x);
}
LSI_INLINE vec vec_add(vec a, vec b) {
  return _mm512_add_ps(a, b);
}
LSI_INLINE vec vec_mul(vec a, vec b) {
  return _mm512_mul_ps(a, b);
}
/* As assembly, so that every accumulator stays in its register: left alone, GCC 12 trades places
   among them, and moves and spills. */
LSI_INLINE vec vec_fma(vec a, vec b, vec c) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
  return c;
}

#include "math/micro_body.h"

const lsi_micro lsi_micro_avx512 = MICRO_TABLE("avx512");
#endif
