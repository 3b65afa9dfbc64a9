/* SPDX-License-Identifier: MIT */
/*
 * How OpenMP threads wait. GNU's runtime spins for milliseconds at each barrier by default: fine on an idle
 * machine, ruinous where ranks x threads exceed the cores or other work shares them (measured on 2 cores with
 * two busy neighbours: 4,000 instead of 45,000 samples/s). A spin of a few microseconds costs 3 per cent at
 * most when idle. The runtime reads the setting when it is loaded, hence the second exec. Whoever has set
 * OMP_WAIT_POLICY or GOMP_SPINCOUNT is left alone.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

void cli_settle_threads(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
    return;
  char program[4096]; /* by its own name, which is what ps then shows */
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  if (n <= 0 || setenv("GOMP_SPINCOUNT", "1000", 1) != 0)
    return;
  program[n] = '\0';
  execv(program, argv); /* where that fails, the default stays */
}
