/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_EXCHANGE_KINDS_H
#define LSI_PAR_EXCHANGE_KINDS_H
/* What exchange.c and its kinds know of each other. */
#include "par/exchange.h"
#include "par/node_map.h"

/* A pending piece of the arena: short enough for MPI's int counts. */
typedef struct lsi_piece {
  size_t begin, end;
} lsi_piece;

typedef struct lsi_exchange_ops {
  const char *name;
  /* REQUIRED */
  ls_status (*post)(lsi_exchange *exchange,
                    lsi_piece piece);          /* this rank's partials of the piece are ready */
  ls_status (*finish)(lsi_exchange *exchange); /* all posted pieces are summed everywhere */
  void (*destroy)(lsi_exchange *exchange);
} lsi_exchange_ops;

struct lsi_exchange {
  const lsi_exchange_ops *ops;
  const lsi_comm *comm;
  size_t n, stride;   /* elements; of a row of partials, whole cache lines */
  size_t piece_limit; /* longest piece, in elements */
  size_t bytes;
  lsi_node_map map;
  bool posted;        /* in the middle of a step */
  float *partials;    /* [map.max_nodes, stride], this rank's */
  const float *sum;   /* [n] */
  const float **rows; /* [n_teams, n_ranks * max_nodes] row 0: where each node's slice lies; others:
                         threads' scratch */
  int n_teams;        /* threads at creation + 1 */
  void *state;        /* the kind's */
};

/* Fill ops, partials, sum and state. Collective; the same status on every rank. */
ls_status lsi_exchange_open_shared(lsi_exchange *exchange);
ls_status lsi_exchange_open_mpi(lsi_exchange *exchange);

/* Rank r's share of a piece, cut at cache lines of the arena. */
lsi_piece lsi_exchange_slice(const lsi_exchange *exchange, lsi_piece piece, int rank);
/* out[j] = tree sum of all nodes' rows [j], j < n, by as many threads as it is worth. */
void lsi_exchange_sum_rows(const lsi_exchange *exchange, size_t n, float *out);
#endif
