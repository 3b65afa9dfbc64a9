/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_OBJECTIVE_H
#define LSI_TRAIN_OBJECTIVE_H
/*
 * Loss and metrics against one data set, and the sums behind the numbers that are logged.
 *
 * A leaf gives n_values doubles: [0] its rows' loss, [1] its activity penalty, then each metric's sums. Summed over
 * leaves in tree order they are a batch's; added batch by batch they are an epoch's. A batch's loss is
 * its mean plus the penalties, before the update; an epoch's is the mean weighted by batch size (Keras 3.2 and later).
 */
#include "data/dataset.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "train/model.h"

enum { LSI_MAX_VALUES = LSI_METRIC_MAX_WIDE + 2 + LSI_MAX_METRICS * LSI_METRIC_MAX_SUMS };

typedef struct lsi_objective {
  lsi_loss loss;
  double loss_weight; /* of compile(loss_weights) */
  lsi_target_form form;
  bool one_hot;          /* labels become rows of n_outputs */
  size_t width;          /* of the last axis of the outputs */
  size_t lead;           /* predictions a sample: output size / width */
  bool fused;            /* the net stops at the logits */
  int n_metrics, n_logged; /* loss and metrics, some of which give several numbers */
  lsi_metric metrics[LSI_MAX_METRICS];
  int n_values;
  bool weighted;         /* samples have weights: the data's, or (the trainer sets it) their classes' */
} lsi_objective;

/* Doubles a leaf for lsi_objective_rows: its values, or before them what the loss wants to know of the batch. */
static inline int lsi_objective_room(const lsi_objective *objective) {
  return objective->n_values > LSI_LOSS_MAX_BATCH_SUMS ? objective->n_values : LSI_LOSS_MAX_BATCH_SUMS;
}

/* What a batch's targets look like once they are read. */
typedef struct lsi_targets {
  int32_t *label;       /* [rows] or NULL */
  float *target;        /* [rows, outputs] or NULL */
  float *weight;        /* [rows] or NULL */
} lsi_targets;

/* Resolve the model's loss and metrics for these targets; shapes that do not fit are LS_ERR_SHAPE. */
ls_status lsi_objective_init(lsi_objective *objective, ls_model *model, const ls_dataset *data);

/* Scratch for lsi_objective_rows: per-row loss and sums. */
typedef struct lsi_objective_scratch {
  double *value; /* [max_rows * lead] */
  double *sums;  /* [max_rows * lead, LSI_METRIC_MAX_SUMS] */
  float *pred;   /* [max_rows, outputs] */
  float *weight; /* [max_rows * lead], when lead > 1 */
} lsi_objective_scratch;
ls_status lsi_objective_scratch_create(const lsi_objective *objective, size_t max_rows, lsi_objective_scratch *out);
void lsi_objective_scratch_clear(lsi_objective_scratch *scratch);

/* One pass over this rank's rows: leaf_values [local leaves, n_values; room for lsi_objective_room] and, if wanted, delta = dL/d(outputs) of the batch loss. */
ls_status lsi_objective_rows(const lsi_objective *objective, const lsi_objective_scratch *scratch, const lsi_pass *pass,
                             const float *outputs, const lsi_targets *targets, double *leaf_values, float *delta);

/* Running sums of an epoch: [0] sum of batch loss x rows, [1] rows, then the metrics' sums. */
typedef struct lsi_tally {
  double sums[LSI_MAX_VALUES];
} lsi_tally;
/* A batch's loss from its totals (reduced leaf values); penalty: of the weights. */
double lsi_batch_loss(const lsi_objective *objective, const double *totals, double penalty, int64_t n_rows);
void lsi_tally_add(lsi_tally *tally, const lsi_objective *objective, const double *totals, double loss, int64_t n_rows);
/* Loss, then the metrics, as logged: values [n_logged]. */
void lsi_tally_values(const lsi_tally *tally, const lsi_objective *objective, double *values);
#endif
