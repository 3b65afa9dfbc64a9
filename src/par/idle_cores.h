/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_IDLE_CORES_H
#define LSI_PAR_IDLE_CORES_H
/*
 * Launchers bind: `mpirun -n 1` and `-n 2` give a rank one core whatever the machine has, and srun
 * gives it --cpus-per-task, which is 1. Threads are then chosen by that binding, and most of a
 * machine may idle without a word. This is the word.
 */
#include "par/cores.h"
#include "par/launch.h"

/* Of one node, in processing units. */
typedef struct lsi_idle_cores {
  int n_ranks;
  int n_used;      /* that its ranks may run on */
  int n_available; /* that the job may use */
} lsi_idle_cores;

/* The sentence, with the launch line that mends it; false when nothing is to be said: not started
   by mpirun or srun, or more than half of the processing units in use. Pure. */
bool lsi_idle_cores_text(const lsi_idle_cores *node, lsi_getenv get, void *user, char *text,
                         size_t size);

/* Note it on rank 0, for its own node, when `wanted` there. Collective on comm->node. */
ls_status lsi_idle_cores_note(const lsi_comm *comm, const lsi_cores *cores, bool wanted);
#endif
