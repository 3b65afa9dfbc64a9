/* SPDX-License-Identifier: MIT */
#include "math/leaf_plan.h"

int64_t lsi_leaf_rows_auto(int64_t batch_size) {
  int64_t eighth = (batch_size + 7) / 8, sixteenth = (batch_size + 15) / 16;
  if (eighth <= 4) return 4;
  if (eighth <= 16) return eighth;
  return sixteenth < 16 ? 16 : sixteenth > 32 ? 32 : sixteenth;
}

void lsi_leaf_plan_interval(int n_leaves, int n_ranks, int rank, int *begin, int *end) {
  *begin = (int)((int64_t)n_leaves * rank / n_ranks);
  *end = (int)((int64_t)n_leaves * (rank + 1) / n_ranks);
}

void lsi_leaf_plan_init(lsi_leaf_plan *plan, int64_t n_rows, int64_t leaf_rows, int n_ranks, int rank) {
  plan->n_rows = n_rows;
  plan->leaf_rows = leaf_rows;
  plan->n_leaves = (int)((n_rows + leaf_rows - 1) / leaf_rows);
  lsi_leaf_plan_interval(plan->n_leaves, n_ranks, rank, &plan->leaf_begin, &plan->leaf_end);
  plan->row_begin = lsi_leaf_plan_row(plan, plan->leaf_begin);
  plan->row_end = lsi_leaf_plan_row(plan, plan->leaf_end);
  plan->n_nodes = lsi_tree_canonical(plan->n_leaves, plan->leaf_begin, plan->leaf_end, plan->nodes);
}
