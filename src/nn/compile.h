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
  int n_metrics;
  char metrics[LSI_MAX_METRICS][LSI_MAX_TEXT];
  bool weighted[LSI_MAX_METRICS];  /* from weighted_metrics */
} lsi_compile;
#endif
