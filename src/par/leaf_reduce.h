/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_LEAF_REDUCE_H
#define LSI_PAR_LEAF_REDUCE_H
/*
 * Small reductions over leaves in tree order, in double: loss, metrics, batch statistics, and one agreed flag word.
 */
#include <stddef.h>
#include <stdint.h>
#include "math/leaf_plan.h"
#include "par/comm.h"

typedef struct lsi_leaf_reduce lsi_leaf_reduce;

/* Collective. Room for up to max_values doubles a leaf and max_leaves leaves on this rank, so that a step never allocates. */
ls_status lsi_leaf_reduce_create(const lsi_comm *comm, size_t max_values, int max_leaves, lsi_leaf_reduce **out);
void lsi_leaf_reduce_destroy(lsi_leaf_reduce **reduce);

/*
 * out[j] = tree-sum over all leaves of leaf_values[l, j], j < n; leaf_values holds this rank's leaves [leaf_end - leaf_begin, n]
 * and is scratch afterwards. `flags` (may be NULL): in, this rank's bits; out, the bitwise OR over ranks. One collective call
 * (an allgather of canonical nodes); every rank finishes the same tree. Collective.
 */
ls_status lsi_leaf_reduce_sum(lsi_leaf_reduce *reduce, const lsi_leaf_plan *plan, double *leaf_values,
                              size_t n, double *out, uint32_t *flags);

/* One number of this rank for all the others, with every call from now on; and theirs at the latest call, [ranks]. */
void lsi_leaf_reduce_tell(lsi_leaf_reduce *reduce, float mine);
const float *lsi_leaf_reduce_told(const lsi_leaf_reduce *reduce);
#endif
