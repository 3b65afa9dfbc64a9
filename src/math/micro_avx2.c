/* SPDX-License-Identifier: MIT */
#include "math/clones.h"
#include "math/micro.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma GCC target("avx2,fma")

enum { ROWS = 4, LANES = 8 };
#define VECTORS 3 /* 12 accumulators, 3 vectors of b, 1 broadcast: all 16 registers */

typedef __m256 vec;
typedef int part; /* lanes */

LSI_INLINE vec vec_zero(void) {
  return _mm256_setzero_ps();
}
LSI_INLINE vec vec_all(const float *p) {
  return _mm256_broadcast_ss(p);
}
LSI_INLINE vec vec_load(const float *p) {
  return _mm256_loadu_ps(p);
}
LSI_INLINE void vec_store(float *p, vec x) {
  _mm256_storeu_ps(p, x);
}
LSI_INLINE part part_of(int lanes) {
  return lanes;
}
LSI_INLINE vec vec_load_part(const float *p, part lanes) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index));
}
/* In pieces: masked stores are microcode on AMD. */
LSI_INLINE void vec_store_part(float *p, part lanes, vec x) {
  if (lanes == LANES) {
    _mm256_storeu_ps(p, x);
    return;
  }
  __m128 rest = _mm256_castps256_ps128(x);
  if (lanes & 4) {
    _mm_storeu_ps(p, rest);
    rest = _mm256_extractf128_ps(x, 1);
    p += 4;
  }
  if (lanes & 2) {
    _mm_storel_pi((__m64 *)p, rest);
    rest = _mm_movehl_ps(rest, rest);
    p += 2;
  }
  if (lanes & 1)
    _mm_store_ss(p, rest);
}
LSI_INLINE vec vec_add(vec a, vec b) {
  return _mm256_add_ps(a, b);
}
LSI_INLINE vec vec_mul(vec a, vec b) {
  return _mm256_mul_ps(a, b);
}
/* As assembly, so that every accumulator stays in its register: left alone, GCC 12 trades places
   among them, and moves and spills. */
LSI_INLINE vec vec_fma(vec a, vec b, vec c) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
  return c;
}

#include "math/micro_body.h"

const lsi_micro lsi_micro_avx2 = MICRO_TABLE("avx2");
#endif
