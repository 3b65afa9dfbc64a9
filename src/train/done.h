/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_DONE_H
#define LSI_TRAIN_DONE_H
/*
 * DIR/done says that a run has finished: written last, durably, and removed before training goes on. Batch scripts test it, as exit
 * statuses do not prove anything there (srun returns 0 when its node went down). It is a function of the run alone.
 */
#include "train/trainer.h"

/* On rank 0; `model` is the digest of its parameters. */
ls_status lsi_done_write(const ls_trainer *trainer, const char *model);
ls_status lsi_done_remove(const ls_trainer *trainer);

/* Is the mark of this folder, if there is one, whole, and is this its model? */
ls_status lsi_done_check(const char *dir, const char *model);

/* A finished run without checkpoints: when the mark is this run's, at least as long as wanted, and model.h5 is the model it names, that
   becomes the model and *complete true. Collective. */
ls_status lsi_done_restore(ls_trainer *trainer, bool *complete);
#endif
