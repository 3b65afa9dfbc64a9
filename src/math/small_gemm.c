/* SPDX-License-Identifier: MIT */
/*
 * Products with a small weight matrix: w is read where it lies, never packed. BLIS packs all of w
 * on every call, and for few rows packing is most of the work.
 *
 * One thread of a Zen 4 core, us; native is BLIS 0.9.0 with sup off, which the contract needs:
 *     forward, rows x n x k   32x100x784   128x100x784   32x10x100   128x10x256   128x256x512
 *     ours, AVX-512                   48           194         0.9          8.9           289
 *     ours, AVX2                      61           225         1.2         10.9           356
 *     native                          81           242         5.3         18.7           335
 *     native with sup                 53           196         2.1         13.5           301
 * Past the limit below AVX-512 still won (1.07 to 1.48 x), but AVX2 lost (0.67 to 0.89 x with 128
 * rows or more), and the choice must not depend on the ISA. An Intel core with skx kernels was not
 * measured.
 *
 * The input gradient transposes w first. Native time / ours for k = 100, n = 1..16 and 8, 32, 128
 * rows: 1.75 to 36 with AVX-512; 0.93 to 8.9 with AVX2 (below 1 only with 128 rows). Wider layers
 * lost, to 0.15 x at k = 1024, n = 20: the transpose's stores, a power of two apart, share one
 * cache set.
 *
 * Each element is one chain of fused multiply-adds over k from +0, in order of k: trivially the
 * same bits for any grouping of rows, any number of threads and any ISA level.
 */
#include <math.h>
#include <omp.h>

#include "math/gemm_parts.h"
#include "math/micro.h"

static const size_t MAX_WEIGHTS = 128 * 1024; /* of the forward product, floats: 512 KiB */
static const size_t MAX_GRAD_K = 128, MAX_GRAD_N = 16;

bool lsi_small_forward_takes(size_t n, size_t k) {
  return k == 0 || n <= MAX_WEIGHTS / k;
}

bool lsi_small_input_grad_takes(size_t k, size_t n) {
  return k <= MAX_GRAD_K && n <= MAX_GRAD_N;
}

size_t lsi_small_scratch_floats(void) {
  return MAX_GRAD_K * MAX_GRAD_N;
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
