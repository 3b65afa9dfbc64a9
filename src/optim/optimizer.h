/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_OPTIMIZER_H
#define LSI_OPTIM_OPTIMIZER_H
/*
 * Keras 3's optimizers on flat ranges of the arena: parameters, gradients and slots share offsets, so an
 * update is one fused elementwise pass that knows no layers. Formulas: KERAS's optimizers, see src/README.md.
 * Kahan or double tricks are not used: float32 state as Keras has it; the element's operations are the same at every ISA level.
 */
#include <stdint.h>
#include "nn/object.h"

typedef enum lsi_optimizer_kind {
  LSI_OPT_SGD, LSI_OPT_RMSPROP, LSI_OPT_ADAGRAD, LSI_OPT_ADAM, LSI_OPT_ADAMW
} lsi_optimizer_kind;

/* Arguments of every class besides its own: learning_rate (number or schedule), weight_decay, clipnorm, clipvalue, global_clipnorm. */
extern const lsi_family lsi_optimizers;

enum { LSI_OPT_MAX_SLOTS = 3 };

typedef struct lsi_optimizer {
  lsi_object object;
  int n_slots;                             /* arenas of n floats */
  const char *slot_names[LSI_OPT_MAX_SLOTS]; /* Keras's: "momentum", "velocity", "velocity_hat", "accumulator", "average_gradient" */
  float slot_initial[LSI_OPT_MAX_SLOTS];   /* Adagrad: initial_accumulator_value */
  float *slots[LSI_OPT_MAX_SLOTS];         /* owned, [n]; padding between tensors stays harmless */
  size_t n;
  int64_t iteration;                       /* updates made */
  double learning_rate;                    /* the variable; callbacks change it (ignored with a schedule) */
  bool has_schedule;
} lsi_optimizer;

/* From the parsed object; allocates the slots for an arena of n elements. */
ls_status lsi_optimizer_create(const lsi_object *object, size_t n, lsi_optimizer **out);
/* The same for a rank that updates elements [begin, end) only: no other element of the slots is touched. */
ls_status lsi_optimizer_create_share(const lsi_object *object, size_t n, size_t begin, size_t end, lsi_optimizer **out);
void lsi_optimizer_destroy(lsi_optimizer **optimizer);

/* The rate of the next update: the schedule at `iteration`, or the variable; times `factor` of linear scaling is the caller's. */
double lsi_optimizer_rate(const lsi_optimizer *optimizer);

/*
 * Update elements [begin, end) with gradient grad[i]; `grad` is read only. Decoupled weight decay first (w -= w wd lr),
 * then the class's formula with t = iteration + 1. Does not advance `iteration`. `rate` is the learning rate (float32-rounded inside).
 * Elementwise: any cut of the arena into ranges gives the same bits. Threads as lsi_team_for decides.
 */
void lsi_optimizer_update(lsi_optimizer *optimizer, double rate, size_t begin, size_t end, const float *grad, float *params);

/* After all ranges of a step. */
void lsi_optimizer_advance(lsi_optimizer *optimizer);
#endif
