/* SPDX-License-Identifier: MIT */
/* The end of a Slurm job: from the environment, and from an squeue of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "par/job_end.h"

/* "NAME=value" entries, NULL at the end. */
static const char *lookup(void *user, const char *name) {
  for (const char *const *entry = user; *entry; entry++)
    if (strncmp(*entry, name, strlen(name)) == 0 && (*entry)[strlen(name)] == '=')
      return *entry + strlen(name) + 1;
  return NULL;
}

static void parses_what_squeue_prints(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } cases[] = {{"0:59", 59},
               {"59", 59},
               {"12:01:02", 12 * 3600 + 62},
               {"2-03:04:05", 2 * 86400 + 3 * 3600 + 4 * 60 + 5},
               {"1-00:00:00 ", 86400},
               {"0:00", 0},
               {"UNLIMITED", INFINITY},
               {"INVALID", INFINITY},
               {"NOT_SET", INFINITY},
               {"", INFINITY},
               {"-5", INFINITY},
               {"1:2:3:4", INFINITY},
               {"1:", INFINITY},
               {"5 minutes", INFINITY}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (lsi_job_end_parse(cases[i].text) != cases[i].seconds)
      fail_msg("'%s' is %g s, not %g", cases[i].text, lsi_job_end_parse(cases[i].text),
               cases[i].seconds);
}

static void the_environment_says(void **state) {
  (void)state;
  char at[64];
  snprintf(at, sizeof at, "SLURM_JOB_END_TIME=%lld", (long long)time(NULL) + 1000);
  const char *job[] = {"SLURM_JOB_ID=7", at, NULL};
  const char *stale[] = {at, NULL}; /* exported into a shell outside of any job */
  const char *odd[] = {"SLURM_JOB_ID=7", "SLURM_JOB_END_TIME=soon", NULL};
  double left = lsi_job_end_environment(lookup, job);
  assert_true(left > 900 && left <= 1000);
  assert_true(isinf(lsi_job_end_environment(lookup, stale)));
  assert_true(isinf(lsi_job_end_environment(lookup, odd)));
}

/* An squeue that runs `script`, first on the PATH. */
static void install_squeue(const char *folder, const char *script) {
  char path[300], value[600];
  snprintf(path, sizeof path, "%s/squeue", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "#!/bin/sh\n%s\n", script);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(chmod(path, 0755), 0);
  snprintf(value, sizeof value, "%s:/usr/bin:/bin", folder);
  setenv("PATH", value, 1);
}

static void squeue_is_asked(void **state) {
  (void)state;
  char folder[] = "/tmp/lockstep-squeue-XXXXXX", path[300];
  assert_non_null(mkdtemp(folder));
  const char *job[] = {"SLURM_JOB_ID=36", NULL}, *none[] = {NULL};
  const char *task[] = {"SLURM_JOB_ID=36", "SLURM_ARRAY_JOB_ID=36", "SLURM_ARRAY_TASK_ID=2", NULL};
  install_squeue(folder,
                 "case \"$*\" in *'--jobs 36 '*) echo 1:30;; *'--jobs 36_2 '*) echo 2:30;; esac");
  assert_true(lsi_job_end_ask(lookup, job, 30) == 90);
  assert_true(lsi_job_end_ask(lookup, task, 30) == 150);
  assert_true(isinf(lsi_job_end_ask(lookup, none, 30)));
  install_squeue(folder, "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  assert_true(isinf(lsi_job_end_ask(lookup, job, 30)));
  install_squeue(folder, "exec sleep 1000"); /* a controller that does not answer */
  double begin = lsi_clock_s();
  assert_true(isinf(lsi_job_end_ask(lookup, job, 0.2)));
  assert_true(lsi_clock_s() - begin < 500);
  snprintf(path, sizeof path, "%s/squeue", folder);
  unlink(path);
  setenv("PATH", folder, 1);
  assert_true(isinf(lsi_job_end_ask(lookup, job, 30))); /* no squeue at all */
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parses_what_squeue_prints),
                                     cmocka_unit_test(the_environment_says),
                                     cmocka_unit_test(squeue_is_asked)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
