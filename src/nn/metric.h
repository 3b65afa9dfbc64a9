/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_METRIC_H
#define LSI_NN_METRIC_H
/*
 * Keras 3's metrics, as sums that add up exactly over rows, leaves, ranks and batches: each row gives a few doubles;
 * the sums over an epoch give the value.
 */
#include <stdint.h>
#include "nn/loss.h"

typedef enum lsi_metric_kind {
  LSI_METRIC_ACCURACY_AUTO, /* "accuracy", "acc": resolved by lsi_metric_resolve */
  LSI_METRIC_CROSSENTROPY_AUTO, /* "crossentropy", "ce" */
  LSI_METRIC_ACCURACY, /* class Accuracy: exact equality */
  LSI_METRIC_BINARY_ACCURACY, LSI_METRIC_CATEGORICAL_ACCURACY, LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY,
  LSI_METRIC_TOP_K, LSI_METRIC_SPARSE_TOP_K, LSI_METRIC_MEAN_ABSOLUTE_ERROR, LSI_METRIC_MEAN_SQUARED_ERROR,
  LSI_METRIC_ROOT_MEAN_SQUARED_ERROR, LSI_METRIC_MEAN_ABSOLUTE_PERCENTAGE_ERROR, LSI_METRIC_MEAN_SQUARED_LOGARITHMIC_ERROR,
  LSI_METRIC_LOG_COSH, LSI_METRIC_HINGE, LSI_METRIC_SQUARED_HINGE, LSI_METRIC_CATEGORICAL_HINGE, LSI_METRIC_KL_DIVERGENCE,
  LSI_METRIC_POISSON, LSI_METRIC_COSINE_SIMILARITY, LSI_METRIC_PEARSON, LSI_METRIC_CONCORDANCE,
  LSI_METRIC_PRECISION, LSI_METRIC_RECALL,
  LSI_METRIC_TRUE_POSITIVES, LSI_METRIC_TRUE_NEGATIVES, LSI_METRIC_FALSE_POSITIVES, LSI_METRIC_FALSE_NEGATIVES,
  LSI_METRIC_CATEGORICAL_CROSSENTROPY, LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY, LSI_METRIC_BINARY_CROSSENTROPY,
  LSI_METRIC_AUC, LSI_METRIC_SENSITIVITY_AT_SPECIFICITY, LSI_METRIC_SPECIFICITY_AT_SENSITIVITY, LSI_METRIC_PRECISION_AT_RECALL,
  LSI_METRIC_RECALL_AT_PRECISION, LSI_METRIC_F1, LSI_METRIC_F_BETA, LSI_METRIC_R2,
  LSI_METRIC_IOU, LSI_METRIC_BINARY_IOU, LSI_METRIC_MEAN_IOU, LSI_METRIC_ONE_HOT_IOU, LSI_METRIC_ONE_HOT_MEAN_IOU, /* these last */
  LSI_METRIC_KINDS
} lsi_metric_kind;

extern const lsi_family lsi_metrics;

enum { LSI_METRIC_MAX_SUMS = 3, LSI_METRIC_MAX_WIDE = 6000, LSI_METRIC_MAX_VALUES = 64 };

typedef struct lsi_metric {
  lsi_object object;       /* resolved class */
  char log_name[64];       /* what logs call it: the given string, e.g. "accuracy"; the caller tells equal ones apart */
  bool weighted;           /* sample weights count */
  int n_sums;              /* doubles a row adds */
  bool is_wide;            /* up to LSI_METRIC_MAX_WIDE of them, by lsi_metric_accumulate */
  int n_outputs;           /* of the last axis */
  int n_classes;           /* of an IoU */
  int n_values;            /* numbers it gives: 1, or one a threshold or an output; LSI_METRIC_MAX_VALUES at most */
  int n_thresholds;        /* of a curve; `even`: by their number alone, `open_ends`: the outer ones lie beyond [0, 1] */
  bool even, open_ends;
  float thresholds[LSI_MAX_LIST + 2];
  lsi_loss loss;           /* the cross-entropies: whose values they average */
} lsi_metric;

/* `text` as the user wrote it ("accuracy", "mse", "SparseTopKCategoricalAccuracy(k=3)"); targets as the data has them:
   label (y rank 1 or [N, 1] integers) or [N, n_targets]; resolved as Keras resolves "accuracy" (KERAS_FORMATS 12). A string's log name is the string as given;
   an object's is its `name` argument or class default ("sparse_top_k_categorical_accuracy"). A metric that
   cannot work with these targets is LS_ERR_SHAPE and the advice names one that can. */
ls_status lsi_metric_init(lsi_metric *metric, const char *text, bool weighted, int64_t n_outputs, bool y_is_label, int64_t n_targets);

/* sums[i * n_sums ...] for each row: what is averaged, times the weight, then the weight (counts are exact). Targets as the
   loss gets them; either or both of label and target (float [rows, n]) may be there. */
void lsi_metric_rows(const lsi_metric *metric, size_t rows, size_t n, const float *pred, const int32_t *label,
                     const float *target, const float *weight, double *sums);
/* The same for a wide metric: adds the rows to sums [n_sums], first row first. */
void lsi_metric_accumulate(const lsi_metric *metric, size_t rows, size_t n, const float *pred, const int32_t *label,
                           const float *target, const float *weight, double *sums);
/* values [n_values] from accumulated sums; 0 when nothing was counted (as Keras). */
void lsi_metric_values(const lsi_metric *metric, const double *sums, double *values);
/* n_values of a metric that is not resolved yet: a list of thresholds, or F1Score and FBetaScore without an average, give several. */
int lsi_metric_count_values(const lsi_object *object, int64_t n_outputs);
/* What logs call value i: the metric's log name, or "name[i]" of several. */
void lsi_metric_value_name(const lsi_metric *metric, int i, char name[64]);
/* +1: larger is better; -1: smaller (callbacks' mode auto). */
int lsi_metric_direction(const lsi_metric *metric);
#endif
