/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_TOOLS_H
#define LOCKSTEP_TOOLS_H
/** What the commands convert, inspect, digest and diff do. Not collective: one process. */
#include <stdio.h>
#include <lockstep/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One source array of a conversion; the format follows from the content and the name (IDX, gzipped IDX, NPY, CSV). */
typedef struct ls_convert_spec {
  const char *x;            /* IDX(.gz) or NPY features; or a CSV table with x and y together */
  const char *y;            /* IDX(.gz), NPY or CSV targets; NULL: columns of the CSV, or none */
  const char *out;          /* HDF5 file to write: replaced atomically */
  const char *y_columns;    /* CSV: names or 1-based numbers of the target columns, "a,b"; default: the last */
  bool y_is_label;          /* targets are classes, not values (text classes in CSV are numbered in sorted order) */
  bool no_y;                /* CSV without targets */
  double scale, offset;     /* stored as scale_factor and add_offset of x; scale 0 means 1 */
  int64_t chunk_rows;       /* 0: contiguous */
  int deflate;              /* 0 to 9; needs chunks */
  int64_t first_row, n_rows; /* a slice of the rows; n_rows 0: all */
} ls_convert_spec;

/** Convert; `log` (may be NULL) gets one line on what was read and written. */
LS_API ls_status ls_convert(const ls_convert_spec *spec, FILE *log);

/** Describe any dataset, model or checkpoint file of ours: kind, shapes, digests, position. */
LS_API ls_status ls_inspect(const char *path, FILE *out);

/** Hash of the parameter values' bits in layer order, of a model or a checkpoint. */
LS_API ls_status ls_digest_file(const char *path, char hex[33]);

/** Compare the parameters (and, for two checkpoints, the slots and position) of two files bit for bit. Prints the first
    differing tensor and element and the largest difference in ulps. LS_OK: equal bits; LS_ERR_DIFFERENT: not. */
LS_API ls_status ls_diff_files(const char *a, const char *b, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
