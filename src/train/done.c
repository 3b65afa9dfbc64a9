/* SPDX-License-Identifier: MIT */
#include "train/done.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "train/run.h"

typedef struct mark {
  int64_t epochs, steps;
  char ended[16], digest[LSI_DIGEST_HEX], recipe[LSI_DIGEST_HEX];
} mark;

enum { MARK_BYTES = 512 };
static const char stopped[] = "by callback", wanted[] = "as wanted";

/* The mark's text, its last line a digest of the others; its length. */
static size_t format(const mark *m, char text[MARK_BYTES]) {
  char seal[LSI_DIGEST_HEX];
  int n = snprintf(text, MARK_BYTES,
                   "# This run is finished: model.h5 is its result. lockstep train goes on when fit.epochs is raised, and removes this.\n"
                   "epochs: %" PRId64 "\nsteps: %" PRId64 "\nended: %s\ndigest: %s\nrecipe: %s\n",
                   m->epochs, m->steps, m->ended, m->digest, m->recipe);
  lsi_hash_bytes(text, (size_t)n, seal);
  return (size_t)(n + snprintf(text + n, MARK_BYTES - (size_t)n, "seal: %s\n", seal));
}

static ls_status path_of(const ls_trainer *t, char path[LSI_PATH_BYTES]) {
  int n = snprintf(path, LSI_PATH_BYTES, "%s/done", t->spec.run.dir);
  LSI_CHECK(n < LSI_PATH_BYTES, LS_ERR_ARG, "choose a shorter run folder", "the path is too long: %.80s...", path);
  return LS_OK;
}

static ls_status recipe_hash(const ls_trainer *t, char hex[LSI_DIGEST_HEX]) {
  char *recipe;
  LSI_TRY(lsi_run_recipe(t, &recipe));
  lsi_hash_bytes(recipe, strlen(recipe), hex);
  free(recipe);
  return LS_OK;
}

ls_status lsi_done_write(const ls_trainer *t, const char *model) {
  char path[LSI_PATH_BYTES], text[MARK_BYTES];
  mark m = {.epochs = t->epoch, .steps = t->optimizer->iteration};
  snprintf(m.ended, sizeof m.ended, "%s", t->stop ? stopped : wanted);
  snprintf(m.digest, sizeof m.digest, "%s", model);
  LSI_TRY(path_of(t, path));
  LSI_TRY(recipe_hash(t, m.recipe));
  size_t n = format(&m, text);
  return lsi_durable_write(path, text, n);
}

ls_status lsi_done_remove(const ls_trainer *t) {
  char path[LSI_PATH_BYTES];
  LSI_TRY(path_of(t, path));
  return lsi_durable_remove(path);
}

static bool parse(const char *text, mark *m) {
  char again[MARK_BYTES];
  const char *line = strchr(text, '\n');
  int found = line ? sscanf(line, "\nepochs: %" SCNd64 "\nsteps: %" SCNd64 "\nended: %15[^\n]\ndigest: %32s\nrecipe: %32s", &m->epochs,
                            &m->steps, m->ended, m->digest, m->recipe)
                   : 0;
  if (found != 5) return false;
  format(m, again);
  return strcmp(text, again) == 0;
}

ls_status lsi_done_check(const char *dir, const char *model) {
  char path[LSI_PATH_BYTES], *text;
  size_t n;
  mark m;
  snprintf(path, sizeof path, "%s/done", dir);
  ls_status status = lsi_read_file(path, 4096, &text, &n);
  if (status == LS_ERR_NOT_FOUND) {
    lsi_error_clear();
    return LS_OK;
  }
  LSI_TRY(status);
  bool good = parse(text, &m) && strcmp(m.digest, model) == 0;
  lsi_free(text);
  LSI_CHECK(good, LS_ERR_DIFFERENT, "the same lockstep train writes it anew", "%s: is damaged, or another run's mark", path);
  return LS_OK;
}

/* False: there is none, or none that can be trusted; then the run is made again, to the same end. */
static bool read_mark(const char *path, mark *m) {
  char *text;
  size_t n;
  if (lsi_read_file(path, 4096, &text, &n) != LS_OK) {
    lsi_error_clear();
    return false;
  }
  bool good = parse(text, m);
  if (!good) lsi_log_warn("%s: is damaged, or was written by another version of lockstep: it does not count", path);
  lsi_free(text);
  return good;
}

/* On rank 0: is the mark in the folder that of this run, and of all the epochs that are wanted? */
static ls_status look(const ls_trainer *t, mark *m, bool *complete) {
  char path[LSI_PATH_BYTES], recipe[LSI_DIGEST_HEX];
  LSI_TRY(path_of(t, path));
  if (!read_mark(path, m)) return LS_OK;
  LSI_TRY(recipe_hash(t, recipe));
  *complete = strcmp(recipe, m->recipe) == 0 && (m->epochs >= t->spec.epochs || strcmp(m->ended, stopped) == 0);
  return LS_OK;
}

ls_status lsi_done_restore(ls_trainer *t, bool *complete) {
  mark m = {0};
  bool found = false;
  *complete = false;
  if (!t->spec.run.dir || strcmp(t->spec.run.resume, "auto") != 0) return LS_OK;
  LSI_TRY(lsi_agree(t->comm, t->comm->rank == 0 ? look(t, &m, &found) : LS_OK));
  LSI_TRY(lsi_bcast(t->comm, &found, sizeof found));
  if (!found) return LS_OK;
  char path[LSI_PATH_BYTES], digest[LSI_DIGEST_HEX];
  LSI_TRY(lsi_bcast(t->comm, &m, sizeof m));
  snprintf(path, sizeof path, "%s/model.h5", t->spec.run.dir);
  ls_status status = ls_model_load_weights(t->model, path);
  if (status == LS_OK) status = ls_model_digest(t->model, digest);
  LSI_CHECK(status == LS_OK && strcmp(digest, m.digest) == 0, status == LS_OK ? LS_ERR_CORRUPT : status,
            "bring the model back, or start afresh with --resume never",
            "%s/done says that this run is finished, but there is no checkpoint, and %s is not its model%s%s", t->spec.run.dir, path,
            status == LS_OK ? "" : ": ", status == LS_OK ? "" : ls_last_error()->message);
  t->epoch = m.epochs;
  *complete = true;
  return LS_OK;
}
