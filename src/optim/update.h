/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_UPDATE_H
#define LSI_OPTIM_UPDATE_H
/*
 * The update formulas, one file a class. Each is a single elementwise pass with Keras 3's
 * operations in Keras's order, in float32 with the constants rounded once; IEEE sqrt and division,
 * no FMA: the same bits at every ISA level, for any cut into ranges.
 */
#include "math/clones.h"
#include "math/elementary.h"
#include "optim/optimizer.h"

/* One call's arrays, already moved to the first of `n` elements, and what all classes need. */
typedef struct lsi_update {
  size_t n;
  const float *grad;
  float *params;
  float *slots[LSI_OPT_MAX_SLOTS];
  float *scratch; /* of classes that measure tensors */
  float rate;
  float decay; /* weight_decay; 0: off */
} lsi_update;

typedef void lsi_update_function(const lsi_optimizer *optimizer, const lsi_update *update);

lsi_update_function lsi_update_sgd, lsi_update_rmsprop, lsi_update_adagrad, lsi_update_adam /* AdamW too */,
    lsi_update_adamax, lsi_update_nadam, lsi_update_adadelta, lsi_update_ftrl, lsi_update_lion,
    lsi_update_schedule_free_adamw;

/* Muon's other tensors: Adam's formula with arguments of other names. */
lsi_update_function lsi_update_muon_vector;

/* One whole tensor. Its sums go by fixed blocks (math/tree.h) or in row order: threads change no bit. */
void lsi_update_lamb(const lsi_optimizer *optimizer, const lsi_update *update, const lsi_optim_tensor *tensor);
void lsi_update_adafactor(const lsi_optimizer *optimizer, const lsi_update *update, const lsi_optim_tensor *tensor);

void lsi_update_muon(const lsi_optimizer *optimizer, const lsi_update *update, const lsi_optim_tensor *tensor);
/* Floats of scratch for a tensor; reserves what its products need. */
ls_status lsi_muon_prepare(const lsi_optim_tensor *tensor, size_t *scratch);

/* Run `function` on slices of `whole`, on as many threads as it is worth, with subnormal numbers taken as zeros. */
void lsi_update_slices(lsi_update_function *function, const lsi_optimizer *optimizer, const lsi_update *whole);

/* Elements [first, first + n) of an update. */
static inline lsi_update lsi_update_part(const lsi_optimizer *optimizer, const lsi_update *from, size_t first, size_t n) {
  lsi_update u = *from;
  u.n = n;
  if (u.grad)
    u.grad += first;
  u.params += first;
  for (int s = 0; s < optimizer->n_slots; s++)
    u.slots[s] += first;
  if (u.scratch)
    u.scratch += first;
  return u;
}

/* Nadam's product of momenta after the coming update. */
float lsi_nadam_product(const lsi_optimizer *optimizer);

/* base^t as Keras has it: the base is a float32 before it is raised, the power is one after. (1 - beta_2^t is the small
   difference of such numbers: with beta in double the first steps would differ in the fifth digit.) */
static inline float lsi_float_power(double base, int64_t t) {
  double b = (double)(float)base;
  return b > 0 ? (float)lsi_pow(b, (double)t) : 0.0f;
}

/* Decoupled weight decay, before the update, with the raw rate. */
LSI_INLINE float lsi_decayed(float w, float decay, float rate) {
  return decay != 0.0f ? w - w * decay * rate : w;
}
#endif
