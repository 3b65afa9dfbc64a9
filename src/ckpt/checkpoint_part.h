/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_PART_H
#define LSI_CKPT_CHECKPOINT_PART_H
/*
 * A checkpoint's file, written in parts: first every writer writes the blocks that are his (lsi_ckpt_layout_run), into one temporary
 * file; then, with the digests of all of them, writer 0 ends the file, and gives it its name. Calls no MPI: of a thread, too.
 */
#include "ckpt/checkpoint_layout.h"
#include "store/durable.h"

typedef struct lsi_ckpt_file {
  int64_t iteration;
  char dir[LSI_PATH_BYTES], path[LSI_PATH_BYTES], temporary[LSI_PATH_BYTES];
  int n_writers, keep;
  bool verify;
} lsi_ckpt_file;

/* Names. `keep` >= 2. */
ls_status lsi_ckpt_file_name(lsi_ckpt_file *file, const char *dir, int64_t iteration, int keep, bool verify);
/* Make the folder and the temporary file; empty, so that parts can be written. */
ls_status lsi_ckpt_file_begin(const lsi_ckpt_file *file);
void lsi_ckpt_file_drop(const lsi_ckpt_file *file);

/* Write, sync and, if asked, read back writer w's part. runs[i]: where the bytes of its run of item i are in memory. `digests` has room for
   lsi_ckpt_layout_blocks(). Writer 0 has a layout with gaps, and writes those, too. */
ls_status lsi_ckpt_part_write(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, int w, const char *const *runs,
                              unsigned char *digests);

/* The same and the end in one go, for a single writer. `digests`: room for lsi_ckpt_layout_blocks(). */
ls_status lsi_ckpt_file_write(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, const char *const *runs, char *index,
                              unsigned char *digests);

/* When all parts are on disk: index and seal, the name, and the end of all but the newest `keep` checkpoints. `digests`: those of all
   writers, in their order. On failure nothing is left but what was there. */
ls_status lsi_ckpt_file_finish(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, char *index, const unsigned char *digests);
#endif
