/* SPDX-License-Identifier: MIT */
/*
 * ScheduleFreeAdamW (keras/src/optimizers/schedule_free_adamw.py). Three points of each weight: z takes Adam's steps, x is the mean of
 * all z, and the weight itself is y = (1 - beta_1) z + beta_1 x. Only z is kept (Keras calls it "momentum"); x follows from y and z.
 */
#include "optim/update.h"

typedef struct constants {
  float beta_1, rest_1, rest_2; /* 1 - beta */
  float power_2;                /* 1 - beta_2^t */
  float weight, epsilon;        /* 1 / t */
  float lr, rate, decay;        /* lr: warmed up; decay goes with the raw rate */
} constants;

LSI_CLONES static void begin(size_t n, const float *restrict w, float *restrict z) {
  for (size_t i = 0; i < n; i++)
    z[i] = w[i];
}

LSI_CLONES static void schedule_free(size_t n, const float *restrict g, float *restrict w, float *restrict z, float *restrict v, constants c) {
  for (size_t i = 0; i < n; i++) {
    float y = lsi_decayed(w[i], c.decay, c.rate);
    float x = (y - c.rest_1 * z[i]) / c.beta_1;
    v[i] += (g[i] * g[i] - v[i]) * c.rest_2;
    z[i] -= c.lr * g[i] / (sqrtf(v[i] / c.power_2) + c.epsilon);
    x = (1.0f - c.weight) * x + c.weight * z[i];
    w[i] = c.rest_1 * z[i] + c.beta_1 * x;
  }
}

void lsi_update_schedule_free_adamw(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  float beta_1 = (float)lsi_object_get(object, "beta_1"), beta_2 = (float)lsi_object_get(object, "beta_2");
  float warmup = (float)lsi_object_get(object, "warmup_steps");
  int64_t t = lsi_optimizer_updates(optimizer) + 1;
  constants c = {.beta_1 = beta_1,
                 .rest_1 = 1.0f - beta_1,
                 .rest_2 = 1.0f - beta_2,
                 .power_2 = 1.0f - lsi_float_power((double)beta_2, t),
                 .weight = 1.0f / (float)t,
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = (float)t < warmup ? u->rate * ((float)t / warmup) : u->rate,
                 .rate = u->rate,
                 .decay = u->decay};
  if (t == 1)
    begin(u->n, u->params, u->slots[0]);
  schedule_free(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}
