/* SPDX-License-Identifier: MIT */
/* Keras 3's model.summary() table (keras/src/utils/summary_utils.py, drawn by rich), as wide as the terminal allows. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "nn/layers.h"

/* Inner widths of the three columns, padding included. */
static int column_width[3];

/* Keras: 88 characters, or 4 fewer than the terminal has; COLUMNS counts before its real width, 80 without one. */
static int line_length(FILE *out) {
  const char *columns = getenv("COLUMNS");
  int width = columns ? atoi(columns) : 0;
  struct winsize size;
  if (width <= 0) width = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
  if (width <= 0) width = 80;
  return width - 4 > 88 ? 88 : width - 4 < 24 ? 24 : width - 4;
}

/* Columns ask for 45, 35 and 20 per cent and two characters of padding; rich takes what is too much from one after the other. */
static void set_columns(int length) {
  static const double ends[3] = {0.45, 0.80, 1.0};
  int used = 0, excess = 0;
  for (int c = 0; c < 3; c++) {
    int width = (int)(ends[c] * length) - used;
    used += width;
    column_width[c] = width + 2;
    excess += column_width[c];
  }
  excess -= length - 4;
  for (int c = 0; c < 3; c++) {
    int cut = (int)nearbyint((double)excess / (3 - c));
    column_width[c] -= cut;
    excess -= cut;
  }
}

enum { CELL = 512 };

static void repeat(FILE *out, const char *text, int n) {
  for (int i = 0; i < n; i++) fputs(text, out);
}

static void rule(FILE *out, const char *left, const char *line, const char *cross, const char *right) {
  for (int c = 0; c < 3; c++) {
    fputs(c == 0 ? left : cross, out);
    repeat(out, line, column_width[c]);
  }
  fprintf(out, "%s\n", right);
}

/* 1234567 -> "1,234,567" */
static void with_commas(uint64_t value, char *buffer, size_t size) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%" PRIu64, value), used = 0;
  for (int i = 0; i < n && (size_t)used + 2 < size; i++) {
    if (i && (n - i) % 3 == 0) buffer[used++] = ',';
    buffer[used++] = digits[i];
  }
  buffer[used] = 0;
}

static void append(char *buffer, size_t size, const char *format, ...) {
  size_t used = strlen(buffer);
  va_list args;
  va_start(args, format);
  vsnprintf(buffer + used, size - used, format, args);
  va_end(args);
}

static void shape_text(const lsi_shape *shape, char *buffer, size_t size) {
  snprintf(buffer, size, "(None");
  for (int d = 0; d < shape->rank; d++) append(buffer, size, ", %" PRId64, shape->dims[d]);
  append(buffer, size, ")");
}

/* Bytes of UTF-8 that are no character of their own. */
static bool continues(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

static int count_characters(const char *text) {
  int n = 0;
  for (; *text; text++) n += !continues(*text);
  return n;
}

static int bytes_of(const char *text, int characters) {
  int i = 0;
  for (; text[i]; i++)
    if (!continues(text[i]) && characters-- == 0) break;
  return i;
}

/* The next line of a cell: as many words as fit; a word longer than the cell is cut with an ellipsis. */
static const char *next_line(const char *text, int width, char *line, bool *cut) {
  while (*text == ' ') text++;
  int best = 0, i = 0, end = bytes_of(text, width);
  for (; i < end; i++)
    if (text[i] == ' ') best = i;
  if (!text[i] || text[i] == ' ') best = i;
  *cut = best == 0 && text[0];
  if (*cut) best = bytes_of(text, width - 1);
  memcpy(line, text, (size_t)best);
  line[best] = 0;
  if (!*cut) return text + best;
  const char *space = strchr(text, ' ');
  return space ? space : text + strlen(text);
}

static void print_row(FILE *out, const char *bar, const char *const cells[3]) {
  const char *rest[3] = {cells[0], cells[1], cells[2]};
  do {
    for (int c = 0; c < 3; c++) {
      char line[CELL];
      bool cut;
      int width = column_width[c] - 2;
      rest[c] = next_line(rest[c], width, line, &cut);
      int pad = width - count_characters(line) - (cut ? 1 : 0);
      fprintf(out, "%s ", bar);
      if (c == 2) repeat(out, " ", pad);
      fprintf(out, "%s%s ", line, cut ? "…" : "");
      if (c != 2) repeat(out, " ", pad);
    }
    fprintf(out, "%s\n", bar);
  } while (*rest[0] || *rest[1] || *rest[2]);
}

static uint64_t layer_count(const lsi_layer *layer) {
  uint64_t count = 0;
  for (int i = 0; i < layer->n_tensors; i++) count += layer->tensors[i].count;
  return count;
}

static void print_layer(FILE *out, const lsi_layer *layer) {
  char name[CELL], shape[CELL], count[CELL];
  snprintf(name, sizeof name, "%s (%s)", layer->name, layer->ops->class_name);
  shape_text(&layer->out, shape, sizeof shape);
  with_commas(layer_count(layer), count, sizeof count);
  print_row(out, "│", (const char *const[3]){name, shape, count});
}

static void print_total(FILE *out, const char *what, uint64_t count) {
  static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
  char text[64];
  double bytes = 4.0 * (double)count;
  int unit = 0;
  while (bytes >= 1024 && unit < 4) bytes /= 1024, unit++;
  with_commas(count, text, sizeof text);
  fprintf(out, " %s params: %s (%.2f %s)\n", what, text, bytes, units[unit]);
}

ls_status lsi_net_summary(const lsi_net *net, bool with_input, int64_t n_optimizer_params, FILE *out) {
  LSI_CHECK(net->built, LS_ERR_STATE, "add layers and compile first", "summary: model '%s' is not built", net->name);
  set_columns(line_length(out));
  fprintf(out, "Model: \"%s\"\n", net->name);
  rule(out, "┏", "━", "┳", "┓");
  print_row(out, "┃", (const char *const[3]){"Layer (type)", "Output Shape", "Param #"});
  rule(out, "┡", "━", "╇", "┩");
  uint64_t trainable = 0, frozen = 0;
  int first = with_input ? 0 : 1;
  for (int i = first; i < net->n_layers; i++) {
    if (i > first) rule(out, "├", "─", "┼", "┤");
    print_layer(out, net->layers[i]);
  }
  rule(out, "└", "─", "┴", "┘");
  for (int t = 0; t < net->layout.n; t++)
    *(net->layout.tensors[t].trainable ? &trainable : &frozen) += net->layout.tensors[t].count;
  uint64_t optimizer = n_optimizer_params > 0 ? (uint64_t)n_optimizer_params : 0;
  print_total(out, "Total", trainable + frozen + optimizer);
  print_total(out, "Trainable", trainable);
  print_total(out, "Non-trainable", frozen);
  if (n_optimizer_params >= 0) print_total(out, "Optimizer", optimizer);
  return LS_OK;
}
