/* SPDX-License-Identifier: MIT */
/*
 * Recompute a stretch of a finished run, on whatever ranks are there, and compare with its certificate. Nothing is written: the
 * trainer has no folder, and callbacks that write files keep still.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lockstep/tools.h> /* ls_digest_file */

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/checkpoint_dir.h"
#include "par/signals.h"
#include "train/done.h"
#include "train/file_state.h"
#include "train/run.h"
#include "train/trainer.h"

/* What rank 0 finds in the run folder, for all. */
typedef struct plan {
  int64_t first, last;       /* epochs to compare, from 1 */
  char start[LSI_CKPT_PATH]; /* the checkpoint to begin from; "" for the very beginning */
} plan;

static ls_status read_certificate(const char *dir, lsi_certificate **out) {
  char path[LSI_PATH_BYTES], *text = NULL;
  size_t n;
  snprintf(path, sizeof path, "%s/certificate.json", dir);
  ls_status status = lsi_read_file(path, (size_t)1 << 30, &text, &n);
  if (status == LS_ERR_NOT_FOUND)
    LSI_FAIL(status, "name the folder of a run: lockstep train writes certificate.json there from the first epoch on", "%s: no such file",
             path);
  LSI_TRY(status);
  status = lsi_certificate_parse(path, text, out);
  lsi_free(text);
  return status;
}

static ls_status check_model(const char *dir, const char *expected) {
  char path[LSI_PATH_BYTES], hex[LSI_DIGEST_HEX];
  snprintf(path, sizeof path, "%s/model.h5", dir);
  LSI_TRY(ls_digest_file(path, hex));
  LSI_CHECK(strcmp(hex, expected) == 0, LS_ERR_DIFFERENT, "it was replaced after the run", "%s: its parameters are %s, the certificate has %s",
            path, hex, expected);
  return LS_OK;
}

static ls_status check_history(const char *dir, const char *expected) {
  char path[LSI_PATH_BYTES], hex[LSI_DIGEST_HEX], *text;
  size_t n;
  snprintf(path, sizeof path, "%s/history.csv", dir);
  LSI_TRY(lsi_read_file(path, (size_t)1 << 30, &text, &n));
  lsi_hash_bytes(text, n, hex);
  lsi_free(text);
  LSI_CHECK(strcmp(hex, expected) == 0, LS_ERR_DIFFERENT, "it was damaged or edited; the same lockstep train writes it anew from a checkpoint",
            "%s: is not the history that the certificate has", path);
  return LS_OK;
}

/* The files a finished run has left must be those that the certificate names. */
static ls_status check_files(const char *dir, const lsi_certificate *certificate) {
  const char *model = lsi_certificate_model(certificate), *history = lsi_certificate_history(certificate);
  if (model) LSI_TRY(check_model(dir, model));
  if (model) LSI_TRY(lsi_done_check(dir, model));
  return history ? check_history(dir, history) : LS_OK;
}

/* The finished epochs of a checkpoint; -1 when it cannot be read, which is told. */
static int64_t epochs_in(const char *path) {
  int64_t position[4] = {-1};
  lsi_checkpoint *c = NULL;
  ls_status status = lsi_checkpoint_read(path, &c);
  if (status == LS_OK) status = lsi_checkpoint_copy(c, "position", LSI_CKPT_I64, 4, position);
  lsi_checkpoint_destroy(&c);
  if (status == LS_OK) return position[0];
  lsi_log_warn("%s", ls_last_error()->message);
  lsi_error_clear();
  return -1;
}

/* The newest checkpoint with at most `most` finished epochs, but for the `skip` newest of all. */
static ls_status choose_start(const char *dir, int64_t most, int skip, plan *p, int64_t *finished) {
  char folder[LSI_CKPT_PATH - 32], path[LSI_CKPT_PATH];
  int64_t *iterations = NULL;
  int n = 0;
  *finished = 0;
  snprintf(folder, sizeof folder, "%s/checkpoints", dir);
  LSI_TRY(lsi_ckpt_dir_list(folder, &iterations, &n));
  ls_status status = LS_OK;
  for (int i = skip; i < n && status == LS_OK && !p->start[0]; i++) {
    status = lsi_ckpt_dir_path(folder, iterations[i], path);
    int64_t epochs = status == LS_OK ? epochs_in(path) : -1;
    if (epochs < 0 || epochs > most) continue;
    snprintf(p->start, sizeof p->start, "%s", path);
    *finished = epochs;
  }
  lsi_free(iterations);
  return status;
}

static ls_status make_plan(const ls_verify_spec *v, const lsi_certificate *certificate, int64_t initial_epoch, plan *p) {
  int64_t epochs = lsi_certificate_epochs(certificate), finished;
  LSI_CHECK(epochs > 0, LS_ERR_STATE, "verify it when an epoch is finished", "%s: its certificate holds no epoch yet", v->run_dir);
  LSI_CHECK(v->from_epoch >= 0 && v->to_epoch >= 0 && v->from_epoch <= epochs && v->to_epoch <= epochs &&
                (!v->to_epoch || v->from_epoch <= v->to_epoch),
            LS_ERR_ARG, "epochs count from 1", "epochs %" PRId64 " to %" PRId64 ": the certificate holds those to %" PRId64,
            v->from_epoch ? v->from_epoch : 1, v->to_epoch ? v->to_epoch : epochs, epochs);
  p->last = v->to_epoch ? v->to_epoch : epochs;
  /* Without a wish: from the last but one checkpoint, which lies before the last epoch's end. */
  int64_t most = v->from_epoch ? v->from_epoch - 1 : p->last - 1;
  LSI_TRY(choose_start(v->run_dir, most, v->from_epoch || v->to_epoch ? 0 : 1, p, &finished));
  int64_t begin = p->start[0] ? finished : initial_epoch;
  p->first = v->from_epoch ? v->from_epoch : begin + 1;
  LSI_CHECK(p->first > begin, LS_ERR_ARG, NULL, "the run began with epoch %" PRId64, begin + 1);
  return LS_OK;
}

static ls_status prepare_on_root(ls_trainer *t, const ls_verify_spec *v, plan *p) {
  char *recipe;
  lsi_certify *c = &t->certify;
  c->out = v->out;
  LSI_TRY(read_certificate(v->run_dir, &c->certificate));
  LSI_TRY(check_files(v->run_dir, c->certificate));
  LSI_TRY(lsi_run_recipe(t, &recipe));
  ls_status status = lsi_run_compare_recipe(v->run_dir, lsi_certificate_recipe(c->certificate), recipe);
  free(recipe);
  if (status == LS_ERR_CONFIG) { /* the words are those for a resume */
    ls_error error = *ls_last_error();
    error.status = status = LS_ERR_DIFFERENT;
    snprintf(error.advice, sizeof error.advice, "verify with the config and data of the run: they are not what they were");
    lsi_error_copy(&error);
  }
  return status == LS_OK ? make_plan(v, c->certificate, t->spec.initial_epoch, p) : status;
}

/* Other kernels give other bits: said before the time is spent. */
static void warn_kernels(const ls_trainer *t, const plan *p) {
  char kernels[80];
  const char *theirs = t->certify.certificate ? lsi_certificate_entry(t->certify.certificate, p->last, "kernels") : NULL;
  lsi_kernels_text(kernels, sizeof kernels);
  if (theirs && strcmp(theirs, kernels) != 0)
    lsi_log_warn("the run computed epoch %" PRId64 " with %s, this is %s: expect other bits, or choose with parallel.kernels", p->last, theirs,
                 kernels);
}

static ls_status begin(ls_trainer *t, const plan *p) {
  bool resumed = false;
  t->spec.run.resume = p->start[0] ? p->start : "never";
  LSI_TRY(lsi_trainer_resume(t, &resumed));
  if (!resumed) {
    t->epoch = t->spec.initial_epoch;
    LSI_TRY(lsi_adapt_normalization(t->model, t->comm, t->feed.data, t->feed.n_rows));
  }
  t->stop = false;
  return lsi_callbacks_train_begin(t, resumed);
}

static void announce(const ls_trainer *t, const ls_verify_spec *v, const plan *p) {
  if (!v->out || t->comm->rank != 0) return;
  fprintf(v->out, "%s: recomputing epochs %" PRId64 " to %" PRId64 " of %" PRId64 ", from %s, on %d rank%s\n", v->run_dir, p->first, p->last,
          lsi_certificate_epochs(t->certify.certificate), p->start[0] ? p->start : "the beginning", t->comm->size,
          t->comm->size > 1 ? "s" : "");
  fflush(v->out);
}

static ls_status recompute(ls_trainer *t, const ls_verify_spec *v) {
  plan p = {0};
  t->certify.compares = true;
  LSI_TRY(lsi_agree(t->comm, t->comm->rank == 0 ? prepare_on_root(t, v, &p) : LS_OK));
  LSI_TRY(lsi_bcast(t->comm, &p, sizeof p));
  t->certify.first = p.first;
  t->spec.epochs = p.last;
  announce(t, v, &p);
  warn_kernels(t, &p);
  LSI_TRY(begin(t, &p));
  lsi_time_limit_start(t);
  LSI_TRY(lsi_train_epochs(t));
  LSI_CHECK(t->epoch == p.last, LS_ERR_DIFFERENT, NULL, "a callback ended the training after epoch %" PRId64 ", the run has %" PRId64, t->epoch,
            p.last);
  if (v->out && t->comm->rank == 0)
    fprintf(v->out, "verified: epochs %" PRId64 " to %" PRId64 " agree with the certificate in all bits\n", p.first, p.last), fflush(v->out);
  return LS_OK;
}

ls_status ls_model_verify(ls_model *model, ls_dataset *train, ls_dataset *validation, const ls_fit_spec *spec,
                          const ls_verify_spec *verify) {
  ls_trainer *t;
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(train);
  LSI_NOT_NULL(verify);
  LSI_NOT_NULL(verify->run_dir);
  ls_fit_spec own = spec ? *spec : ls_fit_spec_default();
  own.run = (ls_run_spec){.config_text = own.run.config_text, .checkpoint_epochs = -1};
  own.verbose = 0;
  LSI_TRY(lsi_trainer_create(model, train, validation, &own, &t));
  bool ours = lsi_signals_install();
  ls_status status = recompute(t, verify);
  if (ours) lsi_signals_restore();
  if (ours || status == LS_ERR_INTERRUPTED) lsi_signals_clear();
  lsi_trainer_destroy(&t);
  return status;
}
