/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_UPDATE_H
#define LSI_OPTIM_UPDATE_H
/*
 * The update formulas, one file a class. Each is a single elementwise pass with Keras 3's
 * operations in Keras's order, in float32 with the constants rounded once; IEEE sqrt and division,
 * no FMA: the same bits at every ISA level, for any cut into ranges.
 */
#include "math/clones.h"
#include "optim/optimizer.h"

/* One call's arrays, already moved to the first of `n` elements, and what all classes need. */
typedef struct lsi_update {
  size_t n;
  const float *grad;
  float *params;
  float *slots[LSI_OPT_MAX_SLOTS];
  float rate;
  float decay; /* weight_decay; 0: off */
} lsi_update;

void lsi_update_sgd(const lsi_optimizer *optimizer, const lsi_update *update);
void lsi_update_rmsprop(const lsi_optimizer *optimizer, const lsi_update *update);
void lsi_update_adagrad(const lsi_optimizer *optimizer, const lsi_update *update);
void lsi_update_adam(const lsi_optimizer *optimizer, const lsi_update *update); /* AdamW too */

/* Decoupled weight decay, before the update, with the raw rate. */
LSI_INLINE float lsi_decayed(float w, float decay, float rate) {
  return decay != 0.0f ? w - w * decay * rate : w;
}
#endif
