/* SPDX-License-Identifier: MIT */
#include "nn/draw.h"

#include <omp.h>
#include <string.h>
#include "math/elementary.h"
#include "math/team.h"

/* ---- Wichura (1988), Algorithm AS 241, PPND16: ratios of two polynomials of degree 7 ---- */

LSI_INLINE double ratio(double r, const double a[8], const double b[8]) {
  double top = a[7], bottom = b[7];
  for (int i = 6; i >= 0; i--) {
    top = top * r + a[i];
    bottom = bottom * r + b[i];
  }
  return top / bottom;
}

static const double central[2][8] = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3}};
static const double middle[2][8] = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9}};
static const double far[2][8] = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15}};

LSI_INLINE double quantile(double p) {
  double q = p - 0.5;
  if (fabs(q) <= 0.425)
    return q * ratio(0.180625 - q * q, central[0], central[1]);
  double r = sqrt(-lsi_log(q < 0 ? p : 1.0 - p));
  double x = r <= 5.0 ? ratio(r - 1.6, middle[0], middle[1]) : ratio(r - 5.0, far[0], far[1]);
  return q < 0 ? -x : x;
}

double lsi_normal_quantile(double p) {
  return quantile(p);
}

/* ---- filling ---- */

enum { CHUNK = 256 }; /* elements drawn in one go; a multiple of 2 */

/* As lsi_rng_double makes them of two words each. The 52 bits become a double, exactly, as the mantissa of 2^52 + bits; a
   conversion by that name is not vectorised. */
LSI_INLINE double uniform(const uint32_t *words, size_t i) {
  uint64_t bits = ((uint64_t)words[2 * i] << 32 | words[2 * i + 1]) >> 12 | UINT64_C(0x4330000000000000);
  double value;
  memcpy(&value, &bits, sizeof value);
  return (value - 0x1p52 + 0.5) * 0x1p-52;
}

LSI_CLONES static void shape(lsi_draw draw, const uint32_t *words, float *values, size_t n) {
  const double below_2 = 0.022750131948179207; /* Phi(-2) */
  switch (draw.kind) {
  case LSI_DRAW_UNIFORM:
    for (size_t i = 0; i < n; i++)
      values[i] = (float)(draw.a + (draw.b - draw.a) * uniform(words, i));
    break;
  case LSI_DRAW_NORMAL:
    for (size_t i = 0; i < n; i++)
      values[i] = (float)(draw.a + draw.b * quantile(uniform(words, i)));
    break;
  case LSI_DRAW_TRUNCATED:
    for (size_t i = 0; i < n; i++) {
      double p = below_2 + (1.0 - 2.0 * below_2) * uniform(words, i);
      values[i] = (float)(draw.a + draw.b * quantile(p));
    }
    break;
  case LSI_DRAW_CONSTANT:
    for (size_t i = 0; i < n; i++)
      values[i] = (float)draw.a;
    break;
  }
}

void lsi_draw_fill(lsi_draw draw, lsi_rng rng, float *values, size_t count) {
  int threads = lsi_team_for(100.0 * (double)count);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t begin, end;
    lsi_team_slice(count, CHUNK, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    for (size_t first = begin; first < end; first += CHUNK) {
      size_t n = end - first < CHUNK ? end - first : CHUNK;
      uint32_t words[2 * CHUNK];
      if (draw.kind != LSI_DRAW_CONSTANT)
        lsi_rng_u32(rng, 0, 2 * (uint64_t)first, words, 2 * n);
      shape(draw, words, values + first, n);
    }
  }
}
