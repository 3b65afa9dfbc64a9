/* SPDX-License-Identifier: MIT */
/*
 * keras/src/regularizers/regularizers.py. With u_i = w_i / |w_i| and n vectors:
 *   loss      factor / 2 * sum over i != j of |u_i . u_j| / (n (n - 1) / 2)
 *   gradient  of w_i: factor / (n (n - 1) / 2) * (g_i - u_i (u_i . g_i)) / |w_i|,  g_i = sum over j != i of sign(u_i . u_j) u_j
 * The pairs are looked at in blocks of rows, so that the memory does not grow with their number.
 */
#include "nn/orthogonality.h"

#include <math.h>
#include <string.h>

#include "math/gemm.h"

enum { BLOCK = 64 };

/* Scratch: the unit vectors [n, length], what each w was multiplied by [n], pairs [BLOCK, n], their sums [BLOCK, length]. */
typedef struct vectors {
  size_t n, length, across, along; /* vector i's element k is at w[i * across + k * along] */
  float *unit, *inverse, *pairs, *sums;
} vectors;

static vectors arrange(const lsi_object *regularizer, const int64_t *dims, float *scratch) {
  bool by_rows = strcmp(lsi_object_text(regularizer, "mode"), "rows") == 0;
  size_t rows = (size_t)dims[0], columns = (size_t)dims[1];
  vectors v = {.n = by_rows ? rows : columns, .length = by_rows ? columns : rows, .across = by_rows ? columns : 1, .along = by_rows ? 1 : columns};
  if (!scratch) return v;
  v.unit = scratch;
  v.inverse = v.unit + v.n * v.length;
  v.pairs = v.inverse + v.n;
  v.sums = v.pairs + BLOCK * v.n;
  return v;
}

ls_status lsi_orthogonality_check(const lsi_object *regularizer, const char *tensor, int rank, const int64_t *dims) {
  if (!lsi_is_orthogonality(regularizer)) return LS_OK;
  LSI_CHECK(rank == 2, LS_ERR_SHAPE, "it is for kernels", "%s: OrthogonalRegularizer wants two dimensions, the tensor has %d", tensor, rank);
  LSI_CHECK(arrange(regularizer, dims, NULL).n > 1, LS_ERR_SHAPE, "choose the other mode", "%s: OrthogonalRegularizer compares %s, and there is one", tensor,
            lsi_object_text(regularizer, "mode"));
  return LS_OK;
}

ls_status lsi_orthogonality_prepare(const lsi_object *regularizer, const int64_t *dims, size_t *scratch) {
  vectors v = arrange(regularizer, dims, NULL);
  size_t most = v.n > v.length ? v.n : v.length;
  *scratch = v.n * v.length + v.n + BLOCK * (v.n + v.length);
  return lsi_gemm_reserve(BLOCK, most, most);
}

/* As Keras does, the length is at least 1e-7. */
static void normalize(const vectors *v, const float *w) {
  for (size_t i = 0; i < v->n; i++) {
    double squares = 0;
    for (size_t k = 0; k < v->length; k++) squares += (double)w[i * v->across + k * v->along] * (double)w[i * v->across + k * v->along];
    v->inverse[i] = squares > 1e-14 ? (float)(1.0 / sqrt(squares)) : 1e7f;
    for (size_t k = 0; k < v->length; k++) v->unit[i * v->length + k] = w[i * v->across + k * v->along] * v->inverse[i];
  }
}

/* The cosines of `rows` vectors from `first` on with all of them; 0 with themselves. */
static void pair_up(const vectors *v, size_t first, size_t rows) {
  lsi_gemm_input_grad(rows, v->n, v->length, v->unit + first * v->length, v->unit, v->pairs);
  for (size_t i = 0; i < rows; i++) v->pairs[i * v->n + first + i] = 0.0f;
}

static size_t block_rows(const vectors *v, size_t first) {
  return v->n - first < BLOCK ? v->n - first : BLOCK;
}

/* factor over the number of pairs. */
static double strength(const lsi_object *regularizer, const vectors *v) {
  return lsi_object_get(regularizer, "factor") / ((double)v->n * ((double)v->n - 1.0) / 2.0);
}

double lsi_orthogonality_loss(const lsi_object *regularizer, const int64_t *dims, const float *w, float *scratch) {
  vectors v = arrange(regularizer, dims, scratch);
  double sum = 0;
  normalize(&v, w);
  for (size_t first = 0; first < v.n; first += BLOCK) {
    size_t rows = block_rows(&v, first);
    pair_up(&v, first, rows);
    for (size_t i = 0; i < rows * v.n; i++) sum += fabs((double)v.pairs[i]);
  }
  return 0.5 * strength(regularizer, &v) * sum;
}

static void add_vector(const vectors *v, size_t i, const float *sum, double factor, float *grad) {
  const float *unit = v->unit + i * v->length;
  double along = 0;
  bool least = v->inverse[i] >= 1e7f; /* such a length is a constant */
  for (size_t k = 0; k < v->length && !least; k++) along += (double)unit[k] * (double)sum[k];
  for (size_t k = 0; k < v->length; k++)
    grad[i * v->across + k * v->along] += (float)(factor * (double)v->inverse[i] * ((double)sum[k] - along * (double)unit[k]));
}

void lsi_orthogonality_add_grad(const lsi_object *regularizer, const int64_t *dims, const float *w, float *scratch, float *grad) {
  vectors v = arrange(regularizer, dims, scratch);
  normalize(&v, w);
  for (size_t first = 0; first < v.n; first += BLOCK) {
    size_t rows = block_rows(&v, first);
    pair_up(&v, first, rows);
    for (size_t i = 0; i < rows * v.n; i++) v.pairs[i] = v.pairs[i] > 0.0f ? 1.0f : v.pairs[i] < 0.0f ? -1.0f : 0.0f;
    lsi_gemm_forward(rows, v.length, v.n, v.pairs, v.unit, v.sums);
    for (size_t i = 0; i < rows; i++) add_vector(&v, first + i, v.sums + i * v.length, strength(regularizer, &v), grad);
  }
}
