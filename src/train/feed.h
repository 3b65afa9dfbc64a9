/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_FEED_H
#define LSI_TRAIN_FEED_H
/*
 * Which samples a batch holds, and this rank's part of it. Batches are numbered from the start of training: batch p lies in
 * pass p / batches_per_pass over the data, and each pass has its own permutation. Nothing here has state.
 */
#include "data/permutation.h"
#include "math/leaf_plan.h"
#include "par/comm.h"
#include "train/objective.h"

/* What is done about inputs, losses and gradients that are not finite numbers. */
typedef enum lsi_nonfinite { LSI_NONFINITE_STOP, LSI_NONFINITE_SKIP, LSI_NONFINITE_IGNORE } lsi_nonfinite;

typedef struct lsi_feed {
  const ls_dataset *data;
  const lsi_objective *objective;
  int64_t first, n_rows;      /* the view [first, first + n_rows) of the data */
  int64_t batch_size, leaf_rows, batches_per_pass;
  bool shuffle;
  uint64_t seed;
  lsi_nonfinite nonfinite;    /* stop: a batch with such a value cannot be loaded; skip: it says so in `bad` */
  int n_ranks, rank;
  const double *class_weight; /* borrowed; NULL: none */
  int64_t n_class_weight;
  int64_t max_rows;           /* of this rank in any batch */
  int max_leaves;
  int64_t *rows;              /* buffers below are owned */
  lsi_targets buffer;
  lsi_permutation permutation; /* of `pass` */
  int64_t pass;
} lsi_feed;

typedef struct lsi_batch {
  lsi_leaf_plan plan;
  lsi_targets targets;
  ls_error bad; /* status LS_OK, or the first value of this rank's rows that is no finite number */
} lsi_batch;

/* data, objective, first, n_rows, batch_size, leaf_rows, shuffle, seed, class_weight are set by the caller; the rest here.
   objective NULL: x only (predict). */
ls_status lsi_feed_init(lsi_feed *feed, const lsi_comm *comm);
void lsi_feed_clear(lsi_feed *feed);

/* Rows of batch p (the last of a pass may be ragged), and its plan for this rank. */
void lsi_feed_plan(const lsi_feed *feed, int64_t p, lsi_leaf_plan *plan);

/* The number of a sample in the data set: row `row` of batch p. */
int64_t lsi_feed_sample(const lsi_feed *feed, int64_t p, int64_t row);

/* Read this rank's rows of batch p: x [rows, features]. Labels are checked against the outputs. Not collective: agree on the status. */
ls_status lsi_feed_load(lsi_feed *feed, int64_t p, float *x, lsi_batch *batch);
#endif
