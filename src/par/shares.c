/* SPDX-License-Identifier: MIT */
#include "par/shares.h"

#include <limits.h>

#include "base/memory.h"
#include "math/team.h"

enum { LINE = LSI_ALIGN / sizeof(float) };

struct lsi_shares {
  const lsi_comm *comm;
  size_t n;
  MPI_Datatype line; /* counts in lines fit an int up to 2^35 elements */
  int *counts, *places;
};

static void cut(const lsi_shares *shares) {
  for (int r = 0; r < shares->comm->size; r++) {
    size_t begin, end;
    lsi_team_slice(shares->n / LINE, 1, r, shares->comm->size, &begin, &end);
    shares->places[r] = (int)begin;
    shares->counts[r] = (int)(end - begin);
  }
}

ls_status lsi_shares_create(const lsi_comm *comm, size_t n, lsi_shares **out) {
  lsi_shares *shares = NULL;
  LSI_CHECK(n % LINE == 0 && n / LINE <= INT_MAX, LS_ERR_UNSUPPORTED, NULL, "%zu elements cannot be shared out", n);
  LSI_TRY(LSI_ALLOC("shares", 1, &shares));
  *shares = (lsi_shares){.comm = comm, .n = n, .line = MPI_DATATYPE_NULL};
  ls_status status = LSI_ALLOC("shares", comm->size, &shares->counts);
  if (status == LS_OK) status = LSI_ALLOC("shares", comm->size, &shares->places);
  if (status == LS_OK && (MPI_Type_contiguous(LINE, MPI_FLOAT, &shares->line) != MPI_SUCCESS || MPI_Type_commit(&shares->line) != MPI_SUCCESS))
    status = lsi_error_set(LS_ERR_MPI, NULL, "MPI_Type_contiguous failed");
  if (status != LS_OK) {
    lsi_shares_destroy(&shares);
    return status;
  }
  cut(shares);
  *out = shares;
  return LS_OK;
}

void lsi_shares_destroy(lsi_shares **shares) {
  if (!*shares) return;
  if ((*shares)->line != MPI_DATATYPE_NULL) MPI_Type_free(&(*shares)->line);
  lsi_free((*shares)->counts);
  lsi_free((*shares)->places);
  lsi_free(*shares);
  *shares = NULL;
}

void lsi_shares_own(const lsi_shares *shares, size_t *begin, size_t *end) {
  int rank = shares->comm->rank;
  *begin = (size_t)shares->places[rank] * LINE;
  *end = *begin + (size_t)shares->counts[rank] * LINE;
}

ls_status lsi_shares_to_all(const lsi_shares *shares, float *arena) {
  LSI_TRY_MPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, arena, shares->counts, shares->places, shares->line,
                             shares->comm->comm));
  return LS_OK;
}

ls_status lsi_shares_to_root(const lsi_shares *shares, float *arena) {
  int rank = shares->comm->rank;
  const void *own = rank == 0 ? MPI_IN_PLACE : arena + (size_t)shares->places[rank] * LINE;
  LSI_TRY_MPI(MPI_Gatherv(own, shares->counts[rank], shares->line, arena, shares->counts, shares->places, shares->line, 0,
                          shares->comm->comm));
  return LS_OK;
}

void lsi_shares_forget(const lsi_shares *shares, float *arena) {
  size_t begin, end;
  lsi_shares_own(shares, &begin, &end);
  lsi_forget_pages(arena, begin * sizeof *arena);
  lsi_forget_pages(arena + end, (shares->n - end) * sizeof *arena);
}
