/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_DRAW_H
#define LSI_NN_DRAW_H
/* Random tensors by element: element e is a function of the stream's double (sample 0, element e)
 * only. */
#include <stddef.h>
#include "base/rng.h"

typedef enum lsi_draw_kind {
  LSI_DRAW_CONSTANT,  /* a */
  LSI_DRAW_UNIFORM,   /* from a to b */
  LSI_DRAW_NORMAL,    /* mean a, standard deviation b */
  LSI_DRAW_TRUNCATED, /* the same, conditioned on being within 2 b of a */
} lsi_draw_kind;

typedef struct lsi_draw {
  lsi_draw_kind kind;
  double a, b;
} lsi_draw;

void lsi_draw_fill(lsi_draw draw, lsi_rng rng, float *values, size_t count);

/* x with Phi(x) = p, 0 < p < 1, to about 1e-16 relative. */
double lsi_normal_quantile(double p);
#endif
