/* SPDX-License-Identifier: MIT */
/*
 * GroupNormalization (Wu and He, "Group normalization", 2018; keras/src/layers/normalization/group_normalization.py): the last axis in
 * groups of neighbours; mean and biased variance of a sample's values of each group, whatever their other dimensions. In double.
 */
#include <math.h>

#include "math/team.h"
#include "nn/layers.h"

static ls_status gn_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_norm *norm = &layer->norm;
  int64_t n = layer->in.dims[layer->in.rank - 1];
  if (norm->groups == -1) norm->groups = n; /* Keras: one value a group */
  LSI_CHECK(norm->epsilon > 0, LS_ERR_ARG, NULL, "%s: epsilon is %g, must be positive", layer->name, norm->epsilon);
  LSI_CHECK(norm->groups >= 1 && n % norm->groups == 0, LS_ERR_SHAPE, "choose a divisor, or -1 for one value a group",
            "%s: the last axis has %lld values, which %lld groups do not share evenly", layer->name, (long long)n, (long long)norm->groups);
  lsi_layer_keep_shape(layer);
  return lsi_layer_add_gamma_and_beta(layer, index, layout);
}

/* aux: mean and rstd of each group, float [2, rows, groups]; then dy * xhat, float [rows, out_size], whose column sums are gamma's gradient. */
static size_t gn_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  return max_rows * (2 * (size_t)layer->norm.groups + layer->out_size) * sizeof(float);
}

/* One group of one sample: `lead` stretches of `width` values, `stride` apart. */
typedef struct group {
  size_t lead, width, stride;
  const float *gamma, *beta; /* of its values; NULL: none */
} group;

#define FOR_EACH(g, at, j)                         \
  for (size_t s_ = 0; s_ < (g)->lead; s_++)        \
    for (size_t j = 0, at = s_ * (g)->stride; j < (g)->width; j++, at++)

static void forward_group(const group *g, double epsilon, const float *x, float *y, float *mean_out, float *rstd_out) {
  double sum = 0, squares = 0, n = (double)g->lead * (double)g->width;
  FOR_EACH(g, at, j) sum += (double)x[at];
  double m = sum / n;
  FOR_EACH(g, at, j) squares += ((double)x[at] - m) * ((double)x[at] - m);
  float mean = (float)m, rstd = (float)(1.0 / sqrt(squares / n + epsilon));
  FOR_EACH(g, at, j) {
    float value = (x[at] - mean) * rstd;
    if (g->gamma) value *= g->gamma[j];
    y[at] = g->beta ? value + g->beta[j] : value;
  }
  *mean_out = mean;
  *rstd_out = rstd;
}

/* product = dy * xhat; dx = rstd * (g - mean(g) - xhat * mean(g xhat)), g = dy * gamma. dx may be dy. */
static void backward_group(const group *g, const float *x, float mean, float rstd, const float *dy, float *product, float *dx) {
  double sum = 0, sum_xhat = 0, n = (double)g->lead * (double)g->width;
  FOR_EACH(g, at, j) {
    double factor = g->gamma ? (double)g->gamma[j] : 1.0;
    product[at] = dy[at] * ((x[at] - mean) * rstd);
    sum += factor * (double)dy[at];
    sum_xhat += factor * (double)product[at];
  }
  if (!dx) return;
  float a = (float)(sum / n), b = (float)(sum_xhat / n);
  FOR_EACH(g, at, j) {
    float slope = g->gamma ? dy[at] * g->gamma[j] : dy[at];
    dx[at] = (slope - a - (x[at] - mean) * rstd * b) * rstd;
  }
}

static group group_of(const lsi_layer *layer, const lsi_pass *pass, size_t k) {
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  size_t width = lsi_layer_width(layer) / (size_t)layer->norm.groups;
  return (group){.lead = layer->lead, .width = width, .stride = lsi_layer_width(layer), .gamma = gamma ? pass->params + gamma->offset + k * width : NULL,
                 .beta = beta ? pass->params + beta->offset + k * width : NULL};
}

static ls_status gn_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  int64_t groups = layer->norm.groups, n = (int64_t)lsi_pass_rows(pass) * groups;
  float *mean = io->aux, *rstd = mean + n;
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(8.0 * (double)lsi_pass_rows(pass) * (double)layer->out_size))
  for (int64_t i = 0; i < n; i++) {
    const group g = group_of(layer, pass, (size_t)(i % groups));
    size_t at = (size_t)(i / groups) * layer->out_size + (size_t)(i % groups) * g.width;
    forward_group(&g, layer->norm.epsilon, io->x + at, io->y + at, &mean[i], &rstd[i]);
  }
  return LS_OK;
}

static ls_status gn_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  int64_t groups = layer->norm.groups, n = (int64_t)lsi_pass_rows(pass) * groups;
  const float *mean = io->aux, *rstd = mean + n;
  float *product = (float *)io->aux + 2 * n;
  if (beta && beta->trainable) lsi_pass_column_sums(pass, layer->lead, lsi_layer_width(layer), io->dy, beta, io->partials);
#pragma omp parallel for schedule(static) num_threads(lsi_team_for(12.0 * (double)lsi_pass_rows(pass) * (double)layer->out_size))
  for (int64_t i = 0; i < n; i++) {
    const group g = group_of(layer, pass, (size_t)(i % groups));
    size_t at = (size_t)(i / groups) * layer->out_size + (size_t)(i % groups) * g.width;
    backward_group(&g, io->x + at, mean[i], rstd[i], io->dy + at, product + at, io->dx ? io->dx + at : NULL);
  }
  if (gamma && gamma->trainable) lsi_pass_column_sums(pass, layer->lead, lsi_layer_width(layer), product, gamma, io->partials);
  return LS_OK;
}

const lsi_layer_ops lsi_group_normalization_ops = {
    .class_name = "GroupNormalization", .base_name = "group_normalization", .build = gn_build,
    .forward = gn_forward, .backward = gn_backward, .aux_bytes = gn_aux_bytes, .dx_in_place = true};
