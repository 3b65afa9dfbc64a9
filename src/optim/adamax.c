/* SPDX-License-Identifier: MIT */
/* Adamax (keras/src/optimizers/adamax.py). */
#include "optim/update.h"

typedef struct constants {
  float rest_1, beta_2, rest, epsilon, lr, decay; /* rest_1 = 1 - beta_1, rest = 1 - beta_1^t */
} constants;

LSI_CLONES static void adamax(size_t n, const float *restrict g, float *restrict w,
                              float *restrict m, float *restrict u, constants c) {
  for (size_t i = 0; i < n; i++) {
    float size = fabsf(g[i]), norm = c.beta_2 * u[i];
    m[i] += (g[i] - m[i]) * c.rest_1;
    u[i] = norm < size || size != size ? size : norm;
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - c.lr * m[i] / (c.rest * (u[i] + c.epsilon));
  }
}

void lsi_update_adamax(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  double beta_1 = lsi_object_get(object, "beta_1");
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  constants c = {.rest_1 = (float)(1.0 - beta_1),
                 .beta_2 = (float)lsi_object_get(object, "beta_2"),
                 .rest = 1.0f - lsi_float_power(beta_1, t),
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  adamax(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}
