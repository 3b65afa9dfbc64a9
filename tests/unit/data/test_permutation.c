/* SPDX-License-Identifier: MIT */
/* The epoch's order: a bijection for every size, other for every epoch and seed, and near uniform.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "data/permutation.h"

static void test_bijection(void **state) {
  (void)state;
  static unsigned char seen[2000];
  for (int64_t n = 1; n <= 2000; n++) {
    lsi_permutation p = lsi_permutation_make(7, (uint64_t)n, n);
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < n; i++) {
      int64_t at = lsi_permutation_at(&p, i);
      assert_in_range(at, 0, n - 1);
      assert_int_equal(seen[at]++, 0);
    }
  }
}

static void test_runs_are_places_one_by_one(void **state) {
  (void)state;
  int64_t run[200];
  for (int64_t n = 200; n <= 70000; n = 3 * n + 1) {
    lsi_permutation p = lsi_permutation_make(3, 1, n);
    for (int64_t length = 0; length <= 200; length += 1 + length / 3) {
      int64_t first = n - length;
      lsi_permutation_run(&p, first, length, run);
      for (int64_t i = 0; i < length; i++) assert_int_equal(run[i], lsi_permutation_at(&p, first + i));
    }
  }
}

static void test_domain(void **state) {
  (void)state;
  int64_t sizes[] = {1, 2, 4, 5, 60000, INT64_C(1) << 40, INT64_C(1) << 60, (INT64_C(1) << 60) + 1};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    lsi_permutation p = lsi_permutation_make(1, 2, sizes[k]);
    __int128 domain = (__int128)1 << (2 * p.half_bits);
    assert_true(domain >= sizes[k] && domain < 4 * (__int128)sizes[k]);
    for (int64_t i = 0; i < 100 && i < sizes[k]; i++) {
      int64_t at = lsi_permutation_at(&p, sizes[k] - 1 - i);
      assert_true(at >= 0 && at < sizes[k]);
    }
  }
}

static void test_depends_on_seed_and_epoch(void **state) {
  (void)state;
  enum { N = 1000 };
  lsi_permutation a = lsi_permutation_make(1, 1, N), again = lsi_permutation_make(1, 1, N);
  lsi_permutation others[] = {lsi_permutation_make(2, 1, N), lsi_permutation_make(1, 2, N),
                              lsi_permutation_make(1, 0, N)};
  int fixed = 0, equal[3] = {0};
  for (int64_t i = 0; i < N; i++) {
    int64_t at = lsi_permutation_at(&a, i);
    assert_int_equal(at, lsi_permutation_at(&again, i));
    fixed += at == i;
    for (int k = 0; k < 3; k++) equal[k] += at == lsi_permutation_at(&others[k], i);
  }
  assert_in_range(fixed, 0, 9); /* 1 expected, as for any two random orders */
  for (int k = 0; k < 3; k++) assert_in_range(equal[k], 0, 9);
}

/* Over many epochs every element visits every place about equally often: Pearson's chi-squared
   with (n - 1)^2 degrees of freedom, mean (n-1)^2, standard deviation sqrt(2) (n - 1); 6 deviations
   are allowed. */
static void test_places_are_uniform(void **state) {
  (void)state;
  enum { EPOCHS = 20000, MAX = 64 };
  int sizes[] = {2, 3, 5, 10, 17, 64};
  static int count[MAX][MAX];
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    int n = sizes[k];
    memset(count, 0, sizeof count);
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
      lsi_permutation p = lsi_permutation_make(3, epoch, n);
      for (int i = 0; i < n; i++) count[i][lsi_permutation_at(&p, i)]++;
    }
    double chi = 0, expected = (double)EPOCHS / n;
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        chi += (count[i][j] - expected) * (count[i][j] - expected) / expected;
    chi *= (n - 1.0) / n; /* rows and columns both sum to EPOCHS */
    double freedom = (n - 1.0) * (n - 1.0);
    print_message("n = %d: chi-squared %.1f, %.0f expected\n", n, chi, freedom);
    assert_true(chi < freedom + 6 * 1.4143 * (n - 1) + 8);
  }
}

/* Neighbours must not stay neighbours. */
static void test_neighbours_part(void **state) {
  (void)state;
  enum { N = 60000 };
  lsi_permutation p = lsi_permutation_make(11, 4, N);
  int near = 0;
  int64_t last = lsi_permutation_at(&p, 0);
  for (int64_t i = 1; i < N; i++) {
    int64_t at = lsi_permutation_at(&p, i), gap = at > last ? at - last : last - at;
    near += gap <= 16; /* 32 / N of them by chance: 32 in all */
    last = at;
  }
  assert_in_range(near, 5, 80);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bijection),
      cmocka_unit_test(test_runs_are_places_one_by_one),
      cmocka_unit_test(test_domain),
      cmocka_unit_test(test_depends_on_seed_and_epoch),
      cmocka_unit_test(test_places_are_uniform),
      cmocka_unit_test(test_neighbours_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
