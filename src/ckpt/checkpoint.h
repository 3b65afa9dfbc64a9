/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_H
#define LSI_CKPT_CHECKPOINT_H
/*
 * Checkpoint files: named arrays and texts, one HDF5 file a checkpoint, nothing in it depends on the
 * number of ranks. DIR/ckpt-<iteration, 12 digits>.h5. Every array carries its digest, the file a digest over all
 * names, shapes and digests (its index), and all its bytes are sealed (checkpoint_file.h); a torn, truncated or flipped
 * file is LS_ERR_CORRUPT, whichever byte it was.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef enum lsi_ckpt_type { LSI_CKPT_F32, LSI_CKPT_F64, LSI_CKPT_I64 } lsi_ckpt_type;

typedef struct lsi_ckpt_array {
  const char *name; /* HDF5 path below /arrays: "params/dense/kernel", "slots/momentum/dense/kernel", "position" */
  lsi_ckpt_type type;
  int rank;
  uint64_t dims[4];
  const void *data; /* C order */
} lsi_ckpt_array;

typedef struct lsi_ckpt_text {
  const char *name; /* "config", "kernels", "data_identity", "model" */
  const char *value;
} lsi_ckpt_text;

/* Write DIR/ckpt-<iteration>.h5 durably, then remove all but the newest `keep` (>= 2) good-looking ones. DIR is made. `verify`: read back
   before the file gets its name. Not collective: rank 0 calls. */
ls_status lsi_checkpoint_write(const char *dir, int64_t iteration, const lsi_ckpt_array *arrays, int n_arrays,
                               const lsi_ckpt_text *texts, int n_texts, int keep, bool verify);

typedef struct lsi_checkpoint lsi_checkpoint;
/* Read and verify a whole file. Not collective. */
ls_status lsi_checkpoint_read(const char *path, lsi_checkpoint **out);
/* The newest file of DIR that verifies; damaged ones are reported with lsi_log_warn and skipped. *out = NULL when DIR holds
   none; LS_ERR_CORRUPT when it holds only damaged ones: a run must not start from zero unasked. */
ls_status lsi_checkpoint_read_newest(const char *dir, lsi_checkpoint **out);
void lsi_checkpoint_destroy(lsi_checkpoint **checkpoint);

/* The same checkpoint on all ranks, but for the values of its float arrays, which are large: rank 0 has it (or NULL: all get NULL), others
   receive. Collective. `comm` is a const lsi_comm *. */
struct lsi_comm;
ls_status lsi_checkpoint_bcast(const struct lsi_comm *comm, lsi_checkpoint **checkpoint);
/* The values of a float array of it, to every rank that needs them: all of them, or with `shares` each rank its own, when the array begins
   at `element` of the arena they are of. Afterwards nobody can have them again. Fails as lsi_checkpoint_copy does, on all ranks alike. Collective. */
struct lsi_shares;
ls_status lsi_checkpoint_deal(const struct lsi_comm *comm, lsi_checkpoint *checkpoint, const char *name, uint64_t count,
                              const struct lsi_shares *shares, size_t element, float *out);

const char *lsi_checkpoint_path(const lsi_checkpoint *checkpoint);
int64_t lsi_checkpoint_iteration(const lsi_checkpoint *checkpoint);
/* NULL when there is no such name. Borrowed. */
const lsi_ckpt_array *lsi_checkpoint_array(const lsi_checkpoint *checkpoint, const char *name);
const char *lsi_checkpoint_text(const lsi_checkpoint *checkpoint, const char *name);
int lsi_checkpoint_array_count(const lsi_checkpoint *checkpoint);
const lsi_ckpt_array *lsi_checkpoint_array_at(const lsi_checkpoint *checkpoint, int i); /* in the order written */
/* "HDF5 1.10.8": the library that reads and writes them. */
void lsi_checkpoint_library(char text[32]);
/* Copy out; LS_ERR_SHAPE / LS_ERR_NOT_FOUND with both shapes when it does not fit. */
ls_status lsi_checkpoint_copy(const lsi_checkpoint *checkpoint, const char *name, lsi_ckpt_type type, uint64_t count, void *out);
#endif
