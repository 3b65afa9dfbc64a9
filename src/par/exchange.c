/* SPDX-License-Identifier: MIT */
#include "par/exchange_kinds.h"

#include <omp.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "math/team.h"

enum { LINE = LSI_ALIGN / sizeof(float) };

/* ---- one rank: its only partial is the root ---- */
static ls_status post_nothing(lsi_exchange *exchange, lsi_piece piece) {
  (void)exchange, (void)piece;
  return LS_OK;
}

static ls_status finish_nothing(lsi_exchange *exchange) {
  (void)exchange;
  return LS_OK;
}

static ls_status gather_nothing(lsi_exchange *exchange, lsi_piece piece, float *values) {
  (void)exchange, (void)piece, (void)values;
  return LS_OK;
}

static void free_partials(lsi_exchange *exchange) {
  lsi_free(exchange->partials);
}

static const lsi_exchange_ops none_ops = {"none", post_nothing, finish_nothing, gather_nothing,
                                          free_partials, NULL};

static ls_status open_none(lsi_exchange *exchange) {
  size_t rows = (size_t)exchange->map.max_nodes;
  LSI_TRY(LSI_ALLOC("gradient partials", rows * exchange->stride, &exchange->partials));
  exchange->sum = exchange->partials;
  exchange->ops = &none_ops;
  return LS_OK;
}

/* ---- common ---- */
static lsi_piece slice_of(lsi_piece piece, int rank, int n_ranks) {
  size_t first_line = piece.begin / LINE, lines = (piece.end + LINE - 1) / LINE - first_line;
  size_t begin, end;
  lsi_team_slice(lines, 1, rank, n_ranks, &begin, &end);
  begin = (first_line + begin) * LINE;
  end = (first_line + end) * LINE;
  lsi_piece slice = {begin > piece.begin ? begin : piece.begin, end < piece.end ? end : piece.end};
  if (slice.begin > slice.end)
    slice.begin = slice.end;
  return slice;
}

lsi_piece lsi_exchange_slice(const lsi_exchange *exchange, lsi_piece piece, int rank) {
  return slice_of(piece, rank, exchange->comm->size);
}

void lsi_exchange_sum_nodes(const lsi_exchange *exchange, const lsi_tree_node *nodes, int n_nodes,
                            size_t n, float *out) {
  size_t capacity = (size_t)exchange->map.n_ranks * (size_t)exchange->map.max_nodes;
  int n_threads = lsi_team_for((double)n * n_nodes);
  if (n_threads > exchange->n_teams - 1)
    n_threads = exchange->n_teams - 1;
  if (n_threads == 1) {
    lsi_tree_sum_rows_f32(nodes, n_nodes, exchange->rows, n, out);
    return;
  }
#pragma omp parallel num_threads(n_threads)
  {
    size_t begin, end;
    const float **mine = exchange->rows + (size_t)(omp_get_thread_num() + 1) * capacity;
    lsi_team_slice(n, LINE, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    for (int i = 0; i < n_nodes; i++)
      mine[i] = exchange->rows[i] + begin;
    lsi_tree_sum_rows_f32(nodes, n_nodes, mine, end - begin, out + begin);
  }
}

/* With shared memory, or without when the choice is free and there is too little. */
static ls_status open_sharing(lsi_exchange *exchange, lsi_exchange_kind kind) {
  const lsi_comm *comm = exchange->comm;
  bool one_node = comm->n_nodes == 1 && kind != LSI_EXCHANGE_HIERARCHICAL;
  ls_status status =
      one_node ? lsi_exchange_open_shared(exchange) : lsi_exchange_open_hierarchical(exchange);
  if (status == LS_OK || kind != LSI_EXCHANGE_AUTO)
    return status;
  lsi_log_warn("%s; gradients go through MPI messages instead, which is slower (%s)",
               ls_last_error()->message, ls_last_error()->advice);
  lsi_error_clear();
  return lsi_exchange_open_mpi(exchange);
}

static ls_status open_kind(lsi_exchange *exchange, lsi_exchange_kind kind) {
  const lsi_comm *comm = exchange->comm;
  if (comm->size == 1)
    return lsi_agree(comm, open_none(exchange));
  bool apart = kind == LSI_EXCHANGE_AUTO && comm->n_nodes == comm->size;
  if (kind == LSI_EXCHANGE_MPI || apart)
    return lsi_exchange_open_mpi(exchange);
  LSI_CHECK(kind != LSI_EXCHANGE_SHARED || comm->n_nodes == 1, LS_ERR_ARG,
            "choose exchange \"auto\", \"hierarchical\" or \"mpi\"",
            "exchange \"shared\" needs all %d ranks on one node, but they are on %d", comm->size,
            comm->n_nodes);
  return open_sharing(exchange, kind);
}

ls_status lsi_exchange_create(const lsi_comm *comm, lsi_exchange_kind kind, size_t n, int max_nodes,
                              lsi_exchange **out) {
  lsi_exchange *exchange = NULL;
  ls_status status = LSI_ALLOC("exchange", 1, &exchange);
  if (status == LS_OK) {
    exchange->comm = comm;
    exchange->n = n;
    exchange->stride = lsi_round_up(n, LINE);
    exchange->piece_limit = LSI_EXCHANGE_MAX_RANGE;
    status = lsi_node_map_create(comm->size, max_nodes, &exchange->map);
  }
  if (status == LS_OK) {
    exchange->n_teams = lsi_team_size() + 1;
    size_t n_rows = (size_t)exchange->n_teams * (size_t)comm->size * (size_t)max_nodes;
    status = LSI_ALLOC("exchange rows", n_rows, &exchange->rows);
  }
  status = lsi_agree(comm, status);
  if (status == LS_OK)
    status = open_kind(exchange, kind);
  if (status != LS_OK) {
    lsi_exchange_destroy(&exchange);
    return status;
  }
  *out = exchange;
  return LS_OK;
}

void lsi_exchange_destroy(lsi_exchange **exchange) {
  if (!exchange || !*exchange)
    return;
  if ((*exchange)->ops)
    (*exchange)->ops->destroy(*exchange);
  lsi_node_map_destroy(&(*exchange)->map);
  lsi_free((*exchange)->rows);
  lsi_free(*exchange);
  *exchange = NULL;
}

float *lsi_exchange_partial(lsi_exchange *exchange, int node) {
  return exchange->partials + (size_t)node * exchange->stride;
}

ls_status lsi_exchange_start(lsi_exchange *exchange, const lsi_leaf_plan *plan, size_t begin,
                             size_t end) {
  LSI_CHECK(begin <= end && end <= exchange->n, LS_ERR_ARG, NULL,
            "range [%zu, %zu) is outside of %zu elements", begin, end, exchange->n);
  LSI_CHECK(!exchange->posted || plan->n_leaves == exchange->map.n_leaves, LS_ERR_STATE, NULL,
            "a step began with %d leaves and goes on with %d", exchange->map.n_leaves,
            plan->n_leaves);
  LSI_TRY(lsi_node_map_update(&exchange->map, plan->n_leaves));
  exchange->posted = true;
  for (size_t at = begin; at < end; at += exchange->piece_limit) {
    size_t left = end - at;
    lsi_piece piece = {at, at + (left < exchange->piece_limit ? left : exchange->piece_limit)};
    LSI_TRY(exchange->ops->post(exchange, piece));
  }
  return LS_OK;
}

ls_status lsi_exchange_wait(lsi_exchange *exchange, const float **sum) {
  LSI_TRY(exchange->ops->finish(exchange));
  exchange->posted = false;
  *sum = exchange->sum;
  return LS_OK;
}

ls_status lsi_exchange_set_overlap(lsi_exchange *exchange, bool overlap) {
  return exchange->ops->overlap ? exchange->ops->overlap(exchange, overlap) : LS_OK;
}

void lsi_exchange_set_halves(lsi_exchange *exchange, bool halves) {
  exchange->halves = halves;
}

void lsi_exchange_owned(size_t begin, size_t end, int rank, int n_ranks, size_t *own_begin,
                        size_t *own_end) {
  lsi_piece slice = slice_of((lsi_piece){begin, end}, rank, n_ranks);
  *own_begin = slice.begin;
  *own_end = slice.end;
}

ls_status lsi_exchange_gather(lsi_exchange *exchange, size_t begin, size_t end, float *values) {
  LSI_CHECK(begin <= end && end <= exchange->n && end - begin <= exchange->piece_limit, LS_ERR_ARG,
            NULL, "range [%zu, %zu) is outside of %zu elements, or too long", begin, end,
            exchange->n);
  return exchange->ops->gather(exchange, (lsi_piece){begin, end}, values);
}

const char *lsi_exchange_name(const lsi_exchange *exchange) {
  return exchange->ops->name;
}

size_t lsi_exchange_bytes(const lsi_exchange *exchange) {
  return exchange->bytes;
}

ls_status lsi_exchange_parse(const char *name, lsi_exchange_kind *kind) {
  static const char *const names[] = {"auto", "shared", "mpi", "hierarchical"}; /* as the enum */
  enum { N = sizeof names / sizeof *names };
  if (!name)
    name = names[0];
  for (int i = 0; i < N; i++) {
    if (strcmp(name, names[i]) != 0)
      continue;
    *kind = (lsi_exchange_kind)i;
    return LS_OK;
  }
  const char *nearest = lsi_nearest_name(name, names, N);
  LSI_FAIL(LS_ERR_ARG, "use auto, shared, hierarchical or mpi", "exchange \"%s\" is unknown%s%s%s",
           name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}
