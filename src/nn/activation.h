/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ACTIVATION_H
#define LSI_NN_ACTIVATION_H
/* Keras 3's activations for dense nets, on row-major [rows, n] arrays. Vectorised, same bits on every ISA level. */
#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

typedef enum lsi_activation {
  LSI_ACT_LINEAR, LSI_ACT_SIGMOID, LSI_ACT_RELU, LSI_ACT_SOFTMAX, LSI_ACT_TANH, LSI_ACT_RELU6, LSI_ACT_LEAKY_RELU,
  LSI_ACT_ELU, LSI_ACT_SELU, LSI_ACT_CELU, LSI_ACT_SOFTPLUS, LSI_ACT_SOFTSIGN, LSI_ACT_SILU, LSI_ACT_GELU,
  LSI_ACT_HARD_SIGMOID, LSI_ACT_HARD_SILU, LSI_ACT_HARD_TANH, LSI_ACT_EXPONENTIAL, LSI_ACT_MISH, LSI_ACT_LOG_SOFTMAX,
  LSI_ACT_LOG_SIGMOID, LSI_ACT_TANH_SHRINK, LSI_ACT_SOFT_SHRINK, LSI_ACT_HARD_SHRINK, LSI_ACT_SQUAREPLUS,
  LSI_ACT_SPARSE_PLUS, LSI_ACT_SPARSE_SIGMOID, LSI_ACT_SPARSEMAX, LSI_ACT_COUNT
} lsi_activation;

/* By Keras name (NULL or None: linear; aliases swish, hard_swish); LS_ERR_ARG with the nearest; LS_ERR_UNSUPPORTED for
   the two of Keras's that are not here: glu (its output has half the width, which Keras's own layers get wrong) and threshold
   (which has no defaults, so no name stands for it). */
ls_status lsi_activation_parse(const char *name, lsi_activation *out);
const char *lsi_activation_name(lsi_activation activation);

/* Does backward need the input z (true), or is the output y enough? */
bool lsi_activation_needs_input(lsi_activation activation);

/* y = act(z + bias), rows x n; bias [n] or NULL; z == y allowed. When z_out is not NULL, z + bias is stored there too. */
void lsi_activation_forward(lsi_activation activation, size_t rows, size_t n, const float *z, const float *bias,
                            float *y, float *z_out);
/* dz = dL/dz from dy = dL/dy, the output y and (when needed) the input z; dz == dy allowed. */
void lsi_activation_backward(lsi_activation activation, size_t rows, size_t n, const float *z, const float *y,
                             const float *dy, float *dz);
#endif
