/* SPDX-License-Identifier: MIT */
/*
 * All ranks on one node. A rank's `ready` counts the pieces it has posted since creation, its `done` the
 * pieces it has summed its slice of. A piece is summed as soon as all ranks have posted it: on the way
 * through backward if they are there already, else in finish. When all are done the sum is whole, and
 * nobody reads the partials any more.
 */
#include "par/exchange_kinds.h"

#include <string.h>

#include "base/memory.h"
#include "par/shm.h"
#include "par/wait.h"

enum { MAX_PENDING = 64 };

typedef struct shared_state {
  lsi_shm shm;
  lsi_counter *ready, *done, *gathered; /* [size] */
  float *sum;
  lsi_shared_layout layout;
  uint64_t n_posted, n_summed, n_gathered;
  lsi_piece pending[MAX_PENDING]; /* piece k at k % MAX_PENDING, n_summed <= k < n_posted */
} shared_state;

static const float *partial_of(const lsi_exchange *exchange, int rank, int node) {
  const shared_state *state = exchange->state;
  const char *block = state->shm.base + state->layout.partials_at + (size_t)rank * state->layout.partials_bytes;
  return (const float *)(const void *)block + (size_t)node * exchange->stride;
}

static void sum_next(lsi_exchange *exchange) {
  shared_state *state = exchange->state;
  const lsi_node_map *map = &exchange->map;
  const int rank = exchange->comm->rank;
  lsi_piece piece = state->pending[state->n_summed % MAX_PENDING];
  lsi_piece slice = lsi_exchange_slice(exchange, piece, rank);
  size_t n = slice.end - slice.begin;
  for (int r = 0; r < map->n_ranks; r++)
    for (int i = map->first[r]; i < map->first[r + 1]; i++)
      exchange->rows[i] = partial_of(exchange, r, i - map->first[r]) + slice.begin;
  if (n > 0)
    lsi_exchange_sum_nodes(exchange, map->nodes, map->n_nodes, n, state->sum + slice.begin);
  int others = map->n_nodes - (map->first[rank + 1] - map->first[rank]);
  exchange->bytes += n * sizeof(float) * (size_t)others;
  lsi_counter_set(&state->done[rank], ++state->n_summed);
}

static ls_status sum_all(lsi_exchange *exchange) {
  shared_state *state = exchange->state;
  while (state->n_summed < state->n_posted) {
    LSI_TRY(
        lsi_counters_wait(state->ready, exchange->comm->size, state->n_summed + 1, exchange->comm));
    sum_next(exchange);
  }
  return LS_OK;
}

static ls_status post(lsi_exchange *exchange, lsi_piece piece) {
  shared_state *state = exchange->state;
  if (state->n_posted - state->n_summed == MAX_PENDING)
    LSI_TRY(sum_all(exchange));
  state->pending[state->n_posted % MAX_PENDING] = piece;
  lsi_counter_set(&state->ready[exchange->comm->rank], ++state->n_posted);
  while (state->n_summed < state->n_posted &&
         lsi_counters_reached(state->ready, exchange->comm->size, state->n_summed + 1))
    sum_next(exchange);
  return LS_OK;
}

static ls_status finish(lsi_exchange *exchange) {
  shared_state *state = exchange->state;
  LSI_TRY(sum_all(exchange));
  return lsi_counters_wait(state->done, exchange->comm->size, state->n_posted, exchange->comm);
}

/* Through the sum, which every rank may read. */
static ls_status gather(lsi_exchange *exchange, lsi_piece piece, float *values) {
  shared_state *state = exchange->state;
  const lsi_comm *comm = exchange->comm;
  lsi_piece own = lsi_exchange_slice(exchange, piece, comm->rank);
  memcpy(state->sum + own.begin, values + own.begin, (own.end - own.begin) * sizeof *values);
  exchange->bytes += (piece.end - piece.begin) * sizeof *values;
  lsi_counter_set(&state->gathered[comm->rank], ++state->n_gathered);
  LSI_TRY(lsi_counters_wait(state->gathered, comm->size, state->n_gathered, comm));
  memcpy(values + piece.begin, state->sum + piece.begin,
         (own.begin - piece.begin) * sizeof *values);
  memcpy(values + own.end, state->sum + own.end, (piece.end - own.end) * sizeof *values);
  return LS_OK;
}

static void destroy(lsi_exchange *exchange) {
  shared_state *state = exchange->state;
  if (!state)
    return;
  lsi_shm_destroy(&state->shm);
  lsi_free(state);
  exchange->state = NULL;
}

static const lsi_exchange_ops shared_ops = {"shared", post, finish, gather, destroy, NULL};

ls_status lsi_exchange_open_shared(lsi_exchange *exchange) {
  const lsi_comm *comm = exchange->comm;
  shared_state *state = NULL;
  lsi_shared_layout layout;
  ls_status status = LSI_ALLOC("exchange state", 1, &state);
  if (status == LS_OK)
    status = lsi_exchange_lay_out(exchange, comm->size, 3, &layout);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, lsi_shm_create(comm, layout.total, &state->shm));
  status = lsi_exchange_reserve(exchange, &layout, &state->shm, comm->rank, comm->size);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, lsi_wait_settle(comm));
  char *base = state->shm.base;
  exchange->state = state;
  state->layout = layout;
  state->ready = (lsi_counter *)(void *)base;
  state->done = state->ready + comm->size;
  state->gathered = state->done + comm->size;
  state->sum = (float *)(void *)(base + layout.sum_at);
  exchange->sum = state->sum;
  exchange->partials = (float *)(void *)(base + layout.partials_at +
                                         (size_t)comm->rank * layout.partials_bytes);
  exchange->ops = &shared_ops;
  return LS_OK;
fail:
  if (state)
    lsi_shm_destroy(&state->shm);
  lsi_free(state);
  return status;
}
