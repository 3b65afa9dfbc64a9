/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_COURSE_H
#define LSI_DATA_COURSE_H
/*
 * Which samples are asked for, batch by batch and rank by rank. Batches are numbered from the start
 * of training: batch p lies in pass p / batches_per_pass, and each pass has its own order. Pure.
 */
#include "data/order.h"
#include "math/leaf_plan.h"

typedef struct lsi_course {
  int64_t first, n_rows; /* the view [first, first + n_rows) of the data */
  int64_t batch_size, leaf_rows, batches_per_pass;
  int n_ranks;
  lsi_order order; /* of n_rows samples */
} lsi_course;

/* Places [begin, end) of a pass. */
typedef struct lsi_stretch {
  int64_t pass, begin, end;
} lsi_stretch;

/* The places of batch p. */
static inline lsi_stretch lsi_course_batch(const lsi_course *c, int64_t p) {
  int64_t pass = p / c->batches_per_pass, begin = p % c->batches_per_pass * c->batch_size;
  int64_t end = begin + c->batch_size < c->n_rows ? begin + c->batch_size : c->n_rows;
  return (lsi_stretch){pass, begin, end};
}

/* The part of batch p that is a rank's, as places. */
lsi_stretch lsi_course_share(const lsi_course *course, int64_t p, int rank);
/* Rows of the data for places [s.begin, s.end). */
void lsi_course_rows(lsi_course *course, lsi_stretch s, int64_t *rows);
/* A rank's rows among the places of `s`, in their order; returns how many. */
int64_t lsi_course_rows_of_rank(lsi_course *course, lsi_stretch s, int rank, int64_t *rows);
#endif
