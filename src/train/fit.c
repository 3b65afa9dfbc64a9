/* SPDX-License-Identifier: MIT */
/* fit(): epochs around the step, and what surrounds them: run folder, resume, validation, callbacks, checkpoints. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "par/peers.h"
#include "math/gemm.h"
#include "par/signals.h"
#include "train/done.h"
#include "train/profile.h"
#include "train/progress.h"
#include "train/run.h"
#include "train/trainer.h"

static bool stopped_by_signal(const ls_trainer *t) {
  return t->flags & LSI_STOP_ANY;
}

static ls_status train_epoch(ls_trainer *t, lsi_progress *progress) {
  lsi_logs logs;
  if (t->step < t->steps_per_epoch) LSI_TRY(lsi_train_load(t));
  for (bool first = true; t->step < t->steps_per_epoch && !t->stop && !stopped_by_signal(t); first = false) {
    lsi_time_limit_step(t, first);
    LSI_TRY(lsi_timeline_step(t));
    LSI_TRY(lsi_train_step(t));
    double begin = lsi_trace_begin();
    LSI_TRY(lsi_callbacks_batch_end(t, t->step - 1));
    lsi_trace_end(LSI_TRACK_TRAINING, LSI_TRACE_CALLBACKS, 0, begin);
    LSI_TRY(lsi_guard_step(t));
    LSI_TRY(lsi_saver_step(t));
    bool show = lsi_progress_due(progress);
    if (show) lsi_trainer_logs(t, &logs);
    lsi_progress_step(progress, t->step, show ? &logs : NULL);
  }
  return LS_OK;
}

/* In the timeline validation is one span: its batches would crowd out the steps. */
static ls_status run_validation(ls_trainer *t, double *values) {
  double begin = lsi_trace_begin();
  lsi_trace_switch(false);
  ls_status status = lsi_evaluator_run(t->validation, values, &t->flags);
  lsi_trace_switch(begin > 0);
  lsi_trace_end(LSI_TRACK_TRAINING, LSI_TRACE_VALIDATION, 0, begin);
  return status;
}

static ls_status validate(ls_trainer *t, lsi_logs *logs) {
  if (!t->validation || (t->epoch + 1) % t->spec.validation_freq != 0) return LS_OK;
  double values[LSI_MAX_LOGGED];
  lsi_phase_set(t->comm, LSI_PHASE_VALIDATE, t->epoch + 1, 0);
  LSI_TRY(run_validation(t, values));
  if (stopped_by_signal(t)) return LS_OK;
  const lsi_objective *objective = &t->validation->objective;
  for (int i = 0; i < objective->n_logged; i++) {
    char name[80];
    snprintf(name, sizeof name, "val_%s", t->model->logs[i]);
    lsi_logs_set(logs, name, values[i]);
  }
  lsi_logs_sort(logs);
  return LS_OK;
}

/* Validation, callbacks, history, checkpoint; then the position moves to the next epoch. */
static ls_status finish_epoch(ls_trainer *t, lsi_progress *progress) {
  lsi_logs logs;
  LSI_TRY(lsi_guard_epoch(t));
  lsi_trainer_logs(t, &logs);
  LSI_TRY(validate(t, &logs));
  if (stopped_by_signal(t)) return LS_OK;
  LSI_TRY(lsi_callbacks_epoch_end(t, t->epoch, &logs));
  lsi_progress_end(progress, &logs);
  LSI_TRY(lsi_agree(t->comm, lsi_history_append(t->history, t->epoch, &logs)));
  t->epoch++;
  t->step = 0;
  memset(&t->tally, 0, sizeof t->tally);
  LSI_TRY(lsi_certify_epoch(t, &logs));
  LSI_TRY(lsi_run_write_history(t));
  int64_t every = t->spec.run.checkpoint_epochs;
  bool last = t->stop || t->epoch >= t->spec.epochs;
  return every > 0 && (last || t->epoch % every == 0) ? lsi_saver_save(t) : LS_OK;
}

static ls_status leave_on_signal(ls_trainer *t) {
  bool saves = t->spec.run.dir != NULL;
  if (saves) LSI_TRY(lsi_saver_save(t));
  if (saves) LSI_TRY(lsi_saver_finish(t));
  LSI_FAIL(LS_ERR_INTERRUPTED, saves ? "run the same command again to go on from here" : "give the run a folder to be able to resume",
           "stopped by %s at epoch %" PRId64 ", step %" PRId64 "%s", lsi_signals_name(t->flags), t->epoch + 1, t->step,
           saves ? "; a checkpoint is written" : "");
}

ls_status lsi_train_epochs(ls_trainer *t) {
  int verbose = t->comm->rank == 0 ? t->spec.verbose : 0;
  /* Stopped within an epoch, by a callback of a batch, and resumed: that epoch is still to be concluded. */
  while (t->stop ? t->step > 0 : t->epoch < t->spec.epochs) {
    lsi_progress progress;
    if (t->step == 0) LSI_TRY(lsi_callbacks_epoch_begin(t, t->epoch));
    if (verbose && t->spec.epochs > 1) printf("Epoch %" PRId64 "/%" PRId64 "\n", t->epoch + 1, t->spec.epochs), fflush(stdout);
    lsi_progress_begin(&progress, verbose, t->steps_per_epoch, t->step);
    LSI_TRY(train_epoch(t, &progress));
    if (!stopped_by_signal(t)) LSI_TRY(finish_epoch(t, &progress));
    if (stopped_by_signal(t)) return leave_on_signal(t);
  }
  return LS_OK;
}

/* Rows of the first `batches` batches: the last one of each pass may be ragged. */
static int64_t rows_before(const lsi_feed *feed, int64_t batches) {
  int64_t rows = batches % feed->batches_per_pass * feed->batch_size;
  return batches / feed->batches_per_pass * feed->n_rows + rows;
}

/* Where the time went, for verbose 1. */
static void report_times(const ls_trainer *t, double seconds, int64_t samples) {
  const lsi_phase_times *p = &t->times;
  double total = p->fetch + p->forward + p->loss + p->backward + p->exchange + p->update;
  if (t->comm->rank != 0 || t->spec.verbose != 1 || !(total > 0)) return;
  printf("%" PRId64 " samples in %.1f s of training steps (%.0f samples/s): forward %.0f%%, loss %.0f%%, backward %.0f%%, exchange %.0f%%, "
         "update %.0f%%, data %.0f%%\n",
         samples, seconds, (double)samples / seconds, 100 * p->forward / total, 100 * p->loss / total,
         100 * p->backward / total, 100 * p->exchange / total, 100 * p->update / total, 100 * p->fetch / total);
}

/* A finished run whose checkpoints are off or gone: nothing to do and nothing to write. */
static void say_complete(const ls_trainer *t) {
  if (t->comm->rank != 0 || !t->spec.verbose) return;
  printf("%s: this run is complete (epoch %" PRId64 "); start afresh with --resume never\n", t->spec.run.dir, t->epoch);
  fflush(stdout);
}

static void hand_over(ls_trainer *t, ls_history **history) {
  if (!history) return;
  *history = t->history;
  t->history = NULL;
}

static ls_status finalize(ls_trainer *t) {
  float *params = t->model->net->params;
  for (int i = 0; i < t->n_own; i++) lsi_optimizer_finalize(t->optimizer, t->own[i].begin, t->own[i].end, params);
  return t->model->shares && t->optimizer->average >= 0 ? lsi_shares_to_all(t->model->shares, params) : LS_OK;
}

static ls_status train(ls_trainer *t, ls_history **history) {
  bool resumed = false, complete = false;
  LSI_TRY(lsi_run_open(t));
  LSI_TRY(lsi_trainer_resume(t, &resumed));
  if (!resumed) LSI_TRY(lsi_done_restore(t, &complete));
  if (complete) {
    say_complete(t);
    hand_over(t, history);
    return LS_OK;
  }
  if (!resumed) {
    t->epoch = t->spec.initial_epoch;
    LSI_TRY(lsi_adapt_normalization(t->model, t->comm, t->feed.data, t->feed.n_rows));
  }
  if (!resumed) LSI_TRY(lsi_agree(t->comm, t->comm->rank == 0 ? lsi_certify_begin(t, NULL) : LS_OK));
  LSI_TRY(lsi_run_begin(t));
  int64_t before = t->optimizer->iteration;
  LSI_TRY(lsi_callbacks_train_begin(t, resumed));
  LSI_TRY(lsi_saver_open(t));
  lsi_time_limit_start(t);
  ls_status status = lsi_train_epochs(t);
  if (status == LS_OK || status == LS_ERR_INTERRUPTED) LSI_TRY(lsi_timeline_finish(t));
  LSI_TRY(status);
  lsi_phase_set(t->comm, LSI_PHASE_FINISH, 0, 0);
  LSI_TRY(lsi_guard_save(t));
  LSI_TRY(finalize(t));
  LSI_TRY(lsi_callbacks_train_end(t));
  const lsi_phase_times *p = &t->times;
  report_times(t, p->fetch + p->forward + p->loss + p->backward + p->exchange + p->update,
               rows_before(&t->feed, t->optimizer->iteration) - rows_before(&t->feed, before));
  LSI_TRY(lsi_saver_finish(t));
  LSI_TRY(lsi_run_finish(t));
  LSI_TRY(lsi_profile_print(t, t->optimizer->iteration - before));
  hand_over(t, history);
  return LS_OK;
}

ls_status ls_model_fit(ls_model *model, ls_dataset *train_data, ls_dataset *validation, const ls_fit_spec *spec,
                       ls_history **history) {
  ls_trainer *t;
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(train_data);
  LSI_TRY(lsi_trainer_create(model, train_data, validation, spec, &t));
  lsi_gemm_set_reproducible(!t->spec.not_reproducible);
  bool ours = lsi_signals_install(); /* else they are caught all along: ls_context_spec */
  ls_status status = train(t, history);
  if (ours) lsi_signals_restore();
  if (ours || status == LS_ERR_INTERRUPTED) lsi_signals_clear();
  lsi_time_limit_end();
  lsi_trainer_destroy(&t);
  lsi_gemm_set_reproducible(true);
  return status;
}
