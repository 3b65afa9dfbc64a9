/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "math/clones.h"
#include "math/micro.h"

enum { ROWS = 4, LANES = 4 };
#define VECTORS 2

/* Plain C: where the CPU has a fused multiply-add (AArch64, POWER) the compiler uses it; elsewhere
   fmaf is libm's, correctly rounded and slow. */
typedef struct vec {
  float lane[LANES];
} vec;
typedef int part;

LSI_INLINE vec vec_zero(void) {
  return (vec){{0}};
}
LSI_INLINE vec vec_all(const float *p) {
  return (vec){{*p, *p, *p, *p}};
}
LSI_INLINE vec vec_load(const float *p) {
  vec x;
  memcpy(&x, p, sizeof x);
  return x;
}
LSI_INLINE void vec_store(float *p, vec x) {
  memcpy(p, &x, sizeof x);
}
LSI_INLINE part part_of(int lanes) {
  return lanes;
}
LSI_INLINE vec vec_load_part(const float *p, part k) {
  vec x = vec_zero();
  for (int l = 0; l < k; l++)
    x.lane[l] = p[l];
  return x;
}
LSI_INLINE void vec_store_part(float *p, part k, vec x) {
  for (int l = 0; l < k; l++)
    p[l] = x.lane[l];
}
LSI_INLINE vec vec_add(vec a, vec b) {
  for (int l = 0; l < LANES; l++)
    a.lane[l] += b.lane[l];
  return a;
}
LSI_INLINE vec vec_mul(vec a, vec b) {
  for (int l = 0; l < LANES; l++)
    a.lane[l] *= b.lane[l];
  return a;
}
LSI_INLINE vec vec_fma(vec a, vec b, vec c) {
  for (int l = 0; l < LANES; l++)
    c.lane[l] = fmaf(a.lane[l], b.lane[l], c.lane[l]);
  return c;
}

#include "math/micro_body.h"

const lsi_micro lsi_micro_portable = MICRO_TABLE("portable");
