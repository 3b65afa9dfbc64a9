/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_REGULARIZER_H
#define LSI_NN_REGULARIZER_H
/* l1 * sum|w| + l2 * sum w^2 (no 1/2), Keras 3. Classes L1, L2, L1L2 (aliases l1, l2, l1_l2); OrthogonalRegularizer's arithmetic is
   in nn/orthogonality.h. */
#include <stddef.h>
#include "nn/object.h"

extern const lsi_family lsi_regularizers;
/* The two factors; both 0 when object->info is NULL. */
void lsi_regularizer_factors(const lsi_object *regularizer, double *l1, double *l2);
/* The penalty, by fixed blocks in double. */
double lsi_regularizer_loss(const lsi_object *regularizer, const float *w, size_t n);
void lsi_regularizer_add_slopes(double l1, double l2, double scale, const float *w, size_t n, float *grad);
/* grad += scale * (l1 sign(w) + 2 l2 w), elementwise. */
void lsi_regularizer_add_grad(const lsi_object *regularizer, double scale, const float *w, size_t n, float *grad);
#endif
