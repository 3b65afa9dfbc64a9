/* SPDX-License-Identifier: MIT */
/* When a launcher's binding leaves most of a machine idle, and what is said then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "par/idle_cores.h"

static const char *lookup(void *user, const char *name) {
  for (const char *const *entry = user; *entry; entry++)
    if (strncmp(*entry, name, strlen(name)) == 0 && (*entry)[strlen(name)] == '=')
      return *entry + strlen(name) + 1;
  return NULL;
}

#define MPIRUN "OMPI_MCA_orte_hnp_uri=1"
#define SRUN   "SLURM_STEP_ID=0", "PMIX_RANK=0"

static const struct {
  const char *what, *environment[5];
  lsi_idle_cores node;
  const char *words[2]; /* NULL: nothing is said */
} cases[] = {
    {"mpirun -n 1 on 8",
     {MPIRUN},
     {1, 1, 8},
     {"mpirun bound 1 rank of this node to 1 of 8 cpus", "`mpirun -n 1 --bind-to none ...`"}},
    {"mpirun -n 2 on 8",
     {MPIRUN},
     {2, 2, 8},
     {"2 ranks", "`mpirun --map-by slot:PE=4 --bind-to core ...`"}},
    {"mpirun -n 2 on 2", {MPIRUN}, {2, 2, 2}, {NULL}},
    {"mpirun -n 6 on 8", {MPIRUN}, {6, 6, 8}, {NULL}},
    {"no launcher, under taskset", {NULL}, {1, 1, 8}, {NULL}},
    {"srun -n 1 in a job of 4 on a node of 64",
     {SRUN, "SLURM_CPUS_ON_NODE=4"},
     {1, 1, 64},
     {"srun bound 1 rank of this node to 1 of 4 cpus", "`srun --mpi=pmix --cpus-per-task=4 ...`"}},
    {"mpirun -n 2 in a job of 2 on a node of 64",
     {MPIRUN, "SLURM_CPUS_ON_NODE=2"},
     {2, 2, 64},
     {NULL}},
    {"not more than there are", {MPIRUN, "SLURM_CPUS_ON_NODE=8"}, {2, 2, 2}, {NULL}},
};

static void says_so_when_it_should(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[512] = "";
    bool said = lsi_idle_cores_text(&cases[i].node, lookup, (void *)cases[i].environment, text,
                                    sizeof text);
    if (said != (cases[i].words[0] != NULL))
      fail_msg("%s: '%s'", cases[i].what, text);
    for (int w = 0; w < 2 && said; w++)
      if (!strstr(text, cases[i].words[w]))
        fail_msg("%s: no '%s' in '%s'", cases[i].what, cases[i].words[w], text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(says_so_when_it_should)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
