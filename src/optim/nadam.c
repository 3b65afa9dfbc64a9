/* SPDX-License-Identifier: MIT */
/* Nadam (keras/src/optimizers/nadam.py): Adam with Nesterov's momentum, whose own momentum u_t rises from beta_1 / 2. */
#include "optim/update.h"

/* u_t = beta_1 (1 - 0.96^t / 2) */
static float momentum_at(const lsi_optimizer *optimizer, int64_t t) {
  float beta_1 = (float)lsi_object_get(&optimizer->object, "beta_1");
  return beta_1 * (1.0f - 0.5f * lsi_float_power(0.96, t));
}

float lsi_nadam_product(const lsi_optimizer *optimizer) {
  float beta_1 = (float)lsi_object_get(&optimizer->object, "beta_1");
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  return (float)optimizer->scalar * beta_1 * (1.0f - 0.5f * lsi_float_power(0.96, t));
}

typedef struct constants {
  float rest_1, rest_2;              /* 1 - beta */
  float next, gradient;              /* u_{t+1}, 1 - u_t */
  float next_rest, rest;             /* 1 - product of u up to t + 1, to t */
  float root, epsilon, lr, decay;    /* root = 1 - beta_2^t */
} constants;

LSI_CLONES static void nadam(size_t n, const float *restrict g, float *restrict w,
                             float *restrict m, float *restrict v, constants c) {
  for (size_t i = 0; i < n; i++) {
    m[i] += (g[i] - m[i]) * c.rest_1;
    v[i] += (g[i] * g[i] - v[i]) * c.rest_2;
    float m_hat = c.next * m[i] / c.next_rest + c.gradient * g[i] / c.rest;
    float v_hat = v[i] / c.root;
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - m_hat * c.lr / (sqrtf(v_hat) + c.epsilon);
  }
}

void lsi_update_nadam(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  float beta_1 = (float)lsi_object_get(object, "beta_1"), beta_2 = (float)lsi_object_get(object, "beta_2");
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  float product = lsi_nadam_product(optimizer), next = momentum_at(optimizer, t + 1);
  constants c = {.rest_1 = 1.0f - beta_1,
                 .rest_2 = 1.0f - beta_2,
                 .next = next,
                 .gradient = 1.0f - momentum_at(optimizer, t),
                 .next_rest = 1.0f - product * next,
                 .rest = 1.0f - product,
                 .root = 1.0f - lsi_float_power((double)beta_2, t),
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  nadam(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}
