/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_ROWS_EXP_H
#define LSI_NN_ROWS_EXP_H
/* The softmax denominator without a place to keep the exponentials. */
#include "math/elementary.h"
#include "nn/rows.h"

/* Sum of exp(x - shift), added in the order of lsi_row_sum. */
LSI_INLINE float lsi_row_sum_exp(size_t n, const float *x, float shift) {
  enum { PIECE = 256 };
  float e[PIECE], lane[LSI_LANES] = {0};
  for (size_t first = 0; first < n; first += PIECE) {
    size_t m = n - first < PIECE ? n - first : PIECE;
    for (size_t j = 0; j < m; j++)
      e[j] = lsi_expf(x[first + j] - shift);
    if (n <= LSI_LANES)
      return lsi_row_sum(n, e);
    lsi_lanes_add(m, e, lane);
  }
  return lsi_lanes_sum(lane);
}
#endif
