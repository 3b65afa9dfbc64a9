/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_TRAINER_H
#define LSI_TRAIN_TRAINER_H
/* Everything one fit holds. What a checkpoint saves is marked [saved]; the rest follows from the config. */
#include "base/clock.h"
#include "ckpt/checkpoint_writer.h"
#include "optim/clip.h"
#include "par/exchange.h"
#include "par/leaf_reduce.h"
#include "par/pace.h"
#include "par/shares.h"
#include "store/durable.h"
#include "train/callback.h"
#include "train/certify.h"
#include "train/evaluator.h"
#include "train/feed.h"
#include "train/guard.h"
#include "train/history.h"
#include "train/timeline.h"
#include "train/time_limit.h"

/* Bits agreed by all ranks with a step's small reduction; the low ones are LSI_STOP_*. */
enum {
  LSI_FLAG_FETCH_FAILED = 1u << 8,
  LSI_FLAG_CHECKPOINT_DUE = 1u << 9,
  LSI_FLAG_CHECKPOINT_FAILED = 1u << 10, /* the one that was written beside the training */
  LSI_FLAG_NONFINITE = 1u << 11,         /* an input or a gradient that is not finite */
  LSI_FLAG_CHECKPOINT_BUSY = 1u << 12,   /* a part of a checkpoint is still being written */
};

/* Layers (from, to] whose gradients are exchanged in one go: arena elements [begin, end). */
typedef struct lsi_bucket {
  int from, to;
  size_t begin, end;
} lsi_bucket;

/* Seconds this rank spent in each phase of the steps so far; for reports only. */
typedef struct lsi_phase_times {
  double fetch, forward, loss, backward, exchange, update;
} lsi_phase_times;

/* Checkpoints beside the training. (saver.c) */
typedef struct lsi_saver {
  lsi_ckpt_writer *writer;
  char *recipe, *model, *training; /* rank 0: texts of every checkpoint, owned */
  bool writing;                    /* one was handed over, and not yet seen to be done */
  bool waits;                      /* one is due, but the one before is still being written */
  double last_s;                   /* when the latest one began */
} lsi_saver;

struct ls_trainer {
  ls_model *model;
  const lsi_comm *comm;
  ls_fit_spec spec;             /* defaults filled in */
  lsi_objective objective;
  lsi_optimizer *optimizer;     /* the model's [saved: slots, iteration, learning rate] */
  lsi_range whole;              /* all trainable elements */
  const lsi_range *own;         /* [n_own] the elements this rank updates: `whole`, or its shares */
  int n_own;
  double rate_factor;           /* linear scaling with the batch size */

  /* the step */
  lsi_feed feed;
  lsi_batch batch;              /* the one that is loaded */
  lsi_workspace *workspace;
  lsi_objective_scratch scratch;
  double *leaf_values;          /* [max leaves, n_values] */
  double totals[LSI_MAX_VALUES];
  lsi_exchange *exchange;
  lsi_leaf_reduce *reduce;
  lsi_pace pace;                /* who is slow */
  lsi_reducer reducer;          /* the net's view of `reduce` */
  int n_buckets;
  lsi_bucket *buckets;          /* last layers first */
  float **partials;             /* this rank's canonical partials */
  int max_nodes;
  float *grad;                  /* private copy of the sum, when it is to be changed */
  bool has_penalty;
  lsi_clip_tensor *clip_tensors;
  int n_clip_tensors;

  /* where training is */
  int64_t epoch, step;          /* the next one [saved] */
  int64_t steps_per_epoch;
  lsi_tally tally;              /* of this epoch [saved] */
  double batch_loss;            /* of the latest batch */
  uint32_t flags;               /* agreed at the latest step */
  bool stop;                    /* asked for by a callback [saved] */
  bool interrupted;

  /* around the step */
  lsi_evaluator *validation;    /* NULL: none */
  lsi_callbacks callbacks;      /* [saved: their state] */
  ls_history *history;          /* [saved] */
  lsi_lock *lock;               /* on the run folder, rank 0 */
  lsi_saver saver;
  lsi_guard guard;
  lsi_certify certify;          /* [saved] */
  lsi_time_limit limit;         /* rank 0's */
  double epoch_start_s;
  lsi_phase_times times;
  double first_step_s;          /* when the first step of this fit began */
  lsi_timeline timeline;
};

/* The step: batch -> forward -> loss -> backward -> exchange -> update. Advances step, optimizer and tally; loads the next batch of
   the epoch. Collective; the same status on all ranks. */
ls_status lsi_train_step(ls_trainer *trainer);
/* Load the batch at (epoch, step), agreed by all ranks. Collective. */
ls_status lsi_train_load(ls_trainer *trainer);

/* Epochs from the position to spec.epochs, or to a stop. Collective. (fit.c) */
ls_status lsi_train_epochs(ls_trainer *trainer);

/* A step's sum is good in `own` only: nothing needs the others. */
bool lsi_trainer_halves(const ls_trainer *trainer);
/* This epoch's loss and metrics so far, in Keras's order. */
void lsi_trainer_logs(const ls_trainer *trainer, lsi_logs *logs);

ls_status lsi_trainer_create(ls_model *model, ls_dataset *train, ls_dataset *validation, const ls_fit_spec *spec,
                             ls_trainer **out); /* collective */
void lsi_trainer_destroy(ls_trainer **trainer); /* collective */

/*
 * When checkpoints are made (saver.c). Open: after the run folder is. Flags: this rank's part of the step's flags. Step: what the
 * agreed flags ask for. Save: a checkpoint of this moment begins. Finish: the one in hand is on disk. A failure of the
 * one before is told by whichever comes next. All but flags are collective.
 */
ls_status lsi_saver_open(ls_trainer *trainer);
uint32_t lsi_saver_flags(ls_trainer *trainer);
ls_status lsi_saver_step(ls_trainer *trainer);
ls_status lsi_saver_save(ls_trainer *trainer);
ls_status lsi_saver_finish(ls_trainer *trainer);
void lsi_saver_close(ls_trainer *trainer); /* not collective */

/* What is in them (state.c): hand the state to the writer, or have it make room for it. Collective. */
ls_status lsi_state_submit(const ls_trainer *trainer);
ls_status lsi_state_reserve(const ls_trainer *trainer);
/* Resume as spec.run.resume says: collective; *found says whether there was one. */
ls_status lsi_trainer_resume(ls_trainer *trainer, bool *found);
/* Nothing is left to train: all epochs are done, or a callback has ended it. */
bool lsi_trainer_complete(const ls_trainer *trainer);

/* Adapt the Normalization layers that have no constants of their own to rows of the data. Collective. (adapt.c) */
ls_status lsi_adapt_normalization(ls_model *model, const lsi_comm *comm, const ls_dataset *data, int64_t n_rows);
#endif
