/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_CSV_CELLS_H
#define LSI_DATA_CSV_CELLS_H
/* The cells of a CSV text (RFC 4180): commas (semicolons or tabs, if the first line has no comma), quoted cells, LF or CRLF,
 * a byte order mark. The text is not changed. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_csv_cell {
  const char *text; /* inside the quotes, if any */
  size_t length;
  bool quoted;          /* pairs of quotes inside stand for one */
  int64_t line, column; /* where the cell starts; from 1, column in bytes */
  bool ends_record;
} lsi_csv_cell;

typedef struct lsi_csv {
  const char *path; /* for messages */
  const char *next, *end, *line_start;
  int64_t line;
  char separator;
} lsi_csv;

void lsi_csv_start(lsi_csv *csv, const char *path, const char *text, size_t n);
/* Is there another record? Blank lines are allowed at the end only. */
ls_status lsi_csv_more(lsi_csv *csv, bool *more);
ls_status lsi_csv_next(lsi_csv *csv, lsi_csv_cell *cell);

/* A finite decimal number, spaces around it allowed; false otherwise. Whatever the locale. */
bool lsi_csv_number(const lsi_csv_cell *cell, double *out);
/* The text with pairs of quotes made single; at most size - 1 bytes; returns the full length. */
size_t lsi_csv_text(const lsi_csv_cell *cell, char *out, size_t size);
/* LS_ERR_FORMAT at the cell: "path:line:column: ...". */
ls_status lsi_csv_error(const lsi_csv *csv, const lsi_csv_cell *cell, const char *advice,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
#endif
