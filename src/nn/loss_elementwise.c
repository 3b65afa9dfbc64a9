/* SPDX-License-Identifier: MIT */
/*
 * Losses that are a mean over a row of a function of (prediction, target): squared and absolute
 * error, Huber's, binary cross-entropy. Formulas: keras/src/losses/losses.py.
 */
#include "math/elementary.h"
#include "nn/loss_pass.h"
#include "nn/rows.h"

/* ELEMENTS(name, loss in double, derivative in float) of x, t. */
#define ELEMENTS(name, loss, derivative)                                                           \
  LSI_CLONES static void name(const lsi_loss_pass *p, size_t n, const float *in,                   \
                              const float *target, double *restrict term, float *restrict slope) { \
    const float delta = p->delta, keep = p->keep, add = p->add;                                    \
    (void)delta, (void)keep, (void)add;                                                            \
    for (size_t i = 0; i < n; i++) {                                                               \
      const float x = in[i], t = target[i];                                                        \
      term[i] = (loss);                                                                            \
      slope[i] = (derivative);                                                                     \
    }                                                                                              \
  }

LSI_INLINE double square(float d) {
  return (double)d * (double)d;
}

LSI_INLINE float sign(float d) {
  return d > 0.0f ? 1.0f : d < 0.0f ? -1.0f : d;
}

LSI_INLINE double huber_loss(float d, float delta) {
  double a = fabs((double)d), limit = (double)delta;
  return a <= limit ? 0.5 * a * a : limit * a - 0.5 * limit * limit;
}

/* max(x, 0) - x t + log(1 + exp(-|x|)) */
LSI_INLINE double logit_loss(float x, float t) {
  double positive = x > 0.0f ? (double)x : 0.0;
  return positive - (double)x * (double)t + (double)lsi_log1pf(lsi_expf(-fabsf(x)));
}

LSI_INLINE float clipped(float p) {
  float c = p < LSI_EPSILON ? LSI_EPSILON : p;
  return c > LSI_ONE_LESS_EPSILON ? LSI_ONE_LESS_EPSILON : c;
}

/* The last term keeps what is not finite: clipping would hide an infinity. */
LSI_INLINE double binary_loss(float p, float t) {
  float c = clipped(p);
  double log_c = lsi_log((double)c), log_rest = lsi_log((double)(1.0f - c));
  return -((double)t * log_c + (1.0 - (double)t) * log_rest) + (double)(p * 0.0f);
}

LSI_INLINE float binary_slope(float p, float t) {
  float c = clipped(p);
  return c == p ? (1.0f - t) / (1.0f - c) - t / c : 0.0f;
}

ELEMENTS(squared_error, square(x - t), 2.0f * (x - t))
ELEMENTS(absolute_error, fabs((double)(x - t)), sign(x - t))
ELEMENTS(huber, huber_loss(x - t, delta), fabsf(x - t) <= delta ? x - t : delta * sign(x - t))
ELEMENTS(binary_logits, logit_loss(x, t *keep + add), lsi_sigmoidf(x) - (t * keep + add))
ELEMENTS(binary_probabilities, binary_loss(x, t *keep + add), binary_slope(x, t *keep + add))

typedef void elements(const lsi_loss_pass *, size_t, const float *, const float *, double *,
                      float *);

static elements *elements_of(const lsi_loss_pass *p) {
  switch (p->kind) {
  case LSI_LOSS_MEAN_SQUARED_ERROR:
    return squared_error;
  case LSI_LOSS_MEAN_ABSOLUTE_ERROR:
    return absolute_error;
  case LSI_LOSS_HUBER:
    return huber;
  default:
    return p->on_logits ? binary_logits : binary_probabilities;
  }
}

LSI_CLONES static void sigmoid(size_t n, const float *in, float *restrict pred) {
  for (size_t i = 0; i < n; i++)
    pred[i] = lsi_sigmoidf(in[i]);
}

LSI_CLONES static void scaled(size_t n, const float *slope, float factor, float *restrict grad) {
  for (size_t i = 0; i < n; i++)
    grad[i] = slope[i] * factor;
}

/* The row's mean: value, and what its slopes are multiplied by. */
static float row_factor(const lsi_loss_pass *p, size_t r) {
  return (float)(p->scale * lsi_loss_weight(p, r) / (double)p->n);
}

/* `rows` whole rows that fit one block. */
static void short_rows(const lsi_loss_pass *p, elements *function, size_t first, size_t rows) {
  double term[LSI_ROW_BLOCK];
  float slope[LSI_ROW_BLOCK];
  size_t n = p->n, at = first * n;
  function(p, rows * n, p->in + at, p->target + at, term, slope);
  if (p->pred && p->linked)
    sigmoid(rows * n, p->in + at, p->pred + at);
  for (size_t i = 0; i < rows; i++) {
    size_t r = first + i;
    p->value[r] = lsi_loss_weight(p, r) * (lsi_row_sum64(n, term + i * n) / (double)n);
    if (p->grad)
      scaled(n, slope + i * n, row_factor(p, r), p->grad + r * n);
  }
}

/* One row longer than a block, piece by piece; the sum's order is lsi_row_sum64's. */
static void long_row(const lsi_loss_pass *p, elements *function, size_t r) {
  double term[LSI_ROW_BLOCK], lane[LSI_LANES] = {0};
  float slope[LSI_ROW_BLOCK];
  for (size_t done = 0; done < p->n; done += LSI_ROW_BLOCK) {
    size_t m = p->n - done < LSI_ROW_BLOCK ? p->n - done : LSI_ROW_BLOCK, at = r * p->n + done;
    function(p, m, p->in + at, p->target + at, term, slope);
    if (p->pred && p->linked)
      sigmoid(m, p->in + at, p->pred + at);
    lsi_lanes_add64(m, term, lane);
    if (p->grad)
      scaled(m, slope, row_factor(p, r), p->grad + at);
  }
  p->value[r] = lsi_loss_weight(p, r) * (lsi_lanes_sum64(lane) / (double)p->n);
}

void lsi_loss_elementwise(const lsi_loss_pass *p, size_t first, size_t end) {
  elements *function = elements_of(p);
  lsi_loss_copy_pred(p, first, end);
  size_t step = lsi_rows_per_block(p->n);
  for (; first < end; first += step) {
    if (p->n > LSI_ROW_BLOCK)
      long_row(p, function, first);
    else
      short_rows(p, function, first, end - first < step ? end - first : step);
  }
}
