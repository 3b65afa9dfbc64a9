/* SPDX-License-Identifier: MIT */
/* Matrix products: right against double, and the same bits for any grouping, thread count and ISA
 * level. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "math/gemm.h"
#include "math/gemm_parts.h"
#include "math/micro.h"
#include "math/team.h"

enum { MAX_LEAVES = 64 };

static uint64_t seed = 3;
static size_t draw(size_t from, size_t to) {
  return from + lsi_mix64(seed++) % (to - from + 1);
}

/* Exact-size blocks, so that the address sanitizer sees one element too far. */
static float *block(size_t n) {
  float *p = malloc((n ? n : 1) * sizeof *p);
  assert_non_null(p);
  return p;
}

static float *random_block(size_t n) {
  float *p = block(n);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = lsi_mix64(seed++);
    p[i] = bits % 16 == 0 ? -0.0f : (float)((int64_t)(bits >> 40) - (1 << 23)) * 0x1p-23f;
  }
  return p;
}

static void assert_same(const char *what, const float *want, const float *got, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (memcmp(&want[i], &got[i], sizeof *want) != 0)
      fail_msg("%s: element %zu is %a, not %a", what, i, got[i], want[i]);
}

/* Both engines of each product: narrow layers and layers past the small-weights limit. */
static void draw_layer(size_t *rows, size_t *n, size_t *k) {
  size_t kind = draw(0, 3);
  *rows = draw(1, kind == 3 ? 40 : 300);
  *n = kind == 0 ? draw(1, 40) : kind == 3 ? draw(500, 1200) : draw(1, 300);
  *k = kind == 1 ? draw(1, 40) : kind == 3 ? draw(530, 1200) : draw(1, 300);
}

/* sum over k in double; |error| <= k eps sum |x||w|. */
static void check_product(size_t rows, size_t n, size_t k, const float *x, const float *w,
                          int w_transposed, const float *y) {
  for (int sample = 0; sample < 200; sample++) {
    size_t r = draw(0, rows - 1), j = draw(0, n - 1);
    double sum = 0, scale = 0;
    for (size_t i = 0; i < k; i++) {
      double term = (double)x[r * k + i] * (double)(w_transposed ? w[j * k + i] : w[i * n + j]);
      sum += term;
      scale += fabs(term);
    }
    double error = fabs(sum - (double)y[r * n + j]), bound = (double)k * 0x1p-23 * scale + 1e-30;
    if (!(error <= bound))
      fail_msg("%zu x %zu x %zu at (%zu, %zu): %g, not %g", rows, n, k, r, j, (double)y[r * n + j],
               sum);
  }
}

static void test_forward_and_input_grad_are_right(void **state) {
  (void)state;
  for (int trial = 0; trial < 40; trial++) {
    size_t rows, n, k;
    draw_layer(&rows, &n, &k);
    float *x = random_block(rows * k), *w = random_block(k * n), *y = block(rows * n);
    float *dy = random_block(rows * n), *dx = block(rows * k);
    lsi_team_set_size(1 + trial % 4);
    lsi_gemm_forward(rows, n, k, x, w, y);
    check_product(rows, n, k, x, w, 0, y);
    lsi_gemm_input_grad(rows, k, n, dy, w, dx);
    check_product(rows, k, n, dy, w, 1, dx);
    free(x), free(w), free(y), free(dy), free(dx);
  }
}

static void forward_in_groups(int threads, size_t rows, size_t n, size_t k, const float *x,
                              const float *w, float *y) {
  for (size_t r = 0; r < rows;) {
    size_t group = draw(1, rows - r);
    lsi_forward_on(threads, group, n, k, x + r * k, w, y + r * n);
    r += group;
  }
}

static void input_grad_in_groups(int threads, size_t rows, size_t k, size_t n, const float *dy,
                                 const float *w, float *dx) {
  for (size_t r = 0; r < rows;) {
    size_t group = draw(1, rows - r);
    lsi_input_grad_on(threads, group, k, n, dy + r * n, w, dx + r * k);
    r += group;
  }
}

static void test_rows_and_threads_never_change_bits(void **state) {
  (void)state;
  for (int trial = 0; trial < 40; trial++) {
    size_t rows, n, k;
    draw_layer(&rows, &n, &k);
    float *x = random_block(rows * k), *w = random_block(k * n), *dy = random_block(rows * n);
    float *y = block(rows * n), *dx = block(rows * k), *y2 = block(rows * n),
          *dx2 = block(rows * k);
    lsi_forward_on(1, rows, n, k, x, w, y);
    lsi_input_grad_on(1, rows, k, n, dy, w, dx);
    for (int threads = 1; threads <= 4; threads++) {
      forward_in_groups(threads, rows, n, k, x, w, y2);
      assert_same("forward", y, y2, rows * n);
      input_grad_in_groups(threads, rows, k, n, dy, w, dx2);
      assert_same("input_grad", dx, dx2, rows * k);
    }
    free(x), free(w), free(dy), free(y), free(dx), free(y2), free(dx2);
  }
}

/* Random leaves, starting at a row that need not be 0; returns one past the last row. */
static size_t draw_leaves(int64_t *leaf_row, int *n_leaves, int uniform) {
  *n_leaves = (int)draw(1, MAX_LEAVES);
  size_t at = draw(0, 5), each = draw(1, 12);
  leaf_row[0] = (int64_t)at;
  for (int i = 1; i <= *n_leaves; i++) {
    at += uniform ? each : draw(1, 12);
    leaf_row[i] = (int64_t)at;
  }
  return at;
}

static void check_weight_grad(const char *level, size_t k, size_t n, int uniform, bool reserved) {
  int64_t leaf_row[MAX_LEAVES + 1];
  int n_leaves;
  size_t rows = draw_leaves(leaf_row, &n_leaves, uniform);
  float *x = random_block(rows * k), *dy = random_block(rows * n);
  float *want = block(k * n), *want_db = block(n), *dw = block(k * n), *db = block(n);
  lsi_weight_grad_definition(k, n, n_leaves, leaf_row, x, dy, want, want_db);
  for (int threads = 1; threads <= 4; threads++) {
    memset(dw, 0xff, k * n * sizeof *dw);
    memset(db, 0xff, n * sizeof *db);
    if (!reserved)
      lsi_gemm_release(); /* the scratch is what this call asks for: a sanitizer sees what lies past it */
    lsi_weight_grad_on(threads, k, n, n_leaves, leaf_row, x, dy, dw, db);
    assert_same(level, want, dw, k * n);
    assert_same(level, want_db, db, n);
  }
  memset(dw, 0xff, k * n * sizeof *dw);
  lsi_weight_grad_on(1 + (int)(k % 3), k, n, n_leaves, leaf_row, x, dy, dw, NULL);
  assert_same("without db", want, dw, k * n);
  memset(db, 0xff, n * sizeof *db);
  lsi_weight_grad_on(1 + (int)(k % 3), k, n, n_leaves, leaf_row, x, dy, NULL, db);
  assert_same("without dw", want_db, db, n);
  free(x), free(dy), free(want), free(want_db), free(dw), free(db);
}

/* x is packed, in blocks that are as small as x is; the scratch has room for no more. */
static void test_few_features_over_many_rows(void **state) {
  (void)state;
  enum { LEAVES = 32, ROWS = 12 * LEAVES, K = 17, N = 7801 }; /* more weights than a layer has that threads keep to themselves */
  int64_t leaf_row[LEAVES + 1];
  for (int i = 0; i <= LEAVES; i++)
    leaf_row[i] = 12 * i;
  float *x = random_block(ROWS * K), *dy = random_block(ROWS * N), *want = block(K * N), *dw = block(K * N);
  lsi_weight_grad_definition(K, N, LEAVES, leaf_row, x, dy, want, NULL);
  for (int threads = 1; threads <= 3; threads++) {
    lsi_gemm_release();
    lsi_weight_grad_on(threads, K, N, LEAVES, leaf_row, x, dy, dw, NULL);
    assert_same("few features", want, dw, K * N);
  }
  free(x), free(dy), free(want), free(dw);
}

static const char *const levels[] = {"avx512", "avx2", "portable"};

static void test_weight_grad_is_its_definition_at_every_level(void **state) {
  (void)state;
  const size_t edges[] = {1, 2, 7, 8, 9, 10, 15, 16, 17, 31, 33, 48, 49, 100};
  enum { N = sizeof edges / sizeof *edges };
  for (int l = 0; l < 3; l++) {
    if (!lsi_micro_force(levels[l]))
      continue;
    for (int i = 0; i < N; i++)
      check_weight_grad(levels[l], edges[i], edges[draw(0, N - 1)], i % 2, false);
    for (int trial = 0; trial < 12; trial++)
      check_weight_grad(levels[l], draw(1, 200), draw(1, 200), trial % 2, false);
    check_weight_grad(levels[l], 512, 20, 1, false); /* rows a power of two apart: the packed path */
    check_weight_grad(levels[l], 20, 512, 1, false);
  }
  lsi_micro_force(NULL);
}

/* The definition itself, against a plain recursion over the tree. */
static float tree_of_leaves(int level, int i, int n_leaves, const int64_t *leaf_row, const float *x,
                            size_t k, const float *dy, size_t n) {
  if (level > 0) {
    float left = tree_of_leaves(level - 1, 2 * i, n_leaves, leaf_row, x, k, dy, n);
    if ((2 * i + 1) << (level - 1) >= n_leaves)
      return left;
    return left + tree_of_leaves(level - 1, 2 * i + 1, n_leaves, leaf_row, x, k, dy, n);
  }
  float sum = -0.0f;
  for (int64_t r = leaf_row[i]; r < leaf_row[i + 1]; r++)
    sum = fmaf(x[(size_t)r * k], dy[(size_t)r * n], sum);
  return sum;
}

static void test_the_definition_follows_the_tree(void **state) {
  (void)state;
  for (int trial = 0; trial < 60; trial++) {
    int64_t leaf_row[MAX_LEAVES + 1];
    int n_leaves;
    size_t rows = draw_leaves(leaf_row, &n_leaves, 0), k = draw(1, 5), n = draw(1, 5);
    float *x = random_block(rows * k), *dy = random_block(rows * n), *dw = block(k * n);
    lsi_weight_grad_definition(k, n, n_leaves, leaf_row, x, dy, dw, NULL);
    for (size_t e = 0; e < k * n; e++) {
      float want = tree_of_leaves(lsi_tree_height(n_leaves), 0, n_leaves, leaf_row, x + e / n, k,
                                  dy + e % n, n);
      assert_same("definition", &want, &dw[e], 1);
    }
    free(x), free(dy), free(dw);
  }
}

static void test_own_products_have_equal_bits_at_every_level(void **state) {
  (void)state;
  for (int trial = 0; trial < 60; trial++) {
    size_t rows = draw(1, 60), n = draw(1, 120), k = draw(1, 120);
    if (trial % 3 == 0)
      n = draw(1, 32);
    if (trial % 10 == 9) /* several blocks of rows and of the depth, x copied */
      rows = draw(33, 300), n = draw(200, 300), k = draw(200, 300);
    if (trial % 5 == 3) /* halves of the depth, which threads may share */
      rows = draw(1, 60), n = draw(1, 120), k = draw(256, 900);
    float *x = random_block(rows * k), *w = random_block(k * n), *dy = random_block(rows * n);
    float *y = block(rows * n), *dx = block(rows * k), *y2 = block(rows * n),
          *dx2 = block(rows * k);
    assert_true(lsi_micro_force("portable"));
    lsi_chain_forward(1, rows, n, k, x, w, y);
    lsi_chain_input_grad(1, rows, k, n, dy, w, dx);
    for (int l = 0; l < 2; l++) {
      if (!lsi_micro_force(levels[l]))
        continue;
      lsi_chain_forward(1 + trial % 4, rows, n, k, x, w, y2);
      lsi_chain_input_grad(1 + trial % 4, rows, k, n, dy, w, dx2);
      assert_same(levels[l], y, y2, rows * n);
      assert_same(levels[l], dx, dx2, rows * k);
    }
    free(x), free(w), free(dy), free(y), free(dx), free(y2), free(dx2);
  }
  lsi_micro_force(NULL);
}

/* Other bits are allowed then, other values are not; and the way back. */
static void test_any_order_is_right(void **state) {
  (void)state;
  for (int trial = 0; trial < 30; trial++) {
    size_t rows, n, k;
    draw_layer(&rows, &n, &k);
    float *x = random_block(rows * k), *w = random_block(k * n), *y = block(rows * n);
    float *dy = random_block(rows * n), *dx = block(rows * k), *dw = block(k * n), *db = block(n);
    float *want = block(k * n), *want_db = block(n);
    int64_t leaf_row[] = {0, (int64_t)rows};
    lsi_team_set_size(1 + trial % 4);
    lsi_gemm_weight_grad(k, n, 1, leaf_row, x, dy, want, want_db);
    lsi_gemm_set_reproducible(false);
    lsi_gemm_forward(rows, n, k, x, w, y);
    check_product(rows, n, k, x, w, 0, y);
    lsi_gemm_input_grad(rows, k, n, dy, w, dx);
    check_product(rows, k, n, dy, w, 1, dx);
    lsi_gemm_weight_grad(k, n, 1, leaf_row, x, dy, dw, db);
    for (size_t i = 0; i < k * n; i++)
      if (!(fabsf(dw[i] - want[i]) <= 1e-4f * (float)rows))
        fail_msg("weight gradient %zu of %zu x %zu: %g, not %g", i, k, n, (double)dw[i],
                 (double)want[i]);
    assert_same("bias gradient", want_db, db, n);
    lsi_gemm_set_reproducible(true);
    lsi_gemm_weight_grad(k, n, 1, leaf_row, x, dy, dw, db);
    assert_same("reproducible again", want, dw, k * n);
    free(x), free(w), free(y), free(dy), free(dx), free(dw), free(db), free(want), free(want_db);
  }
}

static void test_panels_cover_the_columns(void **state) {
  (void)state;
  for (int l = 0; l < 3; l++) {
    if (!lsi_micro_force(levels[l]))
      continue;
    const lsi_micro *micro = lsi_micro_get();
    for (size_t n = 1; n < 400; n++) {
      size_t at = 0, begin = 0;
      int vectors = 0;
      for (size_t p = 0; p < lsi_micro_panels(micro, n); p++) {
        lsi_micro_panel(micro, n, p, &begin, &vectors);
        assert_int_equal(begin, at);
        assert_in_range(vectors, 1, micro->max_vectors);
        at += (size_t)(vectors * micro->lanes);
      }
      assert_true(begin < n && at >= n && at - n < (size_t)micro->lanes);
    }
  }
  lsi_micro_force(NULL);
  assert_false(lsi_micro_force("sse9"));
}

static void test_reserve_and_release(void **state) {
  (void)state;
  assert_int_equal(lsi_gemm_reserve(64, 300, 200), LS_OK);
  float *before = lsi_gemm_scratch(1);
  check_weight_grad("after reserve", 30, 20, 1, true);
  assert_ptr_equal(lsi_gemm_scratch(1), before);
  assert_int_equal(lsi_gemm_reserve(SIZE_MAX / 4, 1 << 20, 1 << 20), LS_ERR_MEMORY);
  assert_ptr_equal(lsi_gemm_scratch(1), before);
  lsi_gemm_release();
  check_weight_grad("after release", 30, 20, 1, false);
  lsi_gemm_release();
}

static void test_nothing_to_do(void **state) {
  (void)state;
  const int64_t leaf_row[] = {0, 1};
  lsi_gemm_forward(0, 3, 3, NULL, NULL, NULL);
  lsi_gemm_input_grad(0, 3, 3, NULL, NULL, NULL);
  lsi_gemm_weight_grad(3, 3, 0, leaf_row, NULL, NULL, NULL, NULL);
  lsi_gemm_weight_grad(3, 3, 1, leaf_row, NULL, NULL, NULL, NULL);
}

static void test_self_check(void **state) {
  (void)state;
  int n_cases = 0;
  ls_status status = lsi_gemm_self_check(11, 12, 3, &n_cases);
  if (status != LS_OK)
    fail_msg("%s", ls_last_error()->message);
  assert_int_equal(n_cases, 12 * 3 * 3);
}

/* Runs first: products fix the choice for the process. */
static void test_kernel_selection(void **state) {
  (void)state;
  assert_int_equal(lsi_gemm_select_kernels("haswel"), LS_ERR_ARG);
  assert_non_null(strstr(ls_last_error()->advice, "haswell"));
  assert_int_equal(lsi_gemm_select_kernels(NULL), LS_OK);
  lsi_kernel_info info;
  lsi_gemm_kernel_info(&info);
  assert_true(info.blis_version[0] && info.blis_kernels[0] && info.own_kernels[0] &&
              info.reason[0]);
  print_message("BLIS %s, %s kernels (%s); own: %s\n", info.blis_version, info.blis_kernels,
                info.reason, info.own_kernels);
  assert_int_equal(lsi_gemm_select_kernels("auto"), LS_OK);
  assert_int_equal(lsi_gemm_select_kernels(info.blis_kernels), LS_OK);
  assert_int_equal(lsi_gemm_select_kernels("another"), LS_ERR_STATE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kernel_selection),
      cmocka_unit_test(test_forward_and_input_grad_are_right),
      cmocka_unit_test(test_rows_and_threads_never_change_bits),
      cmocka_unit_test(test_the_definition_follows_the_tree),
      cmocka_unit_test(test_weight_grad_is_its_definition_at_every_level),
      cmocka_unit_test(test_own_products_have_equal_bits_at_every_level),
      cmocka_unit_test(test_any_order_is_right),
      cmocka_unit_test(test_panels_cover_the_columns),
      cmocka_unit_test(test_few_features_over_many_rows),
      cmocka_unit_test(test_reserve_and_release),
      cmocka_unit_test(test_nothing_to_do),
      cmocka_unit_test(test_self_check),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
