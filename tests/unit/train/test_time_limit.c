/* SPDX-License-Identifier: MIT */
/* How long before the end a run stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/time_limit.h"

static void the_margin_holds_a_slow_checkpoint(void **state) {
  (void)state;
  assert_true(lsi_time_limit_margin(86400, 30, 2) == 2 * 30 + 2 * 2 + 15);
  assert_true(lsi_time_limit_margin(60, 0.5, 0.01) == 1 + 0.02 + 3);
  assert_true(lsi_time_limit_margin(4, 0, 0) == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_margin_holds_a_slow_checkpoint)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
