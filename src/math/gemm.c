/* SPDX-License-Identifier: MIT */
/*
 * Forward and input gradient: BLIS, with its small-matrix path off. That path chooses kernels and
 * loop order by the whole problem's size, so the bits of a row depended on how many rows came with
 * it; the native path sums each element over k in one order whatever the rows and threads
 * (lsi_gemm_self_check holds it to that). Layers with small weights go to small_gemm.c.
 */
#include "math/gemm.h"

#include <blis.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/team.h"

typedef struct product { /* c [m, n] = a [m, k] * b, b stored [k, n] or, transposed, [n, k] */
  size_t m, n, k;
  const float *a, *b;
  float *c;
  bool transposed;
} product;

/* One BLIS call on one thread: rows [row, row_end) x columns [column, column_end). */
static void multiply_part(const product *p, size_t row, size_t row_end, size_t column,
                          size_t column_end) {
  if (row == row_end || column == column_end)
    return;
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(1, &runtime);
  bli_rntm_disable_l3_sup(&runtime);
  float one = 1.0f, zero = 0.0f;
  size_t b_stride = p->transposed ? p->k : p->n;
  const float *b = p->b + (p->transposed ? column * p->k : column);
  /* BLIS's interface takes inputs without const; it does not write them. */
  bli_sgemm_ex(BLIS_NO_TRANSPOSE, p->transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE,
               (dim_t)(row_end - row), (dim_t)(column_end - column), (dim_t)p->k, &one,
               (float *)p->a + row * p->k, (inc_t)p->k, 1, (float *)b, (inc_t)b_stride, 1, &zero,
               p->c + row * p->n + column, (inc_t)p->n, 1, NULL, &runtime);
}

/* Grid of down x across threads whose parts pack the least: each packs its rows of a and columns of
 * b. */
static int threads_down(int n_threads, size_t m, size_t n) {
  int best = 1;
  double least = INFINITY;
  for (int down = 1; down <= n_threads; down++) {
    if (n_threads % down != 0)
      continue;
    double packed = (double)m / down + (double)n / (n_threads / down);
    if (packed < least) {
      least = packed;
      best = down;
    }
  }
  return best;
}

/*
 * The threads are ours, not BLIS's: its threads meet in barriers that spin without yielding. With
 * 3 and 4 threads on 2 shared cores the mean product took 23 to 603 times as long as this way; with
 * a core for each thread the best times were about equal. Cuts of rows and columns do not change an
 * element's bits.
 */
static void multiply(int n_threads, const product *p) {
  enum { ROW_UNIT = 24, COLUMN_UNIT = 64 }; /* multiples of BLIS's register tiles */
  lsi_blis_ready();
  if (n_threads == 1) {
    multiply_part(p, 0, p->m, 0, p->n);
    return;
  }
  int down = threads_down(n_threads, p->m, p->n), across = n_threads / down;
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (int t = 0; t < n_threads; t++) {
    size_t row, row_end, column, column_end;
    lsi_team_slice(p->m, ROW_UNIT, t / across, down, &row, &row_end);
    lsi_team_slice(p->n, COLUMN_UNIT, t % across, across, &column, &column_end);
    multiply_part(p, row, row_end, column, column_end);
  }
}

void lsi_forward_on(int n_threads, size_t rows, size_t n, size_t k, const float *x, const float *w,
                    float *y) {
  if (rows == 0 || n == 0)
    return;
  if (lsi_small_forward_takes(n, k)) {
    lsi_small_forward(n_threads, rows, n, k, x, w, y);
    return;
  }
  const product p = {.m = rows, .n = n, .k = k, .a = x, .b = w, .c = y};
  multiply(n_threads, &p);
}

void lsi_input_grad_on(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                       const float *w, float *dx) {
  if (rows == 0 || k == 0)
    return;
  if (lsi_small_input_grad_takes(k, n)) {
    lsi_small_input_grad(n_threads, rows, k, n, dy, w, dx);
    return;
  }
  const product p = {.m = rows, .n = k, .k = n, .a = dy, .b = w, .c = dx, .transposed = true};
  multiply(n_threads, &p);
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

/* ---- scratch ---- */
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
  size_t small = lsi_small_scratch_floats();
  return grow(leaf > small ? leaf : small);
}

void lsi_gemm_release(void) {
  lsi_free(scratch.memory);
  scratch.memory = NULL;
  scratch.capacity = 0;
}
