/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_WRITER_H
#define LSI_CKPT_CHECKPOINT_WRITER_H
/*
 * Checkpoints written beside the training: submit() copies the state (checkpoint_snapshot.h), and a thread of each writer digests, writes
 * and syncs his part. One writer, rank 0, does the rest at once; several have to meet once more, by join(), when all parts are on disk.
 * One checkpoint at a time. The thread calls neither MPI nor OpenMP nor HDF5. One owner.
 */
#include "ckpt/checkpoint_job.h"

typedef struct lsi_ckpt_writer lsi_ckpt_writer;

/* background false: submit() itself writes, of what is at hand no copy is made. `most`: writers at most; 0: as many as a large
   checkpoint can use. comm NULL: one rank. Not collective. */
ls_status lsi_ckpt_writer_create(const lsi_comm *comm, bool background, int most, lsi_ckpt_writer **out);
/* Finishes what is being written, parts of several writers apart, which are dropped. NULL is fine. Not collective. */
void lsi_ckpt_writer_destroy(lsi_ckpt_writer **writer);
/* Look which ranks can write to this folder; else rank 0 does. Collective. */
ls_status lsi_ckpt_writer_find_others(lsi_ckpt_writer *writer, const char *dir);
/* Has that found that this rank, the first of a host, can? Local. */
bool lsi_ckpt_writer_reaches(const lsi_ckpt_writer *writer, int rank);

/* Room for such a job, so that the first submit() need not find it. Collective. */
ls_status lsi_ckpt_writer_reserve(lsi_ckpt_writer *writer, const lsi_ckpt_job *job);

/* Is this rank writing? Local, as are the two below. */
bool lsi_ckpt_writer_busy(lsi_ckpt_writer *writer);
/* Rank 0: how long the latest one took, from submit() to its place on disk; 0: there was none. */
double lsi_ckpt_writer_seconds(lsi_ckpt_writer *writer);
/* Rank 0: has a checkpoint failed whose status nobody has asked for? */
bool lsi_ckpt_writer_failed(lsi_ckpt_writer *writer);

/* Must the writers meet, when none is busy any more? The same on all ranks. */
bool lsi_ckpt_writer_parts(const lsi_ckpt_writer *writer);
/* They meet: rank 0's thread ends the file. Waits for whoever is busy. Fails on all ranks if a part has failed; then nothing is left of the
   file. Collective. */
ls_status lsi_ckpt_writer_join(lsi_ckpt_writer *writer);
/* Wait for the checkpoint in hand. Its status, with its error record, is told once, here or by submit(); the same on all ranks. Collective. */
ls_status lsi_ckpt_writer_wait(lsi_ckpt_writer *writer);
/* Waits for the one in hand, and fails as it failed; else takes over this one. The job may be gone afterwards. Collective. */
ls_status lsi_ckpt_writer_submit(lsi_ckpt_writer *writer, const lsi_ckpt_job *job);
#endif
