/* SPDX-License-Identifier: MIT */
/* A launch that became N singletons is refused; every way that works is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "par/launch.h"

/* "NAME=value" entries, NULL at the end. */
static const char *lookup(void *user, const char *name) {
  for (const char *const *entry = user; *entry; entry++)
    if (strncmp(*entry, name, strlen(name)) == 0 && (*entry)[strlen(name)] == '=')
      return *entry + strlen(name) + 1;
  return NULL;
}

typedef struct launch_case {
  const char *what;
  const char *environment[6];
  int size; /* of MPI_COMM_WORLD */
  ls_status status;
  const char *message, *advice; /* parts of them, when refused */
} launch_case;

static const launch_case cases[] = {
    {"plainly", {NULL}, 1, LS_OK, NULL, NULL},
    {"mpirun -n 4", {"OMPI_COMM_WORLD_SIZE=4"}, 4, LS_OK, NULL, NULL},
    {"mpirun -n 1", {"OMPI_COMM_WORLD_SIZE=1"}, 1, LS_OK, NULL, NULL},
    {"mpirun -n 1 in a batch script of 8 tasks",
     {"SLURM_NTASKS=8", "OMPI_COMM_WORLD_SIZE=1"},
     1,
     LS_OK,
     NULL,
     NULL},
    {"mpirun -n 2 in a batch script of 8 tasks",
     {"SLURM_NTASKS=8", "OMPI_COMM_WORLD_SIZE=2"},
     2,
     LS_OK,
     NULL,
     NULL},
    {"srun -n 1 in an allocation of 8",
     {"SLURM_NTASKS=8", "SLURM_STEP_NUM_TASKS=1"},
     1,
     LS_OK,
     NULL,
     NULL},
    {"srun --mpi=pmix -n 8", {"SLURM_NTASKS=8", "SLURM_STEP_NUM_TASKS=8"}, 8, LS_OK, NULL, NULL},
    {"another MPI's mpirun",
     {"OMPI_COMM_WORLD_SIZE=4"},
     1,
     LS_ERR_LAUNCH,
     "OMPI_COMM_WORLD_SIZE=4",
     "`mpirun -n 4 ...` of the MPI library this program is linked with: Open MPI v9"},
    {"hydra", {"PMI_SIZE=3"}, 1, LS_ERR_LAUNCH, "PMI_SIZE=3", "mpirun -n 3"},
    {"srun with the wrong plugin",
     {"SLURM_NTASKS=8", "SLURM_STEP_NUM_TASKS=6"},
     1,
     LS_ERR_LAUNCH,
     "SLURM_STEP_NUM_TASKS=6",
     "srun --mpi=pmix -n 6"},
    {"plainly in a batch script of 8 tasks",
     {"SLURM_NTASKS=8"},
     1,
     LS_ERR_LAUNCH,
     "SLURM_NTASKS=8",
     "mpirun -n 8"},
    {"plainly in a batch script of 1 task", {"SLURM_NTASKS=1"}, 1, LS_OK, NULL, NULL},
    {"plainly in the shell of salloc, 8 tasks",
     {"SLURM_NTASKS=8", "SLURM_STEP_ID=4294967290", "SLURM_STEP_NUM_TASKS=1"},
     1,
     LS_ERR_LAUNCH,
     "SLURM_NTASKS=8",
     "mpirun -n 8"},
    {"nonsense values",
     {"SLURM_NTASKS=many", "PMI_SIZE=", "OMPI_COMM_WORLD_SIZE=-4"},
     1,
     LS_OK,
     NULL,
     NULL},
};

static void sizes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const launch_case *c = &cases[i];
    ls_status status =
        lsi_launch_check_size(lookup, (void *)c->environment, c->size, false, "Open MPI v9");
    if (status != c->status)
      fail_msg("%s: status %d, not %d", c->what, (int)status, (int)c->status);
    if (status == LS_OK)
      continue;
    if (!strstr(ls_last_error()->message, c->message))
      fail_msg("%s: \"%s\"", c->what, ls_last_error()->message);
    if (!strstr(ls_last_error()->advice, c->advice))
      fail_msg("%s: \"%s\"", c->what, ls_last_error()->advice);
  }
}

/* What does not train may run plainly in an allocation, yet not N times by mistake. */
static void idle_tasks(void **state) {
  (void)state;
  static const char *const batch[] = {"SLURM_NTASKS=8", "SLURM_PROCID=0", NULL};
  static const char *const step[] = {"SLURM_NTASKS=8", "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=8", NULL};
  assert_int_equal(lsi_launch_check_size(lookup, (void *)batch, 1, true, "Open MPI v9"), LS_OK);
  assert_int_equal(lsi_launch_check_size(lookup, (void *)step, 1, true, "Open MPI v9"), LS_ERR_LAUNCH);
}

typedef struct step_case {
  const char *environment[4];
  bool any;
  ls_status status;
  bool hide_step;
} step_case;

static const step_case steps[] = {
    {{"SLURM_STEPID=0", "SLURM_STEP_NUM_TASKS=4"}, false, LS_ERR_LAUNCH, false},
    {{"SLURM_STEP_ID=0"}, false, LS_ERR_LAUNCH, false},
    {{"SLURM_STEPID=0", "SLURM_STEP_NUM_TASKS=4", "PMIX_NAMESPACE=slurm.pmix.7.0"}, false, LS_OK, false},
    {{"SLURM_NTASKS=4", "SLURM_PROCID=0"}, false, LS_OK, false},                              /* a batch script */
    {{"SLURM_STEPID=0", "SLURM_STEP_NUM_TASKS=1"}, false, LS_OK, true},                       /* srun --pty bash */
    {{"SLURM_STEP_ID=4294967290", "SLURM_STEP_NUM_TASKS=1", "SLURM_NTASKS=4"}, false, LS_OK, true}, /* salloc */
    {{"SLURM_STEPID=0", "SLURM_STEP_NUM_TASKS=4"}, true, LS_OK, true},
};

static void steps_without_pmix(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    bool hide_step = !steps[i].hide_step;
    ls_status status =
        lsi_launch_check_environment(lookup, (void *)steps[i].environment, steps[i].any, &hide_step);
    if (status != steps[i].status || (status == LS_OK && hide_step != steps[i].hide_step))
      fail_msg("case %zu: status %d, hide_step %d", i, (int)status, hide_step);
    if (status != LS_OK)
      assert_non_null(strstr(ls_last_error()->advice, "srun --mpi=pmix"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(idle_tasks),
                                     cmocka_unit_test(steps_without_pmix)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
