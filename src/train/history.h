/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_HISTORY_H
#define LSI_TRAIN_HISTORY_H
/* The numbers of each epoch: what history.csv and Keras's History hold. No times: two equal runs have equal files. */
#include <lockstep/trainer.h>
#include "base/status.h"

enum { LSI_MAX_LOGS = 48 }; /* at most 64 */

/* One epoch's logs, in order. */
typedef struct lsi_logs {
  int n;
  char names[LSI_MAX_LOGS][64];
  double values[LSI_MAX_LOGS];
} lsi_logs;
/* Set or add `name`; false when full. */
bool lsi_logs_set(lsi_logs *logs, const char *name, double value);
/* NULL when there is no such name. */
const double *lsi_logs_find(const lsi_logs *logs, const char *name);
/* Keras 3's order: training names sorted, then val_ names sorted. */
void lsi_logs_sort(lsi_logs *logs);

struct ls_history {
  int64_t n_epochs;
  int n_columns;
  char names[LSI_MAX_LOGS][64];
  int64_t *epochs; /* owned, [capacity] */
  double *values;  /* owned, [capacity, LSI_MAX_LOGS]; NaN where there is none, or where the value is NaN */
  uint64_t *present; /* owned, [capacity]: bit c is set where column c has a value */
  int64_t capacity;
};
ls_status lsi_history_create(ls_history **out);
ls_status lsi_history_append(ls_history *history, int64_t epoch, const lsi_logs *logs);
/* Row `row` of column `name`; NULL where it has no value. */
const double *lsi_history_at(const ls_history *history, const char *name, int64_t row);
/* CSV text, "epoch,..." with the columns in order; a missing value is empty. Malloc'd (lsi_free). */
ls_status lsi_history_csv(const ls_history *history, char **text);
#endif
