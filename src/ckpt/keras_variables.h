/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_VARIABLES_H
#define LSI_CKPT_KERAS_VARIABLES_H
/*
 * Keras 3's weights layout (x.weights.h5, and model.weights.h5 in a .keras file):
 *
 *   /vars                     empty
 *   /layers/KEY/vars/0,1,...  one group a layer, KEY = class name in snake case, numbered: dense, dense_1, ...
 *   /optimizer/vars/0,1,...   iteration, learning rate unless it is a schedule, slots
 *
 * and the optimizer's variables in the older whole-model files (/optimizer_weights). Every variable is matched by its place
 * and shape, or the file is refused.
 */
#include "nn/net.h"
#include "optim/optimizer.h"
#include "store/h5.h"

/* One slot variable of Keras's optimizer: a slot's values for one tensor, */
typedef struct lsi_keras_slot {
  const char *name;         /* the slot's */
  const lsi_tensor *tensor; /* NULL: the optimizer's scalar, not a slot */
  int rank;
  int64_t dims[LS_MAX_WEIGHT_RANK];
  float *values;            /* NULL: an integer 0 that stands for nothing (Adafactor's rows of a vector), or the scalar */
} lsi_keras_slot;

/* All slots in Keras's order (lsi_free). by_kind: all of one kind, then the next, as Keras 2's older optimizers. */
ls_status lsi_keras_slots(const lsi_net *net, const lsi_optimizer *optimizer, bool by_kind, lsi_keras_slot **out, size_t *n);
size_t lsi_keras_count_trainable(const lsi_net *net); /* tensors */
/* Has Keras a learning-rate variable for this optimizer, and what is in it? (A schedule it does not know is a number there.) */
bool lsi_keras_has_rate(const lsi_optimizer *optimizer, double *rate);

/* optimizer NULL: the weights alone. */
ls_status lsi_keras_variables_write(hid_t file, const lsi_net *net, const float *params, const lsi_optimizer *optimizer);

bool lsi_keras_variables_are_here(hid_t file); /* this layout, not the older one */
/* Into net->params (built). `path` is for messages. */
ls_status lsi_keras_variables_read(hid_t file, const char *path, lsi_net *net);

/* Is there optimizer state in the file, of either layout? */
bool lsi_keras_optimizer_is_here(hid_t file);
/* Iteration, learning rate and slots into a fresh optimizer of the net. An optimizer that was saved before its first
   step has no slots yet and stays fresh. */
ls_status lsi_keras_optimizer_read(hid_t file, const char *path, const lsi_net *net, lsi_optimizer *optimizer);
/* The older layout's part of it. */
ls_status lsi_keras_old_optimizer_read(hid_t file, const char *path, const lsi_net *net, lsi_optimizer *optimizer);

/* Variable `name` of the file from or into a slot; an error names both shapes. */
ls_status lsi_keras_slot_write(hid_t file, const char *name, const lsi_keras_slot *slot, const lsi_optimizer *optimizer);
ls_status lsi_keras_slot_read(hid_t file, const char *path, const char *name, const lsi_keras_slot *slot, lsi_optimizer *optimizer);

/* A float32 (or integer) dataset of this shape. */
ls_status lsi_keras_values_write(hid_t file, const char *name, int rank, const int64_t *dims, bool integer, const float *values);
/* Back: `what` of `owner` is for messages; LS_ERR_SHAPE with both shapes. */
typedef struct lsi_keras_wanted {
  int rank;
  const int64_t *dims;
  const char *what, *owner;
} lsi_keras_wanted;
ls_status lsi_keras_values_read(hid_t file, const char *path, const char *name, const lsi_keras_wanted *wanted, float *out);
/* One tensor-shaped dataset into `out`; LS_ERR_SHAPE with both shapes. */
ls_status lsi_keras_tensor_read(hid_t file, const char *path, const char *name, const lsi_tensor *tensor, const char *what, float *out);
/* A scalar (or an array of one). */
ls_status lsi_keras_scalar_read(hid_t file, const char *path, const char *name, double *out);
/* Take a saved iteration and, if not NAN, rate; `has_slots`: the file had them, or there are none. Not so, and no longer
   at iteration 0: they are lost, so the optimizer starts anew with a warning. */
void lsi_keras_optimizer_set(const char *path, lsi_optimizer *optimizer, double iteration, double rate, bool has_slots);
#endif
