/* SPDX-License-Identifier: MIT */
/*
 * LayerNormalization over the last axis (Ba, Kiros and Hinton, "Layer normalization", 2016): mean and
 * biased variance of each row, in double over fixed lanes so that no vector width changes a bit.
 */
#include <math.h>
#include <string.h>

#include "math/clones.h"
#include "math/team.h"
#include "nn/layers.h"

enum { LANES = 8 };

static ls_status ln_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_norm *norm = &layer->norm;
  LSI_CHECK(norm->epsilon > 0, LS_ERR_ARG, NULL, "%s: epsilon is %g, must be positive", layer->name, norm->epsilon);
  lsi_layer_keep_shape(layer);
  return lsi_layer_add_gamma_and_beta(layer, index, layout);
}

/* aux: mean and rstd of each row, float [2, rows]; then dy * xhat, float [rows, n], whose column sums are gamma's gradient. */
static size_t ln_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  size_t rows = max_rows * layer->lead;
  return (2 * rows + rows * lsi_layer_width(layer)) * sizeof(float);
}

LSI_INLINE double lanes_total(const double *lane) {
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* sum of (x - shift)^power over a row, power 1 or 2. */
LSI_INLINE double row_sum(size_t n, const float *x, double shift, int power) {
  double lane[LANES] = {0};
  size_t j = 0;
  for (; j + LANES <= n; j += LANES)
    for (int k = 0; k < LANES; k++) {
      double d = (double)x[j + k] - shift;
      lane[k] += power == 1 ? d : d * d;
    }
  for (int k = 0; j < n; j++, k++) {
    double d = (double)x[j] - shift;
    lane[k] += power == 1 ? d : d * d;
  }
  return lanes_total(lane);
}

LSI_CLONES static void forward_row(size_t n, double epsilon, const float *x, const float *gamma, const float *beta,
                                   float *y, float *mean_out, float *rstd_out) {
  double m = row_sum(n, x, 0.0, 1) / (double)n;
  double v = row_sum(n, x, m, 2) / (double)n;
  float mean = (float)m, rstd = (float)(1.0 / sqrt(v + epsilon));
  *mean_out = mean;
  *rstd_out = rstd;
  for (size_t j = 0; j < n; j++) y[j] = (x[j] - mean) * rstd;
  if (gamma)
    for (size_t j = 0; j < n; j++) y[j] *= gamma[j];
  if (beta)
    for (size_t j = 0; j < n; j++) y[j] += beta[j];
}

static ls_status ln_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  int64_t rows = (int64_t)(lsi_pass_rows(pass) * layer->lead);
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  float *mean = io->aux, *rstd = mean + rows;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(8.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++)
    forward_row(n, layer->norm.epsilon, io->x + (size_t)r * n, gamma ? pass->params + gamma->offset : NULL,
                beta ? pass->params + beta->offset : NULL, io->y + (size_t)r * n, &mean[r], &rstd[r]);
  return LS_OK;
}

/* product = dy * xhat; dx = rstd * (g - mean(g) - xhat * mean(g xhat)), g = dy * gamma. dx may be dy. */
LSI_CLONES static void backward_row(size_t n, const float *x, float mean, float rstd, const float *gamma,
                                    const float *dy, float *product, float *dx) {
  double sum[LANES] = {0}, sum_xhat[LANES] = {0};
  for (size_t j = 0; j < n; j++) product[j] = dy[j] * ((x[j] - mean) * rstd);
  if (!dx) return;
  for (size_t j = 0; j < n; j += LANES)
    for (size_t k = 0; k < LANES && j + k < n; k++) {
      double factor = gamma ? (double)gamma[j + k] : 1.0;
      sum[k] += factor * (double)dy[j + k];
      sum_xhat[k] += factor * (double)product[j + k];
    }
  float a = (float)(lanes_total(sum) / (double)n), b = (float)(lanes_total(sum_xhat) / (double)n);
  for (size_t j = 0; j < n; j++) {
    float g = gamma ? dy[j] * gamma[j] : dy[j];
    dx[j] = (g - a - (x[j] - mean) * rstd * b) * rstd;
  }
}

static ls_status ln_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = lsi_layer_width(layer);
  int64_t rows = (int64_t)(lsi_pass_rows(pass) * layer->lead);
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  const float *mean = io->aux, *rstd = mean + rows;
  float *product = (float *)io->aux + 2 * rows;

  if (beta && beta->trainable) lsi_pass_column_sums(pass, layer->lead, n, io->dy, beta, io->partials);
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(12.0 * (double)rows * (double)n))
  for (int64_t r = 0; r < rows; r++) {
    size_t at = (size_t)r * n;
    backward_row(n, io->x + at, mean[r], rstd[r], gamma ? pass->params + gamma->offset : NULL, io->dy + at,
                 product + at, io->dx ? io->dx + at : NULL);
  }
  if (gamma && gamma->trainable) lsi_pass_column_sums(pass, layer->lead, n, product, gamma, io->partials);
  return LS_OK;
}

const lsi_layer_ops lsi_layer_normalization_ops = {
    .class_name = "LayerNormalization", .base_name = "layer_normalization", .build = ln_build,
    .forward = ln_forward, .backward = ln_backward, .aux_bytes = ln_aux_bytes, .dx_in_place = true};
