/* SPDX-License-Identifier: MIT */
/* What a checkpoint holds of a trainer, and how it comes back: nothing depends on the number of ranks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/checkpoint.h"
#include "ckpt/file_kind.h"
#include "train/run.h"
#include "train/shard.h"

enum { PATH = 1024, POSITION = 4 };

/* A growing list of arrays, their names owned, and of where they are. */
typedef struct array_list {
  lsi_ckpt_array *items;
  lsi_ckpt_place *places;
  int n, capacity;
} array_list;

static void list_clear(array_list *list) {
  for (int i = 0; i < list->n; i++) free((char *)list->items[i].name);
  free(list->items);
  free(list->places);
}

static ls_status list_grow(array_list *list) {
  int capacity = list->capacity ? 2 * list->capacity : 64;
  lsi_ckpt_array *items = realloc(list->items, (size_t)capacity * sizeof *items);
  if (items) list->items = items;
  lsi_ckpt_place *places = realloc(list->places, (size_t)capacity * sizeof *places);
  if (places) list->places = places;
  LSI_CHECK(items && places, LS_ERR_MEMORY, NULL, "checkpoint: no memory for its table");
  list->capacity = capacity;
  return LS_OK;
}

static ls_status list_add(array_list *list, const char *prefix, const char *name, lsi_ckpt_type type, int rank,
                          const uint64_t *dims, const void *data, lsi_ckpt_place place) {
  if (list->n == list->capacity) LSI_TRY(list_grow(list));
  char *full;
  LSI_CHECK(asprintf(&full, "%s%s", prefix, name) >= 0, LS_ERR_MEMORY, NULL, "checkpoint: no memory for a name");
  list->places[list->n] = place;
  lsi_ckpt_array *item = &list->items[list->n++];
  *item = (lsi_ckpt_array){.name = full, .type = type, .rank = rank, .data = data};
  for (int d = 0; d < rank; d++) item->dims[d] = dims[d];
  return LS_OK;
}

static ls_status add_vector(array_list *list, const char *name, lsi_ckpt_type type, uint64_t n, const void *data) {
  return list_add(list, "", name, type, 1, &n, data, (lsi_ckpt_place){LSI_CKPT_ON_ROOT, 0});
}

/* Every tensor of an arena as "<prefix><tensor>", in layer order; slots only of trainable ones. */
static ls_status add_arena(array_list *list, const lsi_layout *layout, const char *prefix, const float *arena, bool trainable_only,
                           lsi_ckpt_holder holder) {
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *t = &layout->tensors[i];
    uint64_t dims[LS_MAX_WEIGHT_RANK];
    if (trainable_only && !t->trainable) continue;
    for (int d = 0; d < t->rank; d++) dims[d] = (uint64_t)t->dims[d];
    LSI_TRY(list_add(list, prefix, t->name, LSI_CKPT_F32, t->rank, dims, arena + t->offset, (lsi_ckpt_place){holder, t->offset}));
  }
  return LS_OK;
}

static ls_status add_callbacks(array_list *list, const ls_trainer *t) {
  for (int i = 0; i < t->callbacks.n; i++) {
    char name[48];
    const lsi_builtin *item = &t->callbacks.items[i];
    snprintf(name, sizeof name, "callbacks/%d", i);
    LSI_TRY(add_vector(list, name, LSI_CKPT_F64, LSI_CALLBACK_STATE, item->state));
    snprintf(name, sizeof name, "best/%d/", i);
    if (item->best) LSI_TRY(add_arena(list, &t->model->net->layout, name, item->best, false, LSI_CKPT_ON_ROOT));
  }
  return LS_OK;
}

static ls_status collect(const ls_trainer *t, const int64_t position[POSITION], array_list *list) {
  const lsi_layout *layout = &t->model->net->layout;
  LSI_TRY(add_arena(list, layout, "params/", t->model->net->params, false, LSI_CKPT_ON_ALL));
  for (int s = 0; s < t->optimizer->n_slots; s++) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "slots/%s/", t->optimizer->slot_names[s]);
    LSI_TRY(add_arena(list, layout, prefix, t->optimizer->slots[s], true, t->model->shares ? LSI_CKPT_SHARED : LSI_CKPT_ON_ALL));
  }
  LSI_TRY(add_vector(list, "position", LSI_CKPT_I64, POSITION, position));
  LSI_TRY(add_vector(list, "skipped", LSI_CKPT_I64, 1, &t->guard.skipped));
  LSI_TRY(add_vector(list, "learning_rate", LSI_CKPT_F64, 1, &t->optimizer->learning_rate));
  if (t->optimizer->scalar_name) LSI_TRY(add_vector(list, t->optimizer->scalar_name, LSI_CKPT_F64, 1, &t->optimizer->scalar));
  LSI_TRY(add_vector(list, "metrics/sums", LSI_CKPT_F64, (uint64_t)t->objective.n_values, t->tally.sums));
  const ls_history *h = t->history;
  LSI_TRY(add_vector(list, "history/epochs", LSI_CKPT_I64, (uint64_t)h->n_epochs, h->epochs));
  LSI_TRY(add_vector(list, "history/present", LSI_CKPT_I64, (uint64_t)h->n_epochs, h->present));
  LSI_TRY(add_vector(list, "history/values", LSI_CKPT_F64, (uint64_t)h->n_epochs * LSI_MAX_LOGS, h->values));
  return add_callbacks(list, t);
}

static void history_names(const ls_history *history, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (int c = 0; c < history->n_columns; c++) used += (size_t)snprintf(text + used, size - used, "%s\n", history->names[c]);
}

/* What a checkpoint holds, handed to `use`. Collective. */
static ls_status with_job(const ls_trainer *t, ls_status (*use)(lsi_ckpt_writer *, const lsi_ckpt_job *)) {
  const int64_t position[POSITION] = {t->epoch, t->step, t->optimizer->iteration, t->stop};
  char dir[PATH], kernels[80], names[LSI_MAX_LOGS * 66];
  array_list list = {0};
  snprintf(dir, sizeof dir, "%s/checkpoints", t->spec.run.dir);
  lsi_kernels_text(kernels, sizeof kernels);
  history_names(t->history, names, sizeof names);
  const lsi_saver *saver = &t->saver;
  const lsi_ckpt_text texts[] = {{"recipe", saver->recipe}, {"model", saver->model}, {"training", saver->training},
                                 {"kernels", kernels}, {"history_names", names},
                                 {"data_identity", t->feed.data->info.identity},
                                 {"certificate", t->certify.text},
                                 {"config", t->spec.run.config_text ? t->spec.run.config_text : ""}};
  ls_status status = lsi_agree(t->comm, collect(t, position, &list));
  if (status == LS_OK) {
    const lsi_ckpt_job job = {.dir = dir, .iteration = t->optimizer->iteration, .arrays = list.items, .places = list.places,
                              .n_arrays = list.n, .shares = t->model->shares, .texts = texts, .n_texts = (int)(sizeof texts / sizeof *texts),
                              .keep = t->spec.run.checkpoint_keep, .verify = t->spec.run.checkpoint_verify};
    status = use(t->saver.writer, &job);
  }
  list_clear(&list);
  return status;
}

ls_status lsi_state_submit(const ls_trainer *t) {
  return with_job(t, lsi_ckpt_writer_submit);
}

ls_status lsi_state_reserve(const ls_trainer *t) {
  return with_job(t, lsi_ckpt_writer_reserve);
}

/* Collective. `shares`: of whom each rank needs but its own. */
static ls_status restore_arena(lsi_checkpoint *c, const ls_trainer *t, const char *prefix, bool trainable_only, const lsi_shares *shares,
                               float *arena) {
  const lsi_layout *layout = &t->model->net->layout;
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *tensor = &layout->tensors[i];
    char name[LSI_NAME + 80];
    if (trainable_only && !tensor->trainable) continue;
    snprintf(name, sizeof name, "%s%s", prefix, tensor->name);
    LSI_TRY(lsi_checkpoint_deal(t->comm, c, name, tensor->count, shares, tensor->offset, arena + tensor->offset));
  }
  return LS_OK;
}

/* All that is large. Collective. */
static ls_status restore_arenas(lsi_checkpoint *c, const ls_trainer *t) {
  char prefix[64];
  LSI_TRY(restore_arena(c, t, "params/", false, NULL, t->model->net->params));
  for (int s = 0; s < t->optimizer->n_slots; s++) {
    snprintf(prefix, sizeof prefix, "slots/%s/", t->optimizer->slot_names[s]);
    LSI_TRY(restore_arena(c, t, prefix, true, t->model->shares, t->optimizer->slots[s]));
  }
  for (int i = 0; i < t->callbacks.n; i++) {
    snprintf(prefix, sizeof prefix, "best/%d/", i);
    if (t->callbacks.items[i].best) LSI_TRY(restore_arena(c, t, prefix, false, NULL, t->callbacks.items[i].best));
  }
  return LS_OK;
}

static ls_status restore_history(const lsi_checkpoint *c, ls_history *history) {
  const lsi_ckpt_array *epochs = lsi_checkpoint_array(c, "history/epochs"), *present = lsi_checkpoint_array(c, "history/present"),
                       *values = lsi_checkpoint_array(c, "history/values");
  const char *names = lsi_checkpoint_text(c, "history_names");
  LSI_CHECK(epochs && present && values && names && epochs->type == LSI_CKPT_I64 && present->type == LSI_CKPT_I64 &&
                values->type == LSI_CKPT_F64 && present->dims[0] == epochs->dims[0] &&
                values->dims[0] == epochs->dims[0] * LSI_MAX_LOGS,
            LS_ERR_CORRUPT, "use another checkpoint", "%s: its history is incomplete", lsi_checkpoint_path(c));
  static const lsi_logs nothing;
  for (uint64_t e = 0; e < epochs->dims[0]; e++) {
    LSI_TRY(lsi_history_append(history, ((const int64_t *)epochs->data)[e], &nothing));
    history->present[e] = ((const uint64_t *)present->data)[e];
    memcpy(history->values + e * LSI_MAX_LOGS, (const double *)values->data + e * LSI_MAX_LOGS, LSI_MAX_LOGS * sizeof(double));
  }
  for (history->n_columns = 0; *names && history->n_columns < LSI_MAX_LOGS; history->n_columns++) {
    int n = (int)strcspn(names, "\n");
    snprintf(history->names[history->n_columns], sizeof history->names[0], "%.*s", n, names);
    names += n + (names[n] == '\n');
  }
  return LS_OK;
}

static ls_status restore_callbacks(const lsi_checkpoint *c, ls_trainer *t) {
  for (int i = 0; i < t->callbacks.n; i++) {
    char name[48];
    snprintf(name, sizeof name, "callbacks/%d", i);
    LSI_TRY(lsi_checkpoint_copy(c, name, LSI_CKPT_F64, LSI_CALLBACK_STATE, t->callbacks.items[i].state));
  }
  return LS_OK;
}

static ls_status check_recipe(const lsi_checkpoint *c, const ls_trainer *t) {
  char *recipe, kernels[80];
  const char *saved = lsi_checkpoint_text(c, "recipe"), *saved_kernels = lsi_checkpoint_text(c, "kernels");
  LSI_CHECK(saved, LS_ERR_CORRUPT, "use another checkpoint", "%s: there is no recipe in it", lsi_checkpoint_path(c));
  LSI_TRY(lsi_run_recipe(t, &recipe));
  ls_status status = lsi_run_compare_recipe(lsi_checkpoint_path(c), saved, recipe);
  free(recipe);
  LSI_TRY(status);
  lsi_kernels_text(kernels, sizeof kernels);
  if (saved_kernels && strcmp(saved_kernels, kernels) != 0)
    lsi_log_warn("%s was made with kernels '%s', this run has '%s': it goes on, but not to the same bits",
                 lsi_checkpoint_path(c), saved_kernels, kernels);
  return LS_OK;
}

static ls_status restore_rest(const lsi_checkpoint *c, ls_trainer *t) {
  int64_t position[POSITION];
  LSI_TRY(lsi_checkpoint_copy(c, "position", LSI_CKPT_I64, POSITION, position));
  if (lsi_checkpoint_array(c, "skipped")) LSI_TRY(lsi_checkpoint_copy(c, "skipped", LSI_CKPT_I64, 1, &t->guard.skipped));
  LSI_TRY(lsi_checkpoint_copy(c, "learning_rate", LSI_CKPT_F64, 1, &t->optimizer->learning_rate));
  if (t->optimizer->scalar_name) LSI_TRY(lsi_checkpoint_copy(c, t->optimizer->scalar_name, LSI_CKPT_F64, 1, &t->optimizer->scalar));
  LSI_TRY(lsi_checkpoint_copy(c, "metrics/sums", LSI_CKPT_F64, (uint64_t)t->objective.n_values, t->tally.sums));
  LSI_TRY(restore_history(c, t->history));
  LSI_TRY(restore_callbacks(c, t));
  if (t->comm->rank == 0) LSI_TRY(lsi_certify_begin(t, lsi_checkpoint_text(c, "certificate")));
  t->epoch = position[0];
  t->step = position[1];
  t->optimizer->iteration = position[2];
  t->stop = position[3] != 0;
  t->model->net->has_weights = true;
  return LS_OK;
}

/* Collective. */
static ls_status restore(lsi_checkpoint *c, ls_trainer *t) {
  LSI_TRY(lsi_agree(t->comm, check_recipe(c, t)));
  LSI_TRY(restore_arenas(c, t));
  return lsi_agree(t->comm, restore_rest(c, t));
}

/* The file the user named; what else it may be is said. */
static ls_status read_named(const char *path, lsi_checkpoint **out) {
  lsi_file_kind kind;
  ls_status status = lsi_checkpoint_read(path, out);
  if (status == LS_ERR_NOT_FOUND)
    LSI_FAIL(status, "resume is auto, never, or a file checkpoints/ckpt-*.h5 of a run", "resume from '%s': no such file", path);
  if (status != LS_ERR_CORRUPT && status != LS_ERR_FORMAT) return status;
  ls_error error = *ls_last_error();
  if (lsi_file_kind_of(path, &kind) == LS_OK && (kind == LSI_FILE_MODEL || kind == LSI_FILE_DATASET))
    return lsi_file_kind_error(path, kind, "a checkpoint");
  lsi_error_copy(&error);
  return status;
}

static ls_status read_on_root(const ls_trainer *t, lsi_checkpoint **out) {
  char dir[PATH];
  if (strcmp(t->spec.run.resume, "auto") != 0) return read_named(t->spec.run.resume, out);
  snprintf(dir, sizeof dir, "%s/checkpoints", t->spec.run.dir);
  return lsi_checkpoint_read_newest(dir, out);
}

bool lsi_trainer_complete(const ls_trainer *t) {
  return t->stop ? t->step == 0 : t->epoch >= t->spec.epochs;
}

ls_status lsi_trainer_resume(ls_trainer *t, bool *found) {
  const char *how = t->spec.run.resume;
  lsi_checkpoint *c = NULL;
  *found = false;
  if (strcmp(how, "never") == 0 || (strcmp(how, "auto") == 0 && !t->spec.run.dir)) return LS_OK;
  if (strcmp(how, "auto") == 0) LSI_TRY(lsi_run_check_hosts(t));
  LSI_TRY(lsi_agree(t->comm, t->comm->rank == 0 ? read_on_root(t, &c) : LS_OK));
  LSI_TRY(lsi_checkpoint_bcast(t->comm, &c));
  if (!c) return LS_OK;
  ls_status status = restore(c, t);
  if (status == LS_OK && t->comm->rank == 0 && t->spec.verbose) {
    bool complete = lsi_trainer_complete(t);
    printf(complete ? "%s: this run is complete (epoch %" PRId64 "); raise fit.epochs, or start afresh with --resume never\n"
                    : "Resuming from %s: epoch %" PRId64 ", step %" PRId64 "\n",
           lsi_checkpoint_path(c), complete ? t->epoch : t->epoch + 1, t->step);
    fflush(stdout);
  }
  *found = status == LS_OK;
  lsi_checkpoint_destroy(&c);
  return status;
}
