/* SPDX-License-Identifier: MIT */
#include "par/idle_cores.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static const char *process_getenv(void *user, const char *name) {
  (void)user;
  return getenv(name);
}

/* Without cgroups a job sees the whole node; Slurm says what of it is the job's. */
static int of_the_job(int n_visible, lsi_getenv get, void *user) {
  const char *text = get(user, "SLURM_CPUS_ON_NODE");
  int n = text ? atoi(text) : 0;
  return n > 0 && n < n_visible ? n : n_visible;
}

bool lsi_idle_cores_text(const lsi_idle_cores *node, lsi_getenv get, void *user, char *text,
                         size_t size) {
  bool mpirun = get(user, "OMPI_MCA_orte_hnp_uri"),
       srun = !mpirun && get(user, "SLURM_STEP_ID") && get(user, "PMIX_RANK");
  int available = of_the_job(node->n_available, get, user), each = available / node->n_ranks;
  if (!(mpirun || srun) || 2 * node->n_used > available)
    return false;
  char line[160];
  if (srun)
    snprintf(line, sizeof line, "`srun --mpi=pmix --cpus-per-task=%d ...`", each);
  else if (node->n_ranks == 1)
    snprintf(line, sizeof line, "`mpirun -n 1 --bind-to none ...`");
  else
    snprintf(line, sizeof line, "`mpirun --map-by slot:PE=%d --bind-to core ...`", each);
  snprintf(text, size,
           "%s bound %d rank%s of this node to %d of %d cpus, the others idle: start more ranks, "
           "or give each more threads with %s",
           srun ? "srun" : "mpirun", node->n_ranks, node->n_ranks > 1 ? "s" : "", node->n_used,
           available, line);
  return true;
}

ls_status lsi_idle_cores_note(const lsi_comm *comm, const lsi_cores *cores, bool wanted) {
  lsi_idle_cores node = {.n_ranks = comm->node_size, .n_available = cores->n_available};
  int mine = cores->first_sharer ? cores->n_cpus : 0;
  lsi_comm ranks = lsi_comm_node_view(comm);
  LSI_TRY(lsi_count(&ranks, mine, &node.n_used));
  char text[512];
  if (comm->rank == 0 && wanted && lsi_idle_cores_text(&node, process_getenv, NULL, text, sizeof text))
    lsi_log_info("%s", text);
  return LS_OK;
}
