/* SPDX-License-Identifier: MIT */
#include "par/peers.h"

#include <unistd.h>

#include "base/memory.h"

/* Until it is known how the cores are shared. */
enum { FIRST_SPINS = 50 };
static const double DEFAULT_DEADLINE_S = 120;

const char *lsi_host_of(const lsi_comm *comm, int rank) {
  const lsi_peers *peers = comm->peers;
  int node = 0;
  while (node + 1 < peers->n_nodes && peers->node_first[node + 1] <= rank)
    node++;
  return peers->hosts[node];
}

/* Without shared memory (too small a /dev/shm) messages say less, and training goes on. */
static void share_board(const lsi_comm *comm, lsi_peers *peers) {
  lsi_comm node = lsi_comm_node_view(comm);
  size_t n_bytes = (size_t)node.size * sizeof(lsi_peer);
  ls_status status = lsi_shm_create(&node, n_bytes, &peers->shm);
  if (status == LS_OK)
    status = lsi_agree(
        &node, node.rank == 0 ? lsi_shm_reserve(&peers->shm, 0, peers->shm.n_bytes) : LS_OK);
  if (status == LS_OK)
    peers->board = (lsi_peer *)(void *)peers->shm.base;
  else
    lsi_shm_destroy(&peers->shm);
  lsi_error_clear();
}

ls_status lsi_peers_create(lsi_comm *comm, char (*hosts)[LSI_HOST], int *node_first) {
  lsi_peers *peers = NULL;
  ls_status status = lsi_agree(comm, LSI_ALLOC("list of hosts", 1, &peers));
  if (status != LS_OK) {
    lsi_free(peers);
    return status;
  }
  *peers = (lsi_peers){.rank = comm->rank,
                       .size = comm->size,
                       .node = comm->node_index,
                       .node_rank = comm->node_rank,
                       .node_size = comm->node_size,
                       .n_nodes = comm->n_nodes,
                       .hosts = hosts,
                       .node_first = node_first,
                       .calls = MPI_COMM_NULL,
                       .deadline_s = DEFAULT_DEADLINE_S,
                       .n_spins = FIRST_SPINS};
  pthread_mutex_init(&peers->mpi, NULL);
  pthread_mutex_init(&peers->roll_call, NULL);
  share_board(comm, peers);
  peers->mine = peers->board ? &peers->board[comm->node_rank] : &peers->private_line;
  atomic_store(&peers->mine->pid, (int32_t)getpid());
  comm->peers = peers;
  LSI_TRY_MPI(MPI_Comm_dup(comm->comm, &peers->calls));
  LSI_TRY_MPI(MPI_Comm_set_errhandler(peers->calls, MPI_ERRORS_RETURN));
  return LS_OK;
}

void lsi_peers_destroy(lsi_peers *peers) {
  if (!peers)
    return;
  if (peers->calls != MPI_COMM_NULL)
    MPI_Comm_free(&peers->calls);
  lsi_shm_destroy(&peers->shm);
  pthread_mutex_destroy(&peers->mpi);
  pthread_mutex_destroy(&peers->roll_call);
  lsi_free(peers->hosts);
  lsi_free(peers->node_first);
  lsi_free(peers);
}

void lsi_phase_set(const lsi_comm *comm, lsi_phase phase, int64_t epoch, int64_t step) {
  lsi_peer *line = comm->peers->mine;
  atomic_store_explicit(&line->phase, (int32_t)phase, memory_order_relaxed);
  atomic_store_explicit(&line->epoch, epoch, memory_order_relaxed);
  atomic_store_explicit(&line->step, step, memory_order_relaxed);
}

ls_status lsi_peers_check(const lsi_peers *peers) {
  if (!peers || !atomic_load_explicit(&peers->lost, memory_order_acquire))
    return LS_OK;
  lsi_error_copy(&peers->error);
  return LS_ERR_DEADLINE;
}
