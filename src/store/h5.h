/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_H5_H
#define LSI_STORE_H5_H
/*
 * HDF5 with errors returned and hostile files refused. Knows no domain words. HDF5's own error
 * stack is off. Files are opened from known names only; links are never walked.
 */
#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* Turn off plug-in filters and the printed error stack; idempotent. Every open below calls it. */
void lsi_h5_init(void);

/* Open read-only. LS_ERR_NOT_FOUND, LS_ERR_FORMAT (not HDF5), LS_ERR_CORRUPT (truncated), LS_ERR_IO (locked: says by whom it may be). */
ls_status lsi_h5_open(const char *path, hid_t *file);
/* A file from an image in memory (core driver, no backing store), read-only. The bytes are copied. */
ls_status lsi_h5_open_image(const void *bytes, size_t n, const char *what, hid_t *file);
void lsi_h5_close(hid_t file); /* closes everything opened below it */

/* Is there a hard link `name` (path below `loc`) to a group / dataset? Soft and external links are no. */
bool lsi_h5_has(hid_t loc, const char *name);
bool lsi_h5_has_name(hid_t loc, const char *name); /* of a link of any kind, to whatever */
bool lsi_h5_has_attr(hid_t loc, const char *object, const char *attr);

/* The filters of a chunked array, in the order they were applied when it was written. */
enum { LSI_H5_MAX_FILTERS = 8 };
typedef struct lsi_h5_filters {
  int n;
  int id[LSI_H5_MAX_FILTERS];           /* H5Z_FILTER_DEFLATE, _SHUFFLE or _FLETCHER32 */
  uint32_t element[LSI_H5_MAX_FILTERS]; /* of shuffle: bytes of an element */
} lsi_h5_filters;

typedef struct lsi_h5_array { /* plain data but for `id`: may be copied to another process, there to be opened anew */
  hid_t id;
  int rank;
  uint64_t dims[8];
  uint64_t count;       /* product, checked */
  H5T_class_t type_class; /* H5T_INTEGER or H5T_FLOAT */
  size_t type_size;     /* bytes, 1 to 8 */
  bool is_signed;
  bool chunked;
  uint64_t chunk_dims[8];
  uint64_t chunk_bytes;
  uint64_t stored;        /* bytes in the file */
  bool in_one_piece;      /* contiguous: the values are bytes [offset, offset + count * type_size) of the file */
  uint64_t offset;
  lsi_h5_filters filters;
} lsi_h5_array;

/* Open a dataset and check it: hard link, integer or float of 1 to 8 bytes, rank <= 8, contiguous or chunked (or small compact), no
   external storage, filters within {shuffle, deflate, fletcher32}, chunk <= 64 MiB, extents' product without overflow and
   in keeping with the file's size. `file_path` is for messages. */
ls_status lsi_h5_array_open(hid_t loc, const char *file_path, const char *name, lsi_h5_array *out);
void lsi_h5_array_close(lsi_h5_array *array);
/* Are the values stored as `mem_type` is in memory? Else `convert` makes them so, in place: `values` has room for n of the larger
   type. */
bool lsi_h5_array_is_native(const lsi_h5_array *array, hid_t mem_type);
ls_status lsi_h5_array_convert(const lsi_h5_array *array, const char *what, hid_t mem_type, size_t n, void *values);
/* The value of what was never written, as mem_type (at most 8 bytes). */
ls_status lsi_h5_array_fill_value(const lsi_h5_array *array, const char *what, hid_t mem_type, void *value);
/* The descriptor HDF5 reads a file opened by lsi_h5_open with, for pread; -1: none. */
int lsi_h5_descriptor(hid_t file);

/* All elements, converted to the memory type (H5T_NATIVE_FLOAT...). `count` must be the array's. */
ls_status lsi_h5_array_read(const lsi_h5_array *array, const char *what, hid_t mem_type, void *out, uint64_t count);
/* Rows [first, first + n) of the slowest dimension. */
ls_status lsi_h5_array_read_rows(const lsi_h5_array *array, const char *what, hid_t mem_type, uint64_t first,
                                 uint64_t n, void *out);

/* Attributes of the object `object` ("." for loc itself). Strings: fixed or variable length, malloc'd result (lsi_free), at most 64 MiB. */
ls_status lsi_h5_attr_string(hid_t loc, const char *object, const char *attr, char **out);
ls_status lsi_h5_attr_double(hid_t loc, const char *object, const char *attr, double *out);
ls_status lsi_h5_attr_i64(hid_t loc, const char *object, const char *attr, int64_t *out);
/* A list of strings (rank-1, fixed or variable, or Keras's chunked attributes name0, name1, ...; empty float list is empty). One block: free with lsi_free. */
ls_status lsi_h5_attr_strings(hid_t loc, const char *object, const char *attr, char ***out, size_t *n);

/* ---- writing: always into an image in memory, which durable.h then puts on disk ---- */
ls_status lsi_h5_image_create(hid_t *file);
/* Finish: close the file and hand over its bytes (lsi_free). */
ls_status lsi_h5_image_finish(hid_t file, void **bytes, size_t *n);

ls_status lsi_h5_make_group(hid_t loc, const char *path); /* with intermediate groups; existing is fine */
/* Contiguous, unfiltered; file type e.g. H5T_IEEE_F32LE, memory type e.g. H5T_NATIVE_FLOAT. Intermediate groups are made. */
ls_status lsi_h5_write(hid_t loc, const char *path, int rank, const uint64_t *dims, hid_t file_type, hid_t mem_type,
                       const void *data);
/* The same by rows: contiguous (chunk_rows 0) or chunks of whole rows, with shuffle and deflate when deflate > 0. The caller
   writes every row and closes the dataset with H5Dclose. */
ls_status lsi_h5_create_array(hid_t loc, const char *path, int rank, const uint64_t *dims, hid_t file_type,
                              uint64_t chunk_rows, int deflate, hid_t *dataset);
ls_status lsi_h5_write_rows(hid_t dataset, const char *what, hid_t mem_type, uint64_t first, uint64_t n,
                            const void *data);
/* After a call of HDF5's for `path` has failed, perhaps not before closing it: what the system said. */
ls_status lsi_h5_write_failed(const char *path);
/* For files too large for an image: a plain file (give it a name of lsi_durable_temporary). HDF5 hides a full disk, so read it back
   before trusting it. */
ls_status lsi_h5_file_create(const char *path, hid_t *file);
ls_status lsi_h5_write_attr_string(hid_t loc, const char *object, const char *attr, const char *value); /* vlen UTF-8 scalar */
ls_status lsi_h5_write_attr_strings(hid_t loc, const char *object, const char *attr, const char *const *values, size_t n); /* fixed NULLPAD ASCII list, Keras's chunking rule when large */
ls_status lsi_h5_write_attr_double(hid_t loc, const char *object, const char *attr, double value);
ls_status lsi_h5_write_attr_i64(hid_t loc, const char *object, const char *attr, int64_t value);
#endif
