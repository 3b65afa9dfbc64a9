/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_INITIALIZER_H
#define LSI_NN_INITIALIZER_H
/* Keras 3's initialisers. A value is a function of (seed, tensor index, element) only. */
#include <stddef.h>
#include <stdint.h>
#include "nn/object.h"

typedef enum lsi_initializer_kind {
  LSI_INIT_GLOROT_UNIFORM, LSI_INIT_GLOROT_NORMAL, LSI_INIT_HE_UNIFORM, LSI_INIT_HE_NORMAL,
  LSI_INIT_LECUN_UNIFORM, LSI_INIT_LECUN_NORMAL, LSI_INIT_RANDOM_NORMAL, LSI_INIT_TRUNCATED_NORMAL,
  LSI_INIT_RANDOM_UNIFORM, LSI_INIT_ZEROS, LSI_INIT_ONES, LSI_INIT_CONSTANT, LSI_INIT_VARIANCE_SCALING,
  LSI_INIT_ORTHOGONAL, LSI_INIT_IDENTITY
} lsi_initializer_kind;

extern const lsi_family lsi_initializers;

/* Can it make a tensor of this rank? (Orthogonal wants two dimensions or more, Identity two.) */
ls_status lsi_initializer_check(const lsi_object *initializer, const char *tensor, int rank);
/* Fill values [count] of a tensor of `rank` dims. An initialiser's own seed argument (not None) replaces `seed`. */
void lsi_initialize(const lsi_object *initializer, uint64_t seed, uint64_t tensor, int rank,
                    const int64_t *dims, float *values, size_t count);
#endif
