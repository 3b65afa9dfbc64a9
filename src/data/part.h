/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_PART_H
#define LSI_DATA_PART_H
/*
 * One HDF5 file of a data set: described once, by one rank of a node, and opened for reading by
 * the ranks that read from it, when they do.
 */
#include "data/dataset.h"
#include "store/h5.h"
#include "store/mapped.h"

enum { LSI_N_FIELDS = 3 }; /* x, y, sample_weight */

typedef struct lsi_part {      /* plain data up to `what`: may be copied to another process */
  int64_t first, n_rows;       /* rows [first, first + n_rows) of the set */
  bool present[LSI_N_FIELDS];
  lsi_h5_array arrays[LSI_N_FIELDS];
  ls_dataset_info info;        /* of this file alone; without the identity */
  int64_t modified_ns;         /* when it was described, as the next */
  uint64_t inode;
  const char *path;            /* borrowed */
  char *what[LSI_N_FIELDS];    /* "path: dataset 'x'"; owned */
  hid_t file;                  /* < 0: closed; else: */
  int descriptor;              /* for pread; < 0: none */
  int64_t file_bytes;          /* when it was opened */
  bool native[LSI_N_FIELDS];   /* stored as in memory */
  lsi_mapped *mapped;          /* NULL: not allowed, or not possible */
  bool asked_to_map;
  uint64_t looked;             /* for lsi_files_broken */
  bool changed;                /* it was modified since, and that was said */
} lsi_part;

/* What the arrays are called: as the spec says, else "x", "y" and "sample_weight". */
const char *lsi_part_array_name(const ls_hdf5_spec *spec, int field);

/* Open the file, check all there is to check, and close it again. `part` is filled but for `first`; n_rows 0: x is empty, the rest does
   not matter. */
ls_status lsi_part_describe(const char *path, const ls_hdf5_spec *spec, lsi_part *part);
/* Open a described file for reading, `map`: also as memory, if possible; LS_ERR_NOT_SAME when it is not what was described. */
ls_status lsi_part_open(lsi_part *part, const ls_hdf5_spec *spec, bool map);
/* The bytes of a row (counted in the set) where they can be decoded from as they are; NULL: not in this file. */
const char *lsi_part_mapped_row(const lsi_part *part, int field, int64_t row, size_t row_bytes);
void lsi_part_close(lsi_part *part);
/* Has the open file been modified since it was described? */
bool lsi_part_is_modified(const lsi_part *part);
/* The texts for messages. */
ls_status lsi_part_name(lsi_part *part, const char *path, const ls_hdf5_spec *spec);

/* The type values have in memory: the stored one or the nearest that holds it. */
ls_dtype lsi_part_dtype(const lsi_h5_array *array);
hid_t lsi_dtype_h5(ls_dtype dtype);
#endif
