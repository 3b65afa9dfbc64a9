/* SPDX-License-Identifier: MIT */
#include "par/shares.h"

#include <string.h>

#include "base/memory.h"

enum { PIECE_BYTES = 1 << 30, TAG = 3 };

static lsi_range owned(const lsi_shares *shares, int i, int rank) {
  lsi_range r = shares->ranges[i], out;
  lsi_exchange_owned(r.begin, r.end, rank, shares->comm->size, &out.begin, &out.end);
  return out;
}

static int count_pieces(const lsi_range *ranges, int n) {
  int pieces = 0;
  for (int i = 0; i < n; i++)
    pieces += (int)((ranges[i].end - ranges[i].begin + LSI_EXCHANGE_MAX_RANGE - 1) /
                    LSI_EXCHANGE_MAX_RANGE);
  return pieces;
}

static void cut(lsi_shares *shares, const lsi_range *ranges, int n) {
  for (int i = 0; i < n; i++)
    for (size_t at = ranges[i].begin; at < ranges[i].end; at += LSI_EXCHANGE_MAX_RANGE) {
      size_t left = ranges[i].end - at;
      size_t length = left < LSI_EXCHANGE_MAX_RANGE ? left : LSI_EXCHANGE_MAX_RANGE;
      shares->ranges[shares->n] = (lsi_range){at, at + length};
      shares->own[shares->n] = owned(shares, shares->n, shares->comm->rank);
      shares->n++;
    }
}

ls_status lsi_shares_create(const lsi_comm *comm, const lsi_range *ranges, int n,
                            lsi_shares **out) {
  lsi_shares *shares = NULL;
  int pieces = count_pieces(ranges, n);
  LSI_TRY(LSI_ALLOC("shares", 1, &shares));
  shares->comm = comm;
  ls_status status = LSI_ALLOC("shares", pieces, &shares->ranges);
  if (status == LS_OK)
    status = LSI_ALLOC("shares", pieces, &shares->own);
  if (status != LS_OK) {
    lsi_shares_destroy(&shares);
    return status;
  }
  cut(shares, ranges, n);
  *out = shares;
  return LS_OK;
}

void lsi_shares_destroy(lsi_shares **shares) {
  if (!*shares)
    return;
  lsi_free((*shares)->ranges);
  lsi_free((*shares)->own);
  lsi_free(*shares);
  *shares = NULL;
}

bool lsi_shares_equal(const lsi_shares *a, const lsi_shares *b) {
  return a->n == b->n && memcmp(a->ranges, b->ranges, (size_t)a->n * sizeof *a->ranges) == 0;
}

int lsi_shares_owner(const lsi_shares *shares, size_t at, size_t *end) {
  int i = 0, size = shares->comm->size;
  while (i < shares->n && (at < shares->ranges[i].begin || at >= shares->ranges[i].end))
    i++;
  if (i == shares->n)
    return -1;
  for (int r = 0; r < size; r++) {
    lsi_range piece = owned(shares, i, r);
    *end = piece.end;
    if (at >= piece.begin && at < piece.end)
      return r;
  }
  return -1;
}

ls_status lsi_shares_exchange(const lsi_shares *shares, lsi_exchange *exchange, float *arena) {
  for (int i = 0; i < shares->n; i++)
    LSI_TRY(
        lsi_exchange_gather(exchange, shares->ranges[i].begin, shares->ranges[i].end, arena));
  return LS_OK;
}

ls_status lsi_shares_to_all(const lsi_shares *shares, float *arena) {
  for (int i = 0; i < shares->n; i++)
    for (int r = 0; r < shares->comm->size; r++) {
      lsi_range piece = owned(shares, i, r);
      size_t n_bytes = (piece.end - piece.begin) * sizeof *arena;
      LSI_TRY(lsi_bcast_from(shares->comm, arena + piece.begin, n_bytes, r));
    }
  return LS_OK;
}

static ls_status hand_to_root(const lsi_comm *comm, char *bytes, size_t n_bytes, int from) {
  for (size_t at = 0; at < n_bytes; at += PIECE_BYTES) {
    size_t left = n_bytes - at, n = left < PIECE_BYTES ? left : PIECE_BYTES;
    LSI_TRY(comm->rank == 0 ? lsi_receive(comm, bytes + at, n, from, TAG)
                            : lsi_send(comm, bytes + at, n, 0, TAG));
  }
  return LS_OK;
}

ls_status lsi_shares_to_root(const lsi_shares *shares, float *arena) {
  const lsi_comm *comm = shares->comm;
  for (int i = 0; i < shares->n; i++)
    for (int r = 1; r < comm->size; r++) {
      lsi_range piece = owned(shares, i, r);
      if (comm->rank != 0 && comm->rank != r)
        continue;
      char *bytes = (char *)(arena + piece.begin);
      LSI_TRY(hand_to_root(comm, bytes, (piece.end - piece.begin) * sizeof *arena, r));
    }
  return LS_OK;
}

/* The next piece of this rank at or after `at`; pieces may come in any order. */
static lsi_range next_own(const lsi_shares *shares, size_t at, size_t n) {
  lsi_range next = {n, n};
  for (int i = 0; i < shares->n; i++)
    if (shares->own[i].end > shares->own[i].begin && shares->own[i].begin >= at &&
        shares->own[i].begin < next.begin)
      next = shares->own[i];
  return next;
}

void lsi_shares_forget(const lsi_shares *shares, float *arena, size_t n) {
  for (size_t at = 0; at < n;) {
    lsi_range own = next_own(shares, at, n);
    lsi_forget_pages(arena + at, (own.begin - at) * sizeof *arena);
    at = own.end;
  }
}
