/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_FIELDS_H
#define LSI_DATA_FIELDS_H
/* The arrays of a data set (x, y, sample_weight), each in memory or streamed from its files, and the
 * reading of samples from them. */
#include "data/decode.h"
#include "data/fetch.h"
#include "par/shm.h"

typedef struct lsi_field {
  const char *name; /* "x"; NULL: the set has no such array */
  ls_dtype dtype;   /* in memory */
  int64_t row_values;
  size_t row_bytes;
  const char *values; /* [n_samples, row_values]; NULL: streamed */
  lsi_decoder decoder;
} lsi_field;

/* The ranks that keep one copy of the set together: those of a node that see the same files, or this one alone. */
typedef struct lsi_group {
  lsi_comm comm; /* size 1: of all ranks, for waiting alone; without peers: none */
  int rank, size;
} lsi_group;

typedef struct lsi_fields {
  int64_t n_samples;
  lsi_field field[LSI_N_FIELDS]; /* x, y, sample_weight */
  bool y_is_label;
  char *label;        /* path or "memory"; owned */
  lsi_group group;
  /* sets in files */
  lsi_files *files;   /* NULL: not in files; closed ones when all is in memory */
  lsi_shm shared;     /* the group's copy of what is in memory */
  void *owned;        /* or this rank's */
  int n_sharers;      /* ranks of this node */
  int64_t budget;     /* bytes that this rank's buffers may still take */
  int64_t limit;      /* of the node, for messages */
  bool limit_given;
  lsi_reading reading; /* while it is opened */
  lsi_fetcher *direct; /* for reads without a plan */
  lsi_want *wants;
  int64_t wants_room;
  char *rows;
  size_t rows_room;
  pthread_mutex_t mutex; /* around the four above */
} lsi_fields;

extern const lsi_dataset_ops lsi_fields_ops; /* self: lsi_fields */

ls_status lsi_fields_create(const char *label, lsi_fields **out);
void lsi_fields_destroy(lsi_fields **fields);
/* The fields of a set made by lsi_fields_dataset; NULL for other sets. */
lsi_fields *lsi_fields_of(const ls_dataset *dataset);
bool lsi_fields_is_streamed(const lsi_fields *fields); /* any of them */
bool lsi_field_is_streamed(const lsi_fields *fields, int field);
bool lsi_field_is_chunked(const lsi_fields *fields, int field); /* and streamed, in any of the files */
bool lsi_fields_has_chunks(const lsi_fields *fields);            /* any of them */

/* See lsi_dataset_place. */
void lsi_fields_place(const lsi_fields *fields, int64_t sample, char text[LSI_PLACE_BYTES]);
/* Rows [first, first + n) as they are stored, into out [n, row_bytes]. */
ls_status lsi_field_stored(lsi_fields *fields, int field, int64_t first, int64_t n, void *out);
/* Stored rows that follow each other in memory, as a sample's values (labels: int32, else float); `rows` are their numbers. */
ls_status lsi_field_decode(const lsi_fields *fields, int field, const int64_t *rows, int64_t n, const char *stored, void *out);
/* The same for a field in memory, or rows that lsi_files_at_hand has found, by number. */
ls_status lsi_field_read(lsi_fields *fields, int field, const int64_t *rows, int64_t n, void *out);

/* A data set over the fields: takes them over, also on failure. Fills info.identity; the rest of
 * `info` is the caller's. Collective on the group. */
ls_status lsi_fields_dataset(lsi_fields *fields, const ls_dataset_info *info, ls_dataset **out);
#endif
