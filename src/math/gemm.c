/* SPDX-License-Identifier: MIT */
/*
 * Forward and input gradient: BLIS, with its small-matrix path off. That path chooses kernels and
 * loop order by the whole problem's size, so the bits of a row depended on how many rows came with
 * it; the native path sums each element over k in one order whatever the rows and threads
 * (lsi_gemm_self_check holds it to that). Layers with small weights go to small_gemm.c.
 */
#include "math/gemm.h"

#include <blis.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/team.h"

static void multiply(int n_threads, trans_t trans_b, size_t m, size_t n, size_t k, const float *a,
                     const float *b, size_t b_stride, float *c) {
  lsi_blis_ready();
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(n_threads, &runtime);
  bli_rntm_disable_l3_sup(&runtime);
  float one = 1.0f, zero = 0.0f;
  /* BLIS's interface takes inputs without const; it does not write them. */
  bli_sgemm_ex(BLIS_NO_TRANSPOSE, trans_b, (dim_t)m, (dim_t)n, (dim_t)k, &one, (float *)a, (inc_t)k,
               1, (float *)b, (inc_t)b_stride, 1, &zero, c, (inc_t)n, 1, NULL, &runtime);
}

void lsi_forward_on(int n_threads, size_t rows, size_t n, size_t k, const float *x, const float *w,
                    float *y) {
  if (rows == 0 || n == 0)
    return;
  if (lsi_small_forward_takes(n, k))
    lsi_small_forward(n_threads, rows, n, k, x, w, y);
  else
    multiply(n_threads, BLIS_NO_TRANSPOSE, rows, n, k, x, w, n, y);
}

void lsi_input_grad_on(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                       const float *w, float *dx) {
  if (rows == 0 || k == 0)
    return;
  if (lsi_small_input_grad_takes(k, n))
    lsi_small_input_grad(n_threads, rows, k, n, dy, w, dx);
  else
    multiply(n_threads, BLIS_TRANSPOSE, rows, k, n, dy, w, n, dx);
}

static int threads_for(size_t rows, size_t n, size_t k) {
  return lsi_team_for((double)rows * (double)n * (double)k);
}

void lsi_gemm_forward(size_t rows, size_t n, size_t k, const float *x, const float *w, float *y) {
  lsi_forward_on(threads_for(rows, n, k), rows, n, k, x, w, y);
}

void lsi_gemm_input_grad(size_t rows, size_t k, size_t n, const float *dy, const float *w,
                         float *dx) {
  lsi_input_grad_on(threads_for(rows, n, k), rows, k, n, dy, w, dx);
}

void lsi_gemm_weight_grad(size_t k, size_t n, int n_leaves, const int64_t *leaf_row, const float *x,
                          const float *dy, float *dw, float *db) {
  if (n_leaves == 0)
    return;
  size_t rows = (size_t)(leaf_row[n_leaves] - leaf_row[0]);
  lsi_weight_grad_on(threads_for(rows, n, dw ? k : 1), k, n, n_leaves, leaf_row, x, dy, dw, db);
}

/* ---- scratch --------------------------------------------------------------------------------- */
static struct {
  float *memory;
  size_t capacity;
} scratch;

static ls_status grow(size_t n_floats) {
  if (n_floats <= scratch.capacity)
    return LS_OK;
  float *memory;
  LSI_TRY(LSI_ALLOC("scratch of the matrix products", n_floats, &memory));
  lsi_free(scratch.memory);
  scratch.memory = memory;
  scratch.capacity = n_floats;
  return LS_OK;
}

float *lsi_gemm_scratch(size_t n_floats) {
  return grow(n_floats) == LS_OK ? scratch.memory : NULL;
}

ls_status lsi_gemm_reserve(size_t max_rows, size_t max_k, size_t max_n) {
  size_t area;
  LSI_CHECK(max_k <= SIZE_MAX / 8 - max_n &&
                lsi_mul_size(max_rows, 4 * (max_k + max_n) + 1024, &area),
            LS_ERR_MEMORY, "lower batch_size or the layers' units",
            "a batch of %zu rows through a layer of %zu x %zu is more than can be addressed",
            max_rows, max_k, max_n);
  size_t leaf = lsi_leaf_scratch_floats(max_rows, max_k, max_n);
  size_t small = lsi_small_scratch_floats(max_k, max_n);
  return grow(leaf > small ? leaf : small);
}

void lsi_gemm_release(void) {
  lsi_free(scratch.memory);
  scratch.memory = NULL;
  scratch.capacity = 0;
}
