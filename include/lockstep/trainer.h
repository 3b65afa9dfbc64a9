/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_TRAINER_H
#define LOCKSTEP_TRAINER_H
/**
 * fit, evaluate and predict, as Keras has them. Collective, with the same error on all ranks, are the calls that take
 * data; the others need no other rank. Specs, arrays and strings are read during the call only.
 */
#include <lockstep/dataset.h>
#include <lockstep/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ls_trainer ls_trainer;
typedef struct ls_history ls_history;

/** Names and values, in Keras 3's order (alphabetical, then val_*, then learning_rate). Borrowed. */
typedef struct ls_logs {
  int n;
  const char *const *names;
  const double *values;
} ls_logs;

/** Functions of yours, called on every rank with equal arguments. Any may be NULL. An error returned at any rank ends fit
    on all. They must take the same decisions on all ranks. */
typedef struct ls_callback {
  void *user;
  ls_status (*on_train_begin)(void *user, ls_trainer *trainer);
  ls_status (*on_epoch_begin)(void *user, ls_trainer *trainer, int64_t epoch);
  ls_status (*on_train_batch_end)(void *user, ls_trainer *trainer, int64_t batch, const ls_logs *logs);
  ls_status (*on_epoch_end)(void *user, ls_trainer *trainer, int64_t epoch, const ls_logs *logs);
  ls_status (*on_train_end)(void *user, ls_trainer *trainer);
} ls_callback;

/** For callbacks, on all ranks alike: end training after this batch or epoch; read or set the learning rate. The trainer
    lives as long as fit; the model is the caller's own. */
LS_API void ls_trainer_stop(ls_trainer *trainer);
LS_API double ls_trainer_learning_rate(const ls_trainer *trainer);
LS_API ls_status ls_trainer_set_learning_rate(ls_trainer *trainer, double learning_rate);
/** Steps that fit.on_nonfinite "skip" has left out so far. */
LS_API int64_t ls_trainer_skipped_steps(const ls_trainer *trainer);
LS_API ls_model *ls_trainer_model(ls_trainer *trainer);

/** Where a run keeps its files, and how it survives. Checkpoints are written beside the training, from a copy of the state; one
    that falls due while another is being written is made right after that. */
typedef struct ls_run_spec {
  const char *dir;            /* run folder; NULL: nothing is written */
  const char *config_text;    /* stored as config.yaml and inside checkpoints; may be NULL */
  const char *resume;         /* "auto" (default): from the newest good checkpoint in dir; "never"; or a file */
  int64_t checkpoint_steps;   /* every N steps; 0: off */
  double checkpoint_seconds;  /* every T seconds, agreed by all ranks; 0: off */
  int64_t checkpoint_epochs;  /* every N epochs; default 1; negative: off */
  int checkpoint_keep;        /* the newest K are kept; default 3, at least 2 */
  bool checkpoint_blocking;   /* write within the step: no copy of the state, no thread */
  int checkpoint_writers;     /* ranks that share the writing of a file, at most; 0: one for each 32 MiB */
  bool checkpoint_verify;     /* read each file back and compare, before it counts */
  const char *checkpoint_on_error; /* "stop" (default): fit ends with the error; "warn": it is told, and training goes on */
  double time_limit;          /* seconds: stop as by a signal before fit has taken so long; 0: off. The end of the Slurm job
                                 that the program runs in always counts, when there is a dir */
  double before_end_seconds;  /* how long before such an end to stop; 0: learnt from the checkpoints and steps so far */
} ls_run_spec;

/** Looking at where the time goes; never changes a bit of the result. */
typedef struct ls_profile_spec {
  bool report;            /* print at the end: share of each phase, GFLOP/s, the distance from the matrix products alone,
                             bytes exchanged; on standard output of rank 0 */
  const char *timeline;   /* file: what all ranks and threads did in some steps, in Chrome's trace format; NULL: none */
  int64_t timeline_start; /* steps before the first one recorded; fewer when training is shorter */
  int64_t timeline_steps; /* recorded steps, at most 10000; 0: 10 */
} ls_profile_spec;

typedef struct ls_fit_spec {
  int64_t batch_size;            /* of the global batch; 0: 32 */
  int64_t epochs;                /* 0: 1 */
  int64_t initial_epoch;
  int64_t steps_per_epoch;       /* 0: one pass over the data; else epochs go on where the last one stopped */
  bool no_shuffle;               /* shuffle=False */
  const char *shuffle;           /* NULL or "true": any sample anywhere; "false"; "batch": Keras's, whole batches of neighbours in any
                                    order; "blocks": blocks of neighbours in any order, and the samples of every shuffle_window blocks
                                    mixed: for files that are costly to read in small pieces */
  int64_t shuffle_block;         /* samples of a block; 0: 1024 */
  int64_t shuffle_window;        /* blocks mixed together; 0: 16 */
  double validation_split;       /* last fraction of the training set, before shuffling */
  int64_t validation_batch_size; /* 0: batch_size */
  int64_t validation_steps;      /* 0: all */
  int64_t validation_freq;       /* 0: every epoch */
  const double *class_weight;    /* [n_class_weight] by label; NULL: none */
  int64_t n_class_weight;
  uint64_t seed;                 /* of initialisation, shuffling, dropout */
  int64_t leaf_rows;             /* rows of a leaf; 0: from the batch size alone */
  int64_t base_batch_size;       /* learning rate x batch_size / base_batch_size; 0: off */
  int verbose;                   /* 0 silent, 1 progress bar, 2 one line an epoch */
  const char *const *callbacks;  /* built-in ones, as Keras writes them: "EarlyStopping(patience=3)" */
  int n_callbacks;
  const ls_callback *user_callbacks;
  int n_user_callbacks;
  int64_t bucket_bytes;          /* about this much gradient is exchanged in one go; 0: 4 MiB. Rank 0's counts; never changes the bits */
  const char *exchange;          /* "auto", "shared", "hierarchical", "mpi": never changes the bits */
  bool no_overlap;               /* no thread that moves gradients between nodes while backward goes on; there is none either when
                                    all gradients fit one bucket, or MPI was initialised below MPI_THREAD_SERIALIZED */
  bool not_reproducible;         /* sums in whatever order is fastest: bits vary with ranks and threads, and no other gain is
                                    promised. Measures what the promise costs; ignores leaf_rows */
  bool shard_optimizer;          /* each rank keeps the optimizer's slots of its share of the weights only; never changes the bits.
                                    LS_ERR_UNSUPPORTED for Lamb, Adafactor and Muon on several ranks */
  int64_t check_every_steps;     /* compare the ranks' weights and slots every N steps; 0: 100; negative: never */
  const char *on_nonfinite;      /* inputs, losses or gradients that are not finite: "stop" (default) with LS_ERR_NUMERIC, which
                                    names sample and layer; "skip": that step changes nothing; "ignore": as Keras does */
  ls_run_spec run;
  ls_profile_spec profile;
} ls_fit_spec;

/** All zero: Keras's defaults. */
LS_API ls_fit_spec ls_fit_spec_default(void);

/**
 * Train. `validation` may be NULL. `history` may be NULL; else owned by the caller.
 * @return LS_OK; LS_ERR_INTERRUPTED after SIGINT, SIGTERM or SIGUSR1 at any rank, or in time before run.time_limit or
 *         the job's end (a checkpoint was written if the run has a folder); else the same error on every rank
 */
LS_API ls_status ls_model_fit(ls_model *model, ls_dataset *train, ls_dataset *validation,
                              const ls_fit_spec *spec, ls_history **history);

/** Which epochs of a finished run to recompute, from 1. */
typedef struct ls_verify_spec {
  const char *run_dir;
  int64_t from_epoch; /* 0: what follows the last but one checkpoint */
  int64_t to_epoch;   /* 0: the last */
  FILE *out;          /* what was found, epoch by epoch, on rank 0; may be NULL */
} ls_verify_spec;

/**
 * Recompute a stretch of a run on these ranks and compare all bits with the certificate in its folder; model, data and spec
 * are those of its fit. Writes nothing. Collective; the same status on all ranks.
 * @return LS_OK; LS_ERR_DIFFERENT, whose message names the first epoch that differs and the advice what may explain it;
 *         LS_ERR_CORRUPT for a damaged certificate or model
 */
LS_API ls_status ls_model_verify(ls_model *model, ls_dataset *train, ls_dataset *validation, const ls_fit_spec *spec,
                                 const ls_verify_spec *verify);

/** Loss first, then the metrics in the order they were compiled. `values` [ls_model_metric_count]: a metric with a list of
    thresholds, and F1Score and FBetaScore without an average, give several, called "precision[0]", "precision[1]", ...
    The batch size (0: 32) changes no bit of them, unless a layer has an activity regularizer, which Keras counts batch by
    batch. LS_ERR_INTERRUPTED after a signal, if the context catches them. */
LS_API int ls_model_metric_count(const ls_model *model);
/** Known from the first fit or evaluate on, "" before: names can depend on the data. Lives as long as the model. */
LS_API const char *ls_model_metric_name(const ls_model *model, int index);
LS_API ls_status ls_model_evaluate(ls_model *model, ls_dataset *data, int64_t batch_size, int verbose,
                                   double *values);

/** Predictions of all samples in order: called on rank 0 only, block by block. */
typedef ls_status (*ls_predict_sink)(void *user, int64_t first_row, int64_t n_rows, int64_t n_outputs,
                                     const float *values);
LS_API ls_status ls_model_predict_to(ls_model *model, ls_dataset *data, int64_t batch_size,
                                     ls_predict_sink sink, void *user);
/**
 * Predictions of all samples to an HDF5 file with a dataset `y`: float32 [n_samples, outputs], or, with
 * `classes`, int32 [n_samples], the place of each sample's largest output (two outputs or more). Replaces `path`
 * atomically; rank 0 writes. Collective; the same error on all ranks.
 */
LS_API ls_status ls_model_predict_file(ls_model *model, ls_dataset *data, int64_t batch_size, bool classes,
                                       const char *path);
/** All predictions into out [n_samples * outputs], on every rank. `count` must be that product. */
LS_API ls_status ls_model_predict(ls_model *model, ls_dataset *data, int64_t batch_size, float *out,
                                  size_t count);
/** Values one prediction has; 0 for a model without layers. */
LS_API int64_t ls_model_output_size(const ls_model *model);

/** Epochs trained, names of the columns (which live as long as the history), and one value. */
LS_API int64_t ls_history_epochs(const ls_history *history);
LS_API int ls_history_columns(const ls_history *history);
LS_API const char *ls_history_name(const ls_history *history, int column);
/** NaN where an epoch has no such value (validation_freq). Unknown columns: LS_ERR_ARG. */
LS_API ls_status ls_history_get(const ls_history *history, const char *name, int64_t epoch, double *value);
LS_API void ls_history_destroy(ls_history **history);

#ifdef __cplusplus
}
#endif
#endif
