/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_CALLBACK_H
#define LSI_TRAIN_CALLBACK_H
/*
 * Keras's callbacks, deciding from numbers all ranks share. A built-in callback is a row of a table of functions; what it
 * remembers is a few doubles, which checkpoints save.
 */
#include <lockstep/trainer.h>
#include "nn/object.h"
#include "train/history.h"

enum { LSI_CALLBACK_STATE = 8, LSI_MAX_CALLBACKS = 16 };

struct lsi_builtin;

typedef struct lsi_builtin_ops {
  int kind;
  /* OPTIONAL, all of them. `epoch` counts from 0. */
  ls_status (*train_begin)(struct lsi_builtin *self, ls_trainer *trainer); /* not after a resume */
  ls_status (*epoch_begin)(struct lsi_builtin *self, ls_trainer *trainer, int64_t epoch);
  ls_status (*batch_end)(struct lsi_builtin *self, ls_trainer *trainer, int64_t batch);
  ls_status (*epoch_end)(struct lsi_builtin *self, ls_trainer *trainer, int64_t epoch, lsi_logs *logs);
  ls_status (*train_end)(struct lsi_builtin *self, ls_trainer *trainer);
} lsi_builtin_ops;

typedef struct lsi_builtin {
  const lsi_builtin_ops *ops;
  lsi_object object;
  double state[LSI_CALLBACK_STATE]; /* NaN: None */
  float *best;                      /* owned copy of the arena (EarlyStopping), or NULL */
} lsi_builtin;

typedef struct lsi_callbacks {
  int n;
  lsi_builtin items[LSI_MAX_CALLBACKS];
  const ls_callback *user; /* borrowed */
  int n_user;
  bool any_batch;          /* somebody wants batches */
} lsi_callbacks;

extern const lsi_family lsi_callback_family;

/* Parse the texts; allocate what they keep for an arena of `size` elements. */
ls_status lsi_callbacks_create(lsi_callbacks *callbacks, const ls_fit_spec *spec, size_t size);
void lsi_callbacks_clear(lsi_callbacks *callbacks);

ls_status lsi_callbacks_train_begin(ls_trainer *trainer, bool resumed);
ls_status lsi_callbacks_epoch_begin(ls_trainer *trainer, int64_t epoch);
ls_status lsi_callbacks_batch_end(ls_trainer *trainer, int64_t batch);
ls_status lsi_callbacks_epoch_end(ls_trainer *trainer, int64_t epoch, lsi_logs *logs);
ls_status lsi_callbacks_train_end(ls_trainer *trainer);

/* ---- for the built-in callbacks ---- */
enum { LSI_CB_EARLY_STOPPING, LSI_CB_MODEL_CHECKPOINT, LSI_CB_REDUCE_LR_ON_PLATEAU, LSI_CB_LEARNING_RATE_SCHEDULER, LSI_CB_CSV_LOGGER,
       LSI_CB_TERMINATE_ON_NAN };
extern const lsi_builtin_ops lsi_early_stopping_ops, lsi_model_checkpoint_ops, lsi_reduce_lr_on_plateau_ops,
    lsi_learning_rate_scheduler_ops, lsi_csv_logger_ops, lsi_terminate_on_nan_ops;

/* +1 when larger `monitor` is better: argument "mode", and for "auto" the metric's own direction. */
int lsi_monitor_direction(const lsi_builtin *self, const ls_trainer *trainer);
/* The monitored value, or NULL with one warning when the logs lack it. */
const double *lsi_monitor_value(const lsi_builtin *self, const lsi_logs *logs);
/* Does `value` improve on `best` (NaN: none yet) by more than min_delta? */
bool lsi_monitor_improved(int direction, double value, double best, double min_delta);
/* What to remember as `best`: the value; for NaN, on which nothing improves in Keras, the infinity that does the same. */
double lsi_monitor_best(int direction, double value);
/* A callback's file, below the run folder unless absolute; made from a template with {epoch:02d} and {val_loss:.2f}. */
ls_status lsi_callback_path(const ls_trainer *trainer, const char *text, int64_t epoch, const lsi_logs *logs, char *path,
                            size_t size);
#endif
