/* SPDX-License-Identifier: MIT */
/* Keras's _clip_by_norm, clip_by_global_norm and clip (keras/src/optimizers/base_optimizer.py). */
#include "optim/clip.h"

#include <math.h>
#include <omp.h>
#include "math/clones.h"
#include "math/team.h"
#include "math/tree.h"

LSI_CLONES static void clip_values(size_t n, float limit, float *g) {
  for (size_t i = 0; i < n; i++) {
    float x = g[i] > limit ? limit : g[i]; /* NaN passes */
    g[i] = x < -limit ? -limit : x;
  }
}

LSI_CLONES static void multiply_divide(size_t n, float factor, float divisor, float *g) {
  for (size_t i = 0; i < n; i++)
    g[i] = g[i] * factor / divisor;
}

LSI_CLONES static void multiply(size_t n, float factor, float *g) {
  for (size_t i = 0; i < n; i++)
    g[i] *= factor;
}

typedef enum clip_kind { CLIP_VALUES, CLIP_NORM, CLIP_GLOBAL } clip_kind;

/* The elementwise half, on all threads. */
static void apply(clip_kind kind, float a, float b, float *grad, size_t count) {
  int threads = lsi_team_for(2.0 * (double)count);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t first, last;
    lsi_team_slice(count, 16, omp_get_thread_num(), omp_get_num_threads(), &first, &last);
    if (kind == CLIP_VALUES)
      clip_values(last - first, a, grad + first);
    else if (kind == CLIP_NORM)
      multiply_divide(last - first, a, b, grad + first);
    else
      multiply(last - first, a, grad + first);
  }
}

static void clip_each_norm(double limit, const lsi_clip_tensor *tensors, int n_tensors,
                           float *grad) {
  float c = (float)limit;
  for (int i = 0; i < n_tensors; i++) {
    float *g = grad + tensors[i].offset;
    float norm = (float)sqrt(lsi_sum_squares(g, tensors[i].count));
    apply(CLIP_NORM, c, norm < c ? c : norm, g, tensors[i].count); /* a NaN norm stays */
  }
}

static void clip_global_norm(double limit, const lsi_clip_tensor *tensors, int n_tensors,
                             float *grad) {
  double sum = 0;
  for (int i = 0; i < n_tensors; i++)
    sum += lsi_sum_squares(grad + tensors[i].offset, tensors[i].count);
  float c = (float)limit, norm = (float)sqrt(sum);
  float inverse = 1.0f / norm, most = 1.0f / c;
  float factor = c * (inverse < most ? inverse : most);
  factor +=
      norm -
      norm; /* NaN when the norm is not finite, so that nobody takes the result for a gradient */
  for (int i = 0; i < n_tensors; i++)
    apply(CLIP_GLOBAL, factor, 0, grad + tensors[i].offset, tensors[i].count);
}

bool lsi_clip_wanted(const lsi_optimizer *optimizer) {
  const lsi_object *object = &optimizer->object;
  return lsi_object_get(object, "clipnorm") > 0 || lsi_object_get(object, "clipvalue") > 0 ||
         lsi_object_get(object, "global_clipnorm") > 0;
}

void lsi_clip_gradients(const lsi_optimizer *optimizer, const lsi_clip_tensor *tensors,
                        int n_tensors, float *grad) {
  const lsi_object *object = &optimizer->object;
  double each = lsi_object_get(object, "clipnorm"), all = lsi_object_get(object, "global_clipnorm");
  double value = lsi_object_get(object, "clipvalue");
  if (each > 0)
    clip_each_norm(each, tensors, n_tensors, grad);
  else if (all > 0)
    clip_global_norm(all, tensors, n_tensors, grad);
  else if (value > 0)
    for (int i = 0; i < n_tensors; i++)
      apply(CLIP_VALUES, (float)value, 0, grad + tensors[i].offset, tensors[i].count);
}
