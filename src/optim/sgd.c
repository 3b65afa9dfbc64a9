/* SPDX-License-Identifier: MIT */
/* SGD, momentum, Nesterov (keras/src/optimizers/sgd.py). */
#include "optim/update.h"

LSI_CLONES static void plain(size_t n, const float *restrict g, float *restrict w, float lr,
                             float decay) {
  for (size_t i = 0; i < n; i++)
    w[i] = lsi_decayed(w[i], decay, lr) - g[i] * lr;
}

LSI_CLONES static void momentum(size_t n, const float *restrict g, float *restrict w,
                                float *restrict m, float mu, float lr, float decay) {
  for (size_t i = 0; i < n; i++) {
    m[i] = m[i] * mu - g[i] * lr;
    w[i] = lsi_decayed(w[i], decay, lr) + m[i];
  }
}

LSI_CLONES static void nesterov(size_t n, const float *restrict g, float *restrict w,
                                float *restrict m, float mu, float lr, float decay) {
  for (size_t i = 0; i < n; i++) {
    float step = g[i] * lr;
    m[i] = m[i] * mu - step;
    w[i] = lsi_decayed(w[i], decay, lr) + (m[i] * mu - step);
  }
}

void lsi_update_sgd(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  float mu = (float)lsi_object_get(object, "momentum");
  if (mu == 0.0f)
    plain(u->n, u->grad, u->params, u->rate, u->decay);
  else if (lsi_object_get(object, "nesterov") != 0)
    nesterov(u->n, u->grad, u->params, u->slots[0], mu, u->rate, u->decay);
  else
    momentum(u->n, u->grad, u->params, u->slots[0], mu, u->rate, u->decay);
}
