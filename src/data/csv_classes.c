/* SPDX-License-Identifier: MIT */
#include "data/csv_classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* HDF5 keeps the names in attributes of 64 KiB; more classes than this are surely a column of
 * values. */
enum { MAX_CLASSES = 65536, MAX_NAME_BYTES = 1024 };

static bool whole_number(const lsi_csv_cell *cell, int32_t *out) {
  double value;
  if (!lsi_csv_number(cell, &value) || value != floor(value) || fabs(value) > INT32_MAX)
    return false;
  *out = (int32_t)value;
  return true;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The texts of all cells, [n] pointers and the characters in one block. */
static ls_status copy_texts(const lsi_csv *csv, const lsi_csv_cell *cells, int64_t n, char ***out) {
  size_t characters = 0;
  for (int64_t i = 0; i < n; i++) {
    size_t length = lsi_csv_text(&cells[i], NULL, 0);
    if (length > MAX_NAME_BYTES || memchr(cells[i].text, 0, cells[i].length))
      return lsi_csv_error(csv, &cells[i], NULL, "a class name of %zu bytes", length);
    characters += length + 1;
  }
  char **texts;
  LSI_TRY(lsi_alloc("CSV classes", (size_t)n * sizeof(char *) + characters, 1, &texts));
  char *next = (char *)(texts + n);
  for (int64_t i = 0; i < n; i++) {
    texts[i] = next;
    next += lsi_csv_text(&cells[i], next, characters) + 1;
  }
  *out = texts;
  return LS_OK;
}

static ls_status number_texts(const lsi_csv *csv, const lsi_csv_cell *cells, char **texts,
                              lsi_source *y) {
  int64_t n = y->dims[0], n_classes = 0;
  char **names;
  LSI_TRY(LSI_ALLOC("CSV classes", n, &names));
  memcpy(names, texts, (size_t)n * sizeof *names);
  qsort(names, (size_t)n, sizeof *names, by_name);
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || strcmp(names[i], names[n_classes - 1]) != 0) names[n_classes++] = names[i];
  int32_t *labels = y->values;
  for (int64_t i = 0; i < n; i++)
    labels[i] =
        (int32_t)((char **)bsearch(&texts[i], names, (size_t)n_classes, sizeof *names, by_name) -
                  names);
  ls_status status = LS_OK;
  if (n_classes > MAX_CLASSES)
    status = lsi_csv_error(csv, &cells[0], "is it the right column?",
                           "the column has %lld different classes", (long long)n_classes);
  if (status == LS_OK) { /* the names point into texts, which the source takes over: its head has
                            room for them */
    memcpy(texts, names, (size_t)n_classes * sizeof *names);
    y->class_names = texts;
    y->n_classes = n_classes;
  }
  lsi_free(names);
  return status;
}

ls_status lsi_csv_number_classes(const lsi_csv *csv, const lsi_csv_cell *cells, lsi_source *y) {
  int64_t n = y->dims[0], i = 0;
  int32_t *labels = y->values;
  while (i < n && whole_number(&cells[i], &labels[i])) i++;
  if (i == n) return LS_OK;
  double value;
  if (lsi_csv_number(&cells[i], &value))
    return lsi_csv_error(csv, &cells[i],
                         "classes are integers or texts; is the column a value to predict?",
                         "the class is %g, not an integer", value);
  char **texts = NULL;
  LSI_TRY(copy_texts(csv, cells, n, &texts));
  ls_status status = number_texts(csv, cells, texts, y);
  if (status != LS_OK) lsi_free(texts);
  return status;
}
