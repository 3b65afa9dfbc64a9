/* SPDX-License-Identifier: MIT */
/* Ftrl (keras/src/optimizers/ftrl.py): the weights follow from the slots, so the first step forgets the initial ones. */
#include "optim/update.h"

typedef struct constants {
  float power, l1, twice_l2, twice_shrinkage, lr, decay; /* power = -learning_rate_power */
} constants;

LSI_INLINE float raised(float x, float power) {
  if (power == 0.5f)
    return sqrtf(x);
  return x > 0.0f ? (float)lsi_pow((double)x, (double)power) : power > 0.0f ? x : 1.0f;
}

/* No square of a gradient yet and none to begin with: Keras divides 0 by 0 there. */
LSI_INLINE float quotient(float a, float b) {
  return b != 0.0f ? a / b : 0.0f;
}

LSI_CLONES static void ftrl(size_t n, const float *restrict g, float *restrict params,
                            float *restrict squares, float *restrict linear, constants c) {
  for (size_t i = 0; i < n; i++) {
    float w = lsi_decayed(params[i], c.decay, c.lr), sum = squares[i] + g[i] * g[i];
    float root = raised(sum, c.power), before = raised(squares[i], c.power);
    linear[i] += (g[i] + c.twice_shrinkage * w) - (root - before) / c.lr * w;
    float z = linear[i], clipped = z < -c.l1 ? -c.l1 : z > c.l1 ? c.l1 : z;
    params[i] = quotient(clipped - z, root / c.lr + c.twice_l2);
    squares[i] = sum;
  }
}

void lsi_update_ftrl(const lsi_optimizer *optimizer, const lsi_update *u) {
  const lsi_object *object = &optimizer->object;
  float l2 = (float)lsi_object_get(object, "l2_regularization_strength");
  float beta = (float)lsi_object_get(object, "beta");
  if (beta > 0)
    l2 += beta / (2.0f * u->rate);
  constants c = {.power = (float)-lsi_object_get(object, "learning_rate_power"),
                 .l1 = (float)lsi_object_get(object, "l1_regularization_strength"),
                 .twice_l2 = 2.0f * l2,
                 .twice_shrinkage = (float)(2.0 * lsi_object_get(object, "l2_shrinkage_regularization_strength")),
                 .lr = u->rate,
                 .decay = u->decay};
  ftrl(u->n, u->grad, u->params, u->slots[0], u->slots[1], c);
}
