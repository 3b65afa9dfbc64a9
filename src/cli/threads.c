/* SPDX-License-Identifier: MIT */
/*
 * How OpenMP threads wait. GNU's runtime spins for milliseconds at each barrier by default: fine on an idle
 * machine, ruinous where ranks x threads exceed the cores or other work shares them (measured on 2 cores with
 * two busy neighbours: 4,000 instead of 45,000 samples/s). A spin of a few microseconds costs 3 per cent at
 * most when idle; where a rank has its cores to itself it may last as long as the stretches of a small net's step
 * that are one thread's, some tens of microseconds, as waking a sleeper costs more. The runtime reads the setting
 * when it is loaded, hence the second exec. Whoever has set OMP_WAIT_POLICY or GOMP_SPINCOUNT is left alone.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

/* Ranks on this machine, as launchers tell their children before MPI starts; 1 when nobody says. */
static long local_ranks(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_TASKS_PER_NODE"};
  for (int i = 0; i < 3; i++) {
    const char *value = getenv(names[i]);
    long n = value ? strtol(value, NULL, 10) : 0; /* Slurm's may go on: 4(x2) */
    if (n > 0)
      return n;
  }
  return 1;
}

/* Alone on the machine, or bound to a share of its cores that leaves room for the other ranks. */
static bool has_cores_to_itself(void) {
  cpu_set_t mine;
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (sched_getaffinity(0, sizeof mine, &mine) != 0)
    return false;
  return CPU_COUNT(&mine) * local_ranks() <= online;
}

void cli_settle_threads(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
    return;
  char program[4096]; /* by its own name, which is what ps then shows */
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  if (n <= 0 || setenv("GOMP_SPINCOUNT", has_cores_to_itself() ? "4000" : "1000", 1) != 0)
    return;
  program[n] = '\0';
  execv(program, argv); /* where that fails, the default stays */
}
