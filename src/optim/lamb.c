/* SPDX-License-Identifier: MIT */
/* Lamb (keras/src/optimizers/lamb.py): Adam's step, scaled to the weights' norm tensor by tensor. */
#include "math/tree.h"
#include "optim/update.h"

typedef struct constants {
  float rest_1, rest_2;  /* 1 - beta */
  float power_1, power_2; /* 1 - beta^t */
  float epsilon, lr, decay;
} constants;

LSI_CLONES static void adam_step(size_t n, const float *restrict g, float *restrict w,
                                 float *restrict m, float *restrict v, float *restrict step,
                                 constants c) {
  for (size_t i = 0; i < n; i++) {
    w[i] = lsi_decayed(w[i], c.decay, c.lr);
    m[i] += (g[i] - m[i]) * c.rest_1;
    v[i] += (g[i] * g[i] - v[i]) * c.rest_2;
    step[i] = m[i] / c.power_1 / (sqrtf(v[i] / c.power_2) + c.epsilon);
  }
}

static void moments(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  double beta_1 = lsi_object_get(object, "beta_1"), beta_2 = lsi_object_get(object, "beta_2");
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  constants c = {.rest_1 = (float)(1.0 - beta_1),
                 .rest_2 = (float)(1.0 - beta_2),
                 .power_1 = 1.0f - lsi_float_power(beta_1, t),
                 .power_2 = 1.0f - lsi_float_power(beta_2, t),
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  adam_step(u->n, u->grad, u->params, u->slots[0], u->slots[1], u->scratch, c);
}

LSI_CLONES static void subtract_scaled(size_t n, float factor, const float *restrict step, float *restrict w) {
  for (size_t i = 0; i < n; i++)
    w[i] -= factor * step[i];
}

static void apply(const lsi_optimizer *optimizer, const lsi_update *u) {
  (void)optimizer;
  subtract_scaled(u->n, u->rate, u->scratch, u->params);
}

void lsi_update_lamb(const lsi_optimizer *optimizer, const lsi_update *u, const lsi_optim_tensor *t) {
  lsi_update_slices(moments, optimizer, u);
  float weights = (float)sqrt(lsi_sum_squares(u->params, t->count));
  float step = (float)sqrt(lsi_sum_squares(u->scratch, t->count));
  lsi_update second = *u;
  second.rate = (weights > 0.0f && step > 0.0f ? weights / step : 1.0f) * u->rate;
  lsi_update_slices(apply, optimizer, &second);
}
