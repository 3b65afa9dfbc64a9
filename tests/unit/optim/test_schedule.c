/* SPDX-License-Identifier: MIT */
/* Schedules at and around their corners, against the formulas by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "optim/schedule.h"

static double at(const char *text, int64_t iteration) {
  lsi_object schedule;
  if (lsi_object_parse(&lsi_schedules, text, &schedule) != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  return lsi_schedule_at(&schedule, iteration);
}

static void values(void **state) {
  (void)state;
  const double pi = 3.14159265358979323846;
  const struct {
    const char *text;
    int64_t iteration;
    double want;
  } cases[] = {
      {"Constant(0.3)", 1000000, 0.3},
      {"PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])", 0, 1.0},
      {"PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])", 2, 1.0},
      {"PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])", 3, 0.5},
      {"PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])", 5, 0.5},
      {"PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])", 6, 0.1},
      {"ExponentialDecay(0.1, 10, 0.5)", 0, 0.1},
      {"ExponentialDecay(0.1, 10, 0.5)", 5, 0.1 * sqrt(0.5)},
      {"ExponentialDecay(0.1, 10, 0.5, staircase=True)", 9, 0.1},
      {"ExponentialDecay(0.1, 10, 0.5, staircase=True)", 10, 0.05},
      {"InverseTimeDecay(0.1, 4, 0.5)", 8, 0.05},
      {"PolynomialDecay(0.1, 10, 0.01)", 0, 0.1},
      {"PolynomialDecay(0.1, 10, 0.01)", 5, 0.055},
      {"PolynomialDecay(0.1, 10, 0.01, power=2.0)", 10, 0.01},
      {"PolynomialDecay(0.1, 10, 0.01, power=0.5)", 1000, 0.01},
      {"PolynomialDecay(0.1, 10, 0.01, cycle=True)", 10, 0.01},
      {"PolynomialDecay(0.1, 10, 0.01, cycle=True)", 15, 0.01 + 0.09 * 0.25},
      {"CosineDecay(0.2, 10)", 0, 0.2},
      {"CosineDecay(0.2, 10)", 5, 0.1},
      {"CosineDecay(0.2, 10)", 10, 0.0},
      {"CosineDecay(0.2, 10, alpha=0.1)", 99, 0.02},
      {"CosineDecay(0.2, 10)", 3, 0.1 * (1 + cos(0.3 * pi))},
      {"CosineDecay(0.0, 10, warmup_target=0.4, warmup_steps=4)", 0, 0.0},
      {"CosineDecay(0.0, 10, warmup_target=0.4, warmup_steps=4)", 3, 0.3},
      {"CosineDecay(0.0, 10, warmup_target=0.4, warmup_steps=4)", 4, 0.4},
      {"CosineDecay(0.0, 10, warmup_target=0.4, warmup_steps=4)", 14, 0.0},
      {"CosineDecayRestarts(0.2, 10)", 9, 0.1 * (1 + cos(0.9 * pi))},
      {"CosineDecayRestarts(0.2, 10)", 10, 0.2},
      {"CosineDecayRestarts(0.2, 10)", 20, 0.1},
      {"CosineDecayRestarts(0.2, 10, m_mul=0.5)", 30, 0.05},
      {"CosineDecayRestarts(0.2, 10, m_mul=0.5)", 70, 0.025},
      {"CosineDecayRestarts(0.2, 10, t_mul=1.0, m_mul=0.5)", 20, 0.05},
      {"LinearWarmup(0.4, 4)", 0, 0.0},
      {"LinearWarmup(0.4, 4, 0.2)", 1, 0.25},
      {"LinearWarmup(0.4, 4, 0.2)", 4, 0.4},
      {"LinearWarmup(0.4, 4, 0.2)", 400, 0.4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double got = at(cases[i].text, cases[i].iteration);
    if (!(fabs(got - cases[i].want) <= 1e-15))
      fail_msg("%s at %lld: %.17g, not %.17g", cases[i].text, (long long)cases[i].iteration, got,
               cases[i].want);
  }
}

/* Restarts of a period that grows by any factor come at the sums of the periods, not a step early
 * or late. */
static void restarts(void **state) {
  (void)state;
  const double factors[] = {1.0, 1.25, 1.5, 2.0, 3.0};
  for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
    char text[100];
    snprintf(text, sizeof text, "CosineDecayRestarts(1.0, 64, t_mul=%g)", factors[f]);
    double start = 0, length = 64;
    for (int k = 0; k < 4; k++) {
      if (start == floor(start))
        assert_true(at(text, (int64_t)start) == 1.0);
      start += length;
      length *= factors[f];
      assert_true(at(text, (int64_t)ceil(start) - 1) < 0.01);
    }
  }
}

static void refusals(void **state) {
  (void)state;
  const char *cases[][2] = {
      {"PiecewiseConstantDecay([1, 2], [1.0, 2.0])", "2 boundaries and 2 values"},
      {"PiecewiseConstantDecay([2, 2], [1.0, 2.0, 3.0])", "is not above the one before"},
      {"CosineDecay(0.1)", "'decay_steps' is missing"},
      {"CosineDecay(0.1, 0)", "'decay_steps' is 0"},
      {"CosineDecay(-0.1, 10)", "'initial_learning_rate' is -0.1"},
      {"CosinDecay(0.1, 10)", "did you mean 'CosineDecay'"},
      {"ExponentialDecay(0.1, 10, 0)", "'decay_rate' is 0"},
      {"CosineDecayRestarts(0.1, 10, t_mul=0.5)", "'t_mul' is 0.5"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_object schedule;
    assert_int_equal(lsi_object_parse(&lsi_schedules, cases[i][0], &schedule), LS_ERR_ARG);
    if (!strstr(ls_last_error()->message, cases[i][1]))
      fail_msg("%s: %s", cases[i][0], ls_last_error()->message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(restarts),
                                     cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
