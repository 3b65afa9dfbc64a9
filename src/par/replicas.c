/* SPDX-License-Identifier: MIT */
#include "par/replicas.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* What a rank shows of itself when the digests differ. */
typedef struct card {
  lsi_digest128 digest;
  char host[64];
} card;

static bool same(const lsi_digest128 *a, const lsi_digest128 *b) {
  return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}

/* A rank of the largest group, the one with the lowest rank of several, and its size. */
static int largest_group(const card *cards, int n, int *size) {
  int best = 0;
  *size = 0;
  for (int r = 0; r < n; r++) {
    int count = 0;
    for (int q = 0; q < n; q++) count += same(&cards[r].digest, &cards[q].digest);
    if (count > *size) best = r, *size = count;
  }
  return best;
}

static void list_odd(const card *cards, int n, lsi_replica_vote *vote) {
  size_t used = 0;
  int listed = 0, left = 0;
  for (int r = 0; r < n; r++) {
    if (vote->majority && same(&cards[r].digest, &cards[vote->reference].digest)) continue;
    if (used + 100 > sizeof vote->odd) {
      left++;
      continue;
    }
    used += (size_t)snprintf(vote->odd + used, sizeof vote->odd - used, "%srank %d on %s", listed++ ? ", " : "", r, cards[r].host);
  }
  if (left) snprintf(vote->odd + used, sizeof vote->odd - used, " and %d more", left);
}

static ls_status count_votes(const lsi_comm *comm, const lsi_digest128 *mine, lsi_replica_vote *vote) {
  card own = {.digest = *mine}, *cards = NULL;
  int size;
  gethostname(own.host, sizeof own.host - 1);
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("digests of the ranks", comm->size, &cards)));
  int code = MPI_Allgather(&own, sizeof own, MPI_BYTE, cards, sizeof own, MPI_BYTE, comm->comm);
  if (code == MPI_SUCCESS) {
    vote->reference = largest_group(cards, comm->size, &size);
    vote->majority = 2 * size > comm->size;
    list_odd(cards, comm->size, vote);
  }
  lsi_free(cards);
  return code == MPI_SUCCESS ? LS_OK : lsi_mpi_status(code, "MPI_Allgather");
}

ls_status lsi_replicas_compare(const lsi_comm *comm, const lsi_digest128 *mine, lsi_replica_vote *vote) {
  /* The least of the digests and of their complements: equal digests have one least and one greatest. */
  uint64_t least[4] = {mine->half[0], mine->half[1], ~mine->half[0], ~mine->half[1]};
  memset(vote, 0, sizeof *vote);
  LSI_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, least, 4, MPI_UINT64_T, MPI_MIN, comm->comm));
  vote->equal = least[0] == ~least[2] && least[1] == ~least[3];
  return vote->equal ? LS_OK : count_votes(comm, mine, vote);
}

ls_status lsi_replicas_first_difference(const lsi_comm *comm, int reference, const lsi_digest128 *mine, int n, int *first) {
  lsi_digest128 *theirs = NULL;
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("digests", n, &theirs)));
  memcpy(theirs, mine, (size_t)n * sizeof *theirs);
  int code = MPI_Bcast(theirs, n * (int)sizeof *theirs, MPI_BYTE, reference, comm->comm);
  *first = 0;
  while (*first < n && same(&mine[*first], &theirs[*first])) ++*first;
  lsi_free(theirs);
  if (code != MPI_SUCCESS) return lsi_mpi_status(code, "MPI_Bcast");
  LSI_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, first, 1, MPI_INT, MPI_MIN, comm->comm));
  return LS_OK;
}
