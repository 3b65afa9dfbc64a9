/* SPDX-License-Identifier: MIT */
/* Adagrad (keras/src/optimizers/adagrad.py). */
#include <math.h>
#include "optim/update.h"

LSI_CLONES static void adagrad(size_t n, const float *restrict g, float *restrict w,
                               float *restrict sum, float epsilon, float lr, float decay) {
  for (size_t i = 0; i < n; i++) {
    sum[i] += g[i] * g[i];
    w[i] = lsi_decayed(w[i], decay, lr) - lr * g[i] / sqrtf(sum[i] + epsilon);
  }
}

void lsi_update_adagrad(const lsi_optimizer *optimizer, const lsi_update *u) {
  float epsilon = (float)lsi_object_get(&optimizer->object, "epsilon");
  adagrad(u->n, u->grad, u->params, u->slots[0], epsilon, u->rate, u->decay);
}
