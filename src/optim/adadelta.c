/* SPDX-License-Identifier: MIT */
/* Adadelta (keras/src/optimizers/adadelta.py). Slots: accumulated squares of gradients, and of steps. */
#include "optim/update.h"

typedef struct constants {
  float rho, rest, epsilon, lr, decay; /* rest = 1 - rho */
} constants;

LSI_CLONES static void adadelta(size_t n, const float *restrict g, float *restrict w,
                                float *restrict squares, float *restrict steps, constants c) {
  for (size_t i = 0; i < n; i++) {
    squares[i] = c.rho * squares[i] + c.rest * (g[i] * g[i]);
    float step = -(sqrtf(steps[i] + c.epsilon) * g[i] / sqrtf(squares[i] + c.epsilon));
    steps[i] = c.rho * steps[i] + c.rest * (step * step);
    w[i] = lsi_decayed(w[i], c.decay, c.lr) + c.lr * step;
  }
}

void lsi_update_adadelta(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  double rho = lsi_object_get(object, "rho");
  constants c = {.rho = (float)rho,
                 .rest = (float)(1.0 - rho),
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  adadelta(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}
