/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_OPTIMIZER_H
#define LSI_OPTIM_OPTIMIZER_H
/*
 * Keras 3's optimizers on flat ranges of the arena: parameters, gradients and slots share offsets, so an
 * update is one fused elementwise pass that knows no layers. Three classes (Lamb, Adafactor, Muon) measure whole tensors.
 * Formulas: KERAS's optimizers, see src/README.md. Kahan or double tricks are not used: float32 state as Keras has it;
 * the element's operations are the same at every ISA level.
 *
 * One step, on the summed gradient g:
 *   lsi_optimizer_accumulate   g = (g + accumulated) / steps, when gradient_accumulation_steps is set
 *   lsi_clip_gradients         clip.h
 *   lsi_optimizer_update       unless lsi_optimizer_due says that the gradient was only accumulated
 *   lsi_optimizer_average      moving averages of the weights (use_ema)
 *   lsi_optimizer_advance
 */
#include <stdint.h>
#include "nn/layout.h"
#include "nn/object.h"

typedef enum lsi_optimizer_kind {
  LSI_OPT_SGD, LSI_OPT_RMSPROP, LSI_OPT_ADAGRAD, LSI_OPT_ADAM, LSI_OPT_ADAMW, LSI_OPT_ADAMAX, LSI_OPT_NADAM,
  LSI_OPT_ADADELTA, LSI_OPT_FTRL, LSI_OPT_LION, LSI_OPT_LAMB, LSI_OPT_ADAFACTOR,
  LSI_OPT_SCHEDULE_FREE_ADAMW, LSI_OPT_MUON
} lsi_optimizer_kind;

/* Arguments of every class besides its own: learning_rate (number or schedule), weight_decay, clipnorm, clipvalue, global_clipnorm,
   use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor (without effect: float32 gradients need no scale),
   gradient_accumulation_steps. */
extern const lsi_family lsi_optimizers;

enum { LSI_OPT_MAX_SLOTS = 5 };

/* What a slot holds for one tensor: as many values as it has, or one for each row or column of a matrix (Adafactor; nothing
   for vectors). They lie at the tensor's offset in any case. Muon's velocity is there for tensors that are not moved as matrices. */
typedef enum lsi_slot_form { LSI_SLOT_WHOLE, LSI_SLOT_ROWS, LSI_SLOT_COLUMNS, LSI_SLOT_NO_MATRICES } lsi_slot_form;

/* A tensor as Lamb, Adafactor, Muon and clipping see it: `batches` matrices of rows x columns; rows 0: a vector. */
typedef struct lsi_optim_tensor {
  size_t offset, count;
  size_t batches, rows, columns;
  bool by_matrix; /* Muon moves it as a matrix */
} lsi_optim_tensor;

typedef struct lsi_optimizer {
  lsi_object object;
  int n_slots;                               /* arenas of n floats; the class's own come first */
  const char *slot_names[LSI_OPT_MAX_SLOTS]; /* Keras's: "momentum", "velocity", "accumulator", "average", ... */
  int slot_group[LSI_OPT_MAX_SLOTS];         /* Keras makes a group's variables tensor by tensor, group by group in rising order */
  lsi_slot_form slot_form[LSI_OPT_MAX_SLOTS];
  float slot_initial[LSI_OPT_MAX_SLOTS];     /* Adagrad: initial_accumulator_value */
  float *slots[LSI_OPT_MAX_SLOTS];           /* owned, [n]; padding between tensors stays harmless */
  int average, accumulator;                  /* their slots; -1: none */
  size_t n;
  int n_tensors;
  lsi_optim_tensor *tensors;                 /* owned */
  float *scratch;                            /* owned, enough for the largest tensor; NULL unless tensors are measured */
  int64_t iteration;                         /* steps made */
  double learning_rate;                      /* the variable; callbacks change it (ignored with a schedule) */
  bool has_schedule;
  const char *scalar_name;                   /* Nadam's running product "u_product"; NULL: no scalar */
  double scalar;
} lsi_optimizer;

/* From the parsed object; allocates the slots for the trainable tensors of a finished layout, */
ls_status lsi_optimizer_create(const lsi_object *object, const lsi_layout *layout, lsi_optimizer **out);
/* or for an arena that is one vector of n elements. */
ls_status lsi_optimizer_create_flat(const lsi_object *object, size_t n, lsi_optimizer **out);
/* For a rank that updates parts of the arena only: all slots are zeros, which take no room in large arenas, until a part is given its
   initial values. */
ls_status lsi_optimizer_create_bare(const lsi_object *object, const lsi_layout *layout, lsi_optimizer **out);
void lsi_optimizer_fill_slots(lsi_optimizer *optimizer, size_t begin, size_t end);
/* Before the first update: the slots that begin as the weights are given them (ScheduleFreeAdamW's; that update does so, too). */
void lsi_optimizer_begin(const lsi_optimizer *optimizer, const float *params);
void lsi_optimizer_destroy(lsi_optimizer **optimizer);

/* The rate of the next update: the schedule at `iteration`, or the variable; times `factor` of linear scaling is the caller's. */
double lsi_optimizer_rate(const lsi_optimizer *optimizer);

/*
 * Update elements [begin, end) with gradient grad[i]; `grad` is read only. Decoupled weight decay first (w -= w wd lr),
 * then the class's formula with t = lsi_optimizer_updates + 1. Does not advance `iteration`. `rate` is the learning rate
 * (float32-rounded inside). Any cut of the arena into ranges gives the same bits, at tensors' borders only when
 * lsi_optimizer_measures_tensors. Threads as lsi_team_for decides.
 */
void lsi_optimizer_update(lsi_optimizer *optimizer, double rate, size_t begin, size_t end, const float *grad, float *params);
bool lsi_optimizer_measures_tensors(const lsi_optimizer *optimizer);

/* gradient_accumulation_steps: is this the step of a group that updates? (Without it every step is.) */
bool lsi_optimizer_accumulates(const lsi_optimizer *optimizer);
bool lsi_optimizer_due(const lsi_optimizer *optimizer);
/* Updates made so far: iterations, or groups of them. */
int64_t lsi_optimizer_updates(const lsi_optimizer *optimizer);
/* Elements [begin, end), in any cut: a step that is due makes grad the group's mean and empties the accumulator; others add grad to it. */
void lsi_optimizer_accumulate(lsi_optimizer *optimizer, size_t begin, size_t end, float *grad);

/* use_ema, elements [begin, end): average = m average + (1 - m) w, and w = average every ema_overwrite_frequency updates. No-ops
   without it. */
void lsi_optimizer_average(lsi_optimizer *optimizer, size_t begin, size_t end, float *params);
/* What Keras's fit() does at its end: the weights become the averages. */
void lsi_optimizer_finalize(const lsi_optimizer *optimizer, size_t begin, size_t end, float *params);

/* Has Keras a variable of slot `s` for the tensor at this offset? */
bool lsi_optimizer_has_variable(const lsi_optimizer *optimizer, int s, size_t offset);
/* Numbers in Keras's variables of it: iteration, learning rate unless it is a schedule, slots, scalar. */
size_t lsi_optimizer_count(const lsi_optimizer *optimizer);

/* After all ranges of a step. */
void lsi_optimizer_advance(lsi_optimizer *optimizer);
#endif
