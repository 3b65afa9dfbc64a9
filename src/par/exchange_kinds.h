/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_EXCHANGE_KINDS_H
#define LSI_PAR_EXCHANGE_KINDS_H
/* What exchange.c and its kinds know of each other. */
#include "par/exchange.h"
#include "par/node_map.h"
#include "par/shm.h"

/* A pending piece of the arena: short enough for MPI's int counts. */
typedef struct lsi_piece {
  size_t begin, end;
} lsi_piece;

typedef struct lsi_exchange_ops {
  const char *name;
  /* REQUIRED */
  ls_status (*post)(lsi_exchange *exchange,
                    lsi_piece piece);          /* this rank's partials of the piece are ready */
  ls_status (*finish)(lsi_exchange *exchange); /* all posted pieces are summed everywhere, or, with
                                                  `halves`, at their owners */
  ls_status (*gather)(lsi_exchange *exchange, lsi_piece piece,
                      float *values); /* every rank's slice of the piece to all */
  void (*destroy)(lsi_exchange *exchange);
  /* OPTIONAL */
  ls_status (*overlap)(lsi_exchange *exchange, bool on); /* pieces get on while the ranks compute */
} lsi_exchange_ops;

struct lsi_exchange {
  const lsi_exchange_ops *ops;
  const lsi_comm *comm;
  size_t n, stride;   /* elements; of a row of partials, whole cache lines */
  size_t piece_limit; /* longest piece, in elements */
  size_t bytes;
  lsi_node_map map;
  bool posted;        /* in the middle of a step */
  bool halves;        /* the sum is for its owner only */
  float *partials;    /* [map.max_nodes, stride], this rank's */
  const float *sum;   /* [n] */
  const float **rows; /* [n_teams, n_ranks * max_nodes] row 0: where each node's slice lies; others:
                         threads' scratch */
  int n_teams;        /* threads at creation + 1 */
  void *state;        /* the kind's */
};

/* Fill ops, partials, sum and state. Collective; the same status on every rank. */
ls_status lsi_exchange_open_shared(lsi_exchange *exchange);
ls_status lsi_exchange_open_hierarchical(lsi_exchange *exchange);
ls_status lsi_exchange_open_mpi(lsi_exchange *exchange);

/* Rank r's share of a piece, cut at cache lines of the arena. */
lsi_piece lsi_exchange_slice(const lsi_exchange *exchange, lsi_piece piece, int rank);
/* out[j] = tree sum of the nodes' rows[i][j], j < n, by as many threads as it is worth. */
void lsi_exchange_sum_nodes(const lsi_exchange *exchange, const lsi_tree_node *nodes, int n_nodes,
                            size_t n, float *out);

/*
 * Memory of ranks that share it:
 *
 *   [counters, n_counters a rank][sum, n floats][partials of rank 0][partials of rank 1]...
 *
 * each part on its own pages, reserved by the rank that writes it (the sum by slices).
 */
typedef struct lsi_shared_layout {
  size_t sum_at, partials_at, partials_bytes, total; /* partials_bytes: of each rank */
} lsi_shared_layout;
ls_status lsi_exchange_lay_out(const lsi_exchange *exchange, int n_ranks, int n_counters,
                               lsi_shared_layout *out);
/* The pages of `place` of n_ranks. Not collective. */
ls_status lsi_exchange_reserve(const lsi_exchange *exchange, const lsi_shared_layout *layout,
                               const lsi_shm *shm, int place, int n_ranks);
#endif
