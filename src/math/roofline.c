/* SPDX-License-Identifier: MIT */
#include "math/roofline.h"

#include <blis.h>
#include <math.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/team.h"

static const double budget_s = 0.01; /* for each way of computing a product; at least two calls */

typedef struct product {
  lsi_product_kind kind;
  dim_t rows, n, k;
  float *x, *w, *y; /* [rows, k], [k, n], [rows, n] */
} product;

static void multiply(const product *p, int n_threads, bool small_path) {
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(n_threads, &runtime);
  bli_rntm_set_l3_sup(small_path, &runtime);
  float one = 1.0f, zero = 0.0f;
  trans_t no = BLIS_NO_TRANSPOSE, yes = BLIS_TRANSPOSE;
  dim_t m = p->rows, n = p->n, k = p->k;
  if (p->kind == LSI_PRODUCT_FORWARD)
    bli_sgemm_ex(no, no, m, n, k, &one, p->x, k, 1, p->w, n, 1, &zero, p->y, n, 1, NULL, &runtime);
  else if (p->kind == LSI_PRODUCT_WEIGHT_GRAD)
    bli_sgemm_ex(yes, no, k, n, m, &one, p->x, k, 1, p->y, n, 1, &zero, p->w, n, 1, NULL, &runtime);
  else
    bli_sgemm_ex(no, yes, m, k, n, &one, p->y, n, 1, p->w, n, 1, &zero, p->x, k, 1, NULL, &runtime);
}

static double best_time(const product *p, int n_threads, bool small_path) {
  double best = INFINITY, end = lsi_clock_s() + budget_s;
  for (int i = 0; i < 2 || lsi_clock_s() < end; i++) {
    double start = lsi_clock_s();
    multiply(p, n_threads, small_path);
    best = fmin(best, lsi_clock_s() - start);
  }
  return best;
}

/* BLIS 0.9.0's small-matrix kernels read some rows past the end. */
enum { ROWS_BEYOND = 64 };

static ls_status allocate(product *p) {
  size_t rows = (size_t)p->rows + ROWS_BEYOND, n = (size_t)p->n, k = (size_t)p->k + ROWS_BEYOND;
  LSI_TRY(LSI_ALLOC("roofline", rows * k, &p->x));
  LSI_TRY(LSI_ALLOC("roofline", k * n, &p->w));
  return LSI_ALLOC("roofline", rows * n, &p->y);
}

ls_status lsi_product_alone(lsi_product_kind kind, size_t rows, size_t n, size_t k,
                            double *seconds) {
  product p = {.kind = kind, .rows = (dim_t)rows, .n = (dim_t)n, .k = (dim_t)k};
  lsi_blis_ready();
  ls_status status = allocate(&p);
  if (status == LS_OK) {
    *seconds = INFINITY;
    for (int n_threads = 1; n_threads <= lsi_team_size(); n_threads *= 2)
      for (int small_path = 0; small_path <= 1; small_path++)
        *seconds = fmin(*seconds, best_time(&p, n_threads, small_path));
    *seconds = fmin(*seconds, best_time(&p, lsi_team_size(), true));
  }
  lsi_free(p.x);
  lsi_free(p.w);
  lsi_free(p.y);
  return status;
}
