/* SPDX-License-Identifier: MIT */
#include "train/reducer.h"

static ls_status sum(void *self, const lsi_leaf_plan *plan, double *leaf_values, size_t n, double *out) {
  return lsi_leaf_reduce_sum(self, plan, leaf_values, n, out, NULL);
}

ls_status lsi_reducer_create(const lsi_net *net, int n_values, int max_leaves, const lsi_comm *comm,
                             lsi_leaf_reduce **reduce, lsi_reducer *reducer) {
  size_t most = lsi_net_reduce_values(net);
  if (most < (size_t)n_values) most = (size_t)n_values;
  LSI_TRY(lsi_leaf_reduce_create(comm, most, max_leaves, reduce));
  *reducer = (lsi_reducer){sum, *reduce};
  return LS_OK;
}
