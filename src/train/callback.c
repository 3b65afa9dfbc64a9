/* SPDX-License-Identifier: MIT */
/* The table of built-in callbacks, and the calls that reach them and the user's own. */
#include "train/callback.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "optim/schedule.h"
#include "train/trainer.h"

#define MONITOR(text) {"monitor", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text}
#define VERBOSE {"verbose", LSI_PARAM_INT, 0.0, 0.0, 2.0, NULL}
#define MODE {"mode", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, "auto|min|max"}
#define FLAG(argument) {argument, LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL}
#define COUNT(argument, value) {argument, LSI_PARAM_INT, value, 0.0, 1e9, NULL}
#define FILE_NAME(argument) {argument, LSI_PARAM_TEXT, LSI_REQUIRED, 0.0, 0.0, NULL}

/* Arguments in Keras 3's order (keras/src/callbacks). */
static const lsi_class_info classes[] = {
    {.kind = LSI_CB_EARLY_STOPPING, .class_name = "EarlyStopping", .name = "early_stopping", .n_params = 8,
     .params = {MONITOR("val_loss"), {"min_delta", LSI_PARAM_FLOAT, 0.0, -1e30, 1e30, NULL}, COUNT("patience", 0.0),
                VERBOSE, MODE, {"baseline", LSI_PARAM_FLOAT, NAN, -1e30, 1e30, NULL}, FLAG("restore_best_weights"),
                COUNT("start_from_epoch", 0.0)}},
    {.kind = LSI_CB_MODEL_CHECKPOINT, .class_name = "ModelCheckpoint", .name = "model_checkpoint", .n_params = 8,
     .params = {FILE_NAME("filepath"), MONITOR("val_loss"), VERBOSE, FLAG("save_best_only"), FLAG("save_weights_only"),
                MODE, {"save_freq", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, "epoch"},
                {"initial_value_threshold", LSI_PARAM_FLOAT, NAN, -1e30, 1e30, NULL}}},
    {.kind = LSI_CB_REDUCE_LR_ON_PLATEAU, .class_name = "ReduceLROnPlateau", .name = "reduce_lr_on_plateau", .n_params = 8,
     .params = {MONITOR("val_loss"), {"factor", LSI_PARAM_FLOAT, 0.1, 0.0, 0.9999999999, NULL}, COUNT("patience", 10.0),
                VERBOSE, MODE, {"min_delta", LSI_PARAM_FLOAT, 1e-4, -1e30, 1e30, NULL}, COUNT("cooldown", 0.0),
                {"min_lr", LSI_PARAM_FLOAT, 0.0, 0.0, 1e6, NULL}}},
    {.kind = LSI_CB_LEARNING_RATE_SCHEDULER, .class_name = "LearningRateScheduler", .name = "learning_rate_scheduler",
     .n_params = 2, .params = {{"schedule", LSI_PARAM_SCHEDULE, LSI_REQUIRED, 0.0, 1e6, NULL}, VERBOSE}},
    {.kind = LSI_CB_CSV_LOGGER, .class_name = "CSVLogger", .name = "csv_logger", .n_params = 3,
     .params = {FILE_NAME("filename"), {"separator", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, ","}, FLAG("append")}},
    {.kind = LSI_CB_TERMINATE_ON_NAN, .class_name = "TerminateOnNaN", .name = "terminate_on_nan", .n_params = 0},
};

const lsi_family lsi_callback_family = {.what = "callback", .classes = classes,
                                        .n_classes = sizeof classes / sizeof *classes, .schedules = &lsi_schedules};

static const lsi_builtin_ops *const table[] = {
    [LSI_CB_EARLY_STOPPING] = &lsi_early_stopping_ops,
    [LSI_CB_MODEL_CHECKPOINT] = &lsi_model_checkpoint_ops,
    [LSI_CB_REDUCE_LR_ON_PLATEAU] = &lsi_reduce_lr_on_plateau_ops,
    [LSI_CB_LEARNING_RATE_SCHEDULER] = &lsi_learning_rate_scheduler_ops,
    [LSI_CB_CSV_LOGGER] = &lsi_csv_logger_ops,
    [LSI_CB_TERMINATE_ON_NAN] = &lsi_terminate_on_nan_ops,
};

/* Where Keras would take None for a text, there is nothing it could mean here. */
static ls_status check_texts(const lsi_object *object) {
  for (int i = 0; i < object->info->n_params; i++) {
    const lsi_param_info *param = &object->info->params[i];
    LSI_CHECK(param->type != LSI_PARAM_TEXT || lsi_object_text(object, param->name), LS_ERR_ARG, NULL,
              "callback %s: argument '%s' is None, must be a text", object->info->class_name, param->name);
  }
  return LS_OK;
}

ls_status lsi_callbacks_create(lsi_callbacks *callbacks, const ls_fit_spec *spec, size_t size) {
  memset(callbacks, 0, sizeof *callbacks);
  LSI_CHECK(spec->n_callbacks <= LSI_MAX_CALLBACKS, LS_ERR_ARG, NULL, "%d callbacks; at most %d are possible",
            spec->n_callbacks, LSI_MAX_CALLBACKS);
  callbacks->user = spec->user_callbacks;
  callbacks->n_user = spec->n_user_callbacks;
  for (int i = 0; i < spec->n_callbacks; i++) {
    lsi_builtin *item = &callbacks->items[i];
    LSI_CHECK(spec->callbacks[i], LS_ERR_ARG, NULL, "fit: callback %d is NULL", i);
    LSI_TRY(lsi_object_parse(&lsi_callback_family, spec->callbacks[i], &item->object));
    LSI_TRY(check_texts(&item->object));
    item->ops = table[item->object.info->kind];
    callbacks->n = i + 1;
    if (item->ops->batch_end) callbacks->any_batch = true;
    for (int s = 0; s < LSI_CALLBACK_STATE; s++) item->state[s] = NAN;
    if (item->object.info->kind == LSI_CB_EARLY_STOPPING && lsi_object_get(&item->object, "restore_best_weights"))
      LSI_TRY(LSI_ALLOC("best weights", size, &item->best));
  }
  for (int i = 0; i < callbacks->n_user; i++)
    if (callbacks->user[i].on_train_batch_end) callbacks->any_batch = true;
  return LS_OK;
}

void lsi_callbacks_clear(lsi_callbacks *callbacks) {
  for (int i = 0; i < callbacks->n; i++) lsi_free(callbacks->items[i].best);
  callbacks->n = 0;
}

/* A user's function may fail at one rank alone, and need not know of error records. Collective. */
static ls_status agree_on_user(const ls_trainer *t, const char *which, ls_status status) {
  if (status != LS_OK && ls_last_error()->status != status)
    status = lsi_error_set(status < 0 && status >= LS_ERR_INTERNAL ? status : LS_ERR_INTERNAL, NULL,
                           "the user's callback %s returned %d (%s)", which, (int)status, ls_status_name(status));
  return lsi_agree(t->comm, status);
}

#define LSI_TRY_USER(t, callback, function, ...)                                                                       \
  do {                                                                                                                 \
    if (!(callback)->function) break;                                                                                  \
    lsi_error_clear();                                                                                                 \
    LSI_TRY(agree_on_user(t, #function, (callback)->function((callback)->user, __VA_ARGS__)));                         \
  } while (0)

ls_status lsi_callbacks_train_begin(ls_trainer *t, bool resumed) {
  lsi_callbacks *all = &t->callbacks;
  for (int i = 0; i < all->n && !resumed; i++)
    if (all->items[i].ops->train_begin) LSI_TRY(all->items[i].ops->train_begin(&all->items[i], t));
  for (int i = 0; i < all->n_user; i++) LSI_TRY_USER(t, &all->user[i], on_train_begin, t);
  return LS_OK;
}

ls_status lsi_callbacks_epoch_begin(ls_trainer *t, int64_t epoch) {
  lsi_callbacks *all = &t->callbacks;
  for (int i = 0; i < all->n; i++)
    if (all->items[i].ops->epoch_begin) LSI_TRY(all->items[i].ops->epoch_begin(&all->items[i], t, epoch));
  for (int i = 0; i < all->n_user; i++) LSI_TRY_USER(t, &all->user[i], on_epoch_begin, t, epoch);
  return LS_OK;
}

/* A user sees borrowed arrays of names and values. */
static ls_logs borrow(const lsi_logs *logs, const char *names[LSI_MAX_LOGS]) {
  for (int i = 0; i < logs->n; i++) names[i] = logs->names[i];
  return (ls_logs){logs->n, names, logs->values};
}

ls_status lsi_callbacks_batch_end(ls_trainer *t, int64_t batch) {
  lsi_callbacks *all = &t->callbacks;
  if (!all->any_batch) return LS_OK;
  for (int i = 0; i < all->n; i++)
    if (all->items[i].ops->batch_end) LSI_TRY(all->items[i].ops->batch_end(&all->items[i], t, batch));
  if (!all->n_user) return LS_OK;
  lsi_logs logs;
  const char *names[LSI_MAX_LOGS];
  lsi_trainer_logs(t, &logs);
  ls_logs seen = borrow(&logs, names);
  for (int i = 0; i < all->n_user; i++) LSI_TRY_USER(t, &all->user[i], on_train_batch_end, t, batch, &seen);
  return LS_OK;
}

ls_status lsi_callbacks_epoch_end(ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  lsi_callbacks *all = &t->callbacks;
  for (int i = 0; i < all->n; i++)
    if (all->items[i].ops->epoch_end) LSI_TRY(all->items[i].ops->epoch_end(&all->items[i], t, epoch, logs));
  const char *names[LSI_MAX_LOGS];
  ls_logs seen = borrow(logs, names);
  for (int i = 0; i < all->n_user; i++) LSI_TRY_USER(t, &all->user[i], on_epoch_end, t, epoch, &seen);
  return LS_OK;
}

ls_status lsi_callbacks_train_end(ls_trainer *t) {
  lsi_callbacks *all = &t->callbacks;
  for (int i = 0; i < all->n; i++)
    if (all->items[i].ops->train_end) LSI_TRY(all->items[i].ops->train_end(&all->items[i], t));
  for (int i = 0; i < all->n_user; i++) LSI_TRY_USER(t, &all->user[i], on_train_end, t);
  return LS_OK;
}

void ls_trainer_stop(ls_trainer *trainer) {
  if (trainer) trainer->stop = true;
}

double ls_trainer_learning_rate(const ls_trainer *trainer) {
  return trainer ? lsi_optimizer_rate(trainer->optimizer) : 0;
}

ls_status ls_trainer_set_learning_rate(ls_trainer *trainer, double learning_rate) {
  LSI_NOT_NULL(trainer);
  LSI_CHECK(!trainer->optimizer->has_schedule, LS_ERR_STATE, "give the optimizer a number as learning_rate",
            "the learning rate follows a schedule and cannot be set");
  LSI_CHECK(learning_rate >= 0 && isfinite(learning_rate), LS_ERR_ARG, NULL, "learning rate %g", learning_rate);
  trainer->optimizer->learning_rate = (double)(float)learning_rate; /* a float32 variable, as in Keras */
  return LS_OK;
}

int64_t ls_trainer_skipped_steps(const ls_trainer *trainer) {
  return trainer ? trainer->guard.skipped : 0;
}

ls_model *ls_trainer_model(ls_trainer *trainer) {
  return trainer ? trainer->model : NULL;
}
