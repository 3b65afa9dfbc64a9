/* SPDX-License-Identifier: MIT */
#include "data/csv_cells.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Commas; where the first line has none, semicolons or tabs. */
static char find_separator(const char *text, const char *end) {
  const char others[] = {';', '\t'};
  char found = ',';
  bool quoted = false;
  for (const char *at = text; at < end && (quoted || *at != '\n'); at++) {
    quoted ^= *at == '"';
    if (quoted) continue;
    if (*at == ',') return ',';
    if (found == ',' && memchr(others, *at, sizeof others)) found = *at;
  }
  return found;
}

void lsi_csv_start(lsi_csv *csv, const char *path, const char *text, size_t n) {
  if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* UTF-8's byte order mark */
    text += 3;
    n -= 3;
  }
  *csv = (lsi_csv){.path = path, .next = text, .end = text + n, .line_start = text, .line = 1};
  csv->separator = find_separator(text, csv->end);
}

ls_status lsi_csv_error(const lsi_csv *csv, const lsi_csv_cell *cell, const char *advice,
                        const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  LSI_FAIL(LS_ERR_FORMAT, advice, "%s:%lld:%lld: %s", csv->path, (long long)cell->line,
           (long long)cell->column, text);
}

static size_t line_end_bytes(const lsi_csv *csv, const char *at) {
  if (at < csv->end && *at == '\n') return 1;
  return at + 1 < csv->end && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

ls_status lsi_csv_more(lsi_csv *csv, bool *more) {
  const char *at = csv->next;
  for (size_t n; (n = line_end_bytes(csv, at)) > 0;) at += n;
  *more = at < csv->end;
  if (!*more || at == csv->next) return LS_OK;
  lsi_csv_cell here = {.line = csv->line, .column = 1};
  return lsi_csv_error(csv, &here, "remove the line", "the line is empty");
}

/* Set csv->next behind the cell that ends at `at` and its separator or line end. */
static ls_status finish_cell(lsi_csv *csv, lsi_csv_cell *cell, const char *at) {
  size_t line_end = line_end_bytes(csv, at);
  if (at < csv->end && !line_end && *at != csv->separator) {
    lsi_csv_cell here = {.line = csv->line, .column = at - csv->line_start + 1};
    return lsi_csv_error(csv, &here, "quote the whole cell and double the quotes inside it",
                         csv->separator == ',' ? "a comma or line end was expected after the closing quote"
                                               : "a separator or line end was expected after the closing quote");
  }
  cell->ends_record = at >= csv->end || line_end > 0;
  csv->next = at + (at >= csv->end ? 0 : line_end ? line_end : 1);
  if (line_end) {
    csv->line++;
    csv->line_start = csv->next;
  }
  return LS_OK;
}

static ls_status quoted_cell(lsi_csv *csv, lsi_csv_cell *cell) {
  const char *at = csv->next + 1;
  cell->quoted = true;
  cell->text = at;
  for (; at < csv->end; at++) {
    if (*at == '\n') {
      csv->line++;
      csv->line_start = at + 1;
    }
    if (*at != '"') continue;
    if (at + 1 < csv->end && at[1] == '"') at++;
    else break;
  }
  if (at >= csv->end)
    return lsi_csv_error(csv, cell, "close the quotes", "the quoted cell never ends");
  cell->length = (size_t)(at - cell->text);
  return finish_cell(csv, cell, at + 1);
}

ls_status lsi_csv_next(lsi_csv *csv, lsi_csv_cell *cell) {
  *cell = (lsi_csv_cell){
      .text = csv->next, .line = csv->line, .column = csv->next - csv->line_start + 1};
  if (csv->next < csv->end && *csv->next == '"') return quoted_cell(csv, cell);
  const char *at = csv->next;
  while (at < csv->end && *at != csv->separator && !line_end_bytes(csv, at)) {
    if (*at == '"' || *at == '\0') {
      lsi_csv_cell here = {.line = csv->line, .column = at - csv->line_start + 1};
      return lsi_csv_error(
          csv, &here, *at ? "quote the whole cell and double the quotes inside it" : NULL,
          *at ? "a quote inside an unquoted cell" : "a zero byte: this is not text");
    }
    at++;
  }
  cell->length = (size_t)(at - csv->next);
  return finish_cell(csv, cell, at);
}

static locale_t c_locale;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The program that uses the library may run in a locale with decimal commas. */
static double to_number(const char *text, char **end) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_c_locale);
  return c_locale ? strtod_l(text, end, c_locale) : strtod(text, end);
}

bool lsi_csv_number(const lsi_csv_cell *cell, double *out) {
  const char *text = cell->text;
  size_t n = cell->length;
  while (n > 0 && (*text == ' ' || *text == '\t')) text++, n--;
  while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
  char buffer[64];
  if (n == 0 || n >= sizeof buffer) return false;
  memcpy(buffer, text, n);
  buffer[n] = '\0';
  if (strspn(buffer, "+-.0123456789eE") != n) return false; /* no hex, no "nan", no "infinity" */
  char *end;
  double value = to_number(buffer, &end);
  if (end != buffer + n || !isfinite(value)) return false;
  *out = value;
  return true;
}

size_t lsi_csv_text(const lsi_csv_cell *cell, char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < cell->length; i++) {
    if (cell->quoted && cell->text[i] == '"') i++; /* the second of a pair */
    if (used + 1 < size) out[used] = i < cell->length ? cell->text[i] : '"';
    used++;
  }
  if (size > 0) out[used < size ? used : size - 1] = '\0';
  return used;
}
