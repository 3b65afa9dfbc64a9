/* SPDX-License-Identifier: MIT */
/*
 * Categorical cross-entropy of probabilities, as Keras's JAX and PyTorch backends have it: with
 * S = sum p, q = p / S, c = q clipped to [epsilon, 1 - epsilon],
 *   loss = -sum t log c      dL/dp_i = (g_i - sum_j g_j q_j) / S,  g = -t / c, 0 where clipping
 * acts.
 */
#include "math/elementary.h"
#include "nn/loss_pass.h"
#include "nn/rows.h"

LSI_INLINE float clipped(float q) {
  float c = q < LSI_EPSILON ? LSI_EPSILON : q; /* NaN passes */
  return c > LSI_ONE_LESS_EPSILON ? LSI_ONE_LESS_EPSILON : c;
}

LSI_INLINE float slope(float t, float q) {
  float c = clipped(q);
  return c == q ? -t / c : 0.0f;
}

LSI_INLINE float target_at(const lsi_loss_pass *p, size_t r, size_t j) {
  if (p->label)
    return lsi_loss_label(p, r) == j ? 1.0f : 0.0f;
  return p->target[r * p->n + j] * p->keep + p->add;
}

LSI_CLONES static void rows(const lsi_loss_pass *p, size_t first, size_t end) {
  for (size_t r = first; r < end; r++) {
    const float *in = p->in + r * p->n;
    float sum = lsi_row_sum(p->n, in);
    double loss = 0.0, dot = 0.0;
    for (size_t j = 0; j < p->n; j++) {
      float q = in[j] / sum, t = target_at(p, r, j);
      double term = t == 0.0f ? 0.0 : (double)t * lsi_log((double)clipped(q));
      loss -=
          term -
          (double)(in[j] * 0.0f); /* what is not finite stays so although clipping could hide it */
      dot += (double)slope(t, q) * (double)q;
    }
    p->value[r] = lsi_loss_weight(p, r) * loss;
    if (!p->grad)
      continue;
    float *grad = p->grad + r * p->n, factor = (float)(p->scale * lsi_loss_weight(p, r));
    for (size_t j = 0; j < p->n; j++)
      grad[j] = (slope(target_at(p, r, j), in[j] / sum) - (float)dot) / sum * factor;
  }
}

void lsi_loss_probabilities(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  rows(p, first, end);
}
