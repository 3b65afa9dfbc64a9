/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "math/finite.h"
#include "math/team.h"

enum { MANY = 5000000 };
static float x[MANY];

/* Every place, in vectors and in what is left after them. */
static void finds_it_everywhere(void **state) {
  (void)state;
  const float bad[] = {NAN, -NAN, INFINITY, -INFINITY}, good[] = {0, -0.0f, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN};
  for (size_t n = 0; n <= 70; n++)
    for (size_t at = 0; at < n; at++) {
      for (size_t i = 0; i < n; i++) x[i] = good[i % 5];
      assert_true(lsi_all_finite(x, n));
      x[at] = bad[at % 4];
      assert_false(lsi_all_finite(x, n));
      x[at] = 0;
    }
}

static void on_all_threads(void **state) {
  (void)state;
  lsi_team_set_size(3);
  assert_true(lsi_all_finite(x, MANY));
  for (size_t at = 0; at < MANY; at += MANY / 7) {
    x[at] = NAN;
    assert_false(lsi_all_finite(x, MANY));
    x[at] = 0;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds_it_everywhere), cmocka_unit_test(on_all_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
