/* SPDX-License-Identifier: MIT */
#include "par/comm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "par/peers.h"

ls_status lsi_mpi_status(int code, const char *call) {
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(code, text, &length);
  LSI_FAIL(LS_ERR_MPI, "see the MPI library's own messages above this one", "%.120s failed: %s",
           call, text);
}

/* The node of this rank, and its parent rank that is the first of it. */
static ls_status find_node(MPI_Comm parent, int color, lsi_comm *comm, int *first) {
  int rank;
  LSI_TRY_MPI(MPI_Comm_rank(parent, &rank));
  if (color < 0)
    LSI_TRY_MPI(
        MPI_Comm_split_type(parent, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &comm->node));
  else
    LSI_TRY_MPI(MPI_Comm_split(parent, color, rank, &comm->node));
  LSI_TRY_MPI(MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN));
  LSI_TRY_MPI(MPI_Comm_rank(comm->node, &comm->node_rank));
  LSI_TRY_MPI(MPI_Comm_size(comm->node, &comm->node_size));
  *first = rank;
  LSI_TRY_MPI(MPI_Bcast(first, 1, MPI_INT, 0, comm->node));
  return LS_OK;
}

/* Who is where, from what every rank says of itself. */
typedef struct place {
  int node_rank;
  char host[LSI_HOST];
} place;

static ls_status list_nodes(lsi_comm *comm, const place *places, char (**hosts)[LSI_HOST],
                            int **node_first) {
  comm->n_nodes = 0;
  for (int r = 0; r < comm->size; r++)
    comm->n_nodes += places[r].node_rank == 0;
  LSI_TRY(LSI_ALLOC("list of hosts", comm->n_nodes, hosts));
  LSI_TRY(LSI_ALLOC("list of hosts", comm->n_nodes + 1, node_first));
  int node = -1;
  for (int r = 0; r < comm->size; r++) {
    if (places[r].node_rank == 0) {
      (*node_first)[++node] = r;
      memcpy((*hosts)[node], places[r].host, LSI_HOST);
    }
    if (r == comm->rank)
      comm->node_index = node;
  }
  (*node_first)[comm->n_nodes] = comm->size;
  return LS_OK;
}

static ls_status find_peers(lsi_comm *comm) {
  place mine = {.node_rank = comm->node_rank}, *all = NULL;
  char(*hosts)[LSI_HOST] = NULL;
  int *node_first = NULL;
  if (gethostname(mine.host, sizeof mine.host - 1) != 0 || !mine.host[0])
    snprintf(mine.host, sizeof mine.host, "?");
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("list of hosts", comm->size, &all)));
  ls_status status = lsi_allgather(comm, &mine, all, sizeof mine);
  if (status == LS_OK)
    status = lsi_agree(comm, list_nodes(comm, all, &hosts, &node_first));
  lsi_free(all);
  if (status == LS_OK)
    return lsi_peers_create(comm, hosts, node_first);
  lsi_free(hosts);
  lsi_free(node_first);
  return status;
}

static ls_status fill(MPI_Comm parent, int color, lsi_comm *comm) {
  int first;
  LSI_TRY(find_node(parent, color, comm, &first));
  LSI_TRY_MPI(MPI_Comm_split(parent, 0, first, &comm->comm)); /* equal keys: as in the parent */
  LSI_TRY_MPI(MPI_Comm_set_errhandler(comm->comm, MPI_ERRORS_RETURN));
  LSI_TRY_MPI(MPI_Comm_rank(comm->comm, &comm->rank));
  LSI_TRY_MPI(MPI_Comm_size(comm->comm, &comm->size));
  return find_peers(comm);
}

ls_status lsi_comm_create_nodes(MPI_Comm parent, int color, lsi_comm *out) {
  lsi_comm comm = {.comm = MPI_COMM_NULL, .node = MPI_COMM_NULL};
  ls_status status = fill(parent, color, &comm);
  if (status != LS_OK) {
    lsi_comm_destroy(&comm);
    return status;
  }
  *out = comm;
  return LS_OK;
}

ls_status lsi_comm_create(MPI_Comm parent, lsi_comm *out) {
  return lsi_comm_create_nodes(parent, -1, out);
}

void lsi_comm_destroy(lsi_comm *comm) {
  lsi_peers_destroy(comm->peers);
  comm->peers = NULL;
  if (comm->node != MPI_COMM_NULL)
    MPI_Comm_free(&comm->node);
  if (comm->comm != MPI_COMM_NULL)
    MPI_Comm_free(&comm->comm);
}

lsi_comm lsi_comm_node_view(const lsi_comm *comm) {
  return (lsi_comm){.comm = comm->node,
                    .node = comm->node,
                    .rank = comm->node_rank,
                    .size = comm->node_size,
                    .node_rank = comm->node_rank,
                    .node_size = comm->node_size,
                    .n_nodes = 1,
                    .peers = comm->peers};
}

void lsi_comm_set_deadline(const lsi_comm *comm, double seconds) {
  comm->peers->deadline_s = seconds;
}
