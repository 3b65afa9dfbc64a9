/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_CORES_H
#define LSI_PAR_CORES_H
/* Which cores this rank may run on, and how many threads that makes. */
#include "par/comm.h"

typedef struct lsi_cores {
  int n_cores;       /* physical cores this rank may use, at least 1 */
  int n_sharers;     /* ranks of this node, this one included, bound to just these cores */
  int n_cpus;        /* processing units this rank may use, 0 when unknown */
  int n_available;   /* processing units of the machine that this process could be given */
  bool first_sharer; /* the first rank of this node with just these cores */
  char list[96];     /* their processing units as Linux numbers them, "0-3,8"; cut when long */
} lsi_cores;

/* Looks at the binding of the calling thread (or at OMP_PLACES). Collective on comm->node. */
ls_status lsi_cores_find(const lsi_comm *comm, lsi_cores *out);

/* Threads a rank should use. `requested` > 0 wins, then the first number of `omp_num_threads` (the
   variable's text, may be NULL), then its share of the cores. Pure. */
int lsi_cores_threads(const lsi_cores *cores, int requested, const char *omp_num_threads);

/* Warn on rank 0, in one sentence with the flags that mend it, when some rank has more threads than
 * cores. Collective. */
ls_status lsi_cores_warn(const lsi_comm *comm, const lsi_cores *cores, int threads);
#endif
