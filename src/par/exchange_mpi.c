/* SPDX-License-Identifier: MIT */
/*
 * Any placement. Every rank sends each peer that peer's slice of its partials, straight from where
 * they lie (one message a row and peer, non-blocking, so they may travel during backward), sums its
 * own slice, and the slices are gathered: 2 (R - 1) / R of the arena a rank when each rank has one
 * partial.
 */
#include "par/exchange_kinds.h"

#include <string.h>

#include "base/memory.h"

enum { MAX_PENDING = 8, TAG = 1, LINE = LSI_ALIGN / sizeof(float) };

typedef struct posted_piece {
  lsi_piece piece;
  size_t at; /* where the rows of the own slice begin in `received` */
  int n_requests;
  MPI_Request *requests; /* [max_requests] */
} posted_piece;

typedef struct mpi_state {
  float *partials, *sum;
  float *received;   /* [n_ranks * max_nodes, room]: other ranks' partials of this rank's slices */
  size_t room, used; /* floats a row, of them in use */
  int *counts, *displacements; /* [size], of the gather */
  int n_posted;
  posted_piece posted[MAX_PENDING];
  MPI_Request *requests; /* [MAX_PENDING * max_requests] */
} mpi_state;

static ls_status receive_rows(lsi_exchange *exchange, posted_piece *posted, size_t n) {
  mpi_state *state = exchange->state;
  const lsi_node_map *map = &exchange->map;
  for (int r = 0; n > 0 && r < map->n_ranks; r++) {
    if (r == exchange->comm->rank)
      continue;
    for (int i = map->first[r]; i < map->first[r + 1]; i++)
      LSI_TRY_MPI(MPI_Irecv(state->received + (size_t)i * state->room + posted->at, (int)n,
                            MPI_FLOAT, r, TAG, exchange->comm->comm,
                            &posted->requests[posted->n_requests++]));
  }
  return LS_OK;
}

static ls_status send_rows(lsi_exchange *exchange, posted_piece *posted) {
  const int rank = exchange->comm->rank, size = exchange->comm->size;
  int n_own = exchange->map.first[rank + 1] - exchange->map.first[rank];
  for (int k = 1; k < size;
       k++) { /* each rank begins with its neighbour, so that not all send to one */
    int to = (rank + k) % size;
    lsi_piece slice = lsi_exchange_slice(exchange, posted->piece, to);
    size_t n = slice.end - slice.begin;
    for (int i = 0; n > 0 && i < n_own; i++) {
      const float *row = exchange->partials + (size_t)i * exchange->stride + slice.begin;
      LSI_TRY_MPI(MPI_Isend(row, (int)n, MPI_FLOAT, to, TAG, exchange->comm->comm,
                            &posted->requests[posted->n_requests++]));
      exchange->bytes += n * sizeof(float);
    }
  }
  return LS_OK;
}

/* The slices of a piece lie side by side in the sum: gathered in place. */
static ls_status gather_piece(lsi_exchange *exchange, lsi_piece piece) {
  mpi_state *state = exchange->state;
  const lsi_comm *comm = exchange->comm;
  size_t received = 0;
  for (int r = 0; r < comm->size; r++) {
    lsi_piece slice = lsi_exchange_slice(exchange, piece, r);
    state->counts[r] = (int)(slice.end - slice.begin);
    state->displacements[r] = (int)(slice.begin - piece.begin);
    if (r != comm->rank)
      received += slice.end - slice.begin;
  }
  exchange->bytes += received * sizeof(float);
  LSI_TRY_MPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, state->sum + piece.begin, state->counts,
                             state->displacements, MPI_FLOAT, comm->comm));
  return LS_OK;
}

static ls_status complete(lsi_exchange *exchange, posted_piece *posted) {
  mpi_state *state = exchange->state;
  const lsi_node_map *map = &exchange->map;
  const int rank = exchange->comm->rank;
  lsi_piece slice = lsi_exchange_slice(exchange, posted->piece, rank);
  LSI_TRY_MPI(MPI_Waitall(posted->n_requests, posted->requests, MPI_STATUSES_IGNORE));
  for (int i = 0; i < map->n_nodes; i++) {
    int own = i - map->first[rank];
    bool mine = own >= 0 && i < map->first[rank + 1];
    exchange->rows[i] = mine ? exchange->partials + (size_t)own * exchange->stride + slice.begin
                             : state->received + (size_t)i * state->room + posted->at;
  }
  if (slice.end > slice.begin)
    lsi_exchange_sum_rows(exchange, slice.end - slice.begin, state->sum + slice.begin);
  return gather_piece(exchange, posted->piece);
}

static ls_status finish(lsi_exchange *exchange) {
  mpi_state *state = exchange->state;
  for (int p = 0; p < state->n_posted; p++)
    LSI_TRY(complete(exchange, &state->posted[p]));
  state->n_posted = 0;
  state->used = 0;
  return LS_OK;
}

static ls_status post(lsi_exchange *exchange, lsi_piece piece) {
  mpi_state *state = exchange->state;
  lsi_piece slice = lsi_exchange_slice(exchange, piece, exchange->comm->rank);
  size_t n = slice.end - slice.begin, n_padded = lsi_round_up(n, LINE);
  if (state->n_posted == MAX_PENDING || state->used + n_padded > state->room)
    LSI_TRY(finish(exchange));
  posted_piece *posted = &state->posted[state->n_posted++];
  posted->piece = piece;
  posted->at = state->used;
  posted->n_requests = 0;
  state->used += n_padded;
  LSI_TRY(receive_rows(exchange, posted, n));
  return send_rows(exchange, posted);
}

static void destroy(lsi_exchange *exchange) {
  mpi_state *state = exchange->state;
  if (!state)
    return;
  lsi_free(state->partials);
  lsi_free(state->sum);
  lsi_free(state->received);
  lsi_free(state->counts);
  lsi_free(state->displacements);
  lsi_free(state->requests);
  lsi_free(state);
  exchange->state = NULL;
}

static const lsi_exchange_ops mpi_ops = {"mpi", post, finish, destroy};

static ls_status allocate(lsi_exchange *exchange) {
  mpi_state *state = NULL;
  LSI_TRY(LSI_ALLOC("exchange state", 1, &state));
  exchange->state = state;
  exchange->ops = &mpi_ops;
  size_t ranks = (size_t)exchange->comm->size, nodes = (size_t)exchange->map.max_nodes;
  state->room = lsi_round_up(exchange->n / ranks, LINE) + (MAX_PENDING + 1) * 2 * LINE;
  size_t row_floats, sum_floats = exchange->stride;
  LSI_CHECK(lsi_mul_size(ranks * nodes, state->room, &row_floats), LS_ERR_MEMORY, NULL,
            "exchange: %zu elements on %zu ranks exceed the address space", exchange->n, ranks);
  LSI_TRY(LSI_ALLOC("gradient partials", nodes * exchange->stride, &state->partials));
  LSI_TRY(LSI_ALLOC("gradient sum", sum_floats, &state->sum));
  LSI_TRY(LSI_ALLOC("received partials", row_floats, &state->received));
  LSI_TRY(LSI_ALLOC("gather counts", ranks, &state->counts));
  LSI_TRY(LSI_ALLOC("gather displacements", ranks, &state->displacements));
  size_t max_requests = 2 * ranks * nodes;
  LSI_TRY(LSI_ALLOC("exchange requests", MAX_PENDING * max_requests, &state->requests));
  for (size_t p = 0; p < MAX_PENDING; p++)
    state->posted[p].requests = state->requests + p * max_requests;
  return LS_OK;
}

ls_status lsi_exchange_open_mpi(lsi_exchange *exchange) {
  LSI_TRY(lsi_agree(exchange->comm,
                    allocate(exchange))); /* lsi_exchange_destroy frees what a failure left */
  mpi_state *state = exchange->state;
  exchange->partials = state->partials;
  exchange->sum = state->sum;
  return LS_OK;
}
