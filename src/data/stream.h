/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_STREAM_H
#define LSI_DATA_STREAM_H
/*
 * Rows of an HDF5 dataset that is too large for memory. A read sorts its rows and fetches
 * neighbours together, so that each chunk is visited once a read whatever the order asked for.
 * Reads of several threads are taken one after the other. No allocation once the largest read has
 * been seen.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include "store/h5.h"

typedef struct lsi_row_place {
  int64_t row, place; /* row of the file, place in the result */
} lsi_row_place;

typedef struct lsi_stream {
  pthread_mutex_t mutex;
  lsi_h5_array array;
  hid_t mem_type;
  size_t row_bytes; /* in memory */
  char *staging;    /* [staging_rows, row_bytes] */
  int64_t staging_rows, merge_gap;
  lsi_row_place *order;
  int64_t order_capacity;
  const char *what; /* "path: dataset 'x'", borrowed */
} lsi_stream;

/* Called once for each row asked for, in the order of the file. */
typedef ls_status (*lsi_row_visitor)(void *context, int64_t place, int64_t row, const void *stored);

/* Takes over the array, also on failure. */
ls_status lsi_stream_create(lsi_h5_array array, const char *what, hid_t mem_type, size_t row_bytes,
                            lsi_stream **out);
ls_status lsi_stream_each(lsi_stream *stream, const int64_t *rows, int64_t n, lsi_row_visitor visit,
                          void *context);
void lsi_stream_destroy(lsi_stream **stream);
#endif
