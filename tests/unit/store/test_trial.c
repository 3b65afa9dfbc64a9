/* SPDX-License-Identifier: MIT */
/* What would end the process ends a child instead, and is told. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/trial.h"

static const lsi_trial_limits limits = {.memory = UINT64_C(64) << 20, .seconds = 1};

/* Sanitizers want to see for themselves, so trials do nothing there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TRIALS_ARE_OFF = 1 };
#else
enum { TRIALS_ARE_OFF = 0 };
#endif

static ls_status crash(void *argument) {
  (void)argument;
  raise(SIGSEGV);
  return LS_OK;
}

static ls_status spin(void *argument) {
  for (volatile int *i = argument; *i >= 0;) *i = 1;
  return LS_OK;
}

static ls_status smash_unless_memory_ends(void *argument) {
  (void)argument;
  if (malloc((size_t)1 << 33)) abort();
  return LS_OK;
}

static ls_status change(void *argument) {
  *(int *)argument = 5;
  return LS_ERR_FORMAT; /* is for the parent to say */
}

static void expect_refused(ls_status (*read)(void *), const char *word) {
  int value = 1;
  assert_int_equal(lsi_trial_run("x.h5", limits, read, &value), LS_ERR_CORRUPT);
  assert_non_null(strstr(ls_last_error()->message, "x.h5: the HDF5 library cannot read it"));
  assert_non_null(strstr(ls_last_error()->message, word));
}

static void crashes_and_loops_are_refused(void **state) {
  (void)state;
  if (TRIALS_ARE_OFF) skip();
  expect_refused(crash, "signal 11");
  expect_refused(spin, "signal");
}

static void memory_is_bounded(void **state) {
  int unused = 0;
  (void)state;
  if (TRIALS_ARE_OFF) skip();
  assert_int_equal(lsi_trial_run("x.h5", limits, smash_unless_memory_ends, &unused), LS_OK);
}

static void nothing_is_changed_here(void **state) {
  int value = 1;
  (void)state;
  assert_int_equal(lsi_trial_run("x.h5", limits, change, &value), LS_OK);
  assert_int_equal(value, 1);
}

static void limits_follow_the_size(void **state) {
  (void)state;
  assert_true(lsi_trial_limits_for(UINT64_C(1) << 30).memory > lsi_trial_limits_for(1).memory);
  assert_true(lsi_trial_limits_for(UINT64_MAX).memory < UINT64_C(1) << 50);
  assert_true(lsi_trial_limits_for(0).seconds >= 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(crashes_and_loops_are_refused), cmocka_unit_test(memory_is_bounded),
                                     cmocka_unit_test(nothing_is_changed_here), cmocka_unit_test(limits_follow_the_size)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
