/* SPDX-License-Identifier: MIT */
#include "train/feed.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "math/finite.h"

static ls_status allocate(lsi_feed *feed) {
  size_t rows = (size_t)feed->max_rows;
  const lsi_objective *objective = feed->objective;
  LSI_TRY(LSI_ALLOC("batch rows", rows, &feed->rows));
  if (!objective) return LS_OK;
  if (feed->data->info.y_is_label) LSI_TRY(LSI_ALLOC("labels", rows, &feed->buffer.label));
  if (objective->form == LSI_TARGET_VALUES)
    LSI_TRY(LSI_ALLOC("targets", rows * objective->width * objective->lead, &feed->buffer.target));
  if (feed->data->info.has_weight || feed->class_weight) LSI_TRY(LSI_ALLOC("sample weights", rows, &feed->buffer.weight));
  return LS_OK;
}

ls_status lsi_feed_init(lsi_feed *feed, const lsi_comm *comm) {
  lsi_leaf_plan plan;
  feed->n_ranks = comm->size;
  feed->rank = comm->rank;
  feed->batches_per_pass = (feed->n_rows + feed->batch_size - 1) / feed->batch_size;
  int64_t largest = feed->n_rows < feed->batch_size ? feed->n_rows : feed->batch_size;
  LSI_CHECK((largest + feed->leaf_rows - 1) / feed->leaf_rows <= 1 << LSI_TREE_MAX_LEVEL, LS_ERR_ARG,
            "raise parallel.leaf_rows", "a batch of %lld rows has too many leaves of %lld rows", (long long)largest,
            (long long)feed->leaf_rows);
  lsi_leaf_plan_init(&plan, largest, feed->leaf_rows, comm->size, comm->rank);
  feed->max_leaves = (plan.n_leaves + comm->size - 1) / comm->size;
  feed->max_rows = feed->max_leaves * feed->leaf_rows;
  feed->course = (lsi_course){.first = feed->first, .n_rows = feed->n_rows, .batch_size = feed->batch_size, .leaf_rows = feed->leaf_rows,
                              .batches_per_pass = feed->batches_per_pass, .n_ranks = comm->size};
  int64_t block = feed->shuffle == LSI_SHUFFLE_BATCH ? feed->batch_size : feed->shuffle_block;
  feed->course.order = lsi_order_make(feed->shuffle, feed->n_rows, feed->seed, block, feed->shuffle_window);
  ls_status status = allocate(feed);
  if (status != LS_OK) lsi_feed_clear(feed);
  return status;
}

ls_status lsi_feed_start(lsi_feed *feed, const lsi_comm *comm) {
  return lsi_agree(comm, lsi_reader_create(feed->data, &feed->course, feed->rank, &feed->reader));
}

void lsi_feed_clear(lsi_feed *feed) {
  lsi_reader_destroy(&feed->reader);
  lsi_free(feed->rows);
  lsi_free(feed->buffer.label);
  lsi_free(feed->buffer.target);
  lsi_free(feed->buffer.weight);
  feed->rows = NULL;
  feed->buffer = (lsi_targets){0};
}

void lsi_feed_plan(const lsi_feed *feed, int64_t p, lsi_leaf_plan *plan) {
  lsi_stretch batch = lsi_course_batch(&feed->course, p);
  lsi_leaf_plan_init(plan, batch.end - batch.begin, feed->leaf_rows, feed->n_ranks, feed->rank);
}

/* This rank's rows of batch p, from the buffers of the reader or from where they are. */
static ls_status read_rows(lsi_feed *feed, int64_t p, float *x, void *y, float *weight) {
  lsi_stretch share = lsi_course_share(&feed->course, p, feed->rank);
  if (feed->reader) return lsi_reader_take(feed->reader, p, feed->rows, x, y, weight);
  lsi_course_rows(&feed->course, share, feed->rows);
  return lsi_dataset_read(feed->data, feed->rows, share.end - share.begin, x, y, weight);
}

int64_t lsi_feed_sample(const lsi_feed *feed, int64_t p, int64_t row) {
  lsi_order order = feed->course.order;
  lsi_stretch batch = lsi_course_batch(&feed->course, p);
  return feed->first + lsi_order_at(&order, batch.pass, batch.begin + row);
}

static bool is_binary(const lsi_objective *objective) {
  int kind = objective->loss.object.info->kind;
  return kind == LSI_LOSS_BINARY_CROSSENTROPY || kind == LSI_LOSS_BINARY_FOCAL_CROSSENTROPY;
}

static ls_status bad_binary(const lsi_feed *feed, int64_t i, double value) {
  char place[LSI_PLACE_BYTES];
  lsi_dataset_place(feed->data, feed->rows[i], place);
  LSI_FAIL(LS_ERR_SHAPE,
           "for three classes or more sparse_categorical_crossentropy would fit, with an output for each; for numbers "
           "mean_squared_error",
           "%s has target %g; %s takes 0 and 1, and what lies between", place, value, feed->objective->loss.object.info->name);
}

/* Other targets have losses below zero and nothing to converge to. */
static ls_status check_binary_values(const lsi_feed *feed, int64_t n, const float *target) {
  int64_t width = feed->data->info.n_targets;
  for (int64_t i = 0; i < n * width; i++)
    if (target[i] < 0 || target[i] > 1) return bad_binary(feed, i / width, (double)target[i]);
  return LS_OK;
}

static ls_status bad_label(const lsi_feed *feed, int64_t i, int64_t classes) {
  char place[LSI_PLACE_BYTES];
  lsi_dataset_place(feed->data, feed->rows[i], place);
  LSI_FAIL(LS_ERR_SHAPE, "give the last layer as many units as there are classes, and number the classes from 0",
           "%s has label %d, the model has outputs for labels 0 to %lld", place, feed->buffer.label[i], (long long)classes - 1);
}

static ls_status check_labels(const lsi_feed *feed, int64_t n) {
  int64_t classes = (int64_t)feed->objective->width;
  /* One output takes any integer as a value (regression) or 0 and 1 (binary); classes are counted otherwise. */
  if (feed->objective->form == LSI_TARGET_VALUES && !feed->objective->one_hot) {
    for (int64_t i = 0; is_binary(feed->objective) && i < n; i++)
      if (feed->buffer.label[i] < 0 || feed->buffer.label[i] > 1) return bad_binary(feed, i, feed->buffer.label[i]);
    return LS_OK;
  }
  double ignored = lsi_object_get(&feed->objective->loss.object, "ignore_class"); /* NaN equals no label */
  for (int64_t i = 0; i < n; i++) {
    int32_t label = feed->buffer.label[i];
    if ((double)label != ignored && (label < 0 || label >= classes)) return bad_label(feed, i, classes);
  }
  return LS_OK;
}

static void labels_to_targets(const lsi_feed *feed, int64_t n) {
  size_t width = feed->objective->width;
  if (!feed->objective->one_hot) {
    for (int64_t i = 0; i < n; i++) feed->buffer.target[i] = (float)feed->buffer.label[i];
    return;
  }
  memset(feed->buffer.target, 0, (size_t)n * width * sizeof(float));
  for (int64_t i = 0; i < n; i++) feed->buffer.target[(size_t)i * width + (size_t)feed->buffer.label[i]] = 1.0f;
}

/* Keras: the class is the label, or the argmax of a one-hot row; classes that are not listed weigh 1. */
static int64_t class_of(const lsi_feed *feed, int64_t i) {
  if (feed->buffer.label) return feed->buffer.label[i];
  size_t width = feed->objective->width, best = 0;
  const float *row = feed->buffer.target + (size_t)i * width;
  if (width == 1) return (int64_t)row[0];
  for (size_t j = 1; j < width; j++)
    if (row[j] > row[best]) best = j;
  return (int64_t)best;
}

static void apply_class_weights(const lsi_feed *feed, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    int64_t c = class_of(feed, i);
    float factor = c >= 0 && c < feed->n_class_weight ? (float)feed->class_weight[c] : 1.0f;
    feed->buffer.weight[i] = feed->data->info.has_weight ? feed->buffer.weight[i] * factor : factor;
  }
}

/* A single NaN or infinity among the samples spoils every weight after one step, far from its cause. */
static ls_status check_finite(const lsi_feed *feed, const char *what, int64_t n, int64_t width, const float *values) {
  if (feed->nonfinite == LSI_NONFINITE_IGNORE || lsi_all_finite(values, (size_t)(n * width))) return LS_OK;
  char place[LSI_PLACE_BYTES];
  int64_t at = 0;
  while (fabsf(values[at]) <= FLT_MAX) at++;
  double value = isnan(values[at]) ? (double)NAN : (double)values[at]; /* without its sign, which depends on who made it */
  lsi_dataset_place(feed->data, feed->rows[at / width], place);
  LSI_FAIL(LS_ERR_NUMERIC, "mend such samples, or leave them out", "%s: value %lld of %s is %g, not a finite number", place,
           (long long)(at % width), what, value);
}

static ls_status check_values(const lsi_feed *feed, int64_t n, const float *x, const lsi_targets *targets, bool has_weight) {
  const ls_dataset_info *info = &feed->data->info;
  if (info->x_dtype == LS_FLOAT32 || info->x_dtype == LS_FLOAT64)
    LSI_TRY(check_finite(feed, "x", n, lsi_dataset_features(feed->data), x));
  if (!feed->objective) return LS_OK;
  if (!info->y_is_label) {
    LSI_TRY(check_finite(feed, "y", n, info->n_targets, targets->target));
    if (is_binary(feed->objective)) LSI_TRY(check_binary_values(feed, n, targets->target));
  }
  return has_weight ? check_finite(feed, "sample_weight", n, 1, targets->weight) : LS_OK;
}

ls_status lsi_feed_load(lsi_feed *feed, int64_t p, float *x, lsi_batch *batch) {
  const lsi_objective *objective = feed->objective;
  lsi_targets *buffer = &feed->buffer;
  bool has_weight = feed->data->info.has_weight;
  lsi_feed_plan(feed, p, &batch->plan);
  batch->targets = *buffer;
  int64_t n = batch->plan.row_end - batch->plan.row_begin;
  void *y = !objective ? NULL : buffer->label ? (void *)buffer->label : (void *)buffer->target;
  LSI_TRY(read_rows(feed, p, x, y, has_weight ? buffer->weight : NULL));
  ls_status status = check_values(feed, n, x, buffer, has_weight);
  batch->bad.status = LS_OK;
  if (status == LS_ERR_NUMERIC && feed->nonfinite == LSI_NONFINITE_SKIP) {
    batch->bad = *ls_last_error();
    status = LS_OK;
  }
  LSI_TRY(status);
  if (!objective) return LS_OK;
  if (buffer->label) {
    LSI_TRY(check_labels(feed, n));
    if (buffer->target) labels_to_targets(feed, n);
  }
  if (feed->class_weight) apply_class_weights(feed, n);
  return LS_OK;
}
