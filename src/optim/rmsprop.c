/* SPDX-License-Identifier: MIT */
/* RMSprop (keras/src/optimizers/rmsprop.py): epsilon inside the root. Slots: velocity, momentum,
 * average gradient. */
#include <math.h>
#include "optim/update.h"

typedef struct constants {
  float rho, rest, mu, epsilon, lr, decay; /* rest = 1 - rho */
} constants;

LSI_INLINE float velocity(float v, float g, constants c) {
  return c.rho * v + c.rest * (g * g);
}

LSI_CLONES static void plain(size_t n, const float *restrict g, float *restrict w,
                             float *restrict v, constants c) {
  for (size_t i = 0; i < n; i++) {
    v[i] = velocity(v[i], g[i], c);
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - c.lr * g[i] / sqrtf(v[i] + c.epsilon);
  }
}

LSI_CLONES static void momentum(size_t n, const float *restrict g, float *restrict w,
                                float *restrict v, float *restrict m, constants c) {
  for (size_t i = 0; i < n; i++) {
    v[i] = velocity(v[i], g[i], c);
    m[i] = c.mu * m[i] + c.lr * g[i] / sqrtf(v[i] + c.epsilon);
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - m[i];
  }
}

LSI_INLINE float centred_step(float g, float *v, float *a, constants c) {
  *v = velocity(*v, g, c);
  *a = c.rho * *a + c.rest * g;
  return c.lr * g / sqrtf(*v - *a * *a + c.epsilon);
}

LSI_CLONES static void centred(size_t n, const float *restrict g, float *restrict w,
                               float *restrict v, float *restrict a, constants c) {
  for (size_t i = 0; i < n; i++) {
    float step = centred_step(g[i], &v[i], &a[i], c);
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - step;
  }
}

LSI_CLONES static void centred_momentum(size_t n, const float *restrict g, float *restrict w,
                                        float *restrict v, float *restrict m, float *restrict a,
                                        constants c) {
  for (size_t i = 0; i < n; i++) {
    m[i] = c.mu * m[i] + centred_step(g[i], &v[i], &a[i], c);
    w[i] = lsi_decayed(w[i], c.decay, c.lr) - m[i];
  }
}

void lsi_update_rmsprop(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  double rho = lsi_object_get(object, "rho");
  constants c = {.rho = (float)rho,
                 .rest = (float)(1.0 - rho),
                 .mu = (float)lsi_object_get(object, "momentum"),
                 .epsilon = (float)lsi_object_get(object, "epsilon"),
                 .lr = u->rate,
                 .decay = u->decay};
  bool has_momentum = lsi_object_get(object, "momentum") > 0,
       is_centred = lsi_object_get(object, "centered") != 0;
  float *const *s = u->slots;
  if (is_centred && has_momentum)
    centred_momentum(u->n, u->grad, u->params, s[0], s[1], s[2], c);
  else if (is_centred)
    centred(u->n, u->grad, u->params, s[0], s[1], c);
  else if (has_momentum)
    momentum(u->n, u->grad, u->params, s[0], s[1], c);
  else
    plain(u->n, u->grad, u->params, s[0], c);
}
