/* SPDX-License-Identifier: MIT */
/* Callbacks that watch a number: EarlyStopping and ReduceLROnPlateau, as keras/src/callbacks has them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "train/trainer.h"

int lsi_monitor_direction(const lsi_builtin *self, const ls_trainer *trainer) {
  const char *mode = lsi_object_text(&self->object, "mode"), *monitor = lsi_object_text(&self->object, "monitor");
  if (strcmp(mode, "max") == 0) return 1;
  if (strcmp(mode, "min") == 0) return -1;
  if (strncmp(monitor, "val_", 4) == 0) monitor += 4;
  for (int m = 0; m < trainer->objective.n_metrics; m++)
    for (int i = 0; i < trainer->objective.metrics[m].n_values; i++) {
      char name[64];
      lsi_metric_value_name(&trainer->objective.metrics[m], i, name);
      if (strcmp(name, monitor) == 0) return lsi_metric_direction(&trainer->objective.metrics[m]);
    }
  return -1; /* losses fall */
}

const double *lsi_monitor_value(const lsi_builtin *self, const lsi_logs *logs) {
  const char *monitor = lsi_object_text(&self->object, "monitor");
  const double *value = lsi_logs_find(logs, monitor);
  if (value) return value;
  char known[256] = "";
  for (int i = 0; i < logs->n && strlen(known) < 180; i++)
    snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", logs->names[i]);
  lsi_log_warn("%s watches '%s', which this epoch does not have; it has: %s", self->object.info->class_name, monitor, known);
  return NULL;
}

bool lsi_monitor_improved(int direction, double value, double best, double min_delta) {
  if (isnan(best)) return true;
  return direction > 0 ? value - fabs(min_delta) > best : value + fabs(min_delta) < best;
}

double lsi_monitor_best(int direction, double value) {
  return isnan(value) ? direction * (double)INFINITY : value;
}

static void say(const ls_trainer *t, const lsi_builtin *self, const char *text) {
  if (t->comm->rank == 0 && !t->certify.compares && lsi_object_get(&self->object, "verbose") > 0) puts(text), fflush(stdout);
}

/* ---- EarlyStopping ---- */
enum { ES_BEST, ES_WAIT, ES_BEST_EPOCH, ES_STOPPED };

static ls_status early_train_begin(lsi_builtin *self, ls_trainer *t) {
  (void)t;
  self->state[ES_BEST] = NAN;
  self->state[ES_WAIT] = self->state[ES_STOPPED] = 0;
  self->state[ES_BEST_EPOCH] = -1;
  return LS_OK;
}

static void keep_weights(lsi_builtin *self, const ls_trainer *t, int64_t epoch) {
  if (self->best) memcpy(self->best, t->model->net->params, t->model->net->layout.size * sizeof *self->best);
  self->state[ES_BEST_EPOCH] = (double)epoch;
}

static ls_status early_epoch_end(lsi_builtin *self, ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  const lsi_object *o = &self->object;
  const double *value = lsi_monitor_value(self, logs);
  double *s = self->state, baseline = lsi_object_get(o, "baseline"), min_delta = lsi_object_get(o, "min_delta");
  int direction = lsi_monitor_direction(self, t);
  if (!value || epoch < (int64_t)lsi_object_get(o, "start_from_epoch")) return LS_OK;
  if (self->best && s[ES_BEST_EPOCH] < 0) keep_weights(self, t, epoch);
  s[ES_WAIT]++;
  if (lsi_monitor_improved(direction, *value, s[ES_BEST], min_delta)) {
    s[ES_BEST] = lsi_monitor_best(direction, *value);
    keep_weights(self, t, epoch);
    if (isnan(baseline) || lsi_monitor_improved(direction, *value, baseline, min_delta)) s[ES_WAIT] = 0;
    return LS_OK;
  }
  if (s[ES_WAIT] >= lsi_object_get(o, "patience") && epoch > 0) {
    s[ES_STOPPED] = (double)(epoch + 1);
    t->stop = true;
  }
  return LS_OK;
}

static ls_status early_train_end(lsi_builtin *self, ls_trainer *t) {
  char text[128];
  if (self->state[ES_STOPPED] > 0) {
    snprintf(text, sizeof text, "Epoch %.0f: early stopping", self->state[ES_STOPPED]);
    say(t, self, text);
  }
  if (!self->best || self->state[ES_BEST_EPOCH] < 0) return LS_OK;
  snprintf(text, sizeof text, "Restoring model weights from the end of the best epoch: %.0f.",
           self->state[ES_BEST_EPOCH] + 1);
  say(t, self, text);
  memcpy(t->model->net->params, self->best, t->model->net->layout.size * sizeof *self->best);
  return LS_OK;
}

const lsi_builtin_ops lsi_early_stopping_ops = {.kind = LSI_CB_EARLY_STOPPING, .train_begin = early_train_begin,
                                                .epoch_end = early_epoch_end, .train_end = early_train_end};

/* ---- ReduceLROnPlateau ---- */
enum { RL_BEST, RL_WAIT, RL_COOLDOWN };

static ls_status plateau_train_begin(lsi_builtin *self, ls_trainer *t) {
  LSI_CHECK(!t->optimizer->has_schedule, LS_ERR_CONFIG, "give the optimizer a number as learning_rate",
            "ReduceLROnPlateau cannot change a learning rate that follows a schedule");
  self->state[RL_BEST] = NAN;
  self->state[RL_WAIT] = self->state[RL_COOLDOWN] = 0;
  return LS_OK;
}

static ls_status reduce_rate(lsi_builtin *self, ls_trainer *t, int64_t epoch) {
  const lsi_object *o = &self->object;
  double rate = (double)(float)t->optimizer->learning_rate, min_lr = lsi_object_get(o, "min_lr");
  if (!(rate > (double)(float)min_lr)) return LS_OK;
  rate = fmax(rate * lsi_object_get(o, "factor"), min_lr);
  LSI_TRY(ls_trainer_set_learning_rate(t, rate));
  char text[128], number[40];
  lsi_format_double(rate, number, sizeof number);
  snprintf(text, sizeof text, "\nEpoch %" PRId64 ": ReduceLROnPlateau reducing learning rate to %s.", epoch + 1, number);
  say(t, self, text);
  self->state[RL_COOLDOWN] = lsi_object_get(o, "cooldown");
  self->state[RL_WAIT] = 0;
  return LS_OK;
}

static ls_status plateau_epoch_end(lsi_builtin *self, ls_trainer *t, int64_t epoch, lsi_logs *logs) {
  const lsi_object *o = &self->object;
  double *s = self->state;
  lsi_logs_set(logs, "learning_rate", t->optimizer->learning_rate);
  const double *value = lsi_monitor_value(self, logs);
  if (!value) return LS_OK;
  if (s[RL_COOLDOWN] > 0) {
    s[RL_COOLDOWN]--;
    s[RL_WAIT] = 0;
  }
  int direction = lsi_monitor_direction(self, t);
  if (lsi_monitor_improved(direction, *value, s[RL_BEST], lsi_object_get(o, "min_delta"))) {
    s[RL_BEST] = lsi_monitor_best(direction, *value);
    s[RL_WAIT] = 0;
  } else if (s[RL_COOLDOWN] <= 0 && ++s[RL_WAIT] >= lsi_object_get(o, "patience")) {
    return reduce_rate(self, t, epoch);
  }
  return LS_OK;
}

const lsi_builtin_ops lsi_reduce_lr_on_plateau_ops = {.kind = LSI_CB_REDUCE_LR_ON_PLATEAU,
                                                      .train_begin = plateau_train_begin, .epoch_end = plateau_epoch_end};
