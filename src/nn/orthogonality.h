/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ORTHOGONALITY_H
#define LSI_NN_ORTHOGONALITY_H
/*
 * OrthogonalRegularizer(factor, mode): factor times the mean of |cos| over all pairs of a matrix's rows, or of its columns.
 * All sums are over weights, in an order of their own, by products whose bits threads do not change.
 */
#include <stdbool.h>
#include "nn/object.h"

static inline bool lsi_is_orthogonality(const lsi_object *regularizer) {
  return regularizer->info && regularizer->info->kind == 3;
}
/* Two dimensions, and at least one pair. */
ls_status lsi_orthogonality_check(const lsi_object *regularizer, const char *tensor, int rank, const int64_t *dims);
/* Floats of scratch the functions below use for a matrix; reserves what its products need. */
ls_status lsi_orthogonality_prepare(const lsi_object *regularizer, const int64_t *dims, size_t *scratch);
double lsi_orthogonality_loss(const lsi_object *regularizer, const int64_t *dims, const float *w, float *scratch);
/* grad += the penalty's gradient. */
void lsi_orthogonality_add_grad(const lsi_object *regularizer, const int64_t *dims, const float *w, float *scratch, float *grad);
#endif
