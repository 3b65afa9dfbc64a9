/* SPDX-License-Identifier: MIT */
/* softmax and log_softmax over rows. Elementwise parts run over whole blocks of rows, so short rows
 * vectorise too. */
#include "math/elementary.h"
#include "nn/activation_maps.h"
#include "nn/rows_exp.h"

/* y = z - max of its row. A row of -inf or with +inf or NaN becomes NaN. */
LSI_INLINE void subtract_max(size_t rows, size_t n, const float *z, float *y) {
  for (size_t r = 0; r < rows; r++) {
    const float *in = z + r * n;
    float *out = y + r * n, most = lsi_row_max(n, in);
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      out[j] = in[j] - most;
  }
}

LSI_CLONES static void softmax_block(size_t rows, size_t n, const float *z, float *y) {
  subtract_max(rows, n, z, y);
  for (size_t i = 0; i < rows * n; i++)
    y[i] = lsi_expf(y[i]);
  for (size_t r = 0; r < rows; r++) {
    float *row = y + r * n, sum = lsi_row_sum(n, row);
    for (size_t j = 0; j < n; j++)
      row[j] /= sum;
  }
}

LSI_CLONES static void log_softmax_block(size_t rows, size_t n, const float *z, float *y) {
  for (size_t r = 0; r < rows; r++) {
    const float *in = z + r * n;
    float *out = y + r * n, most = lsi_row_max(n, in),
          log_sum = lsi_logf(lsi_row_sum_exp(n, in, most));
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      out[j] = in[j] - most - log_sum;
  }
}

/* dL/dz = y (dy - sum(dy y)) */
LSI_CLONES static void softmax_backward_block(size_t rows, size_t n, const float *y,
                                              const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++) {
    float dot = lsi_row_dot(n, dy + r * n, y + r * n);
#pragma GCC ivdep
    for (size_t i = r * n; i < (r + 1) * n; i++)
      dz[i] = y[i] * (dy[i] - dot);
  }
}

/* dL/dz = dy - exp(y) sum(dy) */
LSI_CLONES static void log_softmax_backward_block(size_t rows, size_t n, const float *y,
                                                  const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++) {
    float sum = lsi_row_sum(n, dy + r * n);
#pragma GCC ivdep
    for (size_t i = r * n; i < (r + 1) * n; i++)
      dz[i] = dy[i] - lsi_expf(y[i]) * sum;
  }
}

void lsi_softmax_rows(size_t rows, size_t n, const float *z, float *y) {
  softmax_block(rows, n, z, y);
}

void lsi_log_softmax_rows(size_t rows, size_t n, const float *z, float *y) {
  log_softmax_block(rows, n, z, y);
}

void lsi_softmax_rows_backward(size_t rows, size_t n, const float *y, const float *dy, float *dz) {
  softmax_backward_block(rows, n, y, dy, dz);
}

void lsi_log_softmax_rows_backward(size_t rows, size_t n, const float *y, const float *dy,
                                   float *dz) {
  log_softmax_backward_block(rows, n, y, dy, dz);
}
