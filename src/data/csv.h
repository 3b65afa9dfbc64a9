/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_CSV_H
#define LSI_DATA_CSV_H
/* A CSV table as one or two arrays: numeric features, and targets that are numbers or classes. */
#include "data/source.h"

typedef struct lsi_csv_spec {
  const char *y_columns; /* names or 1-based numbers, "a,b"; NULL: the last column */
  bool y_is_label; /* one column of classes: int32; text classes are numbered in sorted order */
  bool no_y;       /* all columns are features */
  bool only_y;     /* all columns are targets */
} lsi_csv_spec;

/*
 * The first record is a header when a feature in it is no number, or y_columns holds a name.
 * Without features: when it holds text where numbers are expected, or a text class that never comes
 * again.
 *
 * x and y are float32 (y int32 for classes); the one that the spec excludes stays zeroed. Either
 * may be closed on its own.
 */
ls_status lsi_csv_read(lsi_bytes *bytes, const lsi_csv_spec *spec, lsi_source *x, lsi_source *y);
#endif
