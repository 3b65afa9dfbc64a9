/* SPDX-License-Identifier: MIT */
#include "train/objective.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static bool is_taken(const lsi_objective *objective, int m, const char *name) {
  for (int i = 0; i < m; i++)
    if (strcmp(name, objective->metrics[i].log_name) == 0) return true;
  return false;
}

/* Keras numbers repeated names (accuracy, accuracy_1, ...); a weighted metric's is weighted_accuracy first (compile_utils.py). */
static void make_unique(lsi_objective *objective, int m) {
  char *name = objective->metrics[m].log_name, base[sizeof objective->metrics[m].log_name];
  if (!is_taken(objective, m, name)) return;
  snprintf(base, sizeof base, "%s%.50s", objective->metrics[m].weighted ? "weighted_" : "", name);
  snprintf(name, sizeof base, "%s", base);
  for (int k = 1; is_taken(objective, m, name); k++) snprintf(name, sizeof base, "%.58s_%d", base, k);
}

static ls_status publish_names(ls_model *model, lsi_objective *objective) {
  snprintf(model->logs[0], sizeof model->logs[0], "loss");
  int n = 1;
  for (int m = 0; m < objective->n_metrics; m++) {
    const lsi_metric *metric = &objective->metrics[m];
    LSI_CHECK(n + metric->n_values <= LSI_MAX_LOGGED, LS_ERR_UNSUPPORTED, "use fewer of them, or fewer thresholds",
              "the metrics give more than %d numbers", LSI_MAX_LOGGED - 1);
    for (int i = 0; i < metric->n_values; i++) lsi_metric_value_name(metric, i, model->logs[n++]);
  }
  model->n_logs = objective->n_logged = n;
  return LS_OK;
}

/* "crossentropy" becomes what it means for these targets, in the files that are written, too; its text stays. */
static ls_status resolve_loss(lsi_compile *compile, int64_t n_outputs, bool by_label) {
  lsi_object given, open, meant;
  LSI_TRY(lsi_object_parse(&lsi_losses, compile->loss_text, &given));
  LSI_TRY(lsi_object_parse(&lsi_losses, "crossentropy", &open));
  lsi_loss_resolve(&open, n_outputs, by_label, &meant);
  compile->crossentropy = meant.info->name;
  if (given.info->kind == LSI_LOSS_CROSSENTROPY_AUTO) compile->loss = meant;
  return LS_OK;
}

ls_status lsi_objective_init(lsi_objective *objective, ls_model *model, const ls_dataset *data) {
  const lsi_net *net = model->net;
  const ls_dataset_info *info = &data->info;
  memset(objective, 0, sizeof *objective);
  LSI_TRY(lsi_model_need_compile(model, data->label));
  LSI_CHECK(info->has_y, LS_ERR_SHAPE, "give the file a dataset y", "%s: there are no targets to train or evaluate with",
            data->label);
  LSI_TRY(lsi_model_need_input(model, data));
  objective->weighted = info->has_weight;
  objective->width = lsi_net_output_width(net);
  objective->lead = lsi_net_output_size(net) / objective->width;
  lsi_activation last = lsi_net_last_activation(net);
  bool label = info->y_is_label;
  int64_t n_targets = info->n_targets;
  LSI_TRY(resolve_loss(&model->compile, (int64_t)objective->width, label || n_targets == 1));
  ls_status status = lsi_loss_init(&objective->loss, &model->compile.loss, last, (int64_t)objective->width);
  if (objective->lead > 1 && !label && n_targets == (int64_t)lsi_net_output_size(net)) n_targets = (int64_t)objective->width;
  else if (objective->lead > 1 && status == LS_OK)
    status = lsi_error_set(LS_ERR_SHAPE, "flatten before the last Dense, or give a target for each output",
                           "%lld targets a sample for outputs of %zu values", (long long)n_targets,
                           lsi_net_output_size(net));
  if (status == LS_OK)
    status = lsi_loss_check_targets(&objective->loss, (int64_t)objective->width, label, n_targets, &objective->one_hot);
  objective->loss_weight = lsi_compile_loss_weight(&model->compile);
  objective->n_metrics = model->compile.n_metrics;
  objective->n_values = 2;
  for (int m = 0; m < objective->n_metrics && status == LS_OK; m++) {
    status = lsi_metric_init(&objective->metrics[m], model->compile.metrics[m], model->compile.weighted[m],
                             (int64_t)objective->width, label, n_targets);
    if (status != LS_OK) break;
    make_unique(objective, m);
    objective->n_values += objective->metrics[m].n_sums;
    if (objective->n_values > LSI_MAX_VALUES)
      status = lsi_error_set(LS_ERR_UNSUPPORTED, "use fewer of them, or fewer thresholds and classes", "the metrics need more than %d sums",
                             (int)LSI_MAX_VALUES);
  }
  if (status != LS_OK) {
    lsi_error_prefix("%s", data->label);
    return status;
  }
  objective->form = lsi_loss_target_form(&objective->loss);
  /* A linear last layer gives its logits anyhow. */
  objective->fused = objective->loss.on_logits && last != LSI_ACT_LINEAR;
  return publish_names(model, objective);
}

ls_status lsi_objective_scratch_create(const lsi_objective *objective, size_t max_rows, lsi_objective_scratch *out) {
  size_t rows = max_rows * objective->lead;
  *out = (lsi_objective_scratch){0};
  ls_status status;
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("loss", rows, &out->value));
  size_t sums = (size_t)LSI_METRIC_MAX_SUMS > LSI_LOSS_MAX_BATCH_SUMS ? (size_t)LSI_METRIC_MAX_SUMS : LSI_LOSS_MAX_BATCH_SUMS;
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("metrics", rows * sums, &out->sums));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("predictions", rows * objective->width, &out->pred));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("weights", rows, &out->weight));
  return LS_OK;
fail:
  lsi_objective_scratch_clear(out);
  return status;
}

void lsi_objective_scratch_clear(lsi_objective_scratch *scratch) {
  lsi_free(scratch->value);
  lsi_free(scratch->sums);
  lsi_free(scratch->pred);
  lsi_free(scratch->weight);
  *scratch = (lsi_objective_scratch){0};
}

/* Rows of each leaf, in order, into the leaf's slot. */
static void sum_leaves(const lsi_pass *pass, size_t lead, int n_sums, const double *rows, int n_values, double *leaf_values) {
  int n_leaves = pass->plan->leaf_end - pass->plan->leaf_begin;
  for (int l = 0; l < n_leaves; l++)
    for (int64_t r = pass->leaf_row[l] * (int64_t)lead; r < pass->leaf_row[l + 1] * (int64_t)lead; r++)
      for (int s = 0; s < n_sums; s++) leaf_values[l * n_values + s] += rows[r * n_sums + s];
}

/* A metric of many sums adds its rows to each leaf's by itself. */
static void add_wide(const lsi_objective *objective, const lsi_objective_scratch *scratch, const lsi_pass *pass, const lsi_metric *metric,
                     const lsi_targets *targets, const float *weight, double *leaf_values) {
  int n_leaves = pass->plan->leaf_end - pass->plan->leaf_begin;
  size_t n = objective->width;
  for (int l = 0; l < n_leaves; l++) {
    size_t first = (size_t)pass->leaf_row[l] * objective->lead, end = (size_t)pass->leaf_row[l + 1] * objective->lead;
    lsi_metric_accumulate(metric, end - first, n, scratch->pred + first * n, targets->label ? targets->label + first : NULL,
                          targets->target ? targets->target + first * n : NULL, weight ? weight + first : NULL,
                          leaf_values + l * objective->n_values);
  }
}

/* What the loss needs to know of the whole batch. Collective. */
static ls_status sum_batch(const lsi_objective *objective, const lsi_objective_scratch *scratch, const lsi_pass *pass,
                           const float *outputs, const int32_t *label, const float *target, const float *weight, double *leaf_values,
                           lsi_loss_batch *batch) {
  const lsi_leaf_plan *plan = pass->plan;
  size_t rows = (size_t)(plan->row_end - plan->row_begin) * objective->lead;
  int n = lsi_loss_batch_sums(&objective->loss, weight != NULL);
  lsi_loss_row_sums(&objective->loss, rows, objective->width, outputs, label, target, weight, scratch->sums);
  memset(leaf_values, 0, (size_t)(plan->leaf_end - plan->leaf_begin) * (size_t)n * sizeof *leaf_values);
  sum_leaves(pass, objective->lead, n, scratch->sums, n, leaf_values);
  return pass->reducer->sum(pass->reducer->self, plan, leaf_values, (size_t)n, batch->totals);
}

static double loss_scale(const lsi_objective *objective, bool weighted, double rows) {
  return lsi_loss_scale(&objective->loss, weighted, rows) * objective->loss_weight;
}

ls_status lsi_objective_rows(const lsi_objective *objective, const lsi_objective_scratch *scratch, const lsi_pass *pass,
                             const float *outputs, const lsi_targets *targets, double *leaf_values, float *delta) {
  const lsi_leaf_plan *plan = pass->plan;
  int n_leaves = plan->leaf_end - plan->leaf_begin, at = 2;
  size_t lead = objective->lead, rows = (size_t)(plan->row_end - plan->row_begin) * lead;
  const float *weight = targets->weight;
  const int32_t *label = objective->form == LSI_TARGET_LABEL ? targets->label : NULL; /* the loss gets one of the two */
  const float *target = label ? NULL : targets->target;
  int64_t bad_row;
  if (weight && lead > 1) {
    for (size_t r = 0; r < rows; r++) scratch->weight[r] = targets->weight[r / lead];
    weight = scratch->weight;
  }
  lsi_loss_batch batch = {.rows = (double)plan->n_rows * (double)lead};
  bool has_batch = lsi_loss_batch_sums(&objective->loss, weight != NULL) > 0;
  if (has_batch) LSI_TRY(sum_batch(objective, scratch, pass, outputs, label, target, weight, leaf_values, &batch));
  memset(leaf_values, 0, (size_t)n_leaves * (size_t)objective->n_values * sizeof *leaf_values);
  LSI_TRY(lsi_loss_batch_rows(&objective->loss, has_batch ? &batch : NULL, rows, objective->width, outputs, label, target, weight,
                              loss_scale(objective, weight != NULL, batch.rows), scratch->value,
                              objective->n_metrics ? scratch->pred : NULL, delta, &bad_row));
  sum_leaves(pass, lead, 1, scratch->value, objective->n_values, leaf_values);
  for (int l = 0; l < n_leaves; l++) leaf_values[l * objective->n_values + 1] = pass->leaf_penalty[l];
  for (int m = 0; m < objective->n_metrics; m++) {
    const lsi_metric *metric = &objective->metrics[m];
    if (metric->is_wide) {
      add_wide(objective, scratch, pass, metric, targets, weight, leaf_values + at);
    } else {
      lsi_metric_rows(metric, rows, objective->width, scratch->pred, targets->label, targets->target,
                      metric->weighted ? weight : NULL, scratch->sums);
      sum_leaves(pass, lead, metric->n_sums, scratch->sums, objective->n_values, leaf_values + at);
    }
    at += metric->n_sums;
  }
  return LS_OK;
}

double lsi_batch_loss(const lsi_objective *objective, const double *totals, double penalty, int64_t n_rows) {
  double rows = (double)n_rows * (double)objective->lead;
  return totals[0] * loss_scale(objective, objective->weighted, rows) + totals[1] + penalty;
}

void lsi_tally_add(lsi_tally *tally, const lsi_objective *objective, const double *totals, double loss, int64_t n_rows) {
  tally->sums[0] += loss * (double)n_rows;
  tally->sums[1] += (double)n_rows;
  for (int v = 2; v < objective->n_values; v++) tally->sums[v] += totals[v];
}

void lsi_tally_values(const lsi_tally *tally, const lsi_objective *objective, double *values) {
  values[0] = tally->sums[1] > 0 ? tally->sums[0] / tally->sums[1] : 0;
  double *next = values + 1;
  for (int m = 0, at = 2; m < objective->n_metrics; at += objective->metrics[m++].n_sums) {
    lsi_metric_values(&objective->metrics[m], tally->sums + at, next);
    next += objective->metrics[m].n_values;
  }
}
