/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_REDUCER_H
#define LSI_TRAIN_REDUCER_H
/* The net's view of par's small reduction: where nn, which knows no MPI, meets it. */
#include "nn/net.h"
#include "par/leaf_reduce.h"

/* Room for the objective's values and the net's batch statistics; max_leaves as this rank has it. Collective. */
ls_status lsi_reducer_create(const lsi_net *net, int n_values, int max_leaves, const lsi_comm *comm,
                             lsi_leaf_reduce **reduce, lsi_reducer *reducer);
#endif
