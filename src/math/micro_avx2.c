/* SPDX-License-Identifier: MIT */
#include "math/clones.h"
#include "math/micro.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma GCC target("avx2,fma")

enum { ROWS = 6, LANES = 8 };
#define VECTORS 2 /* 12 accumulators, 2 vectors of b, 1 broadcast: 15 of 16 registers */

typedef __m256 vec;
typedef __m256i part;

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
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
LSI_INLINE vec vec_load_part(const float *p, part k) {
  return _mm256_maskload_ps(p, k);
}
LSI_INLINE void vec_store_part(float *p, part k, vec x) {
  _mm256_maskstore_ps(p, k, x);
}
LSI_INLINE vec vec_add(vec a, vec b) {
  return _mm256_add_ps(a, b);
}
LSI_INLINE vec vec_fma(vec a, vec b, vec c) {
  return _mm256_fmadd_ps(a, b, c);
}

#include "math/micro_body.h"

const lsi_micro lsi_micro_avx2 = MICRO_TABLE("avx2");
#endif
