/* SPDX-License-Identifier: MIT */
#include "data/csv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/csv_cells.h"
#include "data/csv_classes.h"

enum { MAX_COLUMNS = 1 << 20, NAME_BYTES = 128 };
static const size_t max_text_bytes = (size_t)4 << 30;

typedef struct table {
  const char *path, *text;
  size_t n_bytes;
  const lsi_csv_spec *spec;
  lsi_csv_cell *first; /* the first record's cells [n_columns] */
  int64_t n_columns, n_targets, n_rows;
  bool *is_target; /* [n_columns] */
  bool header;
} table;

/* ---- the first record ---- */

static ls_status read_first_record(table *t) {
  lsi_csv csv;
  lsi_csv_cell cell;
  bool more;
  lsi_csv_start(&csv, t->path, t->text, t->n_bytes);
  LSI_TRY(lsi_csv_more(&csv, &more));
  LSI_CHECK(more, LS_ERR_SHAPE, "give it at least one row", "%s: the table is empty", t->path);
  do {
    LSI_TRY(lsi_csv_next(&csv, &cell));
    t->n_columns++;
    LSI_CHECK(t->n_columns <= MAX_COLUMNS, LS_ERR_UNSUPPORTED, NULL, "%s:1: more than %d columns",
              t->path, (int)MAX_COLUMNS);
  } while (!cell.ends_record);
  LSI_TRY(LSI_ALLOC("CSV columns", t->n_columns, &t->first));
  LSI_TRY(LSI_ALLOC("CSV columns", t->n_columns, &t->is_target));
  lsi_csv_start(&csv, t->path, t->text, t->n_bytes);
  for (int64_t i = 0; i < t->n_columns; i++) LSI_TRY(lsi_csv_next(&csv, &t->first[i]));
  return LS_OK;
}

static bool is_number(const lsi_csv_cell *cell) {
  double value;
  return lsi_csv_number(cell, &value);
}

/* ---- which columns are targets ---- */

static int64_t column_named(const table *t, const char *name) {
  char text[NAME_BYTES];
  for (int64_t i = 0; i < t->n_columns; i++)
    if (lsi_csv_text(&t->first[i], text, sizeof text) < sizeof text && strcmp(text, name) == 0)
      return i;
  return -1;
}

static ls_status no_such_column(const table *t, const char *name) {
  enum { MAX_NAMES = 64 };
  char names[MAX_NAMES][NAME_BYTES];
  const char *list[MAX_NAMES];
  int n = 0;
  for (; n < MAX_NAMES && n < t->n_columns; n++) {
    lsi_csv_text(&t->first[n], names[n], NAME_BYTES);
    list[n] = names[n];
  }
  const char *near = lsi_nearest_name(name, list, n);
  char advice[256];
  snprintf(advice, sizeof advice,
           near ? "did you mean '%s'?" : "use a name of the first line, or a number from 1%s",
           near ? near : "");
  LSI_FAIL(LS_ERR_NOT_FOUND, advice, "%s: there is no column '%s' among the %lld columns", t->path,
           name, (long long)t->n_columns);
}

static ls_status mark_target(table *t, const char *item, bool *by_name) {
  int64_t column = column_named(t, item);
  char *end;
  if (column >= 0 && !is_number(&t->first[column])) {
    *by_name = true;
  } else {
    long long number = strtoll(item, &end, 10);
    if (!*item || *end || number < 1 || number > t->n_columns) return no_such_column(t, item);
    column = number - 1;
  }
  t->n_targets += !t->is_target[column];
  t->is_target[column] = true;
  return LS_OK;
}

static ls_status mark_targets(table *t, bool *by_name) {
  const lsi_csv_spec *spec = t->spec;
  if (spec->no_y) return LS_OK;
  if (spec->only_y) {
    for (int64_t i = 0; i < t->n_columns; i++) t->is_target[i] = true;
    t->n_targets = t->n_columns;
    return LS_OK;
  }
  if (!spec->y_columns) {
    LSI_CHECK(t->n_columns > 1, LS_ERR_SHAPE,
              "columns are separated by commas, semicolons or tabs; --no-y (no_y) if the table has no targets",
              "%s: the table has one column, so nothing is left for the features", t->path);
    t->is_target[t->n_columns - 1] = true;
    t->n_targets = 1;
    return LS_OK;
  }
  char *list = NULL, *rest = NULL;
  LSI_TRY(lsi_strdup(spec->y_columns, &list));
  ls_status status = LS_OK;
  for (char *item = strtok_r(list, ",", &rest); item && status == LS_OK;
       item = strtok_r(NULL, ",", &rest)) {
    item += strspn(item, " ");
    status = mark_target(t, item, by_name);
  }
  lsi_free(list);
  LSI_TRY(status);
  LSI_CHECK(t->n_targets > 0 && t->n_targets < t->n_columns, LS_ERR_ARG, NULL,
            "%s: y columns '%s' are %lld of %lld columns; some must be left as features", t->path,
            spec->y_columns, (long long)t->n_targets, (long long)t->n_columns);
  return LS_OK;
}

/* ---- is the first record a header? ---- */

static bool cell_is(const lsi_csv_cell *a, const lsi_csv_cell *b) {
  return a->length == b->length && a->quoted == b->quoted &&
         memcmp(a->text, b->text, a->length) == 0;
}

/* For one column of classes: does the first cell come again? */
static ls_status first_comes_again(const table *t, bool *again) {
  lsi_csv csv;
  lsi_csv_cell cell;
  *again = false;
  lsi_csv_start(&csv, t->path, t->text, t->n_bytes);
  LSI_TRY(lsi_csv_next(&csv, &cell));
  for (bool more;;) {
    LSI_TRY(lsi_csv_more(&csv, &more));
    if (!more) return LS_OK;
    LSI_TRY(lsi_csv_next(&csv, &cell));
    if (cell_is(&cell, &t->first[0])) *again = true;
  }
}

static ls_status find_header(table *t, bool by_name) {
  t->header = by_name;
  bool features = t->n_targets < t->n_columns;
  for (int64_t i = 0; i < t->n_columns && !t->header; i++)
    if (t->is_target[i] != features && t->first[i].length > 0) t->header = !is_number(&t->first[i]);
  if (t->header && !features && t->spec->y_is_label && t->n_columns == 1) {
    bool again;
    LSI_TRY(first_comes_again(t, &again));
    t->header = !again;
  }
  return LS_OK;
}

/* ---- the rows ---- */

static ls_status start_rows(const table *t, lsi_csv *csv) {
  lsi_csv_cell cell;
  lsi_csv_start(csv, t->path, t->text, t->n_bytes);
  for (int64_t i = 0; t->header && i < t->n_columns; i++) LSI_TRY(lsi_csv_next(csv, &cell));
  return LS_OK;
}

static ls_status check_row_end(const table *t, const lsi_csv *csv, const lsi_csv_cell *cell,
                               int64_t i) {
  if (cell->ends_record == (i == t->n_columns - 1)) return LS_OK;
  return lsi_csv_error(csv, cell, "every line needs the same number of cells",
                       cell->ends_record ? "the line has %lld cells, the first has %lld"
                                         : "the line has more than %lld cells, the first has %lld",
                       (long long)(i + 1), (long long)t->n_columns);
}

static ls_status count_rows(table *t) {
  lsi_csv csv;
  lsi_csv_cell cell;
  bool more;
  LSI_TRY(start_rows(t, &csv));
  for (;; t->n_rows++) {
    LSI_TRY(lsi_csv_more(&csv, &more));
    if (!more) break;
    for (int64_t i = 0; i < t->n_columns; i++) {
      LSI_TRY(lsi_csv_next(&csv, &cell));
      LSI_TRY(check_row_end(t, &csv, &cell, i));
    }
  }
  LSI_CHECK(t->n_rows > 0, LS_ERR_SHAPE, "give it at least one row below the header",
            "%s: the table is empty (0 rows)", t->path);
  return LS_OK;
}

static ls_status number_cell(const table *t, const lsi_csv *csv, const lsi_csv_cell *cell,
                             int64_t column, float *out) {
  double value = 0;
  char text[48], name[NAME_BYTES + 4] = "";
  bool good = lsi_csv_number(cell, &value);
  if (good && fabs(value) <= (double)FLT_MAX) {
    *out = (float)value;
    return LS_OK;
  }
  if (t->header) {
    name[0] = ' ', name[1] = '\'';
    lsi_csv_text(&t->first[column], name + 2, NAME_BYTES);
    strcat(name, "'");
  }
  if (cell->length == 0)
    return lsi_csv_error(csv, cell, "fill it in, or remove the row",
                         "the cell of column %lld%s is empty", (long long)column + 1, name);
  lsi_csv_text(cell, text, sizeof text);
  return lsi_csv_error(csv, cell,
                       t->is_target[column] ? "text targets are possible as classes (labels) only"
                                            : "write a finite number, or leave the column out",
                       good ? "the cell of column %lld%s is '%s', more than float32 holds"
                            : "the cell of column %lld%s is '%s', not a finite number",
                       (long long)column + 1, name, text);
}

static ls_status fill_row(const table *t, lsi_csv *csv, float *x, float *y, lsi_csv_cell *label) {
  for (int64_t i = 0; i < t->n_columns; i++) {
    lsi_csv_cell cell;
    LSI_TRY(lsi_csv_next(csv, &cell));
    if (!t->is_target[i]) LSI_TRY(number_cell(t, csv, &cell, i, x++));
    else if (!label) LSI_TRY(number_cell(t, csv, &cell, i, y++));
    else if (cell.length == 0) return number_cell(t, csv, &cell, i, y); /* says that it is empty */
    else *label = cell;
  }
  return LS_OK;
}

static ls_status make_source(const table *t, ls_dtype dtype, int64_t columns, bool flat,
                             lsi_source *out) {
  *out = (lsi_source){
      .format = "CSV", .dtype = dtype, .rank = flat ? 1 : 2, .dims = {t->n_rows, columns}};
  LSI_TRY(lsi_strdup(t->path, &out->path));
  LSI_TRY(lsi_source_measure(out));
  return lsi_alloc("CSV table", (size_t)t->n_rows, out->row_bytes, &out->values);
}

static ls_status fill(const table *t, lsi_source *x, lsi_source *y) {
  bool labels = t->spec->y_is_label && t->n_targets > 0;
  int64_t n_features = t->n_columns - t->n_targets;
  LSI_CHECK(!labels || t->n_targets == 1, LS_ERR_ARG, "name one column of classes",
            "%s: %lld columns are targets, but classes stand in one column", t->path,
            (long long)t->n_targets);
  if (n_features > 0) LSI_TRY(make_source(t, LS_FLOAT32, n_features, false, x));
  if (t->n_targets > 0)
    LSI_TRY(make_source(t, labels ? LS_INT32 : LS_FLOAT32, t->n_targets, t->n_targets == 1, y));
  lsi_csv_cell *cells = NULL;
  if (labels) LSI_TRY(LSI_ALLOC("CSV classes", t->n_rows, &cells));
  lsi_csv csv;
  ls_status status = start_rows(t, &csv);
  for (int64_t row = 0; row < t->n_rows && status == LS_OK; row++)
    status = fill_row(t, &csv, n_features ? (float *)x->values + row * n_features : NULL,
                      t->n_targets ? (float *)y->values + row * t->n_targets : NULL,
                      labels ? &cells[row] : NULL);
  if (status == LS_OK && labels) status = lsi_csv_number_classes(&csv, cells, y);
  lsi_free(cells);
  return status;
}

static ls_status read_table(table *t, lsi_source *x, lsi_source *y) {
  bool by_name = false;
  LSI_TRY(read_first_record(t));
  LSI_TRY(mark_targets(t, &by_name));
  LSI_TRY(find_header(t, by_name));
  LSI_TRY(count_rows(t));
  return fill(t, x, y);
}

ls_status lsi_csv_read(lsi_bytes *bytes, const lsi_csv_spec *spec, lsi_source *x, lsi_source *y) {
  table t = {.path = lsi_bytes_path(bytes), .spec = spec};
  lsi_source features = {0}, targets = {0};
  char *text = NULL;
  ls_status status = lsi_bytes_all(bytes, max_text_bytes, &text, &t.n_bytes);
  t.text = text;
  if (status == LS_OK) status = read_table(&t, &features, &targets);
  lsi_free(t.first);
  lsi_free(t.is_target);
  lsi_free(text);
  if (status != LS_OK) {
    lsi_source_close(&features);
    lsi_source_close(&targets);
    return status;
  }
  *x = features;
  *y = targets;
  return LS_OK;
}
