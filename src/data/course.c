/* SPDX-License-Identifier: MIT */
#include "data/course.h"

lsi_stretch lsi_course_share(const lsi_course *course, int64_t p, int rank) {
  lsi_stretch batch = lsi_course_batch(course, p);
  int64_t n = batch.end - batch.begin, leaves = (n + course->leaf_rows - 1) / course->leaf_rows;
  int from, to;
  lsi_leaf_plan_interval((int)leaves, course->n_ranks, rank, &from, &to);
  int64_t begin = from * course->leaf_rows, end = to * course->leaf_rows;
  return (lsi_stretch){batch.pass, batch.begin + (begin < n ? begin : n), batch.begin + (end < n ? end : n)};
}

void lsi_course_rows(lsi_course *course, lsi_stretch s, int64_t *rows) {
  lsi_order_run(&course->order, s.pass, s.begin, s.end - s.begin, rows);
  for (int64_t i = 0; i < s.end - s.begin; i++) rows[i] += course->first;
}

int64_t lsi_course_rows_of_rank(lsi_course *course, lsi_stretch s, int rank, int64_t *rows) {
  int64_t n = 0;
  for (int64_t b = s.begin / course->batch_size; b * course->batch_size < s.end; b++) {
    lsi_stretch share = lsi_course_share(course, s.pass * course->batches_per_pass + b, rank);
    if (share.begin < s.begin) share.begin = s.begin;
    if (share.end > s.end) share.end = s.end;
    if (share.begin >= share.end) continue;
    lsi_course_rows(course, share, rows + n);
    n += share.end - share.begin;
  }
  return n;
}
