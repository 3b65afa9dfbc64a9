/* SPDX-License-Identifier: MIT */
/* softmax and log_softmax over rows. Elementwise parts run over whole blocks of rows, so short rows vectorise too. */
#include "math/elementary.h"
#include "nn/activation_maps.h"
#include "nn/rows.h"

/* y = z - max of its row. A row of -inf or with +inf or NaN becomes NaN. */
LSI_INLINE void subtract_max(size_t rows, size_t n, const float *z, float *y) {
  for (size_t r = 0; r < rows; r++) {
    const float *in = z + r * n;
    float *out = y + r * n, most = lsi_row_max(n, in);
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++) out[j] = in[j] - most;
  }
}

LSI_CLONES static void softmax_block(size_t rows, size_t n, const float *z, float *y) {
  subtract_max(rows, n, z, y);
  for (size_t i = 0; i < rows * n; i++) y[i] = lsi_expf(y[i]);
  for (size_t r = 0; r < rows; r++) {
    float *row = y + r * n, sum = lsi_row_sum(n, row);
    for (size_t j = 0; j < n; j++) row[j] /= sum;
  }
}

/* Sum of exp(x) in the order of lsi_row_sum, by pieces that fit a small buffer. */
LSI_INLINE float sum_of_exp(size_t n, const float *x) {
  enum { PIECE = 256 };
  float e[PIECE], lane[LSI_LANES] = {0};
  for (size_t first = 0; first < n; first += PIECE) {
    size_t m = n - first < PIECE ? n - first : PIECE;
    for (size_t j = 0; j < m; j++) e[j] = lsi_expf(x[first + j]);
    if (n <= LSI_LANES) return lsi_row_sum(n, e);
    lsi_lanes_add(m, e, lane);
  }
  return lsi_lanes_sum(lane);
}

LSI_CLONES static void log_softmax_block(size_t rows, size_t n, const float *z, float *y) {
  subtract_max(rows, n, z, y);
  for (size_t r = 0; r < rows; r++) {
    float *row = y + r * n, log_sum = lsi_logf(sum_of_exp(n, row));
    for (size_t j = 0; j < n; j++) row[j] -= log_sum;
  }
}

/* dL/dz = y (dy - sum(dy y)) */
LSI_CLONES static void softmax_backward_block(size_t rows, size_t n, const float *y, const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++) {
    float dot = lsi_row_dot(n, dy + r * n, y + r * n);
#pragma GCC ivdep
    for (size_t i = r * n; i < (r + 1) * n; i++) dz[i] = y[i] * (dy[i] - dot);
  }
}

/* dL/dz = dy - exp(y) sum(dy) */
LSI_CLONES static void log_softmax_backward_block(size_t rows, size_t n, const float *y, const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++) {
    float sum = lsi_row_sum(n, dy + r * n);
#pragma GCC ivdep
    for (size_t i = r * n; i < (r + 1) * n; i++) dz[i] = dy[i] - lsi_expf(y[i]) * sum;
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

void lsi_log_softmax_rows_backward(size_t rows, size_t n, const float *y, const float *dy, float *dz) {
  log_softmax_backward_block(rows, n, y, dy, dz);
}
