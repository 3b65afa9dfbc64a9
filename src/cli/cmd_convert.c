/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const cli_option options[] = {
    {"out", 'o', "FILE", "HDF5 file to write"},
    {"x", CLI_X, "FILE", "The features, instead of X"},
    {"y", CLI_Y, "FILE", "The targets, instead of Y"},
    {"scale", CLI_SCALE, "NUMBER", "The model sees stored x NUMBER + offset; 1/255 is understood"},
    {"offset", CLI_OFFSET, "NUMBER", "See --scale"},
    {"rows", CLI_ROWS, "A:B",
     "Only rows A (counted from 0) up to, not including, B; either may be left out"},
    {"chunk-rows", CLI_CHUNK_ROWS, "N", "Store in chunks of N rows (default: contiguous)"},
    {"deflate", CLI_DEFLATE, "0-9", "Compress; needs --chunk-rows"},
    {"y-columns", CLI_Y_COLUMNS, "A,B",
     "CSV: names or numbers (from 1) of the target columns (default: the last)"},
    {"labels", CLI_LABELS, NULL, "The targets are classes: whole numbers, or texts (CSV)"},
    {"no-y", CLI_NO_Y, NULL, "CSV: there are no targets"},
    {0},
};

/* "0.5", "1e-3" or "1/255". */
static bool parse_number(const char *text, double *out) {
  char *end;
  double value = strtod(text, &end);
  if (end == text)
    return false;
  if (*end == '/') {
    const char *rest = end + 1;
    double divisor = strtod(rest, &end);
    if (end == rest || divisor == 0)
      return false;
    value /= divisor;
  }
  *out = value;
  return !*end && isfinite(value);
}

static bool parse_index(const char *text, size_t length, int64_t *out) {
  char digits[24], *end;
  if (length == 0 || length >= sizeof digits || strspn(text, "0123456789") < length)
    return false;
  memcpy(digits, text, length);
  digits[length] = 0;
  errno = 0;
  *out = strtoll(digits, &end, 10);
  return errno == 0;
}

/* "A:B", "A:" or ":B" */
static bool parse_rows(const char *text, ls_convert_spec *spec) {
  const char *colon = strchr(text, ':');
  int64_t first = 0, end = 0;
  if (!colon)
    return false;
  bool has_end = colon[1] != 0;
  if (colon > text && !parse_index(text, (size_t)(colon - text), &first))
    return false;
  if (has_end && (!parse_index(colon + 1, strlen(colon + 1), &end) || end <= first))
    return false;
  spec->first_row = first;
  spec->n_rows = has_end ? end - first : 0;
  return colon > text || has_end;
}

static bool read_numbers(const cli_args *args, ls_convert_spec *spec) {
  const char *scale = args->value[CLI_SCALE], *offset = args->value[CLI_OFFSET],
             *rows = args->value[CLI_ROWS];
  int64_t deflate;
  if (scale && (!parse_number(scale, &spec->scale) || spec->scale == 0))
    return cli_usage("convert", "--scale %s: expected a number other than 0, such as 1/255", scale),
           false;
  if (offset && !parse_number(offset, &spec->offset))
    return cli_usage("convert", "--offset %s: expected a number", offset), false;
  if (rows && !parse_rows(rows, spec))
    return cli_usage("convert", "--rows %s: expected A:B with A less than B, such as 0:1000", rows),
           false;
  if (!cli_int(args, &cli_convert, CLI_CHUNK_ROWS, 1, 1000000000, 0, &spec->chunk_rows) ||
      !cli_int(args, &cli_convert, CLI_DEFLATE, 0, 9, 0, &deflate))
    return false;
  spec->deflate = (int)deflate;
  if (deflate > 0 && !spec->chunk_rows)
    return cli_usage("convert", "--deflate needs --chunk-rows: HDF5 compresses chunk by chunk"),
           false;
  return true;
}

/* --x and --y first; the files behind the options fill what is left. */
static bool read_sources(const cli_args *args, ls_convert_spec *spec) {
  int used = 0;
  spec->x = args->value[CLI_X];
  spec->y = args->value[CLI_Y];
  if (!spec->x && used < args->n_files)
    spec->x = args->files[used++];
  if (!spec->y && used < args->n_files)
    spec->y = args->files[used++];
  if (used < args->n_files)
    return cli_usage("convert", "unexpected '%s'", args->files[used]), false;
  return spec->x || (cli_usage("convert", "expected X: an IDX, NPY or CSV file"), false);
}

static int run(const cli_args *args) {
  ls_convert_spec spec = {.out = args->value['o'],
                          .y_columns = args->value[CLI_Y_COLUMNS],
                          .y_is_label = args->value[CLI_LABELS] != NULL,
                          .no_y = args->value[CLI_NO_Y] != NULL};
  if (!read_sources(args, &spec))
    return CLI_USAGE;
  if (!spec.out)
    return cli_usage("convert", "--out is missing: where should the HDF5 file go?");
  if (spec.no_y && (spec.y || spec.y_columns))
    return cli_usage("convert", "--no-y contradicts %s", spec.y ? spec.y : "--y-columns");
  if (!read_numbers(args, &spec))
    return CLI_USAGE;
  ls_status status = ls_convert(&spec, stdout);
  return status == LS_OK ? CLI_OK : cli_fail(status);
}

const cli_verb cli_convert = {
    .name = "convert",
    .files = "X [Y]",
    .min_files = 0,
    .max_files = 2,
    .summary = "Make an HDF5 data set from IDX, NPY or CSV.",
    .options = options,
    .run = run,
    .one_process = true,
    .examples =
        "Examples:\n"
        "  lockstep convert train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz -o train.h5 "
        "--scale 1/255\n"
        "  lockstep convert table.csv -o table.h5 --y-columns price\n"
        "  lockstep convert table.csv -o table.h5 --y-columns species --labels --rows 0:120\n"
        "  lockstep convert x.npy y.npy -o big.h5 --chunk-rows 256 --deflate 4\n"
        "\n"
        "X and Y may be IDX (also gzipped), NPY or CSV; the content decides. A CSV table may hold "
        "x and y together; its separator is the comma, or the semicolon or tab where the first line has no comma.",
};
