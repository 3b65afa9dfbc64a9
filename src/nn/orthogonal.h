/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ORTHOGONAL_H
#define LSI_NN_ORTHOGONAL_H
/* Matrices that initialisers make, row-major [rows, columns]. */
#include <stddef.h>

/* gain on the diagonal. */
void lsi_make_identity(double gain, size_t rows, size_t columns, float *w);
/* Independent normal values become orthonormal columns (rows, if there are fewer of them), times gain. */
void lsi_make_orthogonal(double gain, size_t rows, size_t columns, float *w);
#endif
