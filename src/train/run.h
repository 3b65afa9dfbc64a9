/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_RUN_H
#define LSI_TRAIN_RUN_H
/*
 * The run folder: model.h5, history.csv, config.yaml, done, checkpoints/. All calls are collective; rank 0 touches
 * the disk. Without a folder they do nothing.
 */
#include "train/trainer.h"

/* Make and lock the folder, sweep up what a killed writer left. resume=never: remove the old checkpoints. */
ls_status lsi_run_open(ls_trainer *trainer);
/* LS_ERR_NOT_SAME when another host sees a newer checkpoint there than rank 0 does: going on would lose it. */
ls_status lsi_run_check_hosts(const ls_trainer *trainer);
/* Say so when a host cannot write there. Not collective; once the writer has looked for others. */
void lsi_run_warn_hosts(const ls_trainer *trainer);
/* Write config.yaml and, unless the run is complete, remove the mark that it is done; after a resume, so that a run that is refused
   changes nothing. */
ls_status lsi_run_begin(const ls_trainer *trainer);
ls_status lsi_run_write_history(ls_trainer *trainer);
/* Write history.csv, model.h5 and, last, done. */
ls_status lsi_run_finish(ls_trainer *trainer);

/*
 * The recipe: every setting the bits depend on, a line each. Ranks must agree on it, and a checkpoint goes on only under the same
 * one. epochs, verbose, checkpoint and parallel settings but leaf_rows are free to change. Malloc'd (lsi_free). (recipe.c)
 */
ls_status lsi_run_recipe(const ls_trainer *trainer, char **text);
/* LS_ERR_CONFIG naming the first setting that differs. */
ls_status lsi_run_compare_recipe(const char *path, const char *saved, const char *now);
#endif
