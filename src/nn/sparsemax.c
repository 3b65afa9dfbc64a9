/* SPDX-License-Identifier: MIT */
/*
 * sparsemax as Keras computes it (keras/src/backend/jax/nn.py, and likewise its other backends). Of the elements in falling order those
 * count with z_j > (z_1 + ... + z_j - 1) / j; there are k. Then y = max(z - tau, 0) with
 *   tau = (sum over the k of (k - j + 1) z_j  -  1) / k
 * which is not the tau of Martins and Astudillo ("From softmax to sparsemax", 2016): theirs has no factor (k - j + 1), and makes the
 * outputs sum to 1. The k are found without sorting: from all on, those at or below (their sum - 1) / their number are left out until
 * none is (Michelot, 1986).
 */
#include "nn/activation_maps.h"
#include "nn/rows.h"

/* Sum of what lies above `limit`, in row order, and how much that is. */
static size_t above(size_t n, const float *z, double limit, double *sum) {
  size_t count = 0;
  *sum = 0.0;
  for (size_t j = 0; j < n; j++)
    if ((double)z[j] > limit) {
      *sum += (double)z[j];
      count++;
    }
  return count;
}

/* The elements that count are those above *limit; NaN when the row is not finite. */
static size_t support(size_t n, const float *z, double *limit) {
  double sum;
  *limit = (double)lsi_row_max(n, z) - 1.0; /* nothing below can count */
  for (size_t j = 0; j < n; j++)
    *limit += (double)(z[j] * 0.0f);
  size_t count = above(n, z, *limit, &sum);
  for (size_t left = 0; count > 0; count = left) {
    *limit = (sum - 1.0) / (double)count;
    left = above(n, z, *limit, &sum);
    if (left == count)
      break;
  }
  return count;
}

/* k - j + 1 for element i, the j-th of the k: itself and those behind it. */
static size_t rank_from_below(size_t n, const float *z, double limit, size_t i) {
  size_t rank = 0;
  for (size_t j = 0; j < n; j++)
    rank += (double)z[j] > limit && (z[j] < z[i] || (z[j] == z[i] && j >= i));
  return rank;
}

void lsi_sparsemax_rows(size_t rows, size_t n, const float *z, float *y) {
  for (size_t r = 0; r < rows; r++, z += n, y += n) {
    double limit, sum = 0.0;
    size_t count = support(n, z, &limit);
    for (size_t i = 0; i < n; i++)
      if ((double)z[i] > limit)
        sum += (double)rank_from_below(n, z, limit, i) * (double)z[i];
    double tau = count ? (sum - 1.0) / (double)count : limit;
    for (size_t j = 0; j < n; j++) {
      double rest = (double)z[j] - tau;
      y[j] = rest > 0 || rest != rest ? (float)rest : 0.0f;
    }
  }
}

/* dz = dy where y > 0, less (k - j + 1) / k of their sum where an element counts. */
void lsi_sparsemax_rows_backward(size_t rows, size_t n, const float *z, const float *y, const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++, z += n, y += n, dy += n, dz += n) {
    double limit, sum = 0.0;
    size_t count = support(n, z, &limit);
    for (size_t j = 0; j < n; j++)
      sum += y[j] > 0.0f ? (double)dy[j] : 0.0;
    for (size_t i = 0; i < n; i++) {
      double share = (double)z[i] > limit ? (double)rank_from_below(n, z, limit, i) / (double)count : 0.0;
      dz[i] = (y[i] > 0.0f ? dy[i] : 0.0f) - (float)(share * sum);
    }
  }
}
