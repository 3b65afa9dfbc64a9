/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_GUARD_H
#define LSI_TRAIN_GUARD_H
/*
 * What must not go unnoticed: numbers that are no longer finite (guard.c), and replicas that are no longer equal
 * (guard_replicas.c). Decisions follow from what all ranks share, so they are the same on any number of ranks.
 */
#include "par/replicas.h"
#include "train/feed.h"

typedef struct lsi_guard {
  lsi_nonfinite policy;
  bool leaves_loss;       /* a TerminateOnNaN callback deals with losses */
  bool alarmed;           /* some rank found something in this step */
  ls_error input;         /* of the batch being trained on: lsi_batch.bad */
  float *tail;            /* skip: the weights that forward changes, as they were before the step; owned */
  int64_t skipped;        /* steps so far [saved] */
  lsi_digest128 *digests; /* owned, one for each tensor of each arena, and one for the numbers */
  int n_digests;
} lsi_guard;

ls_status lsi_guard_create(ls_trainer *trainer);
void lsi_guard_clear(ls_trainer *trainer);

/* At the top of a step; then this rank's flags, once the gradient's sum is there. */
void lsi_guard_begin(ls_trainer *trainer);
uint32_t lsi_guard_flags(ls_trainer *trainer, const float *sum);
/* With the step's flags and loss agreed: is there anything to judge? */
bool lsi_guard_alarmed(const ls_trainer *trainer, double loss);
/* Stops with LS_ERR_NUMERIC, which says where it began, or undoes what the step changed: it does not count. Collective. */
ls_status lsi_guard_judge(ls_trainer *trainer, const lsi_leaf_plan *plan, const float *sum, double loss);
/* LS_ERR_NUMERIC when every step of an epoch was left out. */
ls_status lsi_guard_epoch(const ls_trainer *trainer);
/* LS_ERR_NUMERIC when a weight is not finite, unless that is allowed. */
ls_status lsi_guard_weights(const ls_trainer *trainer);

/* LS_ERR_NOT_SAME, with ranks and hosts, when replicas differ. Collective. */
ls_status lsi_guard_replicas(ls_trainer *trainer);
/* The same, when parallel.check_every_steps says so. */
ls_status lsi_guard_step(ls_trainer *trainer);
/* Before something is kept: replicas and weights. */
ls_status lsi_guard_save(ls_trainer *trainer);
#endif
