/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_CONSTRAINT_H
#define LSI_NN_CONSTRAINT_H
/* Keras 3's constraints on weights, applied after every step: NonNeg, UnitNorm, MaxNorm, MinMaxNorm. Norms are over one axis. */
#include <stdint.h>
#include "nn/object.h"

extern const lsi_family lsi_constraints;

/* Does the axis exist in a tensor of this rank? */
ls_status lsi_constraint_check(const lsi_object *constraint, const char *tensor, int rank);
/* In place on a tensor; nothing when object->info is NULL. Sums along the axis go in its order, in double. */
void lsi_constraint_apply(const lsi_object *constraint, int rank, const int64_t *dims, float *w);
#endif
