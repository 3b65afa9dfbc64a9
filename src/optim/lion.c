/* SPDX-License-Identifier: MIT */
/* Lion (keras/src/optimizers/lion.py): steps of one size, the sign of a blend of momentum and gradient. */
#include "optim/update.h"

typedef struct constants {
  float beta_1, rest_1, beta_2, rest_2, lr, decay; /* rest = 1 - beta */
} constants;

LSI_INLINE float sign(float x) {
  return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; /* keeps 0 and NaN */
}

LSI_CLONES static void lion(size_t n, const float *restrict g, float *restrict w, float *restrict m,
                            constants c) {
  for (size_t i = 0; i < n; i++) {
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - c.lr * sign(m[i] * c.beta_1 + g[i] * c.rest_1);
    m[i] = m[i] * c.beta_2 + g[i] * c.rest_2;
  }
}

void lsi_update_lion(const lsi_optimizer *optimizer, const lsi_update *u) {
  float beta_1 = (float)lsi_object_get(&optimizer->object, "beta_1");
  float beta_2 = (float)lsi_object_get(&optimizer->object, "beta_2");
  constants c = {.beta_1 = beta_1,
                 .rest_1 = 1.0f - beta_1,
                 .beta_2 = beta_2,
                 .rest_2 = 1.0f - beta_2,
                 .lr = u->rate,
                 .decay = u->decay};
  lion(u->n, u->grad, u->params, u->slots[0], c);
}
