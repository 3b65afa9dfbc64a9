/* SPDX-License-Identifier: MIT */
/*
 * All ranks on one node. One block of shared memory:
 *
 *   [ready counters | done counters][sum, n floats][partials of rank 0][partials of rank 1]...
 *
 * each part on its own pages, reserved by the rank that writes it (the sum by slices). A rank's
 * `ready` counts the pieces it has posted since creation, its `done` the pieces it has summed its
 * slice of. A piece is summed as soon as all ranks have posted it: on the way through backward if
 * they are there already, else in finish. When all are done the sum is whole, and nobody reads the
 * partials any more.
 */
#include "par/exchange_kinds.h"

#include "base/memory.h"
#include "par/shm.h"
#include "par/wait.h"

enum { MAX_PENDING = 64 };

typedef struct shared_state {
  lsi_shm shm;
  lsi_counter *ready, *done; /* [size] */
  float *sum;
  size_t partials_at, partials_bytes; /* of rank 0; of each rank */
  uint64_t n_posted, n_summed;
  lsi_piece pending[MAX_PENDING]; /* piece k at k % MAX_PENDING, n_summed <= k < n_posted */
} shared_state;

static const float *partial_of(const lsi_exchange *exchange, int rank, int node) {
  const shared_state *state = exchange->state;
  const char *block = state->shm.base + state->partials_at + (size_t)rank * state->partials_bytes;
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
    lsi_exchange_sum_rows(exchange, n, state->sum + slice.begin);
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

static void destroy(lsi_exchange *exchange) {
  shared_state *state = exchange->state;
  if (!state)
    return;
  lsi_shm_destroy(&state->shm);
  lsi_free(state);
  exchange->state = NULL;
}

static const lsi_exchange_ops shared_ops = {"shared", post, finish, destroy};

static size_t pages(size_t n_bytes) {
  return lsi_round_up(n_bytes, LSI_SHM_PAGE);
}

/* Sizes of the block's parts; false when they exceed the address space. */
static bool lay_out(const lsi_exchange *exchange, size_t *sum_at, shared_state *state,
                    size_t *total) {
  size_t row, rows, all;
  size_t ranks = (size_t)exchange->comm->size;
  *sum_at = pages(2 * ranks * sizeof(lsi_counter));
  if (exchange->stride < exchange->n || !lsi_mul_size(exchange->stride, sizeof(float), &row) ||
      !lsi_mul_size(row, (size_t)exchange->map.max_nodes, &rows) || rows > SIZE_MAX / 4)
    return false;
  state->partials_bytes = pages(rows);
  state->partials_at = *sum_at + pages(row);
  if (!lsi_mul_size(state->partials_bytes, ranks, &all) || all > SIZE_MAX / 4)
    return false;
  *total = state->partials_at + all;
  return true;
}

/* The pages this rank writes: its counters, its share of the sum, its partials. */
static ls_status reserve(const lsi_exchange *exchange, size_t sum_at) {
  const shared_state *state = exchange->state;
  const int rank = exchange->comm->rank;
  lsi_piece slice = lsi_exchange_slice(exchange, (lsi_piece){0, exchange->n}, rank);
  size_t partials_at = state->partials_at + (size_t)rank * state->partials_bytes;
  if (rank == 0)
    LSI_TRY(lsi_shm_reserve(&state->shm, 0, sum_at));
  LSI_TRY(lsi_shm_reserve(&state->shm, sum_at + slice.begin * sizeof(float),
                          sum_at + slice.end * sizeof(float)));
  return lsi_shm_reserve(&state->shm, partials_at, partials_at + state->partials_bytes);
}

ls_status lsi_exchange_open_shared(lsi_exchange *exchange) {
  const lsi_comm *comm = exchange->comm;
  shared_state *state = NULL;
  size_t sum_at = 0, total = 0;
  ls_status status = LSI_ALLOC("exchange state", 1, &state);
  if (status == LS_OK && !lay_out(exchange, &sum_at, state, &total))
    status = lsi_error_set(LS_ERR_MEMORY, NULL, "%zu elements on %d ranks exceed the address space",
                           exchange->n, comm->size);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, lsi_shm_create(comm, total, &state->shm));
  exchange->state = state;
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, reserve(exchange, sum_at)));
  LSI_TRY_GOTO(status, fail, lsi_wait_settle(comm));
  char *base = state->shm.base;
  state->ready = (lsi_counter *)(void *)base;
  state->done = state->ready + comm->size;
  state->sum = (float *)(void *)(base + sum_at);
  exchange->sum = state->sum;
  exchange->partials =
      (float *)(void *)(base + state->partials_at + (size_t)comm->rank * state->partials_bytes);
  exchange->ops = &shared_ops;
  return LS_OK;
fail:
  exchange->state = NULL;
  if (state)
    lsi_shm_destroy(&state->shm);
  lsi_free(state);
  return status;
}
