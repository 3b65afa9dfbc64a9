/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_ELEMENTARY_H
#define LSI_MATH_ELEMENTARY_H
/*
 * Elementary functions of our own, so that their bits depend on no libm and no CPU. Each is a
 * static inline function of one float made of IEEE add, multiply, divide and explicit fmaf,
 * without branches, so plain loops over arrays vectorise under LSI_CLONES (math/clones.h) and
 * every ISA level gives the same bits (the sign and payload of a NaN excepted). Stated bounds are
 * checked against long double references in tests/unit/math/test_elementary.c.
 *
 *   lsi_expf(x)      <= 2 ulp; 0 below about -103.97 (denormals as IEEE), inf above 88.73; NaN
 * passes lsi_logf(x)      <= 2 ulp for x > 0 (denormals too); -inf at 0, NaN below lsi_log1pf(x) <=
 * 2 ulp for x > -1; -inf at -1, NaN below lsi_tanhf(x)     <= 2 ulp lsi_sigmoidf(x)  <= 3 ulp; 1 /
 * (1 + exp(-x)) without overflow lsi_erff(x)      <= 3 ulp Doubles for initialisers, schedules and
 * loss sums are in math/elementary64.h, included here: lsi_exp, lsi_log <= 1 ulp, lsi_cos_pi <= 2
 * ulp, lsi_pow (x > 0) <= 3 ulp
 *
 * The polynomials are minimax (Remez exchange in 60 digits, coefficients rounded to float); each
 * comment gives the function, the interval and the largest error before rounding. They assume
 * round-to-nearest and denormals on, which is how every process starts.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "math/clones.h"
#include "math/elementary64.h"

LSI_INLINE uint32_t lsi_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LSI_INLINE float lsi_bits_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define LSI_LN2F_HI 0x1.62e400p-1f /* 17 bits: exponent x LSI_LN2F_HI is exact */
#define LSI_LN2F_LO 0x1.7f7d1cp-20f

/*
 * exp: x = n ln 2 + r with |r| <= ln(2) / 2, then 2^n exp(r). Adding 1.5 x 2^23 rounds to an
 * integer and leaves it in the low bits; 2^n is applied as two factors so that n may be -150..128.
 */
LSI_INLINE float lsi_expf(float x) {
  const float shift = 0x1.8p23f;
  float c = x > 89.0f ? 89.0f : x; /* NaN fails both comparisons and passes */
  c = c < -105.0f ? -105.0f : c;
  float t = fmaf(c, 0x1.715476p+0f, shift);
  float n = t - shift;
  float r = fmaf(n, -LSI_LN2F_LO, fmaf(n, -LSI_LN2F_HI, c));
  /* (exp(r) - 1 - r) / r^2 on [-0.35, 0.35], 6.5e-8 */
  float p = fmaf(r, 0x1.6d7c4ap-10f, 0x1.12107p-7f);
  p = fmaf(p, r, 0x1.5554b2p-5f);
  p = fmaf(p, r, 0x1.5554d8p-3f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p * r, r, r) + 1.0f;
  uint32_t e = lsi_float_bits(t) - lsi_float_bits(shift); /* n, two's complement */
  uint32_t half = (uint32_t)((int32_t)e >> 1);
  float scale = lsi_bits_float((half + 127u) << 23);
  float rest = lsi_bits_float((e - half + 127u) << 23);
  return p * scale * rest;
}

/* log(1 + f) for f in [-1/3, 1/3], plus n ln 2. */
LSI_INLINE float lsi_log_reduced_(float f, float n) {
  /* (log(1+f) - f + f^2/2) / f^3 on [-1/3, 1/3], 1.4e-7 */
  float p = fmaf(f, -0x1.04f4a8p-3f, 0x1.131ffep-3f);
  p = fmaf(p, f, -0x1.f4cc9ep-4f);
  p = fmaf(p, f, 0x1.211d92p-3f);
  p = fmaf(p, f, -0x1.558a4ep-3f);
  p = fmaf(p, f, 0x1.99adb6p-3f);
  p = fmaf(p, f, -0x1.ffff74p-3f);
  p = fmaf(p, f, 0x1.55554cp-2f);
  p = fmaf(p, f, -0.5f);
  float low = fmaf(n, LSI_LN2F_LO, p * (f * f));
  return fmaf(n, LSI_LN2F_HI, f + low);
}

/* Exponent n (an integer shifted left by 23) with bits / 2^n in [2/3, 4/3). */
LSI_INLINE uint32_t lsi_log_exponent_(uint32_t bits) {
  return (bits - 0x3f2aaaabu) & 0xff800000u;
}

LSI_INLINE float lsi_logf(float x) {
  float small = x < 0x1p-126f ? 1.0f : 0.0f; /* denormals are scaled up first */
  float s = x < 0x1p-126f ? x * 0x1p23f : x;
  uint32_t bits = lsi_float_bits(s), e = lsi_log_exponent_(bits);
  float n = fmaf(small, -23.0f, (float)(int32_t)e * 0x1p-23f);
  float y = lsi_log_reduced_(lsi_bits_float(bits - e) - 1.0f, n);
  y = x > 3.4028234664e38f ? x : y; /* inf */
  y = x == 0.0f ? -INFINITY : y;
  return x >= 0.0f ? y : NAN;
}

/* log(1 + x): n from 1 + x rounded, then f = x 2^-n + (2^-n - 1) with a single rounding. */
LSI_INLINE float lsi_log1pf(float x) {
  uint32_t e = lsi_log_exponent_(lsi_float_bits(1.0f + x));
  float four_s = lsi_bits_float(0x40800000u - e); /* 4 x 2^-n: normal for n up to 128 */
  float f = fmaf(0.25f * four_s, x, fmaf(0.25f, four_s, -1.0f));
  float y = lsi_log_reduced_(f, (float)(int32_t)e * 0x1p-23f);
  y = x > 3.4028234664e38f ? x : y;
  y = x == 0.0f ? x : y; /* keeps -0 */
  y = x == -1.0f ? -INFINITY : y;
  return x >= -1.0f ? y : NAN;
}

LSI_INLINE float lsi_tanhf(float x) {
  float a = fabsf(x), z = x * x;
  /* (tanh(x)/x - 1) / x^2 in z = x^2 on [0, 0.42], 2.2e-9 */
  float p = fmaf(z, 0x1.23ff2p-9f, -0x1.0f7ed2p-7f);
  p = fmaf(p, z, 0x1.645d2ap-6f);
  p = fmaf(p, z, -0x1.ba0408p-5f);
  p = fmaf(p, z, 0x1.1110dcp-3f);
  p = fmaf(p, z, -0x1.555556p-2f);
  float near = fmaf(p * z, a, a);
  float far = 1.0f - 2.0f / (lsi_expf(a + a) + 1.0f);
  return copysignf(a < 0.625f ? near : far, x); /* NaN takes far */
}

LSI_INLINE float lsi_sigmoidf(float x) {
  float e = lsi_expf(-fabsf(x));
  float top = x < 0.0f ? e : 1.0f;
  return top / (1.0f + e);
}

LSI_INLINE float lsi_erff(float x) {
  float a = fabsf(x), z = x * x;
  /* erf(x)/x - 1 in z = x^2 on [0, 0.95^2], 6.0e-10 */
  float p = fmaf(z, 0x1.58946cp-14f, -0x1.a8fc6cp-11f);
  p = fmaf(p, z, 0x1.54a49p-8f);
  p = fmaf(p, z, -0x1.b80b0ep-6f);
  p = fmaf(p, z, 0x1.ce2de2p-4f);
  p = fmaf(p, z, -0x1.81274ap-2f);
  p = fmaf(p, z, 0x1.06eba8p-3f);
  float near = fmaf(p, a, a);
  /* -log(erfc(t)) / t on [0.9, 4], 2.3e-10 weighted by t erfc(t); erff rounds to 1 past 3.93 */
  float t = a > 4.0f ? 4.0f : a;
  float q = fmaf(t, 0x1.59a75ap-18f, -0x1.94535cp-15f);
  q = fmaf(q, t, -0x1.2ea754p-15f);
  q = fmaf(q, t, 0x1.7b1ad2p-9f);
  q = fmaf(q, t, -0x1.7279e8p-6f);
  q = fmaf(q, t, 0x1.aee95p-4f);
  q = fmaf(q, t, 0x1.4574c4p-1f);
  q = fmaf(q, t, 0x1.20e852p+0f);
  float far = 1.0f - lsi_expf(-q * t);
  return copysignf(a < 0.9296875f ? near : far, x);
}
#endif
