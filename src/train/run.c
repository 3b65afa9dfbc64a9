/* SPDX-License-Identifier: MIT */
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_config.h"

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
  if (strcmp(t->spec.run.resume, "never") == 0) LSI_TRY(remove_checkpoints(path));
  LSI_TRY(in_dir(t, "config.yaml", path));
  const char *text = t->spec.run.config_text;
  return text ? lsi_durable_write(path, text, strlen(text)) : LS_OK;
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

static ls_status write_history_on_root(const ls_trainer *t) {
  char path[PATH], *text = NULL;
  LSI_TRY(in_dir(t, "history.csv", path));
  ls_status status = lsi_history_csv(t->history, &text);
  if (status == LS_OK) status = lsi_durable_write(path, text, strlen(text));
  free(text);
  return status;
}

ls_status lsi_run_write_history(ls_trainer *t) {
  if (!t->spec.run.dir) return LS_OK;
  return lsi_agree(t->comm, t->comm->rank == 0 ? write_history_on_root(t) : LS_OK);
}

ls_status lsi_run_finish(ls_trainer *t) {
  char path[PATH];
  if (!t->spec.run.dir) return LS_OK;
  LSI_TRY(lsi_run_write_history(t));
  LSI_TRY(in_dir(t, "model.h5", path));
  return ls_model_save(t->model, path);
}

static void write_fit_settings(const ls_trainer *t, FILE *out) {
  const ls_fit_spec *s = &t->spec;
  fprintf(out, "batch_size %" PRId64 "\nleaf_rows %" PRId64 "\nseed %" PRIu64 "\nshuffle %d\n", s->batch_size,
          s->leaf_rows, s->seed, !s->no_shuffle);
  fprintf(out, "steps_per_epoch %" PRId64 "\ninitial_epoch %" PRId64 "\nvalidation_split %.17g\n", t->steps_per_epoch,
          s->initial_epoch, s->validation_split);
  fprintf(out, "validation_batch_size %" PRId64 "\nvalidation_steps %" PRId64 "\nvalidation_freq %" PRId64 "\n",
          s->validation_batch_size, s->validation_steps, s->validation_freq);
  fprintf(out, "base_batch_size %" PRId64 "\nclass_weight", s->base_batch_size);
  for (int64_t c = 0; c < s->n_class_weight && s->class_weight; c++) fprintf(out, " %.17g", s->class_weight[c]);
  fprintf(out, "\n");
  for (int i = 0; i < s->n_callbacks; i++) fprintf(out, "callback %s\n", s->callbacks[i]);
  fprintf(out, "training data %s\n", t->feed.data->info.identity);
  if (t->validation) fprintf(out, "validation data %s\n", t->validation->feed.data->info.identity);
}

ls_status lsi_run_recipe(const ls_trainer *t, char **text) {
  const lsi_compile *compile = &t->model->compile;
  char *model_json, optimizer[1024];
  size_t size;
  LSI_TRY(lsi_keras_model_json(t->model->net, &model_json));
  FILE *out = open_memstream(text, &size);
  ls_status status = out ? lsi_object_print(&compile->optimizer, true, optimizer, sizeof optimizer)
                         : lsi_error_set(LS_ERR_MEMORY, NULL, "no memory for the run's recipe");
  if (status == LS_OK) {
    fprintf(out, "model %s\noptimizer %s\nloss %s\n", model_json, optimizer, compile->loss_text);
    for (int m = 0; m < compile->n_metrics; m++)
      fprintf(out, "%s %s\n", compile->weighted[m] ? "weighted metric" : "metric", compile->metrics[m]);
    write_fit_settings(t, out);
  }
  if (out && fclose(out) != 0 && status == LS_OK) status = lsi_error_set(LS_ERR_MEMORY, NULL, "no memory for the run's recipe");
  lsi_free(model_json);
  return status;
}

ls_status lsi_run_compare_recipe(const char *path, const char *saved, const char *now) {
  while (*saved || *now) {
    int a = (int)strcspn(saved, "\n"), b = (int)strcspn(now, "\n");
    if (a != b || strncmp(saved, now, (size_t)a) != 0)
      LSI_FAIL(LS_ERR_CONFIG, "go on with the settings it was made with, or start afresh with another --out or --resume never",
               "%s was made with '%.*s', this run has '%.*s'", path, a > 200 ? 200 : a, saved, b > 200 ? 200 : b, now);
    saved += a + (saved[a] == '\n');
    now += b + (now[b] == '\n');
  }
  return LS_OK;
}
