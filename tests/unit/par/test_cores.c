/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "par/cores.h"

static void chooses_threads(void **state) {
  (void)state;
  static const struct {
    int n_cores, n_sharers, requested;
    const char *omp;
    int threads;
  } cases[] = {
      {8, 1, 0, NULL, 8},   {8, 2, 0, NULL, 4},  {8, 3, 0, NULL, 2}, {2, 5, 0, NULL, 1},
      {8, 2, 0, "3", 3},    {8, 2, 0, "6,2", 6}, {8, 2, 5, "3", 5},  {8, 2, 0, "", 4},
      {8, 2, 0, "many", 4}, {8, 2, 0, "0", 4},   {8, 2, 0, "-1", 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_cores cores = {.n_cores = cases[i].n_cores, .n_sharers = cases[i].n_sharers};
    int threads = lsi_cores_threads(&cores, cases[i].requested, cases[i].omp);
    if (threads != cases[i].threads)
      fail_msg("case %zu: %d threads, not %d", i, threads, cases[i].threads);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(chooses_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
