/* SPDX-License-Identifier: MIT */
/* Keras 3's penalties (keras/src/regularizers/regularizers.py). */
#include "nn/regularizer.h"

#include <omp.h>
#include "math/clones.h"
#include "math/team.h"
#include "math/tree.h"
#include "nn/orthogonality.h"

#define FACTOR(argument, value)                                                                    \
  { argument, LSI_PARAM_FLOAT, value, 0.0, 1e30, NULL }

static const lsi_class_info classes[] = {
    {.kind = 0, .class_name = "L1", .name = "l1", .n_params = 1, .params = {FACTOR("l1", 0.01)}},
    {.kind = 1, .class_name = "L2", .name = "l2", .n_params = 1, .params = {FACTOR("l2", 0.01)}},
    {.kind = 2,
     .class_name = "L1L2",
     .name = "l1_l2",
     .n_params = 2,
     .params = {FACTOR("l1", 0.0), FACTOR("l2", 0.0)}},
    {.kind = 3, /* nn/orthogonality.h */
     .class_name = "OrthogonalRegularizer",
     .name = "orthogonal_regularizer",
     .n_params = 2,
     .params = {FACTOR("factor", 0.01), {"mode", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, "rows|columns"}}},
};

const lsi_family lsi_regularizers = {.what = "regularizer",
                                     .classes = classes,
                                     .n_classes = (int)(sizeof classes / sizeof *classes)};

void lsi_regularizer_factors(const lsi_object *regularizer, double *l1, double *l2) {
  double a = lsi_object_get(regularizer, "l1"), b = lsi_object_get(regularizer, "l2");
  *l1 = isnan(a) ? 0.0 : a;
  *l2 = isnan(b) ? 0.0 : b;
}

ls_status lsi_regularizer_prepare(const lsi_object *regularizer, const int64_t *dims, size_t *scratch) {
  *scratch = 0;
  return lsi_is_orthogonality(regularizer) ? lsi_orthogonality_prepare(regularizer, dims, scratch) : LS_OK;
}

double lsi_regularizer_loss(const lsi_object *regularizer, const int64_t *dims, size_t n, const float *w, float *scratch) {
  double l1, l2, loss = 0.0;
  if (lsi_is_orthogonality(regularizer)) return lsi_orthogonality_loss(regularizer, dims, w, scratch);
  lsi_regularizer_factors(regularizer, &l1, &l2);
  if (l1 > 0)
    loss += l1 * lsi_sum_abs(w, n);
  if (l2 > 0)
    loss += l2 * lsi_sum_squares(w, n);
  return loss;
}

LSI_CLONES static void add_grad(size_t n, float l1, float l2, const float *restrict w,
                                float *restrict grad) {
  for (size_t i = 0; i < n; i++) {
    float sign = w[i] > 0.0f ? l1 : w[i] < 0.0f ? -l1 : 0.0f;
    grad[i] += sign + l2 * w[i];
  }
}

void lsi_regularizer_add_grad(const lsi_object *regularizer, const int64_t *dims, size_t n, const float *w, float *scratch, float *grad) {
  double l1, l2;
  if (lsi_is_orthogonality(regularizer)) {
    lsi_orthogonality_add_grad(regularizer, dims, w, scratch, grad);
    return;
  }
  lsi_regularizer_factors(regularizer, &l1, &l2);
  lsi_regularizer_add_slopes(l1, l2, 1.0, w, n, grad);
}

void lsi_regularizer_add_slopes(double l1, double l2, double scale, const float *w, size_t n, float *grad) {
  if (l1 == 0.0 && l2 == 0.0)
    return;
  float f1 = (float)(scale * l1), f2 = (float)(2.0 * scale * l2);
  int threads = lsi_team_for(4.0 * (double)n);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t begin, end;
    lsi_team_slice(n, 16, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    add_grad(end - begin, f1, f2, w + begin, grad + begin);
  }
}
