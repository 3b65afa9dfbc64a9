/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "par/signals.h"

static volatile sig_atomic_t seen_by_program;

static void program_handler(int number) {
  seen_by_program = number;
}

static void flags_are_set_and_handlers_restored(void **state) {
  (void)state;
  signal(SIGUSR1, program_handler);
  assert_true(lsi_signals_install());
  assert_false(lsi_signals_install()); /* once more does not lose the program's handler */
  assert_int_equal(lsi_signals_pending(), 0);
  raise(SIGUSR1);
  raise(SIGTERM);
  raise(SIGINT);
  assert_int_equal(lsi_signals_pending(), LSI_STOP_USR1 | LSI_STOP_TERM | LSI_STOP_INT);
  assert_string_equal(lsi_signals_name(LSI_STOP_TERM), "SIGTERM");
  assert_string_equal(lsi_signals_name(LSI_STOP_USR1), "SIGUSR1");
  lsi_signals_clear();
  assert_int_equal(lsi_signals_pending(), 0);
  lsi_signals_restore();
  raise(SIGUSR1);
  assert_int_equal(seen_by_program, SIGUSR1);
  assert_int_equal(lsi_signals_pending(), 0);
}

static void second_interrupt_kills(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    lsi_signals_install();
    raise(SIGTERM); /* any number of these only ask */
    raise(SIGTERM);
    raise(SIGINT);
    if (lsi_signals_pending() != (LSI_STOP_INT | LSI_STOP_TERM))
      _exit(1);
    raise(SIGINT);
    _exit(2);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(flags_are_set_and_handlers_restored),
                                     cmocka_unit_test(second_interrupt_kills)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
