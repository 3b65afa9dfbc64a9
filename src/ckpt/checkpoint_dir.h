/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_DIR_H
#define LSI_CKPT_CHECKPOINT_DIR_H
/* The checkpoints of one folder: names, which to keep. */
#include "ckpt/checkpoint.h"

enum { LSI_CKPT_PATH = 4096 };

/* DIR/ckpt-<iteration, 12 digits>.h5; LS_ERR_ARG when too long. */
ls_status lsi_ckpt_dir_path(const char *dir, int64_t iteration, char path[LSI_CKPT_PATH]);

/* Iterations of the checkpoint files in dir, newest first (lsi_free); none when there is no such
 * folder. */
ls_status lsi_ckpt_dir_list(const char *dir, int64_t **iterations, int *n);

/* Remove the oldest: `written` always stays, and of the others the keep - 1 newest that look whole.
   Damaged ones among the kept are left for the user to see, but do not count. What cannot be
   removed is a warning: the new one is safe. */
void lsi_ckpt_dir_prune(const char *dir, int64_t written, int keep);
#endif
