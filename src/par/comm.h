/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_COMM_H
#define LSI_PAR_COMM_H
/* The context's communicator: an owned duplicate with errors returned, and agreement on status. */
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>
#include <lockstep/context.h>
#include "base/status.h"

typedef struct lsi_comm {
  MPI_Comm comm;  /* all ranks */
  MPI_Comm node;  /* ranks that can share memory with this one */
  int rank, size;
  int node_rank, node_size;
  int n_nodes;
} lsi_comm;

ls_status lsi_comm_create(MPI_Comm parent, lsi_comm *out); /* collective */
void lsi_comm_destroy(lsi_comm *comm);                     /* collective */

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

/* The ranks of this node as a communicator of their own, borrowed: not to be destroyed. */
lsi_comm lsi_comm_of_node(const lsi_comm *comm);
/* The smallest of all ranks' values, on all. Collective. */
ls_status lsi_least(const lsi_comm *comm, int64_t *value);
/* Bytes of which each rank has filled some and left the others zero: all of them, on all ranks. Collective. */
ls_status lsi_unite(const lsi_comm *comm, void *bytes, size_t n_bytes);

/* From rank 0 to all; counts of any size (not limited to int). Collective. */
ls_status lsi_bcast(const lsi_comm *comm, void *data, size_t n_bytes);
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
