/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_FEED_H
#define LSI_TRAIN_FEED_H
/* Samples of a batch for this rank, checked and ready for the net. Which ones they are: data/course.h. */
#include "data/course.h"
#include "data/reader.h"
#include "par/comm.h"
#include "train/objective.h"

/* What is done about inputs, losses and gradients that are not finite numbers. */
typedef enum lsi_nonfinite { LSI_NONFINITE_STOP, LSI_NONFINITE_SKIP, LSI_NONFINITE_IGNORE } lsi_nonfinite;

typedef struct lsi_feed {
  const ls_dataset *data;
  const lsi_objective *objective;
  int64_t first, n_rows;      /* the view [first, first + n_rows) of the data */
  int64_t batch_size, leaf_rows, batches_per_pass;
  lsi_shuffle shuffle;
  int64_t shuffle_block, shuffle_window;
  uint64_t seed;
  lsi_nonfinite nonfinite;    /* stop: a batch with such a value cannot be loaded; skip: it says so in `bad` */
  int n_ranks, rank;
  const double *class_weight; /* borrowed; NULL: none */
  int64_t n_class_weight;
  int64_t max_rows;           /* of this rank in any batch */
  int max_leaves;
  int64_t *rows;              /* buffers below are owned */
  lsi_targets buffer;
  lsi_course course;
  lsi_reader *reader;         /* of a set that is streamed; NULL: the samples are at hand */
} lsi_feed;

typedef struct lsi_batch {
  lsi_leaf_plan plan;
  lsi_targets targets;
  ls_error bad; /* status LS_OK, or the first value of this rank's rows that is no finite number */
} lsi_batch;

/* data, objective, first, n_rows, batch_size, leaf_rows, shuffle and what goes with it, seed, class_weight are set by the caller;
   the rest here. objective NULL: x only (predict). */
ls_status lsi_feed_init(lsi_feed *feed, const lsi_comm *comm);
/* Begin to read ahead, where the set is streamed. Collective, after lsi_feed_init. */
ls_status lsi_feed_start(lsi_feed *feed, const lsi_comm *comm);
void lsi_feed_clear(lsi_feed *feed);

/* Rows of batch p (the last of a pass may be ragged), and its plan for this rank. */
void lsi_feed_plan(const lsi_feed *feed, int64_t p, lsi_leaf_plan *plan);

/* The number of a sample in the data set: row `row` of batch p. */
int64_t lsi_feed_sample(const lsi_feed *feed, int64_t p, int64_t row);

/* Read this rank's rows of batch p: x [rows, features]. Labels are checked against the outputs. Not collective: agree on the status. */
ls_status lsi_feed_load(lsi_feed *feed, int64_t p, float *x, lsi_batch *batch);
#endif
