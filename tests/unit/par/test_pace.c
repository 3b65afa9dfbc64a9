/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "par/pace.h"

static int slowest(const float *work, int n, double *factor) {
  float scratch[8];
  return lsi_pace_slowest(work, n, 5.0, scratch, factor);
}

static void one_rank_is_slow(void **state) {
  (void)state;
  double factor = 0;
  assert_int_equal(slowest((float[]){2, 2, 4.5f, 2.1f}, 4, &factor), 2);
  assert_true(factor > 2.1 && factor < 2.3);
  assert_int_equal(slowest((float[]){4.9f, 1}, 2, &factor), 0);
}

static void nobody_is_slow(void **state) {
  (void)state;
  double factor = 0;
  assert_int_equal(slowest((float[]){4.5f, 4.6f, 4.9f}, 3, &factor), -1); /* all alike */
  assert_int_equal(slowest((float[]){0.1f, 0.1f, 0.4f}, 3, &factor), -1); /* it hardly matters */
  assert_int_equal(slowest((float[]){0, 0}, 2, &factor), -1);
  assert_int_equal(slowest((float[]){4}, 1, &factor), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_rank_is_slow),
                                     cmocka_unit_test(nobody_is_slow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
