/* SPDX-License-Identifier: MIT */
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/hash.h"
#include "train/done.h"

enum { PATH = 1024 };

static ls_status in_dir(const ls_trainer *t, const char *name, char path[PATH]) {
  int n = snprintf(path, PATH, "%s/%s", t->spec.run.dir, name);
  LSI_CHECK(n < PATH, LS_ERR_ARG, "choose a shorter run folder", "the path is too long: %s", path);
  return LS_OK;
}

static ls_status remove_checkpoints(const char *dir) {
  DIR *folder = opendir(dir);
  if (!folder) return LS_OK;
  ls_status status = LS_OK;
  for (struct dirent *entry; status == LS_OK && (entry = readdir(folder));) {
    char path[PATH + 300];
    if (strncmp(entry->d_name, "ckpt-", 5) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
    status = lsi_durable_remove(path);
  }
  closedir(folder);
  return status;
}

static ls_status open_on_root(ls_trainer *t) {
  char path[PATH];
  LSI_TRY(lsi_make_dirs(t->spec.run.dir));
  LSI_TRY(lsi_lock_acquire(t->spec.run.dir, &t->lock));
  lsi_durable_sweep(t->spec.run.dir);
  LSI_TRY(in_dir(t, "checkpoints", path));
  lsi_durable_sweep(path);
  return strcmp(t->spec.run.resume, "never") == 0 ? remove_checkpoints(path) : LS_OK;
}

static ls_status begin_on_root(const ls_trainer *t) {
  char path[PATH];
  if (!lsi_trainer_complete(t)) LSI_TRY(lsi_done_remove(t));
  const char *text = t->spec.run.config_text;
  LSI_TRY(in_dir(t, "config.yaml", path));
  return text ? lsi_durable_write(path, text, strlen(text)) : LS_OK;
}

ls_status lsi_run_begin(const ls_trainer *t) {
  if (!t->spec.run.dir) return LS_OK;
  return lsi_agree(t->comm, t->comm->rank == 0 ? begin_on_root(t) : LS_OK);
}

ls_status lsi_run_open(ls_trainer *t) {
  char *recipe;
  ls_status status = lsi_run_recipe(t, &recipe);
  LSI_TRY(lsi_agree(t->comm, status));
  status = lsi_agree_same(t->comm, "the configuration of the run", recipe, strlen(recipe));
  free(recipe);
  LSI_TRY(status);
  if (!t->spec.run.dir) return LS_OK;
  return lsi_agree(t->comm, t->comm->rank == 0 ? open_on_root(t) : LS_OK);
}

/* On rank 0: history.csv, and its text, to be freed also after an error. */
static ls_status write_history(const ls_trainer *t, char **text) {
  char path[PATH];
  LSI_TRY(in_dir(t, "history.csv", path));
  LSI_TRY(lsi_history_csv(t->history, text));
  return lsi_durable_write(path, *text, strlen(*text));
}

ls_status lsi_run_write_history(ls_trainer *t) {
  char *text = NULL;
  if (!t->spec.run.dir) return LS_OK;
  ls_status status = lsi_agree(t->comm, t->comm->rank == 0 ? write_history(t, &text) : LS_OK);
  free(text);
  return status;
}

/* On rank 0: the marks of what the run left. */
static ls_status mark_finished(ls_trainer *t, const char *history) {
  char digest[LSI_DIGEST_HEX];
  LSI_TRY(ls_model_digest(t->model, digest));
  LSI_TRY(lsi_certify_end(t, digest, history));
  return lsi_done_write(t, digest);
}

ls_status lsi_run_finish(ls_trainer *t) {
  char path[PATH], *history = NULL;
  if (!t->spec.run.dir) return LS_OK;
  LSI_TRY(in_dir(t, "model.h5", path));
  ls_status status = lsi_agree(t->comm, t->comm->rank == 0 ? write_history(t, &history) : LS_OK);
  if (status == LS_OK) status = ls_model_save(t->model, path);
  if (status == LS_OK) status = lsi_agree(t->comm, t->comm->rank == 0 ? mark_finished(t, history) : LS_OK);
  free(history);
  return status;
}
