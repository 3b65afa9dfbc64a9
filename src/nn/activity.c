/* SPDX-License-Identifier: MIT */
/* Penalties of what a layer gives: any layer's activity_regularizer, and the layer ActivityRegularization. */
#include <math.h>

#include "math/clones.h"
#include "nn/layers.h"
#include "nn/regularizer.h"

void lsi_layer_activity(const lsi_layer *layer, double *l1, double *l2) {
  lsi_regularizer_factors(&layer->activity_regularizer, l1, l2);
  if (layer->kind == LSI_LAYER_ACTIVITY_REGULARIZATION) *l1 = layer->activity.l1, *l2 = layer->activity.l2;
}

void lsi_pass_add_activity(const lsi_layer *layer, const lsi_pass *pass, const float *y) {
  double l1, l2;
  lsi_layer_activity(layer, &l1, &l2);
  if (!pass->leaf_penalty || (l1 == 0 && l2 == 0)) return;
  int n_leaves = pass->plan->leaf_end - pass->plan->leaf_begin;
  for (int l = 0; l < n_leaves; l++) {
    double sum = 0;
    size_t begin = (size_t)pass->leaf_row[l] * layer->out_size, end = (size_t)pass->leaf_row[l + 1] * layer->out_size;
    for (size_t i = begin; i < end; i++) sum += l1 * fabs((double)y[i]) + l2 * (double)y[i] * (double)y[i];
    pass->leaf_penalty[l] += sum / (double)pass->plan->n_rows;
  }
}

void lsi_pass_add_activity_gradient(const lsi_layer *layer, const lsi_pass *pass, const float *y, float *dy) {
  double l1, l2;
  lsi_layer_activity(layer, &l1, &l2);
  lsi_regularizer_add_slopes(l1, l2, 1.0 / (double)pass->plan->n_rows, y, lsi_pass_rows(pass) * layer->out_size, dy);
}
