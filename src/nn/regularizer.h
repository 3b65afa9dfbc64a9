/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_REGULARIZER_H
#define LSI_NN_REGULARIZER_H
/* Keras 3's penalties of a tensor: l1 * sum|w| + l2 * sum w^2 (no 1/2), of classes L1, L2, L1L2 (aliases l1, l2, l1_l2), and
   OrthogonalRegularizer (nn/orthogonality.h). */
#include <stddef.h>
#include <stdint.h>
#include "nn/object.h"

extern const lsi_family lsi_regularizers;
/* The two factors; both 0 when object->info is NULL. */
void lsi_regularizer_factors(const lsi_object *regularizer, double *l1, double *l2);
/* Floats of scratch that the two functions below want for a tensor; reserves what else they need. */
ls_status lsi_regularizer_prepare(const lsi_object *regularizer, const int64_t *dims, size_t *scratch);
/* The penalty of w, a tensor of `n` elements, in double and in an order of its own; 0 when object->info is NULL. */
double lsi_regularizer_loss(const lsi_object *regularizer, const int64_t *dims, size_t n, const float *w, float *scratch);
/* grad += the penalty's gradient. */
void lsi_regularizer_add_grad(const lsi_object *regularizer, const int64_t *dims, size_t n, const float *w, float *scratch, float *grad);
/* grad += scale * (l1 sign(w) + 2 l2 w), elementwise. */
void lsi_regularizer_add_slopes(double l1, double l2, double scale, const float *w, size_t n, float *grad);
#endif
