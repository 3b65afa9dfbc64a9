/* SPDX-License-Identifier: MIT */
/*
 * Gram and Schmidt's way, each vector cleared twice of those before it: the q of a QR decomposition whose r has a positive diagonal,
 * which is the one Keras takes (keras/src/initializers/random_initializers.py). Sums in double, in order: one result everywhere.
 */
#include "nn/orthogonal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void lsi_make_identity(double gain, size_t rows, size_t columns, float *w) {
  memset(w, 0, rows * columns * sizeof *w);
  for (size_t i = 0; i < rows && i < columns; i++) w[i * columns + i] = (float)gain;
}

/* Vector i of `length` numbers: element k is at w[i * across + k * along]. */
typedef struct vectors {
  float *w;
  size_t length, across, along;
} vectors;

static float *at(const vectors *v, size_t i, size_t k) {
  return v->w + i * v->across + k * v->along;
}

static double dot(const vectors *v, size_t i, size_t j) {
  double sum = 0;
  for (size_t k = 0; k < v->length; k++) sum += (double)*at(v, i, k) * (double)*at(v, j, k);
  return sum;
}

static void clear_of(const vectors *v, size_t i, size_t j) {
  double part = dot(v, i, j);
  for (size_t k = 0; k < v->length; k++) *at(v, i, k) = (float)((double)*at(v, i, k) - part * (double)*at(v, j, k));
}

static void scale(const vectors *v, size_t i, double factor) {
  for (size_t k = 0; k < v->length; k++) *at(v, i, k) = (float)((double)*at(v, i, k) * factor);
}

void lsi_make_orthogonal(double gain, size_t rows, size_t columns, float *w) {
  bool by_rows = rows < columns;
  const vectors v = {w, by_rows ? columns : rows, by_rows ? columns : 1, by_rows ? 1 : columns};
  size_t n = by_rows ? rows : columns;
  for (size_t i = 0; i < n; i++) {
    for (int round = 0; round < 2; round++)
      for (size_t j = 0; j < i; j++) clear_of(&v, i, j);
    scale(&v, i, 1.0 / sqrt(dot(&v, i, i)));
  }
  for (size_t i = 0; i < n; i++) scale(&v, i, gain);
}
