/* SPDX-License-Identifier: MIT */
/*
 * Rows of the last axis scaled to a norm: UnitNormalization to length 1, RMSNormalization to a mean square of 1 and then times a
 * learned scale (keras/src/layers/normalization). Sums of squares are in double, in row order.
 */
#include <math.h>

#include "math/clones.h"
#include "math/team.h"
#include "nn/initializer.h"
#include "nn/layers.h"

/* The square of the least norm, 1e-12. */
#define LEAST_SQUARES 1e-24

static bool is_rms(const lsi_layer *layer) {
  return layer->kind == LSI_LAYER_RMS_NORMALIZATION;
}

static ls_status scaling_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_object ones;
  lsi_layer_keep_shape(layer);
  if (!is_rms(layer)) return LS_OK;
  LSI_CHECK(layer->norm.epsilon > 0, LS_ERR_ARG, NULL, "%s: epsilon is %g, must be positive", layer->name, layer->norm.epsilon);
  LSI_TRY(lsi_object_parse(&lsi_initializers, "ones", &ones));
  return lsi_layer_add_tensor(layer, index, layout, "scale", 1, &layer->out.dims[layer->out.rank - 1], true, &ones, NULL);
}

/* aux: what each row is multiplied by, float [rows]; then for RMSNormalization dy x / norm, whose column sums are scale's gradient. */
static size_t scaling_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  size_t rows = max_rows * layer->lead;
  return (rows + (is_rms(layer) ? rows * lsi_layer_width(layer) : 0)) * sizeof(float);
}

LSI_INLINE double dot(size_t n, const float *x, const float *y) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += (double)x[j] * (double)y[j];
  return sum;
}

/* 1 / norm. Keras: max(sum of squares, 1e-12) under the root, or mean of squares + epsilon. */
static float inverse_norm(const lsi_layer *layer, size_t n, const float *x) {
  double squares = dot(n, x, x);
  if (is_rms(layer)) return (float)(1.0 / sqrt(squares / (double)n + layer->norm.epsilon));
  return (float)(1.0 / sqrt(squares > LEAST_SQUARES ? squares : LEAST_SQUARES));
}

static const float *scale_of(const lsi_layer *layer, const lsi_pass *pass) {
  return is_rms(layer) ? pass->params + layer->tensors[0].offset : NULL;
}

static ls_status scaling_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  int64_t rows = (int64_t)(lsi_pass_rows(pass) * layer->lead);
  const float *scale = scale_of(layer, pass);
  float *factor = io->aux;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(6.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++) {
    const float *x = io->x + (size_t)r * n;
    float *y = io->y + (size_t)r * n;
    factor[r] = inverse_norm(layer, n, x);
    for (size_t j = 0; j < n; j++) y[j] = x[j] * factor[r];
    for (size_t j = 0; scale && j < n; j++) y[j] *= scale[j];
  }
  return LS_OK;
}

/* With f = 1 / norm, g = dy scale and d = 1 (unit) or n (rms): dx = f g - x f^3 (g . x) / d; a unit row at the least norm is only scaled. */
static void backward_row(const lsi_layer *layer, size_t n, const float *x, const float *scale, float f, const float *dy, float *product, float *dx) {
  double along = 0, pull;
  bool least = !is_rms(layer) && (double)f * (double)f >= 1.0 / LEAST_SQUARES;
  for (size_t j = 0; product && j < n; j++) product[j] = dy[j] * (x[j] * f);
  if (!dx) return;
  for (size_t j = 0; j < n; j++) along += (double)dy[j] * (scale ? (double)scale[j] : 1.0) * (double)x[j];
  pull = least ? 0.0 : (double)f * (double)f * (double)f * along / (is_rms(layer) ? (double)n : 1.0);
  for (size_t j = 0; j < n; j++) {
    float g = scale ? dy[j] * scale[j] : dy[j];
    dx[j] = g * f - x[j] * (float)pull;
  }
}

static ls_status scaling_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  int64_t rows = (int64_t)(lsi_pass_rows(pass) * layer->lead);
  const float *factor = io->aux, *scale = scale_of(layer, pass);
  float *product = is_rms(layer) ? (float *)io->aux + rows : NULL;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(10.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++) {
    size_t at = (size_t)r * n;
    backward_row(layer, n, io->x + at, scale, factor[r], io->dy + at, product ? product + at : NULL, io->dx ? io->dx + at : NULL);
  }
  if (product && layer->tensors[0].trainable) lsi_pass_column_sums(pass, layer->lead, n, product, &layer->tensors[0], io->partials);
  return LS_OK;
}

#define SCALING_OPS(class, snake)                                                                                           \
  {.class_name = class, .base_name = snake, .build = scaling_build, .forward = scaling_forward, .backward = scaling_backward, \
   .aux_bytes = scaling_aux_bytes, .dx_in_place = true}
const lsi_layer_ops lsi_unit_normalization_ops = SCALING_OPS("UnitNormalization", "unit_normalization");
const lsi_layer_ops lsi_rms_normalization_ops = SCALING_OPS("RMSNormalization", "rms_normalization");
