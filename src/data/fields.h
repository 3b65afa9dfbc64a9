/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_FIELDS_H
#define LSI_DATA_FIELDS_H
/* The arrays of a data set (x, y, sample_weight), each in memory or streamed, and the reading of
 * samples from them. */
#include "data/dataset.h"
#include "data/decode.h"
#include "data/stream.h"

typedef struct lsi_field {
  const char *name; /* "x"; NULL: the set has no such array */
  ls_dtype dtype;   /* in memory */
  int64_t row_values;
  size_t row_bytes;
  const char *values; /* [n_samples, row_values], or NULL: streamed */
  void *owned;        /* values to free, or NULL: borrowed */
  lsi_stream *stream;
  lsi_decoder decoder;
} lsi_field;

typedef struct lsi_fields {
  int64_t n_samples;
  lsi_field x, y, weight;
  bool y_is_label;
  char *label;   /* path or "memory"; owned */
  char *what[3]; /* "path: dataset 'x'", ...; owned */
  hid_t file;    /* < 0: none */
} lsi_fields;

extern const lsi_dataset_ops lsi_fields_ops; /* self: lsi_fields */

ls_status lsi_fields_create(const char *label, lsi_fields **out);
void lsi_fields_destroy(lsi_fields **fields);

/* Rows [first, first + n) as they are stored, into out [n, row_bytes]. */
ls_status lsi_field_stored(const lsi_field *field, int64_t first, int64_t n, void *out);

/* A data set over the fields: takes them over, also on failure. Fills info.identity; the rest of
 * `info` is the caller's. */
ls_status lsi_fields_dataset(lsi_fields *fields, const ls_dataset_info *info, ls_dataset **out);
#endif
