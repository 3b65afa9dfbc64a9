/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_LEAF_PLAN_H
#define LSI_MATH_LEAF_PLAN_H
/*
 * How one global batch falls into leaves, and the leaves to ranks. Pure functions.
 * Leaf l holds rows [l * leaf_rows, min((l + 1) * leaf_rows, n_rows)) of the batch: a function of
 * the batch and the config only. Rank r of R owns leaves [S r / R, S (r + 1) / R); it may own none.
 */
#include <stdint.h>
#include "math/tree.h"

typedef struct lsi_leaf_plan {
  int64_t n_rows;    /* of the global batch */
  int64_t leaf_rows;
  int n_leaves;
  int leaf_begin, leaf_end;     /* this rank's */
  int64_t row_begin, row_end;   /* this rank's rows of the global batch */
  int n_nodes;                  /* canonical nodes of this rank's leaves, left to right */
  lsi_tree_node nodes[LSI_TREE_MAX_NODES];
} lsi_leaf_plan;

/* leaf_rows for "auto": an eighth of the batch up to 16 rows, then 16 until that is a sixteenth, at least 4 and at most 32. */
int64_t lsi_leaf_rows_auto(int64_t batch_size);

/* n_rows > 0, leaf_rows > 0, 0 <= rank < n_ranks. */
void lsi_leaf_plan_init(lsi_leaf_plan *plan, int64_t n_rows, int64_t leaf_rows, int n_ranks, int rank);

/* Leaves [begin, end) of another rank, for whoever finishes the tree. */
void lsi_leaf_plan_interval(int n_leaves, int n_ranks, int rank, int *begin, int *end);

/* First row of leaf l, in rows of the global batch; l = n_leaves gives n_rows. */
static inline int64_t lsi_leaf_plan_row(const lsi_leaf_plan *plan, int l) {
  int64_t row = (int64_t)l * plan->leaf_rows;
  return row < plan->n_rows ? row : plan->n_rows;
}
#endif
