/* SPDX-License-Identifier: MIT */
/* Our matrix products beside plain BLIS (small-matrix path on, its default, and off). Reports only.
   bench_gemm [--smoke]: --smoke runs each case once, to see that it runs. */
#include <blis.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "math/gemm_parts.h"
#include "math/team.h"

typedef enum kind { FORWARD, INPUT_GRAD, WEIGHT_GRAD } kind;
static const char *const kind_names[] = {"forward", "input_grad", "weight_grad"};

/* rows of the batch, units n, inputs k; rows a leaf (weight gradient). */
typedef struct shape {
  kind kind;
  size_t rows, n, k, leaf_rows;
} shape;

static const shape shapes[] = {
    {FORWARD, 32, 100, 784, 0},         {FORWARD, 32, 10, 100, 0},
    {FORWARD, 128, 512, 784, 0},        {FORWARD, 256, 2048, 2048, 0},
    {FORWARD, 512, 4096, 1024, 0},      {INPUT_GRAD, 32, 10, 100, 0},
    {INPUT_GRAD, 128, 10, 256, 0},      {INPUT_GRAD, 128, 32, 512, 0},
    {INPUT_GRAD, 128, 256, 512, 0},     {WEIGHT_GRAD, 32, 100, 784, 4},
    {WEIGHT_GRAD, 32, 100, 784, 8},     {WEIGHT_GRAD, 32, 10, 100, 4},
    {WEIGHT_GRAD, 128, 512, 784, 8},    {WEIGHT_GRAD, 256, 2048, 2048, 16},
    {WEIGHT_GRAD, 512, 4096, 4096, 32},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, SMOKE_SHAPES = 2, MAX_LEAVES = 64, TRIALS = 7 };

typedef struct bench {
  float *x, *w, *y, *db;
  int64_t leaf_row[MAX_LEAVES + 1];
  int n_leaves;
} bench;

static void ours(const bench *b, const shape *s, int n_threads) {
  switch (s->kind) {
  case FORWARD:
    lsi_forward_on(n_threads, s->rows, s->n, s->k, b->x, b->w, b->y);
    break;
  case INPUT_GRAD:
    lsi_input_grad_on(n_threads, s->rows, s->k, s->n, b->x, b->w, b->y);
    break;
  case WEIGHT_GRAD:
    lsi_weight_grad_on(n_threads, s->k, s->n, b->n_leaves, b->leaf_row, b->x, b->w, b->y, b->db);
    break;
  }
}

static void plain(const bench *b, const shape *s, int n_threads, bool sup) {
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(n_threads, &runtime);
  bli_rntm_set_l3_sup(sup, &runtime);
  float one = 1.0f, zero = 0.0f;
  dim_t rows = (dim_t)s->rows, n = (dim_t)s->n, k = (dim_t)s->k;
  trans_t no = BLIS_NO_TRANSPOSE, yes = BLIS_TRANSPOSE;
  switch (s->kind) {
  case FORWARD:
    bli_sgemm_ex(no, no, rows, n, k, &one, b->x, k, 1, b->w, n, 1, &zero, b->y, n, 1, NULL,
                 &runtime);
    break;
  case INPUT_GRAD:
    bli_sgemm_ex(no, yes, rows, k, n, &one, b->x, n, 1, b->w, n, 1, &zero, b->y, k, 1, NULL,
                 &runtime);
    break;
  case WEIGHT_GRAD:
    bli_sgemm_ex(yes, no, k, n, rows, &one, b->x, k, 1, b->w, n, 1, &zero, b->y, n, 1, NULL,
                 &runtime);
    break;
  }
}

/* Best time of a call, in us. engine 0: ours, 1: BLIS, 2: BLIS with sup off. */
static double best_us(const bench *b, const shape *s, int engine, int n_threads, bool smoke) {
  double work = (double)s->rows * (double)s->n * (double)s->k, best = INFINITY;
  int calls = smoke ? 1 : (int)(5e7 / work) + 1;
  for (int trial = 0; trial < (smoke ? 1 : TRIALS); trial++) {
    double start = lsi_clock_s();
    for (int i = 0; i < calls; i++) {
      if (engine == 0)
        ours(b, s, n_threads);
      else
        plain(b, s, n_threads, engine == 1);
    }
    double time = (lsi_clock_s() - start) / calls;
    if (time < best)
      best = time;
  }
  return best * 1e6;
}

static void set_leaves(bench *b, const shape *s) {
  b->n_leaves = s->leaf_rows ? (int)((s->rows + s->leaf_rows - 1) / s->leaf_rows) : 0;
  for (int i = 0; i <= b->n_leaves && s->leaf_rows; i++) {
    size_t row = (size_t)i * s->leaf_rows;
    b->leaf_row[i] = (int64_t)(row < s->rows ? row : s->rows);
  }
}

static void report(bench *b, const shape *s, int n_threads, bool smoke) {
  set_leaves(b, s);
  double own = best_us(b, s, 0, n_threads, smoke), sup = best_us(b, s, 1, n_threads, smoke);
  double native = best_us(b, s, 2, n_threads, smoke), flops = 2.0 * (double)(s->rows * s->n * s->k);
  printf("%-11s %5zu x %4zu x %4zu  leaf %2zu  t%d  %10.1f us %6.1f GF/s  %10.1f  %10.1f   %5.2f  "
         "%5.2f\n",
         kind_names[s->kind], s->rows, s->n, s->k, s->leaf_rows, n_threads, own, flops / own * 1e-3,
         sup, native, own / sup, own / native);
  fflush(stdout);
}

static void report_fork_join(int n_threads) {
  double best = INFINITY;
  for (int trial = 0; trial < TRIALS; trial++) {
    double start = lsi_clock_s();
    for (int i = 0; i < 200; i++) {
#pragma omp parallel num_threads(n_threads)
      __asm__ volatile("" ::: "memory");
    }
    double time = (lsi_clock_s() - start) / 200;
    if (time < best)
      best = time;
  }
  printf("fork/join of %d threads: %.2f us at best\n", n_threads, best * 1e6);
}

static ls_status allocate(bench *b) {
  const size_t largest = (size_t)4096 * 4096;
  LSI_TRY(LSI_ALLOC("x", largest, &b->x));
  LSI_TRY(LSI_ALLOC("w", largest, &b->w));
  LSI_TRY(LSI_ALLOC("y", largest, &b->y));
  LSI_TRY(LSI_ALLOC("db", 4096, &b->db));
  for (size_t i = 0; i < largest; i++)
    b->x[i] = b->w[i] = (float)(i % 997) * 1e-3f - 0.5f;
  return LS_OK;
}

int main(int argc, char **argv) {
  bool smoke = argc > 1 && strcmp(argv[1], "--smoke") == 0;
  bench b = {0};
  if (allocate(&b) != LS_OK) {
    fprintf(stderr, "bench_gemm: %s\n", ls_last_error()->message);
    return 1;
  }
  lsi_kernel_info info;
  lsi_gemm_kernel_info(&info);
  printf("BLIS %s %s; ours %s\n", info.blis_version, info.blis_kernels, info.own_kernels);
  printf(
      "product       rows      n      k                       ours              BLIS us   sup off "
      "us   /BLIS  /off\n");
  int max_threads = smoke ? 1 : omp_get_num_procs() < 2 ? 1 : 2;
  for (int n_threads = 1; n_threads <= max_threads; n_threads++) {
    if (n_threads > 1)
      report_fork_join(n_threads);
    for (int i = 0; i < (smoke ? SMOKE_SHAPES : N_SHAPES); i++)
      report(&b, &shapes[i], n_threads, smoke);
  }
  if (smoke) { /* one small case of each other kind */
    report(&b, &shapes[5], 1, true);
    report(&b, &shapes[11], 1, true);
  }
  lsi_gemm_release();
  lsi_free(b.x);
  lsi_free(b.w);
  lsi_free(b.y);
  lsi_free(b.db);
  return 0;
}
