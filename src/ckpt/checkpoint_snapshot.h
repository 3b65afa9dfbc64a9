/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_SNAPSHOT_H
#define LSI_CKPT_CHECKPOINT_SNAPSHOT_H
/*
 * The state of a moment, in the parts that writers will write: each of them copies what he writes and nothing else, and is sent what he
 * has not. So a checkpoint takes one copy of the state, spread over the writers.
 */
#include "ckpt/checkpoint_job.h"
#include "ckpt/checkpoint_part.h"

typedef struct lsi_ckpt_snapshot {
  const lsi_comm *comm; /* borrowed; NULL: one rank */
  bool copies;          /* else what is at hand is written from where it is */
  int *ranks, n_ranks;  /* those that can write; the first is rank 0 */
  int most;             /* writers at most; 0: as many as are useful */
  lsi_ckpt_file file;
  lsi_ckpt_layout *layout;
  uint64_t shapes[2];   /* digest of the shapes that rank 0's layout is for */
  char *index;          /* rank 0 */
  int writer;           /* this rank's number among the writers; -1: none */
  const char **runs;    /* of each item: this rank's run of it */
  char *bytes;          /* the copy */
  size_t room;
  unsigned char *digests; /* of this rank's blocks; rank 0: room for all */
} lsi_ckpt_snapshot;

/* lsi_agree, where there are others to agree with. */
ls_status lsi_ckpt_snapshot_agree(const lsi_ckpt_snapshot *s, ls_status status);

/* Which ranks can write to `dir`, which rank 0 has made? Those that do not see its file system, cannot. Collective; never fails for that. */
ls_status lsi_ckpt_snapshot_find_writers(lsi_ckpt_snapshot *s, const char *dir);

/* Layout, parts, and room for the copy. Collective. */
ls_status lsi_ckpt_snapshot_prepare(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job);
/* The same, and takes the copy. Collective. */
ls_status lsi_ckpt_snapshot_take(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job);
/* Rank 0 gets the digests of all writers. Collective. */
ls_status lsi_ckpt_snapshot_gather_digests(lsi_ckpt_snapshot *s);
void lsi_ckpt_snapshot_clear(lsi_ckpt_snapshot *s);
#endif
