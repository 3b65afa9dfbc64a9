/* SPDX-License-Identifier: MIT */
/* Hosts that do not share the run folder: rank 0's is the one that counts, which goes well until rank 0 is on another host. */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/checkpoint_dir.h"
#include "par/peers.h"
#include "train/run.h"

/* The newest checkpoint that this rank sees, whole or not; -1: none. */
static int64_t newest_here(const char *run) {
  char dir[LSI_CKPT_PATH];
  int64_t *iterations = NULL, newest = -1;
  int n = 0;
  if (snprintf(dir, sizeof dir, "%s/checkpoints", run) >= (int)sizeof dir) return -1;
  if (lsi_ckpt_dir_list(dir, &iterations, &n) != LS_OK) lsi_error_clear();
  if (n > 0) newest = iterations[0];
  lsi_free(iterations);
  return newest;
}

ls_status lsi_run_check_hosts(const ls_trainer *t) {
  const lsi_comm *comm = t->comm;
  if (comm->n_nodes == 1) return LS_OK;
  int64_t mine = comm->node_rank == 0 ? newest_here(t->spec.run.dir) : -1, first = mine;
  LSI_TRY(lsi_bcast(comm, &first, sizeof first));
  ls_status status = LS_OK;
  if (mine > first)
    status = lsi_error_set(LS_ERR_NOT_SAME,
                           "the hosts see different folders there: choose one that all share, or start on the host that has the checkpoints. "
                           "--resume never starts afresh",
                           "%s/checkpoints: this rank sees ckpt-%012" PRId64 ".h5, which is newer than all that rank 0 on host %s sees",
                           t->spec.run.dir, mine, lsi_host_of(comm, 0));
  return lsi_agree(comm, status);
}

void lsi_run_warn_hosts(const ls_trainer *t) {
  const lsi_peers *peers = t->comm->peers;
  int unseen = 0;
  const char *host = NULL;
  for (int node = 1; node < peers->n_nodes; node++) {
    if (lsi_ckpt_writer_reaches(t->saver.writer, peers->node_first[node])) continue;
    unseen++;
    host = peers->hosts[node];
  }
  if (unseen == 1) lsi_log_warn("%s: host %s cannot write there: without host %s this run could not go on", t->spec.run.dir, host, peers->hosts[0]);
  else if (unseen > 1)
    lsi_log_warn("%s: %d of %d hosts, %s among them, cannot write there: without host %s this run could not go on", t->spec.run.dir, unseen,
                 peers->n_nodes, host, peers->hosts[0]);
}
