/* SPDX-License-Identifier: MIT */
#include "train/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/object.h" /* lsi_format_double */

bool lsi_logs_set(lsi_logs *logs, const char *name, double value) {
  for (int i = 0; i < logs->n; i++)
    if (strcmp(logs->names[i], name) == 0) {
      logs->values[i] = value;
      return true;
    }
  if (logs->n == LSI_MAX_LOGS) return false;
  snprintf(logs->names[logs->n], sizeof logs->names[0], "%s", name);
  logs->values[logs->n++] = value;
  return true;
}

const double *lsi_logs_find(const lsi_logs *logs, const char *name) {
  for (int i = 0; i < logs->n; i++)
    if (strcmp(logs->names[i], name) == 0) return &logs->values[i];
  return NULL;
}

static bool comes_before(const char *a, const char *b) {
  bool val_a = strncmp(a, "val_", 4) == 0, val_b = strncmp(b, "val_", 4) == 0;
  return val_a != val_b ? val_b : strcmp(a, b) < 0;
}

void lsi_logs_sort(lsi_logs *logs) {
  for (int i = 1; i < logs->n; i++)
    for (int j = i; j > 0 && comes_before(logs->names[j], logs->names[j - 1]); j--) {
      char name[sizeof logs->names[0]];
      memcpy(name, logs->names[j], sizeof name);
      memcpy(logs->names[j], logs->names[j - 1], sizeof name);
      memcpy(logs->names[j - 1], name, sizeof name);
      double value = logs->values[j];
      logs->values[j] = logs->values[j - 1];
      logs->values[j - 1] = value;
    }
}

ls_status lsi_history_create(ls_history **out) {
  return LSI_ALLOC("history", 1, out);
}

void ls_history_destroy(ls_history **history) {
  if (!history || !*history) return;
  free((*history)->epochs);
  free((*history)->values);
  free((*history)->present);
  lsi_free(*history);
  *history = NULL;
}

static ls_status grow(ls_history *history) {
  if (history->n_epochs < history->capacity) return LS_OK;
  int64_t capacity = history->capacity ? 2 * history->capacity : 16;
  int64_t *epochs = realloc(history->epochs, (size_t)capacity * sizeof *epochs);
  if (epochs) history->epochs = epochs;
  double *values = realloc(history->values, (size_t)capacity * LSI_MAX_LOGS * sizeof *values);
  if (values) history->values = values;
  uint64_t *present = realloc(history->present, (size_t)capacity * sizeof *present);
  if (present) history->present = present;
  LSI_CHECK(epochs && values && present, LS_ERR_MEMORY, NULL, "no memory for the history of %" PRId64 " epochs", capacity);
  history->capacity = capacity;
  return LS_OK;
}

static int column(ls_history *history, const char *name) {
  for (int c = 0; c < history->n_columns; c++)
    if (strcmp(history->names[c], name) == 0) return c;
  if (history->n_columns == LSI_MAX_LOGS) return -1;
  int c = history->n_columns++;
  snprintf(history->names[c], sizeof history->names[0], "%s", name);
  return c;
}

ls_status lsi_history_append(ls_history *history, int64_t epoch, const lsi_logs *logs) {
  LSI_TRY(grow(history));
  double *row = history->values + history->n_epochs * LSI_MAX_LOGS;
  for (int c = 0; c < LSI_MAX_LOGS; c++) row[c] = NAN;
  history->present[history->n_epochs] = 0;
  for (int i = 0; i < logs->n; i++) {
    int c = column(history, logs->names[i]);
    if (c < 0) continue;
    row[c] = logs->values[i];
    history->present[history->n_epochs] |= (uint64_t)1 << c;
  }
  history->epochs[history->n_epochs++] = epoch;
  return LS_OK;
}

const double *lsi_history_at(const ls_history *history, const char *name, int64_t row) {
  for (int c = 0; c < history->n_columns; c++)
    if (strcmp(history->names[c], name) == 0)
      return history->present[row] >> c & 1 ? &history->values[row * LSI_MAX_LOGS + c] : NULL;
  return NULL;
}

ls_status lsi_history_csv(const ls_history *history, char **text) {
  size_t size;
  FILE *out = open_memstream(text, &size);
  LSI_CHECK(out, LS_ERR_MEMORY, NULL, "no memory for the history's text");
  fprintf(out, "epoch");
  for (int c = 0; c < history->n_columns; c++) fprintf(out, ",%s", history->names[c]);
  fputc('\n', out);
  for (int64_t e = 0; e < history->n_epochs; e++) {
    fprintf(out, "%" PRId64, history->epochs[e]);
    for (int c = 0; c < history->n_columns; c++) {
      double value = history->values[e * LSI_MAX_LOGS + c];
      char number[40] = "";
      if (history->present[e] >> c & 1) lsi_format_double(value, number, sizeof number);
      fprintf(out, ",%s", number);
    }
    fputc('\n', out);
  }
  LSI_CHECK(fclose(out) == 0, LS_ERR_MEMORY, NULL, "no memory for the history's text");
  return LS_OK;
}

int64_t ls_history_epochs(const ls_history *history) {
  return history ? history->n_epochs : 0;
}

int ls_history_columns(const ls_history *history) {
  return history ? history->n_columns : 0;
}

const char *ls_history_name(const ls_history *history, int c) {
  return history && c >= 0 && c < history->n_columns ? history->names[c] : "";
}

ls_status ls_history_get(const ls_history *history, const char *name, int64_t epoch, double *value) {
  LSI_NOT_NULL(history);
  LSI_NOT_NULL(name);
  LSI_NOT_NULL(value);
  for (int64_t e = 0; e < history->n_epochs; e++)
    for (int c = 0; c < history->n_columns; c++)
      if (history->epochs[e] == epoch && strcmp(history->names[c], name) == 0) {
        *value = history->values[e * LSI_MAX_LOGS + c];
        return LS_OK;
      }
  LSI_FAIL(LS_ERR_ARG, "ls_history_name lists the columns", "history: no value '%s' for epoch %" PRId64, name, epoch);
}
