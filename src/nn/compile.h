/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_COMPILE_H
#define LSI_NN_COMPILE_H
/* What compile() was told, as data: the optimizer, the loss, and the metrics as the user wrote them. */
#include <stdbool.h>
#include "nn/object.h"

enum { LSI_MAX_METRICS = 16 };

typedef struct lsi_compile {
  lsi_object optimizer;
  lsi_object loss;                 /* info NULL: none (predict only) */
  char loss_text[LSI_MAX_TEXT];    /* as given: strings round-trip as strings */
  const char *crossentropy;        /* what "crossentropy" means for the targets it was used with; NULL: not used yet */
  bool weighs_loss;                /* with loss_weights: the one output's weight; penalties are not weighed */
  double loss_weight;
  int n_metrics;
  char metrics[LSI_MAX_METRICS][LSI_MAX_TEXT];
  bool weighted[LSI_MAX_METRICS];  /* from weighted_metrics */
} lsi_compile;

static inline double lsi_compile_loss_weight(const lsi_compile *compile) {
  return compile->weighs_loss ? compile->loss_weight : 1.0;
}
#endif
