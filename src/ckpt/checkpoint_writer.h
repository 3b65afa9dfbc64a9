/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_WRITER_H
#define LSI_CKPT_CHECKPOINT_WRITER_H
/*
 * Checkpoints written beside the training: submit() copies arrays and texts into a snapshot, and a thread of its own builds
 * the file, seals it, writes, syncs and renames it. One checkpoint at a time. The thread calls neither MPI nor OpenMP, and
 * shares only HDF5's lock with the reading of batches, a few MiB at a time. One owner; not collective.
 */
#include "ckpt/checkpoint.h"

typedef struct lsi_ckpt_writer lsi_ckpt_writer;

typedef struct lsi_ckpt_job {
  const char *dir;
  int64_t iteration;
  const lsi_ckpt_array *arrays;
  int n_arrays;
  const lsi_ckpt_text *texts;
  int n_texts;
  int keep;
  bool verify;
} lsi_ckpt_job;

/* background false, or an HDF5 library without thread safety: submit() itself writes. */
ls_status lsi_ckpt_writer_create(bool background, lsi_ckpt_writer **out);
/* Finishes what is being written. NULL is fine. */
void lsi_ckpt_writer_destroy(lsi_ckpt_writer **writer);

/* Room for the snapshot of such a job, so that the first submit() need not find it. */
ls_status lsi_ckpt_writer_reserve(lsi_ckpt_writer *writer, const lsi_ckpt_job *job);

/* Is a checkpoint being written? */
bool lsi_ckpt_writer_busy(lsi_ckpt_writer *writer);
/* Wait for the checkpoint in hand. Its status, with its error record, is told once, here or by submit(). */
ls_status lsi_ckpt_writer_wait(lsi_ckpt_writer *writer);
/* How long the latest one took, from submit() to its place on disk; 0: there was none. */
double lsi_ckpt_writer_seconds(lsi_ckpt_writer *writer);
/* Has a checkpoint failed whose status nobody has asked for? */
bool lsi_ckpt_writer_failed(lsi_ckpt_writer *writer);
/* Waits for the one in hand, and fails as it failed; else takes over this one. The job may be gone afterwards. */
ls_status lsi_ckpt_writer_submit(lsi_ckpt_writer *writer, const lsi_ckpt_job *job);
#endif
