/* SPDX-License-Identifier: MIT */
/*
 * A net's matrix products and nothing else, by plain BLIS with one kernel set: what a step cannot
 * be faster than. Started and told what to do by tests/bench/roofline.py:
 *
 *   bench_roofline KERNELS MAX_THREADS KIND:ROWS:N:K ...     KIND: forward, weight or input
 *
 * Commands on standard input, answers in JSON on standard output:
 *   probe SECONDS             each product alone, for each number of threads and with the
 * small-matrix path on and off run N I:THREADS:SUP ...   the products I in this order, N times: us
 * a round
 */
#include <blis.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/gemm.h"

enum { MAX_PRODUCTS = 32 };

typedef struct product {
  char kind; /* f, w, i */
  dim_t rows, n, k;
  float *x, *w, *y, *dw, *dx; /* [rows, k], [k, n], [rows, n], [k, n], [rows, k] */
} product;

typedef struct call {
  int product, threads;
  bool sup;
} call;

static product products[MAX_PRODUCTS];
static int n_products;

static void multiply(const call *c) {
  product *p = &products[c->product];
  rntm_t runtime;
  bli_rntm_init(&runtime);
  bli_rntm_set_num_threads(c->threads, &runtime);
  bli_rntm_set_l3_sup(c->sup, &runtime);
  float one = 1.0f, zero = 0.0f;
  trans_t no = BLIS_NO_TRANSPOSE, yes = BLIS_TRANSPOSE;
  if (p->kind == 'f')
    bli_sgemm_ex(no, no, p->rows, p->n, p->k, &one, p->x, p->k, 1, p->w, p->n, 1, &zero, p->y, p->n,
                 1, NULL, &runtime);
  else if (p->kind == 'w')
    bli_sgemm_ex(yes, no, p->k, p->n, p->rows, &one, p->x, p->k, 1, p->y, p->n, 1, &zero, p->dw,
                 p->n, 1, NULL, &runtime);
  else
    bli_sgemm_ex(no, yes, p->rows, p->k, p->n, &one, p->y, p->n, 1, p->w, p->n, 1, &zero, p->dx,
                 p->k, 1, NULL, &runtime);
}

static double best_us(const call *c, double seconds) {
  double best = INFINITY, end = lsi_clock_s() + seconds;
  multiply(c);
  for (int trial = 0; trial < 2 || lsi_clock_s() < end; trial++) {
    double start = lsi_clock_s();
    multiply(c);
    double time = lsi_clock_s() - start;
    if (time < best)
      best = time;
  }
  return best * 1e6;
}

/* A large product wants all threads, and has no small-matrix path. */
static bool is_large(const product *p) {
  return 2.0 * (double)p->rows * (double)p->n * (double)p->k > 5e8;
}

static void probe(int max_threads, double seconds) {
  const char *comma = "";
  printf("[");
  for (int i = 0; i < n_products; i++) {
    bool large = is_large(&products[i]);
    for (int threads = large ? max_threads : 1; threads <= max_threads; threads++)
      for (int sup = 0; sup <= !large; sup++) {
        call c = {i, threads, sup};
        printf("%s{\"product\": %d, \"threads\": %d, \"sup\": %d, \"us\": %.3f}", comma, i, threads,
               sup, best_us(&c, seconds));
        comma = ", ";
      }
  }
  printf("]\n");
}

static void run(char *words) {
  call calls[MAX_PRODUCTS];
  int n_calls = 0, sup;
  long rounds = strtol(strtok(words, " \n"), NULL, 10);
  for (char *word = strtok(NULL, " \n"); word && n_calls < MAX_PRODUCTS;
       word = strtok(NULL, " \n")) {
    call *c = &calls[n_calls];
    if (sscanf(word, "%d:%d:%d", &c->product, &c->threads, &sup) != 3 || c->product >= n_products)
      exit(2);
    c->sup = sup;
    n_calls++;
  }
  for (int i = 0; i < n_calls; i++)
    multiply(&calls[i]);
  double start = lsi_clock_s();
  for (long r = 0; r < rounds; r++)
    for (int i = 0; i < n_calls; i++)
      multiply(&calls[i]);
  printf("{\"us\": %.3f}\n", (lsi_clock_s() - start) * 1e6 / (double)rounds);
}

static void fill(float *values, size_t n) {
  for (size_t i = 0; i < n; i++)
    values[i] = (float)(i % 997) * 1e-3f - 0.5f;
}

static bool add_product(const char *text) {
  product *p = &products[n_products++];
  char kind[16];
  long rows, n, k;
  if (sscanf(text, "%15[a-z]:%ld:%ld:%ld", kind, &rows, &n, &k) != 4)
    return false;
  *p = (product){.kind = kind[0], .rows = rows, .n = n, .k = k};
  const long beyond = 64; /* BLIS 0.9.0's small-matrix kernels read some rows past the end */
  size_t a = (size_t)(rows + beyond) * (size_t)(k + beyond), b = (size_t)(k + beyond) * (size_t)n,
         c = (size_t)(rows + beyond) * (size_t)n;
  if (LSI_ALLOC("x", a, &p->x) || LSI_ALLOC("w", b, &p->w) || LSI_ALLOC("y", c, &p->y))
    return false;
  if (p->kind == 'w' && LSI_ALLOC("dw", b, &p->dw))
    return false;
  if (p->kind == 'i' && LSI_ALLOC("dx", a, &p->dx))
    return false;
  fill(p->x, a), fill(p->w, b), fill(p->y, c);
  return true;
}

static void answer(int max_threads) {
  char line[1024];
  while (fgets(line, sizeof line, stdin)) {
    if (strncmp(line, "probe ", 6) == 0)
      probe(max_threads, strtod(line + 6, NULL));
    else if (strncmp(line, "run ", 4) == 0)
      run(line + 4);
    else
      exit(2);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 3 + MAX_PRODUCTS) {
    fputs("usage: bench_roofline KERNELS MAX_THREADS KIND:ROWS:N:K ...\n", stderr);
    return 2;
  }
  if (lsi_gemm_select_kernels(argv[1]) != LS_OK) {
    printf("{\"error\": \"not here\"}\n");
    return 0;
  }
  for (int i = 3; i < argc; i++)
    if (!add_product(argv[i]))
      return fprintf(stderr, "bench_roofline: cannot make '%s'\n", argv[i]), 2;
  lsi_kernel_info info;
  lsi_gemm_kernel_info(&info);
  printf("{\"blis\": \"%s\", \"kernels\": \"%s\"}\n", info.blis_version, info.blis_kernels);
  fflush(stdout);
  answer((int)strtol(argv[2], NULL, 10));
  return 0;
}
