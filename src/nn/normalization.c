/* SPDX-License-Identifier: MIT */
/* Normalization: (x - mean) / max(sqrt(variance), 1e-7) on the last axis (invert: back again), with constants from the
   config or from adapting to the training set (then three non-trainable weights: mean, variance, count). */
#include <math.h>

#include "base/memory.h"
#include "math/clones.h"
#include "nn/initializer.h"
#include "nn/layers.h"

static ls_status normalization_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_normalization *own = &layer->normalization;
  lsi_layer_keep_shape(layer);
  const int64_t n = layer->out.dims[layer->out.rank - 1];
  if (own->n) {
    LSI_CHECK(own->n == 1 || own->n == n, LS_ERR_SHAPE, "give one value, or one for each feature of the last axis",
              "%s: mean and variance have %lld values, the last axis has %lld", layer->name, (long long)own->n,
              (long long)n);
    for (int64_t j = 0; j < own->n; j++)
      LSI_CHECK(own->variance[j] >= 0, LS_ERR_ARG, NULL, "%s: variance[%lld] is %g, must not be negative",
                layer->name, (long long)j, own->variance[j]);
    return LS_OK;
  }
  lsi_object zeros, ones;
  LSI_TRY(lsi_object_parse(&lsi_initializers, "zeros", &zeros));
  LSI_TRY(lsi_object_parse(&lsi_initializers, "ones", &ones));
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "mean", 1, &n, false, &zeros, NULL));
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "variance", 1, &n, false, &ones, NULL));
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "count", 0, NULL, false, &zeros, NULL));
  layout->tensors[layout->n - 1].is_integer = true;
  return LS_OK;
}

/* aux: shift and factor, float [2, n]. */
static size_t normalization_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  (void)max_rows;
  return 2 * lsi_layer_width(layer) * sizeof(float);
}

void lsi_normalization_constants(const lsi_layer *layer, const float *params, float *shift, float *factor) {
  const lsi_normalization *own = &layer->normalization;
  size_t n = lsi_layer_width(layer);
  for (size_t j = 0; j < n; j++) {
    double mean, variance;
    if (own->n) {
      mean = own->mean[own->n == 1 ? 0 : j];
      variance = own->variance[own->n == 1 ? 0 : j];
    } else {
      mean = params[layer->tensors[0].offset + j];
      variance = params[layer->tensors[1].offset + j];
    }
    float deviation = fmaxf(sqrtf((float)variance), 1e-7f);
    shift[j] = (float)mean;
    factor[j] = own->invert ? deviation : 1.0f / deviation;
  }
}

LSI_CLONES static void normalize(size_t rows, size_t n, bool invert, const float *x, const float *shift,
                                 const float *factor, float *y) {
  for (size_t r = 0; r < rows; r++, x += n, y += n)
    for (size_t j = 0; j < n; j++) y[j] = invert ? x[j] * factor[j] + shift[j] : (x[j] - shift[j]) * factor[j];
}

static ls_status normalization_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  float *shift = io->aux, *factor = shift + n;
  lsi_normalization_constants(layer, pass->params, shift, factor);
  normalize(lsi_pass_rows(pass) * layer->lead, n, layer->normalization.invert, io->x, shift, factor, io->y);
  return LS_OK;
}

LSI_CLONES static void scale_columns(size_t rows, size_t n, const float *factor, const float *dy, float *dx) {
  for (size_t r = 0; r < rows; r++, dy += n, dx += n)
    for (size_t j = 0; j < n; j++) dx[j] = dy[j] * factor[j];
}

static ls_status normalization_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  if (io->dx) scale_columns(lsi_pass_rows(pass) * layer->lead, n, (float *)io->aux + n, io->dy, io->dx);
  return LS_OK;
}

static void normalization_destroy(lsi_layer *layer) {
  lsi_free(layer->normalization.mean);
  lsi_free(layer->normalization.variance);
}

const lsi_layer_ops lsi_normalization_ops = {
    .class_name = "Normalization", .base_name = "normalization", .build = normalization_build,
    .forward = normalization_forward, .backward = normalization_backward, .aux_bytes = normalization_aux_bytes,
    .dx_in_place = true, .destroy = normalization_destroy};
