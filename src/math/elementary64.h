/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_ELEMENTARY64_H
#define LSI_MATH_ELEMENTARY64_H
/* The double-precision half of math/elementary.h: same rules, bounds stated there. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "math/clones.h"

LSI_INLINE uint64_t lsi_double_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LSI_INLINE double lsi_bits_double(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define LSI_LN2_HI 0x1.62e42fee00000p-1 /* 32 bits: exponent x LSI_LN2_HI is exact */
#define LSI_LN2_LO 0x1.a39ef35793c76p-33

/* exp(x + low) for |low| far below 1 ulp of exp's argument range; see lsi_expf for the method. */
LSI_INLINE double lsi_exp_extended_(double x, double low) {
  const double shift = 0x1.8p52;
  double c = x > 710.0 ? 710.0 : x;
  c = c < -750.0 ? -750.0 : c;
  double t = fma(c, 0x1.71547652b82fep+0, shift);
  double n = t - shift;
  double r = fma(n, -LSI_LN2_LO, fma(n, -LSI_LN2_HI, c)) + low;
  /* (exp(r) - 1 - r) / r^2 on [-0.347, 0.347], 1.4e-18 */
  double p = fma(r, 0x1.1f8b9579c2386p-29, 0x1.af4e55efe0f19p-26);
  p = fma(p, r, 0x1.27e4cca2cc09ep-22);
  p = fma(p, r, 0x1.71de01fd62634p-19);
  p = fma(p, r, 0x1.a01a01ad0c9bfp-16);
  p = fma(p, r, 0x1.a01a01abf87c7p-13);
  p = fma(p, r, 0x1.6c16c16c151ccp-10);
  p = fma(p, r, 0x1.11111111100bdp-7);
  p = fma(p, r, 0x1.5555555555558p-5);
  p = fma(p, r, 0x1.5555555555557p-3);
  p = fma(p, r, 0.5);
  p = fma(p * r, r, r) + 1.0;
  uint64_t e = lsi_double_bits(t) - lsi_double_bits(shift);
  uint64_t half = (uint64_t)((int64_t)e >> 1);
  double scale = lsi_bits_double((half + 1023u) << 52);
  double rest = lsi_bits_double((e - half + 1023u) << 52);
  return p * scale * rest;
}

LSI_INLINE double lsi_exp(double x) {
  return lsi_exp_extended_(x, 0.0);
}

/*
 * log(x) as an unevaluated sum: returns the high part, *low the rest. x = 2^n m with m in
 * [sqrt(1/2), sqrt(2)), s = (m - 1) / (m + 1), log m = 2 atanh(s) = 2 s + s^3 P(s^2).
 */
LSI_INLINE double lsi_log_extended_(double x, double *low) {
  double small = x < 0x1p-1022 ? 1.0 : 0.0;
  double scaled = x < 0x1p-1022 ? x * 0x1p52 : x;
  uint64_t bits = lsi_double_bits(scaled);
  uint64_t e = (bits - 0x3fe6a09e667f3bcdu) & 0xfff0000000000000u;
  double n = fma(small, -52.0, (double)((int64_t)e >> 52));
  double m = lsi_bits_double(bits - e);
  double f = m - 1.0, d = m + 1.0;
  double d_low = m < 1.0 ? m - (d - 1.0) : 1.0 - (d - m); /* d + d_low = m + 1 exactly */
  double s = f / d;
  double s_low = fma(-s, d_low, fma(-s, d, f)) / d;
  double z = s * s;
  /* (2 atanh(s)/s - 2) / s^2 in z = s^2 on [0, 0.0296], 2.1e-18 */
  double p = fma(z, 0x1.0c32b98482884p-3, 0x1.0fba04fd4f37fp-3);
  p = fma(p, z, 0x1.3b1c61a8cef50p-3);
  p = fma(p, z, 0x1.745cf8306ef8dp-3);
  p = fma(p, z, 0x1.c71c72035f62cp-3);
  p = fma(p, z, 0x1.2492492475a14p-2);
  p = fma(p, z, 0x1.9999999999a40p-2);
  p = fma(p, z, 0x1.5555555555555p-1);
  double tail = fma(s * z, p, 2.0 * s_low);
  double whole = n * LSI_LN2_HI, high = whole + 2.0 * s;
  tail += (whole - high) + 2.0 * s; /* exact when n is not 0; 0 when it is */
  tail = fma(n, LSI_LN2_LO, tail);
  double sum = high + tail;
  *low = (high - sum) + tail;
  return sum;
}

LSI_INLINE double lsi_log(double x) {
  double low, y = lsi_log_extended_(x, &low);
  y = x > 1.7976931348623157e308 ? x : y;
  y = x == 0.0 ? -INFINITY : y;
  return x >= 0.0 ? y : NAN;
}

/* x^y for x > 0, finite y: exp(y log x) with the logarithm in twice the precision. */
LSI_INLINE double lsi_pow(double x, double y) {
  double low, high = lsi_log_extended_(x, &low);
  double product = y * high;
  double error = fma(y, high, -product) + y * low;
  error = fabs(product) < 1000.0 ? error : 0.0; /* over- or underflow: no inf - inf */
  return lsi_exp_extended_(product, error);
}

/* cos(pi x): q = round(2x), r = x - q/2 exact, then cos or sin of pi r by q mod 4. */
LSI_INLINE double lsi_cos_pi(double x) {
  double a = fabs(x);
  double q = floor(fma(a, 2.0, 0.5));
  double quadrant = q - 4.0 * floor(0.25 * q);
  double r = fma(q, -0.5, a);
  double t = fma(r, 0x1.921fb54442d18p+1, r * 0x1.1a62633145c07p-53), z = t * t;
  /* (cos t - 1 + t^2/2) / t^4 and (sin t / t - 1) / t^2 in z = t^2, |t| <= pi/4: 1.3e-18, 1.2e-20
   */
  double c = fma(z, -0x1.907cea0cf7388p-37, 0x1.1eeb67ea7a39dp-29);
  c = fma(c, z, -0x1.27e4fa16e89fbp-22);
  c = fma(c, z, 0x1.a01a019f4df8fp-16);
  c = fma(c, z, -0x1.6c16c16c16964p-10);
  c = fma(c, z, 0x1.5555555555555p-5);
  c = fma(z * z, c, fma(z, -0.5, 1.0));
  double s = fma(z, -0x1.ab17041718d6ep-41, 0x1.61217dacc1f13p-33);
  s = fma(s, z, -0x1.ae6454110ddaap-26);
  s = fma(s, z, 0x1.71de3a545f9acp-19);
  s = fma(s, z, -0x1.a01a01a019930p-13);
  s = fma(s, z, 0x1.1111111111110p-7);
  s = fma(s, z, -0x1.5555555555555p-3);
  s = fma(t * z, s, t);
  double odd = quadrant == 1.0 ? -s : s;
  double even = quadrant == 0.0 ? c : -c;
  double y = quadrant == 1.0 || quadrant == 3.0 ? odd : even;
  return a < 0x1p53 ? y
                    : (a < INFINITY ? 1.0 : NAN); /* past 2^53 every double is an even integer */
}
#endif
