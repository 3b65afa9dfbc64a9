/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_COMM_H
#define LSI_PAR_COMM_H
/*
 * The context's communicator, and agreement on status. It is the parent's group with errors returned
 * and ranks numbered node by node, in the order of each node's lowest rank: a node's ranks own one run
 * of leaves then, whatever the launcher's mapping. Rank 0 stays rank 0.
 *
 * Whatever waits for other ranks does so with a deadline (par/wait.h): LS_ERR_DEADLINE with the ranks
 * that did not arrive. After that every call returns it at once, as the ranks cannot meet any more.
 */
#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lockstep/context.h>
#include "base/status.h"

typedef struct lsi_peers lsi_peers;

typedef struct lsi_comm {
  MPI_Comm comm;  /* all ranks */
  MPI_Comm node;  /* ranks that can share memory with this one */
  int rank, size;
  int node_rank, node_size;
  int node_index, n_nodes;
  lsi_peers *peers; /* what is known of the others; NULL: waits have no deadline */
} lsi_comm;

ls_status lsi_comm_create(MPI_Comm parent, lsi_comm *out); /* collective */
/* Ranks of equal color (>= 0) are a node, which they must really be able to be; for tests. Collective. */
ls_status lsi_comm_create_nodes(MPI_Comm parent, int color, lsi_comm *out);
void lsi_comm_destroy(lsi_comm *comm); /* collective; a zero or failed one is fine */

/* Only the ranks of this node, as a borrowed communicator of one node. */
lsi_comm lsi_comm_node_view(const lsi_comm *comm);

/* Seconds to wait for another rank, the same on all; 0: for ever. */
void lsi_comm_set_deadline(const lsi_comm *comm, double seconds);

/* The context is a comm plus process-wide settings. */
const lsi_comm *lsi_context_comm(const ls_context *context);

/*
 * One status for all ranks: each passes its own; all get the same back, with the record of the
 * lowest failing rank as ls_last_error(). Every local failure before a collective goes through
 * here, so that all ranks take the same branch. Collective. Cheap when all is well (one int allreduce).
 */
ls_status lsi_agree(const lsi_comm *comm, ls_status status);

/* Fails with LS_ERR_NOT_SAME on all ranks, naming `what` and the first rank that differs, unless all ranks hold
   the same bytes. Collective. */
ls_status lsi_agree_same(const lsi_comm *comm, const char *what, const void *bytes, size_t n_bytes);

/* The smallest of all ranks' values, on all. Collective. */
ls_status lsi_least(const lsi_comm *comm, int64_t *value);
/* Bytes of which each rank has filled some and left the others zero: all of them, on all ranks. Collective. */
ls_status lsi_unite(const lsi_comm *comm, void *bytes, size_t n_bytes);

/* From rank 0 to all; counts of any size (not limited to int). Collective. */
ls_status lsi_bcast(const lsi_comm *comm, void *data, size_t n_bytes);
ls_status lsi_bcast_from(const lsi_comm *comm, void *data, size_t n_bytes, int root);
/* To and from one other rank. */
ls_status lsi_send(const lsi_comm *comm, const void *data, size_t n_bytes, int to, int tag);
ls_status lsi_receive(const lsi_comm *comm, void *data, size_t n_bytes, int from, int tag);
/* n_bytes of every rank, in rank order, to all. Collective. */
ls_status lsi_allgather(const lsi_comm *comm, const void *mine, void *all, size_t n_bytes);
/* counts[r] floats of every rank r, to all[offsets[r]]. Collective. */
ls_status lsi_allgather_floats(const lsi_comm *comm, const float *mine, float *all,
                               const int *counts, const int *offsets);
/* The lowest rank with `mine`, or -1 on all ranks when there is none. Collective. */
ls_status lsi_lowest_rank(const lsi_comm *comm, bool mine, int *rank);
/* The largest `mine` of all ranks. Collective. */
ls_status lsi_agree_most(const lsi_comm *comm, int mine, int *most);
/* The sum of all ranks' `mine`, whole numbers. Collective. */
ls_status lsi_count(const lsi_comm *comm, int mine, int *total);
/* Rank 0's NUL-terminated text, malloc'd on the others (rank 0 passes its own in *text, and keeps it). Collective. */
ls_status lsi_bcast_text(const lsi_comm *comm, char **text);

/* Maps an MPI return code to LS_ERR_MPI with MPI's text. */
ls_status lsi_mpi_status(int code, const char *call);
#define LSI_TRY_MPI(call)                                                                          \
  do {                                                                                             \
    int lsi_mpi_code_ = (call);                                                                    \
    if (lsi_mpi_code_ != MPI_SUCCESS) return lsi_mpi_status(lsi_mpi_code_, #call);                 \
  } while (0)
#endif
