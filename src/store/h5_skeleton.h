/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_H5_SKELETON_H
#define LSI_STORE_H5_SKELETON_H
/*
 * A file without its values: HDF5 decides where each array lies and writes all that describes them; the values are for the caller to
 * put there, from wherever they are and by whoever has them. So a large file takes no second copy in memory.
 */
#include "store/h5.h"

typedef struct lsi_h5_skeleton {
  hid_t file;
  int descriptor; /* of memory that holds what HDF5 writes, and nothing under the values */
} lsi_h5_skeleton;

ls_status lsi_h5_skeleton_create(lsi_h5_skeleton *out);
/* A contiguous array, and where in the file its values begin; 0 when there are none. */
ls_status lsi_h5_skeleton_add(const lsi_h5_skeleton *skeleton, const char *path, int rank, const uint64_t *dims, hid_t file_type,
                              uint64_t *offset);
/* Nothing is added any more: how long the file is. */
ls_status lsi_h5_skeleton_finish(lsi_h5_skeleton *skeleton, uint64_t *n_bytes);
/* Bytes [at, at + n) of the finished file; zeros under the values. */
ls_status lsi_h5_skeleton_read(const lsi_h5_skeleton *skeleton, uint64_t at, void *out, size_t n);
/* A zero or failed one is fine. */
void lsi_h5_skeleton_destroy(lsi_h5_skeleton *skeleton);
#endif
