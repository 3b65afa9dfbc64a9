/* SPDX-License-Identifier: MIT */
#include "par/comm.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { PIECE_BYTES = 1 << 30, SHOWN_BYTES = 200 };

ls_status lsi_mpi_status(int code, const char *call) {
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(code, text, &length);
  LSI_FAIL(LS_ERR_MPI, "see the MPI library's own messages above this one", "%.120s failed: %s",
           call, text);
}

/* Nodes = ranks that are the first of their node; counted by hand, not by a sum in MPI. */
static ls_status count_nodes(lsi_comm *comm) {
  int *node_ranks = NULL;
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("node ranks", comm->size, &node_ranks)));
  int code = MPI_Allgather(&comm->node_rank, 1, MPI_INT, node_ranks, 1, MPI_INT, comm->comm);
  comm->n_nodes = 0;
  for (int r = 0; r < comm->size; r++)
    comm->n_nodes += node_ranks[r] == 0;
  lsi_free(node_ranks);
  return code == MPI_SUCCESS ? LS_OK : lsi_mpi_status(code, "MPI_Allgather");
}

static ls_status fill(MPI_Comm parent, lsi_comm *comm) {
  LSI_TRY_MPI(MPI_Comm_dup(parent, &comm->comm));
  LSI_TRY_MPI(MPI_Comm_set_errhandler(comm->comm, MPI_ERRORS_RETURN));
  LSI_TRY_MPI(MPI_Comm_rank(comm->comm, &comm->rank));
  LSI_TRY_MPI(MPI_Comm_size(comm->comm, &comm->size));
  LSI_TRY_MPI(MPI_Comm_split_type(comm->comm, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL,
                                  &comm->node));
  LSI_TRY_MPI(MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN));
  LSI_TRY_MPI(MPI_Comm_rank(comm->node, &comm->node_rank));
  LSI_TRY_MPI(MPI_Comm_size(comm->node, &comm->node_size));
  return count_nodes(comm);
}

ls_status lsi_comm_create(MPI_Comm parent, lsi_comm *out) {
  lsi_comm comm = {.comm = MPI_COMM_NULL, .node = MPI_COMM_NULL};
  ls_status status = fill(parent, &comm);
  if (status != LS_OK) {
    lsi_comm_destroy(&comm);
    return status;
  }
  *out = comm;
  return LS_OK;
}

void lsi_comm_destroy(lsi_comm *comm) {
  if (comm->node != MPI_COMM_NULL)
    MPI_Comm_free(&comm->node);
  if (comm->comm != MPI_COMM_NULL)
    MPI_Comm_free(&comm->comm);
}

/* The lowest rank with `mine` true, or -1 on all ranks when there is none. Collective. */
static ls_status lowest_rank(const lsi_comm *comm, int mine, int *rank) {
  int local = mine ? comm->rank : INT_MAX, lowest = INT_MAX;
  LSI_TRY_MPI(MPI_Allreduce(&local, &lowest, 1, MPI_INT, MPI_MIN, comm->comm));
  *rank = lowest == INT_MAX ? -1 : lowest;
  return LS_OK;
}

ls_status lsi_agree(const lsi_comm *comm, ls_status status) {
  int failed = -1;
  LSI_TRY(lowest_rank(comm, status != LS_OK, &failed));
  if (failed < 0)
    return LS_OK;
  if (comm->rank == failed && ls_last_error()->status != status)
    lsi_error_set(status, NULL, "%s", ls_status_message(status)); /* a code that came bare */
  ls_error error = *ls_last_error();
  if (comm->rank == failed)
    error.rank = failed;
  LSI_TRY_MPI(MPI_Bcast(&error, (int)sizeof error, MPI_BYTE, failed, comm->comm));
  lsi_error_copy(&error);
  return error.status;
}

/* What a message can show of the bytes: the text when they are one, else their digest. */
static void describe(const void *bytes, size_t n_bytes, char shown[SHOWN_BYTES]) {
  const unsigned char *text = bytes;
  size_t n = n_bytes;
  while (n > 0 && text[n - 1] == '\0')
    n--;
  int printable = n > 0 && n < SHOWN_BYTES - 2;
  for (size_t i = 0; printable && i < n; i++)
    printable = isprint(text[i]);
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes(bytes, n_bytes, hex);
  memset(shown, 0, SHOWN_BYTES);
  if (printable)
    snprintf(shown, SHOWN_BYTES, "\"%.*s\"", (int)n, (const char *)bytes);
  else
    snprintf(shown, SHOWN_BYTES, "%zu bytes, digest %s", n_bytes, hex);
}

ls_status lsi_agree_same(const lsi_comm *comm, const char *what, const void *bytes,
                         size_t n_bytes) {
  struct {
    uint64_t n_bytes;
    char hex[LSI_DIGEST_HEX];
  } mine, first;
  memset(&mine, 0, sizeof mine);
  mine.n_bytes = n_bytes;
  lsi_hash_bytes(bytes, n_bytes, mine.hex);
  first = mine;
  LSI_TRY_MPI(MPI_Bcast(&first, (int)sizeof first, MPI_BYTE, 0, comm->comm));
  int other = -1;
  int differs = first.n_bytes != mine.n_bytes || strcmp(first.hex, mine.hex) != 0;
  LSI_TRY(lowest_rank(comm, differs, &other));
  if (other < 0)
    return LS_OK;
  char shown[2][SHOWN_BYTES];
  for (int i = 0; i < 2; i++) {
    describe(bytes, n_bytes, shown[i]);
    LSI_TRY_MPI(MPI_Bcast(shown[i], SHOWN_BYTES, MPI_CHAR, i == 0 ? 0 : other, comm->comm));
  }
  LSI_FAIL(LS_ERR_NOT_SAME, "give every rank the same program, config and data",
           "the ranks differ in %s: rank 0 has %s, rank %d has %s", what, shown[0], other,
           shown[1]);
}

ls_status lsi_bcast(const lsi_comm *comm, void *data, size_t n_bytes) {
  char *bytes = data;
  for (size_t done = 0; done < n_bytes; done += PIECE_BYTES) {
    size_t n = n_bytes - done < PIECE_BYTES ? n_bytes - done : PIECE_BYTES;
    LSI_TRY_MPI(MPI_Bcast(bytes + done, (int)n, MPI_BYTE, 0, comm->comm));
  }
  return LS_OK;
}

ls_status lsi_bcast_text(const lsi_comm *comm, char **text) {
  uint64_t n = comm->rank == 0 ? strlen(*text) + 1 : 0;
  LSI_TRY(lsi_bcast(comm, &n, sizeof n));
  char *received = *text;
  ls_status status = comm->rank == 0 ? LS_OK : LSI_ALLOC("text from rank 0", n, &received);
  int mine_to_free = comm->rank != 0 && status == LS_OK;
  status = lsi_agree(comm, status);
  if (status == LS_OK)
    status = lsi_bcast(comm, received, n);
  if (status == LS_OK)
    *text = received;
  else if (mine_to_free)
    lsi_free(received);
  return status;
}

lsi_comm lsi_comm_of_node(const lsi_comm *comm) {
  return (lsi_comm){.comm = comm->node, .node = comm->node, .rank = comm->node_rank, .size = comm->node_size,
                    .node_rank = comm->node_rank, .node_size = comm->node_size, .n_nodes = 1};
}

ls_status lsi_least(const lsi_comm *comm, int64_t *value) {
  LSI_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_INT64_T, MPI_MIN, comm->comm));
  return LS_OK;
}

ls_status lsi_unite(const lsi_comm *comm, void *bytes, size_t n_bytes) {
  for (size_t done = 0; done < n_bytes;) {
    size_t part = n_bytes - done < PIECE_BYTES ? n_bytes - done : PIECE_BYTES;
    LSI_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, (char *)bytes + done, (int)part, MPI_UNSIGNED_CHAR, MPI_MAX, comm->comm));
    done += part;
  }
  return LS_OK;
}
