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

lsi_metric_targets lsi_metric_targets_of(lsi_metric_kind kind);

static inline lsi_metric_kind lsi_metric_kind_of(const lsi_metric *metric) {
  return (lsi_metric_kind)metric->object.info->kind;
}
#endif
