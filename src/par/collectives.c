/* SPDX-License-Identifier: MIT */
/* The few collectives there are, each left when its ranks do not come. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "par/peers.h"
#include "par/wait.h"

enum { PIECE_BYTES = 1 << 30, SHOWN_BYTES = 200 };

ls_status lsi_bcast_from(const lsi_comm *comm, void *data, size_t n_bytes, int root) {
  char *bytes = data;
  LSI_TRY(lsi_peers_check(comm->peers));
  for (size_t done = 0; done < n_bytes; done += PIECE_BYTES) {
    size_t left = n_bytes - done;
    int n = (int)(left < PIECE_BYTES ? left : PIECE_BYTES);
    MPI_Request request;
    LSI_TRY(LSI_MPI_LOCKED(comm,
                           MPI_Ibcast(bytes + done, n, MPI_BYTE, root, comm->comm, &request)));
    LSI_TRY(lsi_wait_one(comm, &request));
  }
  return LS_OK;
}

ls_status lsi_send(const lsi_comm *comm, const void *data, size_t n_bytes, int to, int tag) {
  MPI_Request request;
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(
      comm, MPI_Isend(data, (int)n_bytes, MPI_BYTE, to, tag, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_receive(const lsi_comm *comm, void *data, size_t n_bytes, int from, int tag) {
  MPI_Request request;
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(
      comm, MPI_Irecv(data, (int)n_bytes, MPI_BYTE, from, tag, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_allgather(const lsi_comm *comm, const void *mine, void *all, size_t n_bytes) {
  MPI_Request request;
  int n = (int)n_bytes;
  LSI_CHECK(n_bytes <= INT_MAX, LS_ERR_ARG, NULL, "%zu bytes a rank are too many", n_bytes);
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(
      comm, MPI_Iallgather(mine, n, MPI_BYTE, all, n, MPI_BYTE, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_allgather_floats(const lsi_comm *comm, const float *mine, float *all,
                               const int *counts, const int *offsets) {
  MPI_Request request;
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(comm, MPI_Iallgatherv(mine, counts[comm->rank], MPI_FLOAT, all, counts,
                                               offsets, MPI_FLOAT, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

static ls_status allreduce_int(const lsi_comm *comm, int mine, MPI_Op op, int *out) {
  MPI_Request request;
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(
      LSI_MPI_LOCKED(comm, MPI_Iallreduce(&mine, out, 1, MPI_INT, op, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_least(const lsi_comm *comm, int64_t *value) {
  MPI_Request request;
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(comm, MPI_Iallreduce(MPI_IN_PLACE, value, 1, MPI_INT64_T, MPI_MIN,
                                              comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_unite(const lsi_comm *comm, void *bytes, size_t n_bytes) {
  MPI_Request request;
  LSI_CHECK(n_bytes <= INT_MAX, LS_ERR_ARG, NULL, "%zu bytes are too many", n_bytes);
  LSI_TRY(lsi_peers_check(comm->peers));
  LSI_TRY(LSI_MPI_LOCKED(comm, MPI_Iallreduce(MPI_IN_PLACE, bytes, (int)n_bytes, MPI_UNSIGNED_CHAR,
                                              MPI_MAX, comm->comm, &request)));
  return lsi_wait_one(comm, &request);
}

ls_status lsi_agree_most(const lsi_comm *comm, int mine, int *most) {
  return allreduce_int(comm, mine, MPI_MAX, most);
}

ls_status lsi_count(const lsi_comm *comm, int mine, int *total) {
  return allreduce_int(comm, mine, MPI_SUM, total);
}

ls_status lsi_lowest_rank(const lsi_comm *comm, bool mine, int *rank) {
  int lowest;
  LSI_TRY(allreduce_int(comm, mine ? comm->rank : INT_MAX, MPI_MIN, &lowest));
  *rank = lowest == INT_MAX ? -1 : lowest;
  return LS_OK;
}

/* Are the ranks on several hosts, so that naming one says something? */
static bool has_hosts(const lsi_comm *comm) {
  return comm->peers && comm->peers->n_nodes > 1;
}

ls_status lsi_agree(const lsi_comm *comm, ls_status status) {
  int failed = -1;
  LSI_TRY(lsi_lowest_rank(comm, status != LS_OK, &failed));
  if (failed < 0)
    return LS_OK;
  if (comm->rank == failed && ls_last_error()->status != status)
    lsi_error_set(status, NULL, "%s", ls_status_message(status)); /* a code that came bare */
  ls_error error = *ls_last_error();
  if (comm->rank == failed && error.rank < 0)
    error.rank = failed;
  if (comm->rank == failed && has_hosts(comm))
    snprintf(error.host, sizeof error.host, "%s", comm->peers->hosts[comm->peers->node]);
  LSI_TRY(lsi_bcast_from(comm, &error, sizeof error, failed));
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
  LSI_TRY(lsi_bcast_from(comm, &first, sizeof first, 0));
  int other = -1;
  int differs = first.n_bytes != mine.n_bytes || strcmp(first.hex, mine.hex) != 0;
  LSI_TRY(lsi_lowest_rank(comm, differs, &other));
  if (other < 0)
    return LS_OK;
  char shown[2][SHOWN_BYTES], host[2][LSI_HOST + 16] = {"", ""};
  for (int i = 0; i < 2; i++) {
    describe(bytes, n_bytes, shown[i]);
    LSI_TRY(lsi_bcast_from(comm, shown[i], SHOWN_BYTES, i == 0 ? 0 : other));
    if (has_hosts(comm)) snprintf(host[i], sizeof host[i], " on host %s", lsi_host_of(comm, i == 0 ? 0 : other));
  }
  LSI_FAIL(LS_ERR_NOT_SAME, "give every rank the same program, config and data",
           "the ranks differ in %s: rank 0%s has %s, rank %d%s has %s", what, host[0], shown[0], other,
           host[1], shown[1]);
}

ls_status lsi_bcast(const lsi_comm *comm, void *data, size_t n_bytes) {
  return lsi_bcast_from(comm, data, n_bytes, 0);
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
