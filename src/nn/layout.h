/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LAYOUT_H
#define LSI_NN_LAYOUT_H
/*
 * Names, shapes and places of a net's weight tensors in its arena.
 *
 *   [dense/kernel 784x100 | pad][dense/bias 100 | pad] ... [bn/moving_mean 100 | pad] ...
 *   <------------- trainable, [0, n_trainable) -------><---- not trainable, to size ---->
 *
 * Tensors are listed in layer order (inside a layer: trainable ones, then the others), whatever
 * their place. Every tensor starts on 64 bytes; padding is zero. One offset means one parameter in
 * every arena: parameters, gradients, optimizer slots.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lockstep/limits.h> /* LS_MAX_WEIGHT_RANK */
#include "base/status.h"
#include "nn/object.h"

enum { LSI_NAME = 128 };

typedef struct lsi_tensor {
  char name[LSI_NAME];   /* "dense/kernel" */
  size_t variable;       /* where "kernel", the part after the layer's name, starts in `name` */
  int layer;             /* index of its layer */
  int rank;
  int64_t dims[LS_MAX_WEIGHT_RANK];
  size_t count;
  size_t offset;         /* elements into the arena, a multiple of 16 */
  bool trainable;
  bool is_integer;       /* Keras stores it as an integer (Normalization's count) */
  lsi_object initializer;
  lsi_object regularizer; /* info NULL: none */
  lsi_object constraint;  /* the same; kept after every update */
} lsi_tensor;

typedef struct lsi_layout {
  int n;
  lsi_tensor *tensors; /* owned */
  size_t n_trainable;  /* elements, padding included */
  size_t size;
} lsi_layout;

ls_status lsi_layout_add(lsi_layout *layout, const lsi_tensor *tensor); /* count and offset are computed by finish */
ls_status lsi_layout_finish(lsi_layout *layout);
void lsi_layout_clear(lsi_layout *layout);
/* NULL when there is none. */
const lsi_tensor *lsi_layout_find(const lsi_layout *layout, const char *name);
#endif
