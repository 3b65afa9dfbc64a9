/* SPDX-License-Identifier: MIT */
/*
 * Forward and input gradient: BLIS, with its small-matrix path off. That path chooses kernels and
 * loop order by the whole problem's size, so the bits of a row depended on how many rows came with
 * it; the native path sums each element over k in one order whatever the rows and threads
 * (lsi_gemm_self_check holds it to that). Layers with small weights go to chain_gemm.c: BLIS packs
 * all of w on every call, and for few rows packing is most of the work. The small-matrix path stays
 * off where bits are free to vary, too: BLIS 0.9.0's zen kernels read past the end of their operands
 * (1.5 KiB were seen), which crashes when the page after it is not there.
 *
 * One thread of a Zen 3 core, us, AVX2, best of many; native is BLIS 0.9.0 (zen3) with sup off:
 *     rows x n x k       32x100x784   32x10x100   128x10x256   128x256x512   128x512x784
 * 256x2048x2048 forward, ours              69         2.0           14           415          1450
 * 50000 native                    105        10.3           25           433          1435 40000
 *     native with sup            65         3.0           17           387          1290 57000
 *     input grad, ours            -         1.3           13           403             - 36000
 *     native                      -         5.9           25           420             - 34000 On
 * Zen 4 with AVX-512 an earlier kernel of this kind won past the limit as well (1.07 to 1.48 x).
 */
#include "math/gemm.h"

#include <blis.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/team.h"

/* Whether bits may depend on rows, threads and BLIS's mood: parallel.reproducible is false. */
static bool any_order;

void lsi_gemm_set_reproducible(bool on) {
  any_order = !on;
}

typedef struct product { /* c [m, n] = a * b; a as stored is [m, k] or, transposed, [k, m]; b [k, n]
                            or [n, k] */
  size_t m, n, k;
  const float *a, *b;
  float *c;
  bool a_transposed, b_transposed;
} product;

/* One BLIS call on one thread: rows [row, row_end) x columns [column, column_end). */
static void multiply_part(const product *p, size_t row, size_t row_end, size_t column,
                          size_t column_end) {
  if (row == row_end || column == column_end)
    return;
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(1, &runtime);
  bli_rntm_set_l3_sup(FALSE, &runtime);
  float one = 1.0f, zero = 0.0f;
  const float *a = p->a + (p->a_transposed ? row : row * p->k);
  const float *b = p->b + (p->b_transposed ? column * p->k : column);
  inc_t a_stride = (inc_t)(p->a_transposed ? p->m : p->k);
  inc_t b_stride = (inc_t)(p->b_transposed ? p->k : p->n);
  /* BLIS's interface takes inputs without const; it does not write them. */
  bli_sgemm_ex(p->a_transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE,
               p->b_transposed ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE, (dim_t)(row_end - row),
               (dim_t)(column_end - column), (dim_t)p->k, &one, (float *)a, a_stride, 1, (float *)b,
               b_stride, 1, &zero, p->c + row * p->n + column, (inc_t)p->n, 1, NULL, &runtime);
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

/* Which products are ours is a function of the layer's shape alone: another engine sums in another
   order, and the order must not depend on rows, threads or ISA. */
enum { MAX_WEIGHTS = 128 * 1024 };

static bool chain_takes(size_t n, size_t k) {
  return k == 0 || n <= MAX_WEIGHTS / k;
}

void lsi_forward_on(int n_threads, size_t rows, size_t n, size_t k, const float *x, const float *w,
                    float *y) {
  if (rows == 0 || n == 0)
    return;
  if (chain_takes(n, k)) {
    lsi_chain_forward(n_threads, rows, n, k, x, w, y);
    return;
  }
  const product p = {.m = rows, .n = n, .k = k, .a = x, .b = w, .c = y};
  multiply(n_threads, &p);
}

void lsi_input_grad_on(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                       const float *w, float *dx) {
  if (rows == 0 || k == 0)
    return;
  if (chain_takes(n, k)) {
    lsi_chain_input_grad(n_threads, rows, k, n, dy, w, dx);
    return;
  }
  const product p = {.m = rows, .n = k, .k = n, .a = dy, .b = w, .c = dx, .b_transposed = true};
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
  size_t rows = (size_t)(leaf_row[n_leaves] - leaf_row[0]), first = (size_t)leaf_row[0];
  int n_threads = threads_for(rows, n, dw ? k : 1);
  if (any_order && dw && n_leaves == 1 && !chain_takes(n, k)) {
    const product p = {.m = k,
                       .n = n,
                       .k = rows,
                       .a = x + first * k,
                       .b = dy + first * n,
                       .c = dw,
                       .a_transposed = true};
    multiply(n_threads, &p);
    dw = NULL;
  }
  lsi_weight_grad_on(n_threads, k, n, n_leaves, leaf_row, x, dy, dw, db);
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
  size_t leaf = lsi_leaf_scratch_floats(lsi_team_size(), max_rows, max_k, max_n);
  size_t chain = lsi_chain_scratch_floats(lsi_team_size(), max_rows, max_k > max_n ? max_k : max_n, MAX_WEIGHTS);
  return grow(leaf > chain ? leaf : chain);
}

void lsi_gemm_release(void) {
  lsi_free(scratch.memory);
  scratch.memory = NULL;
  scratch.capacity = 0;
}
