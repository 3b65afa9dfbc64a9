/* SPDX-License-Identifier: MIT */
/* Adam, AMSGrad, AdamW (keras/src/optimizers/adam.py): epsilon outside the root, not
 * bias-corrected. */
#include "optim/update.h"

typedef struct constants {
  float rest_1, rest_2, alpha, epsilon, lr, decay; /* rest = 1 - beta */
} constants;

LSI_CLONES static void adam(size_t n, const float *restrict g, float *restrict w, float *restrict m,
                            float *restrict v, constants c) {
  for (size_t i = 0; i < n; i++) {
    m[i] += (g[i] - m[i]) * c.rest_1;
    v[i] += (g[i] * g[i] - v[i]) * c.rest_2;
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - m[i] * c.alpha / (sqrtf(v[i]) + c.epsilon);
  }
}

LSI_CLONES static void amsgrad(size_t n, const float *restrict g, float *restrict w,
                               float *restrict m, float *restrict v, float *restrict v_hat,
                               constants c) {
  for (size_t i = 0; i < n; i++) {
    m[i] += (g[i] - m[i]) * c.rest_1;
    v[i] += (g[i] * g[i] - v[i]) * c.rest_2;
    v_hat[i] = v_hat[i] > v[i] ? v_hat[i] : v[i]; /* a NaN of v stays */
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - m[i] * c.alpha / (sqrtf(v_hat[i]) + c.epsilon);
  }
}

static void step(const lsi_optimizer *optimizer, const lsi_update *u, double beta_1, double beta_2, float rate) {
  const lsi_object *object = &optimizer->object;
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  float root = sqrtf(1.0f - lsi_float_power(beta_2, t)), rest = 1.0f - lsi_float_power(beta_1, t);
  constants c = {.rest_1 = (float)(1.0 - beta_1),
                 .rest_2 = (float)(1.0 - beta_2),
                 .alpha = rate * root / rest,
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  if (lsi_object_get(object, "amsgrad") == 1.0)
    amsgrad(u->n, u->grad, u->params, u->slots[0], u->slots[1], u->slots[2], c);
  else
    adam(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}

void lsi_update_adam(const lsi_optimizer *optimizer, const lsi_update *u) {
  step(optimizer, u, lsi_object_get(&optimizer->object, "beta_1"), lsi_object_get(&optimizer->object, "beta_2"), u->rate);
}

void lsi_update_muon_vector(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  float rate = u->rate * (float)lsi_object_get(object, "adam_lr_ratio");
  step(optimizer, u, lsi_object_get(object, "adam_beta_1"), lsi_object_get(object, "adam_beta_2"), rate);
}
