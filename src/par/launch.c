/* SPDX-License-Identifier: MIT */
#include "par/launch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEP = 2, ALLOCATION };

static const struct {
  const char *variable, *by, *otherwise;
  bool slurm;
} size_variables[] = {
    {"OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun started", "each would work alone", false},
    {"PMI_SIZE", "a PMI launcher (MPICH's or Intel MPI's mpiexec, or srun) started",
     "each would work alone", false},
    [STEP] = {"SLURM_STEP_NUM_TASKS", "srun started", "each would work alone", true},
    [ALLOCATION] = {"SLURM_NTASKS", "the Slurm allocation is for", "the others would idle", true},
};

/* The value of a size variable, or 0 when unset or no positive number. */
static int read_size(const char *text) {
  char *end = NULL;
  long value = text ? strtol(text, &end, 10) : 0;
  return text && end != text && *end == '\0' && value > 0 && value < INT_MAX ? (int)value : 0;
}

static const char *step_id(lsi_getenv get, void *user) {
  const char *id = get(user, "SLURM_STEP_ID");
  return id ? id : get(user, "SLURM_STEPID");
}

/* Slurm numbers the batch script and salloc's shell from the top of 32 bits (slurm.h: SLURM_BATCH_SCRIPT,
   SLURM_INTERACTIVE_STEP); srun's steps count from 0. */
static bool is_shell_step(lsi_getenv get, void *user) {
  const char *id = step_id(get, user);
  return id && strtoul(id, NULL, 10) >= 0xfffffff0;
}

ls_status lsi_launch_check_environment(lsi_getenv get, void *user, bool any, bool *hide_step) {
  static const char *const managers[] = {"PMIX_NAMESPACE", "PMIX_RANK", "PMI_RANK", "PMI_FD",
                                         "OMPI_COMM_WORLD_SIZE"};
  *hide_step = false;
  if (!step_id(get, user))
    return LS_OK;
  for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
    if (get(user, managers[i]))
      return LS_OK;
  const char *tasks = get(user, "SLURM_STEP_NUM_TASKS");
  if (any || is_shell_step(get, user) || read_size(tasks) == 1) {
    *hide_step = true;
    return LS_OK;
  }
  LSI_FAIL(LS_ERR_LAUNCH,
           "start with `srun --mpi=pmix ...` (`srun --mpi=list` shows what this cluster has), or "
           "with `mpirun ...` "
           "from the batch script",
           "srun started %s task(s) without PMIx, so the ranks cannot find each other",
           tasks ? tasks : "its");
}

static ls_status refuse(size_t variable, int n, const char *mpi_library) {
  const char *name = size_variables[variable].variable, *by = size_variables[variable].by;
  char advice[sizeof((ls_error *)0)->advice];
  if (size_variables[variable].slurm)
    snprintf(advice, sizeof advice,
             "start with `srun --mpi=pmix -n %d ...` or, inside the allocation, `mpirun -n %d "
             "...`; for one rank on "
             "purpose, `srun --mpi=pmix -n 1 ...` or `mpirun -n 1 ...`",
             n, n);
  else
    snprintf(advice, sizeof advice,
             "start with `mpirun -n %d ...` of the MPI library this program is linked with: %.200s",
             n, mpi_library);
  LSI_FAIL(LS_ERR_LAUNCH, advice, "%s %d processes (%s=%d), but MPI_COMM_WORLD has 1 rank: %s", by,
           n, name, n, size_variables[variable].otherwise);
}

ls_status lsi_launch_check_size(lsi_getenv get, void *user, int size, bool allow_idle,
                                const char *mpi_library) {
  if (size > 1)
    return LS_OK;
  for (size_t i = 0; i < sizeof size_variables / sizeof *size_variables; i++) {
    if (i == ALLOCATION && allow_idle)
      continue;
    if (i == STEP && is_shell_step(get, user)) /* of 1 task, whatever the allocation */
      continue;
    int n = read_size(get(user, size_variables[i].variable));
    if (n == 1)
      return LS_OK;
    if (n > 1)
      return refuse(i, n, mpi_library);
  }
  return LS_OK;
}
