/* SPDX-License-Identifier: MIT */
/*
 * sparsemax (Martins and Astudillo, "From softmax to sparsemax", 2016): the nearest point of the simplex, max(z - tau, 0). tau is found
 * without sorting: from all elements on, those at or below (their sum - 1) / count are left out until none is (Michelot, 1986).
 */
#include "nn/activation_maps.h"
#include "nn/rows.h"

/* Sums of what lies above `limit`, in row order. */
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

static double threshold(size_t n, const float *z) {
  double most = (double)lsi_row_max(n, z), sum, tau = most - 1.0; /* nothing below most - 1 can stay */
  size_t count = above(n, z, tau, &sum);
  for (size_t j = 0; j < n; j++)
    most += (double)(z[j] * 0.0f); /* what is not finite spoils its row, as in softmax */
  if (most != most)
    return most;
  for (size_t left; count > 0; count = left) {
    tau = (sum - 1.0) / (double)count;
    left = above(n, z, tau, &sum);
    if (left == count)
      break;
  }
  return tau;
}

void lsi_sparsemax_rows(size_t rows, size_t n, const float *z, float *y) {
  for (size_t r = 0; r < rows; r++, z += n, y += n) {
    double tau = threshold(n, z);
    for (size_t j = 0; j < n; j++) {
      double rest = (double)z[j] - tau;
      y[j] = rest > 0 || rest != rest ? (float)rest : 0.0f;
    }
  }
}

/* dz = dy - mean of dy over the support, on the support. */
void lsi_sparsemax_rows_backward(size_t rows, size_t n, const float *y, const float *dy, float *dz) {
  for (size_t r = 0; r < rows; r++, y += n, dy += n, dz += n) {
    double sum = 0.0;
    size_t count = 0;
    for (size_t j = 0; j < n; j++)
      if (y[j] > 0.0f) {
        sum += (double)dy[j];
        count++;
      }
    float mean = count ? (float)(sum / (double)count) : 0.0f;
    for (size_t j = 0; j < n; j++)
      dz[j] = y[j] > 0.0f ? dy[j] - mean : 0.0f;
  }
}
