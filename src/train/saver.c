/* SPDX-License-Identifier: MIT */
/*
 * When checkpoints are made. They are written by threads beside the training: rank 0's, or those of several ranks, which then meet at the
 * first step at which all are done. One that falls due while another is being written is made at the first step after that; at the end
 * of an epoch, of the training, and after a signal it is waited for.
 */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_origin.h"
#include "par/peers.h"
#include "train/run.h"
#include "train/shard.h"
#include "train/trainer.h"

static ls_status make_texts(ls_trainer *t) {
  lsi_saver *saver = &t->saver;
  LSI_TRY(lsi_run_recipe(t, &saver->recipe));
  LSI_TRY(lsi_keras_model_text(t->model->net, &saver->model));
  return lsi_keras_training_json(&t->model->compile, &saver->training);
}

static ls_status open_here(ls_trainer *t) {
  const ls_run_spec *run = &t->spec.run;
  if (t->comm->rank == 0) LSI_TRY(make_texts(t));
  return lsi_ckpt_writer_create(t->comm, !run->checkpoint_blocking, run->checkpoint_writers, &t->saver.writer);
}

ls_status lsi_saver_open(ls_trainer *t) {
  const ls_run_spec *run = &t->spec.run;
  bool any = run->checkpoint_steps > 0 || run->checkpoint_seconds > 0 || run->checkpoint_epochs > 0;
  t->saver.last_s = lsi_clock_s();
  if (!run->dir) return LS_OK;
  LSI_TRY(lsi_agree(t->comm, open_here(t)));
  if (t->comm->size > 1) LSI_TRY(lsi_ckpt_writer_find_others(t->saver.writer, run->dir));
  if (t->comm->n_nodes > 1) lsi_run_warn_hosts(t);
  return any ? lsi_state_reserve(t) : LS_OK;
}

void lsi_saver_close(ls_trainer *t) {
  lsi_saver *saver = &t->saver;
  lsi_ckpt_writer_destroy(&saver->writer);
  lsi_free(saver->recipe);
  lsi_free(saver->model);
  lsi_free(saver->training);
  memset(saver, 0, sizeof *saver);
}

/* Due after the step that is being made? */
static bool is_due(const ls_trainer *t) {
  const ls_run_spec *run = &t->spec.run;
  int64_t iteration = t->optimizer->iteration + 1;
  return (run->checkpoint_steps > 0 && iteration % run->checkpoint_steps == 0) ||
         (run->checkpoint_seconds > 0 && lsi_clock_s() - t->saver.last_s >= run->checkpoint_seconds);
}

uint32_t lsi_saver_flags(ls_trainer *t) {
  lsi_saver *saver = &t->saver;
  if (!saver->writer) return 0;
  bool root = t->comm->rank == 0;
  saver->waits = root && (saver->waits || is_due(t));
  if (saver->writing && lsi_ckpt_writer_busy(saver->writer)) return LSI_FLAG_CHECKPOINT_BUSY;
  if (!root || lsi_ckpt_writer_parts(saver->writer)) return 0;
  if (saver->writing) lsi_time_limit_saved(t, lsi_ckpt_writer_seconds(saver->writer), 0);
  bool failed = saver->writing && lsi_ckpt_writer_failed(saver->writer);
  saver->writing = false;
  return failed ? LSI_FLAG_CHECKPOINT_FAILED : saver->waits ? LSI_FLAG_CHECKPOINT_DUE : 0;
}

/* A checkpoint that failed ends the training, or is only told, as configured. */
static ls_status judge(const ls_trainer *t, ls_status status) {
  const char *how = t->spec.run.checkpoint_on_error;
  if (status == LS_OK || strcmp(how, "warn") != 0) return status;
  if (t->comm->rank == 0)
    lsi_log_warn("no checkpoint was written: %s; the training goes on, the one before is still there", ls_last_error()->message);
  lsi_error_clear();
  return LS_OK;
}

static ls_status settle(ls_trainer *t) {
  t->saver.writing = false;
  return t->saver.writer ? judge(t, lsi_ckpt_writer_wait(t->saver.writer)) : LS_OK;
}

static ls_status save(ls_trainer *t) {
  t->saver.waits = false;
  LSI_TRY(settle(t));
  t->saver.writing = true;
  return judge(t, lsi_state_submit(t));
}

ls_status lsi_saver_save(ls_trainer *t) {
  if (!t->spec.run.dir) return LS_OK;
  LSI_TRY(lsi_guard_save(t));
  double begin_s = lsi_clock_s();
  lsi_phase_set(t->comm, LSI_PHASE_CHECKPOINT, t->epoch + 1, t->step);
  ls_status status = save(t);
  t->saver.last_s = lsi_clock_s();
  lsi_time_limit_saved(t, 0, t->saver.last_s - begin_s);
  lsi_trace_span(LSI_TRACK_TRAINING, LSI_TRACE_CHECKPOINT, 0, begin_s, t->saver.last_s);
  return status;
}

ls_status lsi_saver_finish(ls_trainer *t) {
  return t->spec.run.dir ? settle(t) : LS_OK;
}

ls_status lsi_saver_step(ls_trainer *t) {
  lsi_saver *saver = &t->saver;
  if (t->flags & LSI_FLAG_CHECKPOINT_DUE) return lsi_saver_save(t);
  if (t->flags & LSI_FLAG_CHECKPOINT_FAILED) return lsi_saver_finish(t);
  bool all_done = saver->writer && lsi_ckpt_writer_parts(saver->writer) && !(t->flags & LSI_FLAG_CHECKPOINT_BUSY);
  return all_done ? judge(t, lsi_ckpt_writer_join(saver->writer)) : LS_OK;
}
