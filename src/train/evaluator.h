/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_EVALUATOR_H
#define LSI_TRAIN_EVALUATOR_H
/* Loss and metrics over a data set in inference mode: every sample counted once, whatever the ranks. */
#include "par/leaf_reduce.h"
#include "train/feed.h"

typedef struct lsi_evaluator {
  ls_model *model;
  const lsi_comm *comm;
  lsi_objective objective;
  lsi_feed feed;
  int64_t n_batches;
  lsi_workspace *workspace;
  lsi_objective_scratch scratch;
  double *leaf_values;
  lsi_leaf_reduce *reduce;
  lsi_reducer reducer;
} lsi_evaluator;

/* Rows [first, first + n_rows) of data in batches; at most max_batches (0: all). The values do not depend on batch_size
   and leaf_rows, unless a layer has an activity regularizer: the rows are then taken as they are best computed. Collective. */
ls_status lsi_evaluator_create(ls_model *model, const lsi_comm *comm, const ls_dataset *data, int64_t first, int64_t n_rows,
                               int64_t batch_size, int64_t leaf_rows, int64_t max_batches, lsi_evaluator **out);
void lsi_evaluator_destroy(lsi_evaluator **evaluator); /* collective */

/* values [n_logged]. A stop signal at any rank ends the pass early: *flags gets its LSI_STOP_* bits and values are not set.
   flags NULL: signals are not watched. Collective; the same status on all ranks. */
ls_status lsi_evaluator_run(lsi_evaluator *evaluator, double *values, uint32_t *flags);
#endif
