/* SPDX-License-Identifier: MIT */
/* Losses that see a whole row at once (keras/src/losses/losses.py): cosine similarity, categorical hinge, generalized
   cross-entropy, and the overlap losses Dice and Tversky. */
#include "math/elementary.h"
#include "nn/loss_pass.h"
#include "nn/rows.h"

LSI_INLINE double dot(size_t n, const float *x, const float *y) {
  double sum = 0.0;
  for (size_t j = 0; j < n; j++)
    sum += (double)x[j] * (double)y[j];
  return sum;
}

static float row_factor(const lsi_loss_pass *p, size_t r) {
  return (float)(p->scale * lsi_loss_weight(p, r));
}

/* ---- -x.t / (|x| |t|), norms of at least epsilon ---- */

static double norm_of(size_t n, const float *x) {
  double norm = sqrt(dot(n, x, x));
  return norm < (double)LSI_EPSILON ? (double)LSI_EPSILON : norm;
}

static void cosine_row(const lsi_loss_pass *p, size_t r) {
  size_t n = p->n;
  const float *x = p->in + r * n, *t = p->target + r * n;
  double a = norm_of(n, x), b = norm_of(n, t), cosine = dot(n, x, t) / (a * b);
  p->value[r] = -lsi_loss_weight(p, r) * cosine;
  if (!p->grad)
    return;
  double pull = a > (double)LSI_EPSILON ? cosine / (a * a) : 0.0, factor = (double)row_factor(p, r);
  for (size_t j = 0; j < n; j++)
    p->grad[r * n + j] = (float)(((double)x[j] * pull - (double)t[j] / (a * b)) * factor);
}

void lsi_loss_cosine(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  for (size_t r = first; r < end; r++)
    cosine_row(p, r);
}

/* ---- max(0, 1 + max((1 - t) x) - sum t x) ---- */

static void hinge_row(const lsi_loss_pass *p, size_t r) {
  size_t n = p->n;
  const float *x = p->in + r * n, *t = p->target + r * n;
  double most = -INFINITY, own = dot(n, x, t), ties = 0;
  for (size_t j = 0; j < n; j++) {
    double other = (double)((1.0f - t[j]) * x[j]);
    ties = other > most ? 1 : other == most ? ties + 1 : ties;
    most = other > most || other != other ? other : most;
  }
  double value = most - own + 1.0;
  bool active = value > 0 || value != value;
  p->value[r] = lsi_loss_weight(p, r) * (active ? value : 0.0);
  if (!p->grad)
    return;
  float factor = row_factor(p, r);
  for (size_t j = 0; j < n; j++) { /* equal largest ones share the slope */
    bool largest = (double)((1.0f - t[j]) * x[j]) == most;
    float slope = (largest ? (1.0f - t[j]) / (float)ties : 0.0f) - t[j];
    p->grad[r * n + j] = active ? slope * factor : 0.0f;
  }
}

void lsi_loss_categorical_hinge(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  for (size_t r = first; r < end; r++)
    hinge_row(p, r);
}

/* ---- (1 - x_label^q) / q ---- */

/* A probability that has vanished keeps a finite slope. */
void lsi_loss_generalized(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  for (size_t r = first; r < end; r++) {
    size_t label = lsi_loss_label(p, r);
    double x = (double)p->in[r * p->n + label], base = x > 0x1p-126 ? x : 0x1p-126;
    p->value[r] = lsi_loss_weight(p, r) * ((1.0 - lsi_pow(base, p->q)) / p->q + (x - x));
    if (!p->grad)
      continue;
    memset(p->grad + r * p->n, 0, p->n * sizeof *p->grad);
    p->grad[r * p->n + label] = (float)(-lsi_pow(base, p->q - 1.0) * (double)row_factor(p, r));
  }
}

/* ---- overlap: with I = sum t p, T = sum t, P = sum p over a row or the batch,
        1 - I / (I + alpha (T - I) + beta (P - I) + epsilon); Dice is alpha = beta = 1/2, epsilon halved ---- */

void lsi_loss_overlap_sums(const float *in, const float *target, size_t n, double sums[3]) {
  sums[0] = dot(n, in, target);
  sums[1] = sums[2] = 0.0;
  for (size_t j = 0; j < n; j++) {
    sums[1] += (double)target[j];
    sums[2] += (double)in[j];
  }
}

typedef struct overlap {
  double loss, by_common, by_sum; /* and its derivatives by I and P */
} overlap;

static overlap measure(const lsi_loss_pass *p, const double sums[3]) {
  double common = sums[0];
  double divisor = common + p->alpha * (sums[1] - common) + p->beta * (sums[2] - common) +
                   (p->kind == LSI_LOSS_DICE ? 0.5 : 1.0) * (double)LSI_EPSILON;
  double pull = common / (divisor * divisor);
  return (overlap){1.0 - common / divisor, -1.0 / divisor + pull * (1.0 - p->alpha - p->beta), pull * p->beta};
}

/* The whole batch's loss is every row's: their weights' mean is its weight. */
static void overlap_row(const lsi_loss_pass *p, size_t r) {
  size_t n = p->n;
  const float *t = p->target + r * n;
  double sums[3], factor = (double)row_factor(p, r);
  if (!p->batch)
    lsi_loss_overlap_sums(p->in + r * n, t, n, sums);
  else
    factor = p->scale * p->factor * p->batch->totals[3];
  overlap o = measure(p, p->batch ? p->batch->totals : sums);
  p->value[r] = lsi_loss_weight(p, r) * o.loss;
  if (!p->grad)
    return;
  for (size_t j = 0; j < n; j++)
    p->grad[r * n + j] = (float)((o.by_common * (double)t[j] + o.by_sum) * factor);
}

void lsi_loss_overlap(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  for (size_t r = first; r < end; r++)
    overlap_row(p, r);
}
