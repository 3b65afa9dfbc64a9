/* SPDX-License-Identifier: MIT */
/*
 * Products with a weight matrix that stays in the second-level cache: w is read where it lies,
 * never packed. BLIS packs all of w on every call (and for few rows packing is most of the work).
 *
 * One thread of a Zen 4 core, us: ours, BLIS 0.9.0 native (what the contract allows), BLIS sup.
 *     rows x n x k     32x100x784   128x100x784   32x10x100   128x10x256   128x256x784
 *     AVX-512              48           194          0.9          8.9          442
 *     AVX2                 61           225          1.2         10.9          580
 *     native               81           242          5.3         18.7          515
 *     sup                  53           196          2.1         13.5          463
 *
 * Each element is one chain of fused multiply-adds over k from +0, in order of k: trivially the
 * same bits for any grouping of rows, any number of threads and any ISA level.
 */
#include <math.h>
#include <omp.h>

#include "math/gemm_parts.h"
#include "math/micro.h"

static const size_t MAX_WEIGHTS = 256 * 1024; /* floats: 1 MiB */
static const size_t MAX_TRANSPOSED = 32;      /* columns of w worth transposing on each call */

bool lsi_small_forward_takes(size_t n, size_t k) {
  return n * k <= MAX_WEIGHTS;
}

bool lsi_small_input_grad_takes(size_t k, size_t n) {
  return n <= MAX_TRANSPOSED && n * k <= MAX_WEIGHTS;
}

size_t lsi_small_scratch_floats(size_t max_k, size_t max_n) {
  size_t n = max_n < MAX_TRANSPOSED ? max_n : MAX_TRANSPOSED;
  return n * max_k < MAX_WEIGHTS ? n * max_k : MAX_WEIGHTS;
}

static void forward_tile(const lsi_micro *micro, size_t panel, size_t row, size_t rows, size_t n,
                         size_t k, const float *x, const float *w, float *y) {
  size_t begin;
  int vectors;
  lsi_micro_panel(micro, n, panel, &begin, &vectors);
  size_t width = (size_t)(vectors * micro->lanes), left = rows - row;
  lsi_chain_tile tile = {.depth = k, .a_stride = k, .b_stride = n, .c_stride = n};
  tile.a = x + row * k;
  tile.b = w + begin;
  tile.c = y + row * n + begin;
  tile.rows = left < (size_t)micro->rows ? (int)left : micro->rows;
  tile.columns = n - begin < width ? (int)(n - begin) : (int)width;
  micro->chain[vectors - 1](&tile);
}

/* Panel by panel, so that a panel of w is in the first-level cache for all rows but the first. */
void lsi_small_forward(int n_threads, size_t rows, size_t n, size_t k, const float *x,
                       const float *w, float *y) {
  const lsi_micro *micro = lsi_micro_get();
  size_t height = (size_t)micro->rows, strips = (rows + height - 1) / height;
  size_t tiles = strips * lsi_micro_panels(micro, n);
  if (n_threads == 1) { /* not even the cost of entering a region of one */
    for (size_t t = 0; t < tiles; t++)
      forward_tile(micro, t / strips, t % strips * height, rows, n, k, x, w, y);
    return;
  }
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (size_t t = 0; t < tiles; t++)
    forward_tile(micro, t / strips, t % strips * height, rows, n, k, x, w, y);
}

static void input_grad_by_definition(size_t rows, size_t k, size_t n, const float *dy,
                                     const float *w, float *dx) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < k; i++) {
      float sum = 0;
      for (size_t j = 0; j < n; j++)
        sum = fmaf(dy[r * n + j], w[i * n + j], sum);
      dx[r * k + i] = sum;
    }
  }
}

void lsi_small_input_grad(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                          const float *w, float *dx) {
  float *transposed = lsi_gemm_scratch(k * n);
  if (!transposed) { /* slow, same bits */
    input_grad_by_definition(rows, k, n, dy, w, dx);
    return;
  }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < n; j++)
      transposed[j * k + i] = w[i * n + j];
  lsi_small_forward(n_threads, rows, k, n, dy, transposed, dx);
}
