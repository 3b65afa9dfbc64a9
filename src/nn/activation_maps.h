/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ACTIVATION_MAPS_H
#define LSI_NN_ACTIVATION_MAPS_H
/* The activations' loops, compiled for each ISA level. Arrays may be equal, not overlap otherwise.
 */
#include <stddef.h>

typedef struct lsi_activation_map {
  /* Elementwise ones: y[i] of z[i]; dz[i] of z[i], y[i], dy[i]. NULL: linear, or a row function. */
  void (*forward)(size_t n, const float *z, float *y);
  void (*backward)(size_t n, const float *z, const float *y, const float *dy, float *dz);
  void (*row_forward)(size_t rows, size_t n, const float *z, float *y);
  void (*row_backward)(size_t rows, size_t n, const float *y, const float *dy, float *dz);
  void (*row_backward_by_input)(size_t rows, size_t n, const float *z, const float *y, const float *dy, float *dz);
  const char *name;
  int needs_input; /* backward reads z, not only y */
  int cost;        /* of an element, in multiply-adds */
} lsi_activation_map;

extern const lsi_activation_map lsi_activation_maps[]; /* by lsi_activation */

void lsi_softmax_rows(size_t rows, size_t n, const float *z, float *y);
void lsi_softmax_rows_backward(size_t rows, size_t n, const float *y, const float *dy, float *dz);
void lsi_log_softmax_rows(size_t rows, size_t n, const float *z, float *y);
void lsi_sparsemax_rows(size_t rows, size_t n, const float *z, float *y);
void lsi_sparsemax_rows_backward(size_t rows, size_t n, const float *z, const float *y, const float *dy, float *dz);
void lsi_log_softmax_rows_backward(size_t rows, size_t n, const float *y, const float *dy,
                                   float *dz);
#endif
