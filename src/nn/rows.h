/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ROWS_H
#define LSI_NN_ROWS_H
/*
 * Reductions over one row, for use inside clones. The order of additions is fixed and not the
 * vector width's: 16 lanes (element j to lane j mod 16), then a binary tree over the lanes. Rows of
 * up to 16 are summed in order. Rows go to threads and cache-sized blocks in lsi_rows_run; neither
 * changes a row's arithmetic.
 */
#include <stddef.h>
#include "math/clones.h"

enum {
  LSI_LANES = 16,
  LSI_ROW_BLOCK = 4096
}; /* floats worked on while they are in the first-level cache */

typedef float lsi_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int lsi_masks __attribute__((vector_size(64), aligned(4), may_alias));
typedef double lsi_lanes64 __attribute__((vector_size(128), aligned(8), may_alias));

/* ((0+8)+(4+12)) + ..., the same tree for every caller. */
LSI_INLINE float lsi_lanes_sum(const float lane[LSI_LANES]) {
  float x[LSI_LANES];
  for (int i = 0; i < LSI_LANES; i++)
    x[i] = lane[i];
  for (int half = LSI_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++)
      x[i] += x[i + half];
  return x[0];
}

LSI_INLINE double lsi_lanes_sum64(const double lane[LSI_LANES]) {
  double x[LSI_LANES];
  for (int i = 0; i < LSI_LANES; i++)
    x[i] = lane[i];
  for (int half = LSI_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++)
      x[i] += x[i + half];
  return x[0];
}

/* lane[j mod 16] += x[j] */
LSI_INLINE void lsi_lanes_add(size_t n, const float *x, float lane[LSI_LANES]) {
  lsi_lanes sum = *(lsi_lanes *)lane;
  size_t j = 0;
  for (; j + LSI_LANES <= n; j += LSI_LANES)
    sum += *(const lsi_lanes *)(x + j);
  *(lsi_lanes *)lane = sum;
  for (size_t i = 0; j < n; i++, j++)
    lane[i] += x[j];
}

LSI_INLINE float lsi_row_sum(size_t n, const float *x) {
  if (n <= LSI_LANES) {
    float sum = 0.0f;
    for (size_t j = 0; j < n; j++)
      sum += x[j];
    return sum;
  }
  float lane[LSI_LANES] = {0};
  lsi_lanes_add(n, x, lane);
  return lsi_lanes_sum(lane);
}

LSI_INLINE void lsi_lanes_add64(size_t n, const double *x, double lane[LSI_LANES]) {
  lsi_lanes64 sum = *(lsi_lanes64 *)lane;
  size_t j = 0;
  for (; j + LSI_LANES <= n; j += LSI_LANES)
    sum += *(const lsi_lanes64 *)(x + j);
  *(lsi_lanes64 *)lane = sum;
  for (size_t i = 0; j < n; i++, j++)
    lane[i] += x[j];
}

LSI_INLINE double lsi_row_sum64(size_t n, const double *x) {
  if (n <= LSI_LANES) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
      sum += x[j];
    return sum;
  }
  double lane[LSI_LANES] = {0};
  lsi_lanes_add64(n, x, lane);
  return lsi_lanes_sum64(lane);
}

LSI_INLINE float lsi_row_dot(size_t n, const float *x, const float *y) {
  float lane[LSI_LANES] = {0};
  if (n <= LSI_LANES) {
    float sum = 0.0f;
    for (size_t j = 0; j < n; j++)
      sum += x[j] * y[j];
    return sum;
  }
  lsi_lanes sum = *(lsi_lanes *)lane;
  size_t j = 0;
  for (; j + LSI_LANES <= n; j += LSI_LANES)
    sum += *(const lsi_lanes *)(x + j) * *(const lsi_lanes *)(y + j);
  *(lsi_lanes *)lane = sum;
  for (size_t i = 0; j < n; i++, j++)
    lane[i] += x[j] * y[j];
  return lsi_lanes_sum(lane);
}

/* Largest element; NaN is passed over (the caller's x - max keeps it). Any order gives the same
 * value. */
LSI_INLINE float lsi_row_max(size_t n, const float *x) {
  float most = x[0] == x[0] ? x[0] : -__builtin_inff();
  size_t j = 0;
  if (n > LSI_LANES) {
    lsi_lanes lane = *(const lsi_lanes *)x;
    for (; j + LSI_LANES <= n; j += LSI_LANES) {
      lsi_lanes next = *(const lsi_lanes *)(x + j);
      lsi_masks more = next > lane;
      lane = (lsi_lanes)((more & (lsi_masks)next) | (~more & (lsi_masks)lane));
    }
    float lanes[LSI_LANES];
    *(lsi_lanes *)lanes = lane;
    for (int i = 0; i < LSI_LANES; i++)
      most = lanes[i] > most ? lanes[i] : most;
  }
  for (; j < n; j++)
    most = x[j] > most ? x[j] : most;
  return most;
}

/* Call work(context, first, end) for slices of `rows` on as many threads as `operations` are worth.
 */
typedef void lsi_rows_work(void *context, size_t first, size_t end);
void lsi_rows_run(size_t rows, double operations, lsi_rows_work *work, void *context);

/* Rows of n elements that make a block. */
static inline size_t lsi_rows_per_block(size_t n) {
  return n == 0 || n >= LSI_ROW_BLOCK ? 1 : LSI_ROW_BLOCK / n;
}
#endif
