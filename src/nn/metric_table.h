/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_METRIC_TABLE_H
#define LSI_NN_METRIC_TABLE_H
#include "nn/metric.h"

/* What a metric compares. */
typedef enum lsi_metric_targets {
  LSI_METRIC_ANY,      /* not resolved yet */
  LSI_METRIC_ELEMENTS, /* each output with its target */
  LSI_METRIC_CLASSES,  /* classes by one-hot targets, or by labels */
  LSI_METRIC_LABELS,   /* classes by labels */
} lsi_metric_targets;

/* How its sums come about. */
typedef enum lsi_metric_form {
  LSI_METRIC_MEAN,  /* of a function of each element */
  LSI_METRIC_ROWS,  /* of a function of each row */
  LSI_METRIC_COUNT, /* of elements on one or two fields of the confusion matrix */
  LSI_METRIC_WIDE   /* many sums, which rows add to in turn (metric_wide.c) */
} lsi_metric_form;

typedef struct lsi_metric_traits {
  lsi_metric_targets targets;
  lsi_metric_form form;
  int direction;    /* +1: larger is better */
  const char *loss; /* whose values it averages; NULL: none */
} lsi_metric_traits;

extern const lsi_metric_traits lsi_metric_traits_table[LSI_METRIC_KINDS];
const lsi_class_info *lsi_metric_class(lsi_metric_kind kind);

static inline lsi_metric_kind lsi_metric_kind_of(const lsi_metric *metric) {
  return (lsi_metric_kind)metric->object.info->kind;
}
static inline const lsi_metric_traits *lsi_metric_traits_of(const lsi_metric *metric) {
  return &lsi_metric_traits_table[lsi_metric_kind_of(metric)];
}

/* Elements on some fields of the confusion matrix. */
static inline bool lsi_metric_is_counted(lsi_metric_kind kind) {
  return kind >= LSI_METRIC_PRECISION && kind <= LSI_METRIC_FALSE_NEGATIVES;
}

/* Among the k largest of a row's n values? Of equal ones the first come first. */
bool lsi_metric_is_among_largest(const float *x, size_t n, size_t j, int64_t k);

/* Wide metrics: describe the thresholds and count the sums for n outputs; refuse what does not fit. */
ls_status lsi_metric_wide_init(lsi_metric *metric, int64_t n_outputs);
void lsi_metric_wide_values(const lsi_metric *metric, const double *sums, double *values);
double lsi_metric_curve_value(const lsi_metric *metric, const double *sums); /* AUC and the like, from their buckets */
void lsi_metric_counted_values(const lsi_metric *metric, const double *sums, double *values); /* one a threshold, from the same */
#endif
