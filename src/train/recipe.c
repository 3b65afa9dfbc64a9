/* SPDX-License-Identifier: MIT */
/* The recipe of a run as text, and what differs between two of them, for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "train/run.h"

static void write_fit_settings(const ls_trainer *t, FILE *out) {
  const ls_fit_spec *s = &t->spec;
  const ls_dataset_info *data = &t->feed.data->info;
  fprintf(out, "training data: %" PRId64 " samples %s\n", data->n_samples, data->identity);
  fprintf(out, "batch_size: %" PRId64 "\n", s->batch_size);
  if (s->not_reproducible) fprintf(out, "reproducible: false\n"); /* leaves are the ranks' then, and ranks may change */
  else fprintf(out, "leaf_rows: %" PRId64 "\n", s->leaf_rows);
  fprintf(out, "seed: %" PRIu64 "\nshuffle: %s", s->seed, s->shuffle);
  if (strcmp(s->shuffle, "blocks") == 0) fprintf(out, " of %" PRId64 " samples, mixed %" PRId64 " at a time", s->shuffle_block, s->shuffle_window);
  fprintf(out, "\n");
  fprintf(out, "validation_split: %.17g\nsteps_per_epoch: %" PRId64 "\ninitial_epoch: %" PRId64 "\n", s->validation_split,
          t->steps_per_epoch, s->initial_epoch);
  fprintf(out, "validation_batch_size: %" PRId64 "\nvalidation_steps: %" PRId64 "\nvalidation_freq: %" PRId64 "\n",
          s->validation_batch_size, s->validation_steps, s->validation_freq);
  fprintf(out, "base_batch_size: %" PRId64 "\nclass_weight:", s->base_batch_size);
  for (int64_t c = 0; c < s->n_class_weight && s->class_weight; c++) fprintf(out, " %.17g", s->class_weight[c]);
  fprintf(out, "\n");
  if (t->validation) {
    const ls_dataset_info *validation = &t->validation->feed.data->info;
    fprintf(out, "validation data: %" PRId64 " samples %s\n", validation->n_samples, validation->identity);
  }
  for (int i = 0; i < s->n_callbacks; i++) fprintf(out, "callback: %s\n", s->callbacks[i]);
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
    fprintf(out, "model: %s\noptimizer: %s\nloss: %s\n", model_json, optimizer, compile->loss_text);
    if (compile->weighs_loss) fprintf(out, "loss_weights: %.17g\n", compile->loss_weight);
    for (int m = 0; m < compile->n_metrics; m++)
      fprintf(out, "%s: %s\n", compile->weighted[m] ? "weighted metric" : "metric", compile->metrics[m]);
    write_fit_settings(t, out);
  }
  if (out && fclose(out) != 0 && status == LS_OK) status = lsi_error_set(LS_ERR_MEMORY, NULL, "no memory for the run's recipe");
  lsi_free(model_json);
  return status;
}

/* ---- differences ---- */

/* A piece of a text. */
typedef struct piece {
  const char *at;
  int n;
} piece;

static bool same(piece a, piece b) {
  return a.n == b.n && strncmp(a.at, b.at, (size_t)a.n) == 0;
}

static piece key_of(piece line) {
  const char *colon = memchr(line.at, ':', (size_t)line.n);
  return (piece){line.at, colon ? (int)(colon - line.at) : line.n};
}

static piece value_of(piece line) {
  int skip = key_of(line).n + 2;
  return skip < line.n ? (piece){line.at + skip, line.n - skip} : (piece){"none", 4};
}

static bool has_key(const char *recipe, piece key) {
  for (int n; *recipe; recipe += n + (recipe[n] == '\n')) {
    n = (int)strcspn(recipe, "\n");
    if (same(key_of((piece){recipe, n}), key)) return true;
  }
  return false;
}

/* The setting around place d of a JSON object or a call: "units": 32, or momentum=0.9; else the text around d. */
static piece setting_at(piece text, int d) {
  int from = d;
  while (from > 0 && !(text.at[from] == '=' || (text.at[from] == ':' && text.at[from - 1] == '"'))) from--;
  if (from == 0) {
    from = d > 60 ? d - 60 : 0;
    return (piece){text.at + from, text.n - from > 160 ? 160 : text.n - from};
  }
  if (text.at[from] == ':') from--;
  while (from > 0 && !strchr(" \"({[", text.at[from - 1])) from--;
  if (text.at[from - 1] == '"') from--;
  int end = d;
  bool list = memchr(text.at + from, '[', (size_t)(d - from)) != NULL;
  while (end < text.n && !strchr(list ? "]" : ",})", text.at[end])) end++;
  if (list && end < text.n) end++;
  return (piece){text.at + from, end - from > 160 ? 160 : end - from};
}

/* The name of the layer that place d of the model's JSON belongs to. */
static piece layer_at(piece json, int d) {
  static const char mark[] = "\"name\": \"";
  const int length = (int)sizeof mark - 1;
  for (int i = d - length; i >= 0; i--)
    if (strncmp(json.at + i, mark, (size_t)length) == 0)
      return (piece){json.at + i + length, (int)strcspn(json.at + i + length, "\"")};
  return (piece){"?", 1};
}

static ls_status refuse(const char *path, piece saved, piece now) {
  static const char advice[] = "go on with the settings it was made with, or start afresh with another --out or --resume never";
  piece key = key_of(saved), a = value_of(saved), b = value_of(now), old = a, new = b;
  char where[100] = "";
  int d = 0;
  while (d < a.n && d < b.n && a.at[d] == b.at[d]) d++;
  if (key.n == 5 && strncmp(key.at, "model", 5) == 0) {
    piece layer = layer_at(a, d);
    snprintf(where, sizeof where, " (layer '%.*s')", layer.n, layer.at);
  }
  if (a.n > 60 || b.n > 60) {
    old = setting_at(a, d < a.n ? d : a.n);
    new = setting_at(b, d < b.n ? d : b.n);
  }
  LSI_FAIL(LS_ERR_CONFIG, advice, "%s was made with another %.*s%s: %.*s; this run has %.*s", path, key.n, key.at, where, old.n,
           old.at, new.n, new.at);
}

static ls_status refuse_extra(const char *path, const char *made, piece line, const char *run) {
  piece key = key_of(line), value = value_of(line);
  LSI_FAIL(LS_ERR_CONFIG, "go on with the settings it was made with, or start afresh with another --out or --resume never",
           "%s was made %s %.*s %.*s, this run %s it", path, made, key.n, key.at, value.n > 160 ? 160 : value.n, value.at, run);
}

ls_status lsi_run_compare_recipe(const char *path, const char *saved, const char *now) {
  while (*saved || *now) {
    piece a = {saved, (int)strcspn(saved, "\n")}, b = {now, (int)strcspn(now, "\n")};
    if (!same(a, b)) {
      if (same(key_of(a), key_of(b))) return refuse(path, a, b);
      return has_key(now, key_of(a)) || a.n == 0 ? refuse_extra(path, "without", b, "has") : refuse_extra(path, "with", a, "lacks");
    }
    saved += a.n + (saved[a.n] == '\n');
    now += b.n + (now[b.n] == '\n');
  }
  return LS_OK;
}
