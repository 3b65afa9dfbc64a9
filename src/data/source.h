/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_SOURCE_H
#define LSI_DATA_SOURCE_H
/* One array to convert, read row by row from front to back: from IDX, NPY, or a parsed CSV table.
 */
#include <lockstep/dataset.h>
#include "base/status.h"
#include "data/bytes.h"

typedef struct lsi_source {
  char *path;         /* owned */
  const char *format; /* "IDX", "NPY", "CSV" */
  ls_dtype dtype;     /* of the values handed out */
  int rank;           /* of the whole array: rows first */
  int64_t dims[LS_MAX_RANK];
  int64_t row_values;
  size_t row_bytes;
  int64_t next_row;
  /* IDX and NPY */
  lsi_bytes *bytes;
  size_t stored_bytes; /* of one value in the file */
  bool swap;           /* stored big-endian */
  bool half;           /* stored as float16, handed out as float32 */
  /* CSV */
  void *values;       /* [rows, row_values], owned */
  char **class_names; /* text classes in the order of their numbers, owned, one block; or NULL */
  int64_t n_classes;
} lsi_source;

/* Rank, dims and dtype are set: check them against each other and fill the rest. */
ls_status lsi_source_measure(lsi_source *source);
/* The next n rows into out [n, row_bytes]. After the last row of a file nothing may follow. */
ls_status lsi_source_read(lsi_source *source, int64_t n, void *out);
ls_status lsi_source_skip(lsi_source *source, int64_t n);
void lsi_source_close(lsi_source *source);

/* What a file holds, by its first bytes. */
typedef enum lsi_format { LSI_FORMAT_IDX, LSI_FORMAT_NPY, LSI_FORMAT_TEXT } lsi_format;
ls_status lsi_format_detect(lsi_bytes *bytes, lsi_format *out);

/* Read the header; the source takes `bytes` over when the call succeeds. */
ls_status lsi_idx_open(lsi_bytes *bytes, lsi_source *out);
ls_status lsi_npy_open(lsi_bytes *bytes, lsi_source *out);
#endif
