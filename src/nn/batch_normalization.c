/* SPDX-License-Identifier: MIT */
/*
 * BatchNormalization over the last axis, with the statistics of the *global* batch: sums over rows go
 * through the leaf tree in double, so mean and variance (biased, as Keras) do not depend on ranks.
 *   forward   y = gamma * (x - mean) * rstd + beta,  rstd = 1 / sqrt(var + epsilon)
 *   backward  dx = gamma * rstd / N * (N dy - sum(dy) - xhat * sum(dy xhat))
 * (Ioffe and Szegedy, "Batch normalization", ICML 2015, section 3).
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "math/clones.h"
#include "math/team.h"
#include "nn/layers.h"

static ls_status bn_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_norm *norm = &layer->norm;
  LSI_CHECK(norm->epsilon > 0 && norm->momentum >= 0 && norm->momentum <= 1, LS_ERR_ARG, NULL,
            "%s: momentum %g must be in [0, 1] and epsilon %g positive", layer->name, norm->momentum, norm->epsilon);
  lsi_layer_keep_shape(layer);
  const int64_t n = layer->out.dims[layer->out.rank - 1];
  LSI_TRY(lsi_layer_add_gamma_and_beta(layer, index, layout));
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "moving_mean", 1, &n, false, &norm->moving_mean_initializer, NULL));
  return lsi_layer_add_tensor(layer, index, layout, "moving_variance", 1, &n, false,
                              &norm->moving_variance_initializer, NULL);
}

/* aux: the mean and rstd that forward used, float [2, n]. */
static size_t bn_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  (void)max_rows;
  return 2 * lsi_layer_width(layer) * sizeof(float);
}

static size_t bn_reduce_values(const lsi_layer *layer) {
  return 2 * lsi_layer_width(layer);
}

/* sums[0, :] += a, sums[1, :] += a * b over the rows; columns side by side, rows in order. */
LSI_CLONES static void accumulate_rows(size_t rows, size_t n, const float *a, const float *b, double *sums) {
  for (size_t r = 0; r < rows; r++, a += n, b += n)
    for (size_t j = 0; j < n; j++) {
      sums[j] += (double)a[j];
      sums[n + j] += (double)a[j] * (double)b[j];
    }
}

LSI_CLONES static void accumulate_normalized(size_t rows, size_t n, const float *dy, const float *x,
                                             const float *mean, const float *rstd, double *sums) {
  for (size_t r = 0; r < rows; r++, dy += n, x += n)
    for (size_t j = 0; j < n; j++) {
      sums[j] += (double)dy[j];
      sums[n + j] += (double)dy[j] * (double)((x[j] - mean[j]) * rstd[j]);
    }
}

/* Column sums of one leaf each, then the tree: totals [2, n]. mean NULL: of x and x^2; else of dy and dy * xhat. */
static ls_status reduce_columns(const lsi_layer *layer, const lsi_pass *pass, const float *dy, const float *x,
                                const float *mean, const float *rstd) {
  size_t n = lsi_layer_width(layer);
  const int64_t *leaf_row = lsi_pass_leaf_rows(pass, layer->lead);
  int n_leaves = pass->plan->leaf_end - pass->plan->leaf_begin;
  int threads = lsi_team_for(4.0 * (double)lsi_pass_rows(pass) * (double)layer->out_size);
  memset(pass->leaf_values, 0, (size_t)n_leaves * 2 * n * sizeof(double));
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int l = 0; l < n_leaves; l++) {
    size_t at = (size_t)leaf_row[l] * n, rows = (size_t)(leaf_row[l + 1] - leaf_row[l]);
    double *sums = pass->leaf_values + (size_t)l * 2 * n;
    if (mean) accumulate_normalized(rows, n, dy + at, x + at, mean, rstd, sums);
    else accumulate_rows(rows, n, x + at, x + at, sums);
  }
  return pass->reducer->sum(pass->reducer->self, pass->plan, pass->leaf_values, 2 * n, pass->totals);
}

static void batch_statistics(const lsi_layer *layer, const lsi_pass *pass, float *mean, float *rstd) {
  size_t n = lsi_layer_width(layer);
  double count = (double)pass->plan->n_rows * (double)layer->lead, momentum = layer->norm.momentum;
  float *moving_mean = pass->params + lsi_layer_tensor(layer, "moving_mean")->offset;
  float *moving_variance = pass->params + lsi_layer_tensor(layer, "moving_variance")->offset;
  for (size_t j = 0; j < n; j++) {
    double m = pass->totals[j] / count, v = pass->totals[n + j] / count - m * m;
    if (v < 0) v = 0; /* rounding of a constant column; a NaN stays NaN */
    mean[j] = (float)m;
    rstd[j] = (float)(1.0 / sqrt(v + layer->norm.epsilon));
    moving_mean[j] = (float)((double)moving_mean[j] * momentum + m * (1 - momentum));
    moving_variance[j] = (float)((double)moving_variance[j] * momentum + v * (1 - momentum));
  }
}

static void moving_statistics(const lsi_layer *layer, const lsi_pass *pass, float *mean, float *rstd) {
  size_t n = lsi_layer_width(layer);
  const float *moving_variance = pass->params + lsi_layer_tensor(layer, "moving_variance")->offset;
  memcpy(mean, pass->params + lsi_layer_tensor(layer, "moving_mean")->offset, n * sizeof(float));
  for (size_t j = 0; j < n; j++) rstd[j] = (float)(1.0 / sqrt((double)moving_variance[j] + layer->norm.epsilon));
}

LSI_CLONES static void normalize_rows(size_t rows, size_t n, const float *x, const float *mean, const float *rstd,
                                      const float *gamma, const float *beta, float *y) {
  for (size_t r = 0; r < rows; r++, x += n, y += n) {
    for (size_t j = 0; j < n; j++) y[j] = (x[j] - mean[j]) * rstd[j];
    if (gamma)
      for (size_t j = 0; j < n; j++) y[j] *= gamma[j];
    if (beta)
      for (size_t j = 0; j < n; j++) y[j] += beta[j];
  }
}

static bool uses_batch(const lsi_layer *layer, const lsi_pass *pass) {
  return pass->training && !layer->frozen; /* Keras: a frozen layer runs in inference mode */
}

static const float *parameter(const lsi_layer *layer, const lsi_pass *pass, const char *variable) {
  const lsi_tensor *tensor = lsi_layer_tensor(layer, variable);
  return tensor ? pass->params + tensor->offset : NULL;
}

static ls_status bn_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  float *mean = io->aux, *rstd = mean + n;
  if (uses_batch(layer, pass)) {
    LSI_TRY(reduce_columns(layer, pass, NULL, io->x, NULL, NULL));
    batch_statistics(layer, pass, mean, rstd);
  } else {
    moving_statistics(layer, pass, mean, rstd);
  }
  normalize_rows(lsi_pass_rows(pass) * layer->lead, n, io->x, mean, rstd, parameter(layer, pass, "gamma"),
                 parameter(layer, pass, "beta"), io->y);
  return LS_OK;
}

/* dx = factor * (dy - mean_dy - xhat * mean_dy_xhat), factor = gamma * rstd; the means are 0 for moving statistics. */
LSI_CLONES static void backward_rows(size_t rows, size_t n, const float *x, const float *mean, const float *rstd,
                                     const float *gamma, const double *totals, double count, const float *dy,
                                     float *dx) {
  for (size_t r = 0; r < rows; r++, x += n, dy += n, dx += n)
    for (size_t j = 0; j < n; j++) {
      float xhat = (x[j] - mean[j]) * rstd[j], factor = gamma ? gamma[j] * rstd[j] : rstd[j];
      float centred = dy[j];
      if (totals) centred -= (float)(totals[j] / count) + xhat * (float)(totals[n + j] / count);
      dx[j] = centred * factor;
    }
}

static ls_status bn_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer), rows = lsi_pass_rows(pass) * layer->lead;
  const float *mean = io->aux, *rstd = mean + n;
  bool batch = uses_batch(layer, pass);
  if (batch) { /* a frozen layer has neither gradients nor batch statistics */
    LSI_TRY(reduce_columns(layer, pass, io->dy, io->x, mean, rstd));
    if (layer->norm.scale)
      lsi_pass_put_global(pass, pass->totals + n, lsi_layer_tensor(layer, "gamma"), io->partials);
    if (layer->norm.center) lsi_pass_put_global(pass, pass->totals, lsi_layer_tensor(layer, "beta"), io->partials);
  }
  if (io->dx)
    backward_rows(rows, n, io->x, mean, rstd, parameter(layer, pass, "gamma"), batch ? pass->totals : NULL,
                  (double)pass->plan->n_rows * (double)layer->lead, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_batch_normalization_ops = {
    .class_name = "BatchNormalization", .base_name = "batch_normalization", .build = bn_build,
    .forward = bn_forward, .backward = bn_backward, .aux_bytes = bn_aux_bytes,
    .reduce_values = bn_reduce_values, .dx_in_place = true};
