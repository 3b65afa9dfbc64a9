/* SPDX-License-Identifier: MIT */
/* Callbacks that write files or end training: ModelCheckpoint, CSVLogger, LearningRateScheduler, TerminateOnNaN. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "optim/schedule.h"
#include "train/trainer.h"

static void say(const ls_trainer *t, const lsi_builtin *self, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(const ls_trainer *t, const lsi_builtin *self, const char *format, ...) {
  if (t->comm->rank != 0 || t->certify.compares || !(lsi_object_get(&self->object, "verbose") > 0)) return;
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

/* One {name} or {name:format} field of a template, as Python's str.format has it for ints (02d) and floats (.2f, .3e). */
static ls_status expand_field(const char *field, int64_t epoch, const lsi_logs *logs, char *out, size_t size) {
  char name[64] = "", format[16] = "";
  if (sscanf(field, "%63[^:]:%15[0-9.defg]", name, format) < 1 || strlen(format) > 8)
    LSI_FAIL(LS_ERR_ARG, "fields look like {epoch:02d} or {val_loss:.2f}", "file name field '{%s}'", field);
  char spec[32], kind = format[0] ? format[strlen(format) - 1] : 0;
  if (strcmp(name, "epoch") == 0) {
    LSI_CHECK(kind == 0 || kind == 'd', LS_ERR_ARG, "epoch is an integer: {epoch:02d}", "file name field '{%s}'", field);
    snprintf(spec, sizeof spec, "%%%.*s" PRId64, (int)(kind ? strlen(format) - 1 : 0), format);
    snprintf(out, size, spec, epoch + 1);
    return LS_OK;
  }
  const double *value = lsi_logs_find(logs, name);
  LSI_CHECK(value, LS_ERR_ARG, "use epoch, or a name of the history", "file name field '{%s}': the logs have no '%s'",
            field, name);
  LSI_CHECK(kind == 0 || strchr("efg", kind), LS_ERR_ARG, "use .2f, .3e or .4g", "file name field '{%s}'", field);
  if (!kind) {
    lsi_format_double(*value, out, size);
    return LS_OK;
  }
  snprintf(spec, sizeof spec, "%%%s", format);
  snprintf(out, size, spec, *value);
  return LS_OK;
}

ls_status lsi_callback_path(const ls_trainer *t, const char *text, int64_t epoch, const lsi_logs *logs, char *path,
                            size_t size) {
  size_t used = 0;
  path[0] = 0;
  if (text[0] != '/' && t->spec.run.dir) used = (size_t)snprintf(path, size, "%s/", t->spec.run.dir);
  while (*text && used + 1 < size) {
    const char *end = *text == '{' ? strchr(text, '}') : NULL;
    if (!end) {
      path[used++] = *text++;
      path[used] = 0;
      continue;
    }
    char field[96], value[64];
    snprintf(field, sizeof field, "%.*s", (int)(end - text - 1), text + 1);
    LSI_TRY(expand_field(field, epoch, logs, value, sizeof value));
    used += (size_t)snprintf(path + used, size - used, "%s", value);
    text = end + 1;
  }
  LSI_CHECK(used + 1 < size, LS_ERR_ARG, NULL, "the file name is too long: %s", path);
  return LS_OK;
}

/* The folders of a name such as best/{epoch:02d}.h5, on rank 0; Keras makes them, too. */
static ls_status make_folder_of(const char *path) {
  char folder[1024];
  const char *slash = strrchr(path, '/');
  if (!slash || slash == path) return LS_OK;
  snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
  return lsi_make_dirs(folder);
}

/* Files of the run folder that the run itself writes: a callback's would be lost under them, or they under it. */
static ls_status not_the_runs_own(const lsi_builtin *self, const ls_trainer *t, const char *key) {
  static const char *const own[] = {"model.h5", "history.csv", "config.yaml", "certificate.json", "done"};
  const char *path = lsi_object_text(&self->object, key);
  while (strncmp(path, "./", 2) == 0) path += 2;
  bool clash = strncmp(path, "checkpoints/", strlen("checkpoints/")) == 0;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) clash = clash || strcmp(path, own[i]) == 0;
  LSI_CHECK(!clash || !t->spec.run.dir, LS_ERR_ARG, "choose another name", "%s: %s '%s' is a file the run itself writes", self->object.info->class_name, key, path);
  return LS_OK;
}

/* ---- ModelCheckpoint ---- */
enum { MC_BEST };

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static int64_t save_every(const lsi_builtin *self) { /* 0: each epoch; -1: not a count */
  const char *text = lsi_object_text(&self->object, "save_freq");
  char *end;
  if (strcmp(text, "epoch") == 0) return 0;
  long long n = strtoll(text, &end, 10);
  return *end || n < 1 ? -1 : n;
}

static ls_status model_checkpoint_train_begin(lsi_builtin *self, ls_trainer *t) {
  const char *path = lsi_object_text(&self->object, "filepath");
  bool weights = ends_with(path, ".weights.h5"), whole = !weights && (ends_with(path, ".h5") || ends_with(path, ".keras"));
  if (lsi_object_get(&self->object, "save_weights_only"))
    LSI_CHECK(weights, LS_ERR_ARG, "or leave save_weights_only out", "ModelCheckpoint: with save_weights_only, filepath ends in .weights.h5, but it is '%s'", path);
  else
    LSI_CHECK(whole, LS_ERR_ARG, "a file of weights alone, .weights.h5, wants save_weights_only as well",
              "ModelCheckpoint: filepath ends in .keras or .h5, but it is '%s'", path);
  LSI_TRY(not_the_runs_own(self, t, "filepath"));
  LSI_CHECK(save_every(self) >= 0, LS_ERR_ARG, "give \"epoch\" or a number of batches", "ModelCheckpoint: save_freq '%s'",
            lsi_object_text(&self->object, "save_freq"));
  self->state[MC_BEST] = lsi_object_get(&self->object, "initial_value_threshold");
  return LS_OK;
}

static ls_status save_model(lsi_builtin *self, ls_trainer *t, int64_t epoch, const lsi_logs *logs, const char *why) {
  char path[1024];
  if (t->certify.compares) return LS_OK; /* a verification writes nothing */
  LSI_TRY(lsi_callback_path(t, lsi_object_text(&self->object, "filepath"), epoch, logs, path, sizeof path));
  say(t, self, "\nEpoch %" PRId64 ": %ssaving model to %s", epoch + 1, why, path);
  LSI_TRY(lsi_agree(t->comm, t->comm->rank == 0 ? make_folder_of(path) : LS_OK));
  return ls_model_save(t->model, path);
}

static ls_status model_checkpoint_epoch_end(lsi_builtin *self, ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  if (save_every(self) != 0) return LS_OK;
  if (!lsi_object_get(&self->object, "save_best_only")) return save_model(self, t, epoch, logs, "");
  const double *value = lsi_monitor_value(self, logs);
  const char *monitor = lsi_object_text(&self->object, "monitor");
  if (!value) return save_model(self, t, epoch, logs, "");
  double best = self->state[MC_BEST];
  int direction = lsi_monitor_direction(self, t);
  if (!lsi_monitor_improved(direction, *value, best, 0)) {
    say(t, self, "\nEpoch %" PRId64 ": %s did not improve from %.5f", epoch + 1, monitor, best);
    return LS_OK;
  }
  char why[160], from[40] = "None";
  if (!isnan(best)) snprintf(from, sizeof from, "%.5f", best);
  snprintf(why, sizeof why, "%s improved from %s to %.5f, ", monitor, from, *value);
  self->state[MC_BEST] = lsi_monitor_best(direction, *value);
  return save_model(self, t, epoch, logs, why);
}

static ls_status model_checkpoint_batch_end(lsi_builtin *self, ls_trainer *t, int64_t batch) {
  (void)batch;
  int64_t every = save_every(self);
  if (every <= 0 || t->optimizer->iteration % every) return LS_OK;
  lsi_logs logs = {0};
  double values[LSI_MAX_LOGGED];
  lsi_tally_values(&t->tally, &t->objective, values);
  for (int i = 0; i < t->objective.n_logged; i++) lsi_logs_set(&logs, t->model->logs[i], values[i]);
  return save_model(self, t, t->epoch, &logs, "");
}

const lsi_builtin_ops lsi_model_checkpoint_ops = {
    .kind = LSI_CB_MODEL_CHECKPOINT, .train_begin = model_checkpoint_train_begin,
    .batch_end = model_checkpoint_batch_end, .epoch_end = model_checkpoint_epoch_end};

/* ---- CSVLogger: the whole file each epoch, from this run's epochs, so that a resumed run's is the same ---- */
enum { CSV_KEPT }; /* bytes of the file that was there before this run (append) */
static const size_t max_csv_bytes = (size_t)1 << 30;

/* This epoch's names, and the validation's of those before (validation_freq); sorted, as Keras has them. */
static void csv_columns(const lsi_logs *logs, const ls_history *history, lsi_logs *all) {
  all->n = 0;
  for (int i = 0; i < logs->n; i++) lsi_logs_set(all, logs->names[i], NAN);
  for (int c = 0; c < history->n_columns; c++)
    if (strncmp(history->names[c], "val_", 4) == 0) lsi_logs_set(all, history->names[c], NAN);
  lsi_logs_sort(all);
}

static void write_header(FILE *out, const lsi_logs *columns, const char *separator) {
  fprintf(out, "epoch");
  for (int i = 0; i < columns->n; i++) fprintf(out, "%s%s", separator, columns->names[i]);
  fprintf(out, "\r\n");
}

/* `kept`: bytes of what goes before, which then has the header. */
static ls_status csv_text(const lsi_builtin *self, const ls_trainer *t, int64_t epoch, const lsi_logs *logs, const char *before,
                          size_t kept, char **text, size_t *size) {
  const char *separator = lsi_object_text(&self->object, "separator");
  lsi_logs columns;
  FILE *out = open_memstream(text, size);
  LSI_CHECK(out, LS_ERR_MEMORY, NULL, "CSVLogger: no memory");
  csv_columns(logs, t->history, &columns);
  if (kept) fwrite(before, 1, kept, out);
  else write_header(out, &columns, separator);
  for (int64_t row = 0; row <= t->history->n_epochs; row++) {
    bool now = row == t->history->n_epochs;
    fprintf(out, "%" PRId64, now ? epoch : t->history->epochs[row]);
    for (int i = 0; i < columns.n; i++) {
      char number[40] = "NA";
      const double *value = now ? lsi_logs_find(logs, columns.names[i]) : lsi_history_at(t->history, columns.names[i], row);
      if (value) lsi_format_double(*value, number, sizeof number);
      fprintf(out, "%s%s", separator, number);
    }
    fprintf(out, "\r\n");
  }
  LSI_CHECK(fclose(out) == 0, LS_ERR_MEMORY, NULL, "CSVLogger: no memory");
  return LS_OK;
}

/* On rank 0. */
static ls_status write_csv(const lsi_builtin *self, const ls_trainer *t, int64_t epoch, const lsi_logs *logs, const char *path) {
  char *before = NULL, *text = NULL;
  size_t n = 0, size = 0, kept = self->state[CSV_KEPT] > 0 ? (size_t)self->state[CSV_KEPT] : 0;
  if (kept) LSI_TRY(lsi_read_file(path, max_csv_bytes, &before, &n));
  ls_status status = csv_text(self, t, epoch, logs, before, kept < n ? kept : n, &text, &size);
  if (status == LS_OK) status = make_folder_of(path);
  if (status == LS_OK) status = lsi_durable_write(path, text, size);
  lsi_free(before);
  free(text);
  return status;
}

static ls_status csv_logger_epoch_end(lsi_builtin *self, ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  char path[1024];
  if (t->certify.compares) return LS_OK;
  LSI_TRY(lsi_callback_path(t, lsi_object_text(&self->object, "filename"), epoch, logs, path, sizeof path));
  return lsi_agree(t->comm, t->comm->rank == 0 ? write_csv(self, t, epoch, logs, path) : LS_OK);
}

/* With append: how long is the file that is there? */
static ls_status csv_logger_train_begin(lsi_builtin *self, ls_trainer *t) {
  const lsi_logs none = {0};
  char path[1024];
  struct stat there;
  LSI_TRY(not_the_runs_own(self, t, "filename"));
  self->state[CSV_KEPT] = 0;
  if (!lsi_object_get(&self->object, "append")) return LS_OK;
  LSI_TRY(lsi_callback_path(t, lsi_object_text(&self->object, "filename"), t->epoch, &none, path, sizeof path));
  if (t->comm->rank == 0 && stat(path, &there) == 0) self->state[CSV_KEPT] = (double)there.st_size;
  return lsi_bcast(t->comm, &self->state[CSV_KEPT], sizeof self->state[CSV_KEPT]);
}

const lsi_builtin_ops lsi_csv_logger_ops = {.kind = LSI_CB_CSV_LOGGER, .train_begin = csv_logger_train_begin,
                                            .epoch_end = csv_logger_epoch_end};

/* ---- LearningRateScheduler: a schedule over epochs ---- */
static ls_status scheduler_epoch_begin(lsi_builtin *self, ls_trainer *t, int64_t epoch) {
  double rate = lsi_object_get(&self->object, "schedule");
  if (self->object.nested) {
    lsi_object schedule;
    lsi_object_nested(&self->object, &schedule);
    rate = lsi_schedule_at(&schedule, epoch);
  }
  LSI_TRY(ls_trainer_set_learning_rate(t, rate));
  char number[40];
  lsi_format_double(rate, number, sizeof number);
  say(t, self, "\nEpoch %" PRId64 ": LearningRateScheduler setting learning rate to %s.", epoch + 1, number);
  return LS_OK;
}

static ls_status scheduler_epoch_end(lsi_builtin *self, ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  (void)self, (void)epoch;
  lsi_logs_set(logs, "learning_rate", t->optimizer->learning_rate);
  return LS_OK;
}

const lsi_builtin_ops lsi_learning_rate_scheduler_ops = {
    .kind = LSI_CB_LEARNING_RATE_SCHEDULER, .epoch_begin = scheduler_epoch_begin, .epoch_end = scheduler_epoch_end};

/* ---- TerminateOnNaN ---- */
static ls_status nan_batch_end(lsi_builtin *self, ls_trainer *t, int64_t batch) {
  (void)self;
  if (isfinite(t->batch_loss)) return LS_OK;
  if (t->comm->rank == 0 && t->spec.verbose) printf("Batch %" PRId64 ": Invalid loss, terminating training\n", batch);
  t->stop = true;
  return LS_OK;
}

const lsi_builtin_ops lsi_terminate_on_nan_ops = {.kind = LSI_CB_TERMINATE_ON_NAN, .batch_end = nan_batch_end};
