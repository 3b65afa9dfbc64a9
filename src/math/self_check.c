/* SPDX-License-Identifier: MIT */
/* The contract of math/gemm.h held against this machine and kernel set, bit for bit. */
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "math/gemm.h"
#include "math/gemm_parts.h"

enum { MAX_ROWS = 200, MAX_LEAVES = 32, MAX_WIDTH = 640 };

typedef struct check {
  lsi_rng rng;
  uint64_t drawn;
  size_t rows, n, k;
  int max_threads, n_cases;
  float *x, *w, *dy; /* [rows, k], [k, n], [rows, n] */
  float *want, *got; /* the larger of [rows, n], [rows, k], [k + 1, n] */
  int64_t leaf[MAX_LEAVES + 1];
  int n_leaves;
} check;

static size_t draw(check *c, size_t from, size_t to) {
  double u = lsi_rng_double(c->rng, 0, c->drawn++);
  return from + (size_t)(u * (double)(to - from + 1));
}

static void fill(check *c, float *values, size_t n) {
  uint64_t sample = 1 + c->drawn++;
  lsi_rng_u32(c->rng, sample, 0, (uint32_t *)values, n);
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    values[i] = (float)((int32_t)(bits >> 8) - (1 << 23)) * 0x1p-23f;
  }
}

static ls_status allocate(check *c) {
  size_t largest = (MAX_WIDTH + 1) * (size_t)MAX_WIDTH; /* w and one more row: db */
  float **arrays[] = {&c->x, &c->w, &c->dy, &c->want, &c->got};
  for (int i = 0; i < 5; i++)
    LSI_TRY(LSI_ALLOC("self-check of the matrix products", largest, arrays[i]));
  return LS_OK;
}

static void release(check *c) {
  lsi_free(c->x);
  lsi_free(c->w);
  lsi_free(c->dy);
  lsi_free(c->want);
  lsi_free(c->got);
}

/* Narrow, ordinary and wide layers in turn, so that both engines and all edges are met. */
static void draw_shape(check *c) {
  size_t kind = draw(c, 0, 2), low = kind == 2 ? 530 : 1, high = kind == 2 ? MAX_WIDTH : 300;
  c->rows = draw(c, 1, kind == 2 ? 60 : MAX_ROWS);
  c->n = draw(c, low, kind == 0 ? 40 : high);
  c->k = draw(c, low, high);
  if (kind == 0 && draw(c, 0, 1)) {
    size_t swap = c->n;
    c->n = c->k;
    c->k = swap;
  }
  fill(c, c->x, c->rows * c->k);
  fill(c, c->w, c->k * c->n);
  fill(c, c->dy, c->rows * c->n);
  size_t leaf_rows = draw(c, 1, c->rows);
  if ((c->rows + leaf_rows - 1) / leaf_rows > MAX_LEAVES)
    leaf_rows = c->rows / MAX_LEAVES + 1;
  c->n_leaves = (int)((c->rows + leaf_rows - 1) / leaf_rows);
  for (int i = 0; i <= c->n_leaves; i++) {
    size_t row = (size_t)i * leaf_rows;
    c->leaf[i] = (int64_t)(row < c->rows ? row : c->rows);
  }
}

static ls_status compare(check *c, const char *product, size_t n_floats, int threads,
                         size_t group) {
  c->n_cases++;
  for (size_t i = 0; i < n_floats; i++) {
    if (memcmp(&c->want[i], &c->got[i], sizeof(float)) == 0)
      continue;
    LSI_FAIL(LS_ERR_DIFFERENT, "pin another kernel set, or report this with the output of doctor",
             "%s of %zu rows, %zu inputs, %zu units: element %zu is %a in one call on one thread, "
             "but %a "
             "in groups of %zu rows on %d threads",
             product, c->rows, c->k, c->n, i, (double)c->want[i], (double)c->got[i], group,
             threads);
  }
  return LS_OK;
}

static void forward_grouped(check *c, int threads, size_t group) {
  for (size_t r = 0; r < c->rows; r += group) {
    size_t rows = c->rows - r < group ? c->rows - r : group;
    lsi_forward_on(threads, rows, c->n, c->k, c->x + r * c->k, c->w, c->got + r * c->n);
  }
}

static void input_grad_grouped(check *c, int threads, size_t group) {
  for (size_t r = 0; r < c->rows; r += group) {
    size_t rows = c->rows - r < group ? c->rows - r : group;
    lsi_input_grad_on(threads, rows, c->k, c->n, c->dy + r * c->n, c->w, c->got + r * c->k);
  }
}

static ls_status check_forward(check *c) {
  lsi_forward_on(1, c->rows, c->n, c->k, c->x, c->w, c->want);
  for (int threads = 1; threads <= c->max_threads; threads++) {
    size_t group = threads == 2 ? c->rows : draw(c, 1, c->rows);
    forward_grouped(c, threads, group);
    LSI_TRY(compare(c, "forward product", c->rows * c->n, threads, group));
  }
  return LS_OK;
}

static ls_status check_input_grad(check *c) {
  lsi_input_grad_on(1, c->rows, c->k, c->n, c->dy, c->w, c->want);
  for (int threads = 1; threads <= c->max_threads; threads++) {
    size_t group = threads == 2 ? c->rows : draw(c, 1, c->rows);
    input_grad_grouped(c, threads, group);
    LSI_TRY(compare(c, "input gradient", c->rows * c->k, threads, group));
  }
  return LS_OK;
}

static ls_status check_weight_grad(check *c) {
  float *db = c->want + c->k * c->n, *got_db = c->got + c->k * c->n;
  lsi_weight_grad_definition(c->k, c->n, c->n_leaves, c->leaf, c->x, c->dy, c->want, db);
  for (int threads = 1; threads <= c->max_threads; threads++) {
    lsi_weight_grad_on(threads, c->k, c->n, c->n_leaves, c->leaf, c->x, c->dy, c->got, got_db);
    LSI_TRY(compare(c, "weight gradient", (c->k + 1) * c->n, threads, (size_t)c->leaf[1]));
  }
  return LS_OK;
}

static ls_status check_shapes(check *c, int n_shapes) {
  for (int i = 0; i < n_shapes; i++) {
    draw_shape(c);
    LSI_TRY(check_forward(c));
    LSI_TRY(check_input_grad(c));
    LSI_TRY(check_weight_grad(c));
  }
  return LS_OK;
}

ls_status lsi_gemm_self_check(uint64_t seed, int n_shapes, int max_threads, int *n_cases) {
  check c = {.rng = lsi_rng_make(seed, LSI_RNG_TEST, 0, 0), .max_threads = max_threads};
  ls_status status = allocate(&c);
  if (status == LS_OK)
    status = check_shapes(&c, n_shapes);
  if (status == LS_OK)
    *n_cases = c.n_cases;
  release(&c);
  return status;
}
