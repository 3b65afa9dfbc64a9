/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_JOB_H
#define LSI_CKPT_CHECKPOINT_JOB_H
/* What shall be in a checkpoint, and which ranks have it. */
#include "ckpt/checkpoint.h"
#include "par/shares.h"

typedef enum lsi_ckpt_holder {
  LSI_CKPT_ON_ROOT, /* rank 0 */
  LSI_CKPT_ON_ALL,
  LSI_CKPT_SHARED,  /* each rank its share (job's `shares`) */
} lsi_ckpt_holder;

typedef struct lsi_ckpt_place {
  lsi_ckpt_holder holder;
  size_t element; /* SHARED: where the array begins in its arena */
} lsi_ckpt_place;

/* Arrays, their order and their shapes are the same on all ranks; texts count on rank 0. */
typedef struct lsi_ckpt_job {
  const char *dir;
  int64_t iteration;
  const lsi_ckpt_array *arrays;
  const lsi_ckpt_place *places; /* of each array; NULL: all on rank 0 */
  int n_arrays;
  const lsi_ckpt_text *texts;
  int n_texts;
  const lsi_shares *shares; /* NULL: nothing is shared */
  int keep;
  bool verify;
} lsi_ckpt_job;
#endif
