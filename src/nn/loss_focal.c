/* SPDX-License-Identifier: MIT */
/*
 * Categorical focal cross-entropy (keras/src/losses/losses.py): with q = p / sum p, c = q clipped to [epsilon, 1 - epsilon],
 *   loss = -sum alpha (1 - c)^gamma t log c
 * On logits p is their softmax. The slope by p is (g_i - sum_j g_j q_j) / sum p, that by logits q_i (g_i - sum_j g_j q_j),
 * g the slope by q, which is 0 where clipping acts.
 */
#include "math/elementary.h"
#include "nn/loss_pass.h"
#include "nn/rows.h"
#include "nn/rows_exp.h"

LSI_INLINE double clipped(double q) {
  double c = q < (double)LSI_EPSILON ? (double)LSI_EPSILON : q;
  return c > 1.0 - (double)LSI_EPSILON ? 1.0 - (double)LSI_EPSILON : c;
}

typedef struct focal_row {
  float shift, sum; /* q_j = exp(in_j - shift) / sum on logits, else in_j / sum */
} focal_row;

LSI_INLINE double share(const lsi_loss_pass *p, const float *in, focal_row row, size_t j) {
  float x = p->on_logits ? lsi_expf(in[j] - row.shift) : in[j];
  return (double)x / (double)row.sum;
}

LSI_INLINE double slope(const lsi_loss_pass *p, double q, double t) {
  double c = clipped(q), rest = 1.0 - c, gamma = p->gamma;
  if (c != q || t == 0.0)
    return 0.0;
  double weight = gamma == 0.0 ? 1.0 : lsi_pow(rest, gamma);
  double bend = gamma == 0.0 ? 0.0 : gamma * lsi_pow(rest, gamma - 1.0) * lsi_log(c);
  return p->alpha * t * (bend - weight / c);
}

static void focal(const lsi_loss_pass *p, size_t r) {
  size_t n = p->n;
  const float *in = p->in + r * n, *target = p->target + r * n;
  focal_row row = {0};
  row.shift = p->on_logits ? lsi_row_max(n, in) : 0.0f;
  row.sum = p->on_logits ? lsi_row_sum_exp(n, in, row.shift) : lsi_row_sum(n, in);
  double loss = 0.0, dot = 0.0;
  for (size_t j = 0; j < n; j++) {
    double q = share(p, in, row, j), c = clipped(q), t = (double)(target[j] * p->keep + p->add);
    loss -= p->alpha * (p->gamma == 0.0 ? 1.0 : lsi_pow(1.0 - c, p->gamma)) * t * lsi_log(c) + (double)(in[j] * 0.0f);
    dot += slope(p, q, t) * q;
  }
  p->value[r] = lsi_loss_weight(p, r) * loss;
  if (!p->grad)
    return;
  double factor = p->scale * lsi_loss_weight(p, r);
  for (size_t j = 0; j < n; j++) {
    double q = share(p, in, row, j), g = slope(p, q, (double)(target[j] * p->keep + p->add)) - dot;
    p->grad[r * n + j] = (float)((p->on_logits ? q * g : g / (double)row.sum) * factor);
  }
}

void lsi_loss_categorical_focal(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  for (size_t r = first; r < end; r++)
    focal(p, r);
}
