/* SPDX-License-Identifier: MIT */
/* A loss as a function of one prediction x and its target t, and its derivative. Formulas: keras/src/losses/losses.py. */
#include "math/elementary.h"
#include "nn/loss_pass.h"

/* ELEMENTS(name, loss in double, derivative in float) of x, t. */
#define ELEMENTS(name, loss, derivative)                                                           \
  LSI_CLONES static void name(const lsi_loss_pass *p, size_t n, const float *in,                   \
                              const float *target, double *restrict term, float *restrict slope) { \
    const float delta = p->delta, keep = p->keep, add = p->add;                                    \
    (void)p, (void)delta, (void)keep, (void)add;                                                   \
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

/* |t - x| / max(|t|, epsilon), per cent */
LSI_INLINE float percent(float t) {
  float size = fabsf(t);
  return 100.0f / (size < LSI_EPSILON ? LSI_EPSILON : size);
}
ELEMENTS(percentage_error, (double)percent(t) * fabs((double)(x - t)), percent(t) * sign(x - t))

LSI_INLINE double log_1_more(float x) {
  return lsi_log((double)(x < LSI_EPSILON ? LSI_EPSILON : x) + 1.0);
}
LSI_INLINE double squared_log(float x, float t) {
  double d = log_1_more(x) - log_1_more(t);
  return d * d;
}
ELEMENTS(squared_logarithmic_error, squared_log(x, t),
         x < LSI_EPSILON ? 0.0f : (float)(2.0 * (log_1_more(x) - log_1_more(t)) / ((double)x + 1.0)))

/* log cosh d = |d| + log(1 + exp(-2 |d|)) - log 2 */
LSI_INLINE double log_cosh(double d) {
  return fabs(d) + (lsi_log(1.0 + lsi_exp(-2.0 * fabs(d))) - 0.69314718055994531);
}
ELEMENTS(log_cosh_error, log_cosh((double)(x - t)), lsi_tanhf(x - t))

/* Keras makes -1 of the zeros of a batch that holds nothing but 0 and 1; here any 0 counts so. */
LSI_INLINE float side(float t) {
  return t == 0.0f ? -1.0f : t;
}
LSI_INLINE float margin(float x, float t) {
  float m = 1.0f - side(t) * x;
  return m > 0.0f || m != m ? m : 0.0f;
}
ELEMENTS(hinge, (double)margin(x, t), margin(x, t) > 0.0f ? -side(t) : 0.0f)
ELEMENTS(squared_hinge, square(margin(x, t)), -2.0f * margin(x, t) * side(t))

ELEMENTS(poisson, (double)x - (double)t * lsi_log((double)(x + LSI_EPSILON)), 1.0f - t / (x + LSI_EPSILON))

LSI_INLINE float clipped_below(float x) {
  float c = x < LSI_EPSILON ? LSI_EPSILON : x;
  return c > 1.0f ? 1.0f : c;
}
LSI_INLINE double divergence(float x, float t) {
  return (double)t * lsi_log((double)t / (double)x) + (double)(x * 0.0f);
}
ELEMENTS(kl_divergence, divergence(clipped_below(x), clipped_below(t)),
         clipped_below(x) == x ? -clipped_below(t) / x : 0.0f)

/* ---- binary focal cross-entropy: (1 - p_t)^gamma cross-entropy, p_t = t p + (1 - t) (1 - p) ---- */

LSI_INLINE double power(double x, double y) {
  return y == 0.0 ? 1.0 : x > 0.0 ? lsi_pow(x, y) : 0.0;
}
LSI_INLINE double focal_weight(const lsi_loss_pass *p, float t) {
  return p->balance ? (double)t * p->alpha + (1.0 - (double)t) * (1.0 - p->alpha) : 1.0;
}
LSI_INLINE double away(float x, float t) {
  return 1.0 - ((double)t * (double)x + (1.0 - (double)t) * (1.0 - (double)x));
}
LSI_INLINE double focal_loss(const lsi_loss_pass *p, float x, float t) {
  return focal_weight(p, t) * power(away(x, t), p->gamma) * binary_loss(x, t);
}
LSI_INLINE float focal_slope(const lsi_loss_pass *p, float x, float t) {
  double base = away(x, t), by_loss = power(base, p->gamma) * (double)binary_slope(x, t);
  double by_factor = p->gamma * power(base, p->gamma - 1.0) * (1.0 - 2.0 * (double)t) * binary_loss(x, t);
  return (float)(focal_weight(p, t) * (by_loss + by_factor));
}
LSI_INLINE float through_sigmoid(float slope, float x) {
  return slope * x * (1.0f - x);
}
ELEMENTS(focal, focal_loss(p, x, t *keep + add), focal_slope(p, x, t *keep + add))
ELEMENTS(focal_logits, focal_loss(p, lsi_sigmoidf(x), t *keep + add),
         through_sigmoid(focal_slope(p, lsi_sigmoidf(x), t *keep + add), lsi_sigmoidf(x)))

lsi_loss_elements *lsi_loss_elements_of(const lsi_loss_pass *pass) {
  static lsi_loss_elements *const table[LSI_LOSS_KINDS][2] = { /* predictions, logits */
      [LSI_LOSS_BINARY_CROSSENTROPY] = {binary_probabilities, binary_logits},
      [LSI_LOSS_BINARY_FOCAL_CROSSENTROPY] = {focal, focal_logits},
      [LSI_LOSS_MEAN_SQUARED_ERROR] = {squared_error},
      [LSI_LOSS_MEAN_ABSOLUTE_ERROR] = {absolute_error},
      [LSI_LOSS_MEAN_ABSOLUTE_PERCENTAGE_ERROR] = {percentage_error},
      [LSI_LOSS_MEAN_SQUARED_LOGARITHMIC_ERROR] = {squared_logarithmic_error},
      [LSI_LOSS_HUBER] = {huber},
      [LSI_LOSS_LOG_COSH] = {log_cosh_error},
      [LSI_LOSS_HINGE] = {hinge},
      [LSI_LOSS_SQUARED_HINGE] = {squared_hinge},
      [LSI_LOSS_KL_DIVERGENCE] = {kl_divergence},
      [LSI_LOSS_POISSON] = {poisson},
  };
  return table[pass->kind][pass->on_logits];
}
