/* SPDX-License-Identifier: MIT */
/* Single functions: activations, losses, metrics, initialisers, regularisers, schedules, optimizers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "nn/orthogonality.h"
#include "nn/regularizer.h"
#include "optim/clip.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "oracle.h"

/* ---- the class tables ---- */

static json_t *param_json(const lsi_class_info *info, int i) {
  const lsi_param_info *param = &info->params[i];
  lsi_object fresh;
  lsi_object_default(info, &fresh);
  json_t *value = json_null();
  if (param->default_value == LSI_REQUIRED) value = json_string("REQUIRED");
  else if (param->type == LSI_PARAM_TEXT) value = lsi_object_text(&fresh, param->name) ? json_string(lsi_object_text(&fresh, param->name)) : json_null();
  else if (param->type == LSI_PARAM_BOOL) value = json_boolean(param->default_value != 0);
  else if (!isnan(param->default_value)) value = json_real(param->default_value);
  return json_pack("[s, o]", param->name, value);
}

static json_t *family_json(const lsi_family *family) {
  json_t *classes = json_array();
  for (int c = 0; c < family->n_classes; c++) {
    const lsi_class_info *info = &family->classes[c];
    json_t *aliases = json_array(), *params = json_array();
    for (int i = 0; i < 4 && info->aliases[i]; i++) json_array_append_new(aliases, json_string(info->aliases[i]));
    for (int i = 0; i < info->n_params; i++) json_array_append_new(params, param_json(info, i));
    json_array_append_new(classes, json_pack("{s:s, s:s, s:o, s:o}", "class_name", info->class_name, "name", info->name,
                                             "aliases", aliases, "params", params));
  }
  return classes;
}

ls_status oracle_tables(oracle_call *call) {
  oracle_set(call, "initializers", family_json(&lsi_initializers));
  oracle_set(call, "regularizers", family_json(&lsi_regularizers));
  oracle_set(call, "losses", family_json(&lsi_losses));
  oracle_set(call, "metrics", family_json(&lsi_metrics));
  oracle_set(call, "optimizers", family_json(&lsi_optimizers));
  oracle_set(call, "schedules", family_json(&lsi_schedules));
  oracle_set(call, "constraints", family_json(&lsi_constraints));
  json_t *layers = json_array();
  for (int k = 0; k < LSI_LAYER_KINDS; k++) json_array_append_new(layers, json_string(lsi_layer_table[k]->class_name));
  oracle_set(call, "layers", layers);
  json_t *activations = json_array();
  for (int i = 0; i < LSI_ACT_COUNT; i++)
    if (lsi_activation_name((lsi_activation)i)) json_array_append_new(activations, json_string(lsi_activation_name((lsi_activation)i)));
  oracle_set(call, "activations", activations);
  return LS_OK;
}

/* ---- activations, losses, metrics ---- */

ls_status oracle_activation(oracle_call *call) {
  const oracle_array *x = oracle_in(call, "x");
  lsi_activation activation;
  LSI_TRY(lsi_activation_parse(oracle_text(call, "name"), &activation));
  size_t rows = (size_t)x->dims[0], n = (size_t)x->dims[1];
  float *y = oracle_out(call, "y", 'f', 2, x->dims), *dx = oracle_out(call, "dx", 'f', 2, x->dims);
  lsi_activation_forward(activation, rows, n, x->data, NULL, y, NULL);
  lsi_activation_backward(activation, rows, n, x->data, y, oracle_floats(call, "dy"), dx);
  return LS_OK;
}

ls_status oracle_loss(oracle_call *call) {
  const oracle_array *in = oracle_in(call, "in"), *label = oracle_in(call, "label");
  lsi_object object;
  lsi_loss loss;
  lsi_activation last;
  int64_t bad_row;
  LSI_TRY(lsi_object_parse(&lsi_losses, oracle_text(call, "loss"), &object));
  LSI_TRY(lsi_activation_parse(oracle_text(call, "activation"), &last));
  LSI_TRY(lsi_loss_init(&loss, &object, last, in->dims[1]));
  oracle_set(call, "on_logits", json_boolean(loss.on_logits));
  double *value = oracle_out(call, "value", 'd', 1, in->dims);
  float *pred = oracle_out(call, "pred", 'f', 2, in->dims), *grad = oracle_out(call, "grad", 'f', 2, in->dims);
  const float *target = oracle_floats(call, "target"), *weight = oracle_floats(call, "weight");
  size_t rows = (size_t)in->dims[0], n = (size_t)in->dims[1];
  double sums[256 * LSI_LOSS_MAX_BATCH_SUMS], scale = lsi_loss_scale(&loss, weight != NULL, (double)rows), total = 0;
  lsi_loss_batch batch = {.rows = (double)rows};
  int k = lsi_loss_batch_sums(&loss, weight != NULL);
  if (k > 0) lsi_loss_row_sums(&loss, rows, n, in->data, label ? label->data : NULL, target, weight, sums);
  for (size_t r = 0; r < rows * (size_t)k; r++) batch.totals[r % (size_t)k] += sums[r];
  LSI_TRY(lsi_loss_batch_rows(&loss, k > 0 ? &batch : NULL, rows, n, in->data, label ? label->data : NULL, target, weight, scale,
                              value, pred, grad, &bad_row));
  for (size_t r = 0; r < rows; r++) total += value[r] * scale;
  oracle_set(call, "loss", json_real(total));
  return LS_OK;
}

ls_status oracle_metric(oracle_call *call) {
  const oracle_array *pred = oracle_in(call, "pred"), *label = oracle_in(call, "label"), *target = oracle_in(call, "target");
  lsi_metric metric;
  size_t rows = (size_t)pred->dims[0], n = (size_t)pred->dims[1];
  const float *weight = oracle_floats(call, "weight");
  LSI_TRY(lsi_metric_init(&metric, oracle_text(call, "metric"), weight != NULL, pred->dims[1], label != NULL,
                          target ? target->dims[1] : 1));
  double *sums = calloc(rows * LSI_METRIC_MAX_SUMS + 1, sizeof *sums), total[LSI_METRIC_MAX_WIDE] = {0};
  if (metric.is_wide)
    lsi_metric_accumulate(&metric, rows, n, pred->data, label ? label->data : NULL, target ? target->data : NULL, weight, total);
  else
    lsi_metric_rows(&metric, rows, n, pred->data, label ? label->data : NULL, target ? target->data : NULL, weight, sums);
  for (size_t r = 0; r < rows && !metric.is_wide; r++)
    for (int s = 0; s < metric.n_sums; s++) total[s] += sums[r * (size_t)metric.n_sums + (size_t)s];
  free(sums);
  double values[LSI_METRIC_MAX_VALUES];
  json_t *list = json_array();
  lsi_metric_values(&metric, total, values);
  for (int i = 0; i < metric.n_values; i++) json_array_append_new(list, json_real(values[i]));
  oracle_set(call, "values", list);
  oracle_set(call, "name", json_string(metric.log_name));
  return LS_OK;
}

/* ---- initialisers, regularisers, schedules ---- */

ls_status oracle_initializer(oracle_call *call) {
  lsi_object object;
  int64_t dims[2] = {(int64_t)oracle_number(call, "rows", 1), (int64_t)oracle_number(call, "columns", 1)};
  LSI_TRY(lsi_object_parse(&lsi_initializers, oracle_text(call, "initializer"), &object));
  float *values = oracle_out(call, "values", 'f', 2, dims);
  lsi_initialize(&object, (uint64_t)oracle_number(call, "seed", 1), 0, 2, dims, values, (size_t)(dims[0] * dims[1]));
  return LS_OK;
}

ls_status oracle_regularizer(oracle_call *call) {
  lsi_object object;
  size_t n;
  const oracle_array *w = oracle_in(call, "w");
  LSI_TRY(lsi_object_parse(&lsi_regularizers, oracle_text(call, "regularizer"), &object));
  LSI_TRY(lsi_orthogonality_check(&object, "w", w->rank, w->dims));
  LSI_TRY(lsi_regularizer_prepare(&object, w->dims, &n));
  float *scratch = malloc((n + 1) * sizeof *scratch);
  oracle_set(call, "value", json_real(lsi_regularizer_loss(&object, w->dims, w->count, w->data, scratch)));
  lsi_regularizer_add_grad(&object, w->dims, w->count, w->data, scratch, oracle_out(call, "grad", 'f', w->rank, w->dims));
  free(scratch);
  return LS_OK;
}

ls_status oracle_schedule(oracle_call *call) {
  lsi_object object;
  int64_t n = (int64_t)oracle_number(call, "steps", 1);
  LSI_TRY(lsi_object_parse(&lsi_schedules, oracle_text(call, "schedule"), &object));
  double *rates = oracle_out(call, "rates", 'd', 1, &n);
  for (int64_t i = 0; i < n; i++) rates[i] = lsi_schedule_at(&object, i);
  return LS_OK;
}

/* ---- optimizers: params [n], grads [steps, n], two tensors: a matrix of `rows` rows up to `cut`, and a vector; the parameters after
   every step ---- */

static void one_step(lsi_optimizer *optimizer, float *grad, float *params) {
  const lsi_optim_tensor *t = optimizer->tensors;
  const lsi_clip_tensor tensors[2] = {{t[0].offset, t[0].count}, {t[1].offset, t[1].count}};
  lsi_optimizer_accumulate(optimizer, 0, optimizer->n, grad);
  if (lsi_clip_wanted(optimizer)) lsi_clip_gradients(optimizer, tensors, 2, grad);
  if (lsi_optimizer_due(optimizer)) lsi_optimizer_update(optimizer, lsi_optimizer_rate(optimizer), 0, optimizer->n, grad, params);
  lsi_optimizer_average(optimizer, 0, optimizer->n, params);
  lsi_optimizer_advance(optimizer);
}

ls_status oracle_optimizer(oracle_call *call) {
  const oracle_array *params = oracle_in(call, "params"), *grads = oracle_in(call, "grads");
  lsi_object object;
  lsi_optimizer *optimizer;
  size_t n = params->count, steps = (size_t)grads->dims[0], cut = (size_t)oracle_number(call, "cut", 0);
  int64_t rows = (int64_t)oracle_number(call, "rows", 1);
  lsi_tensor tensors[2] = {{.rank = 2, .dims = {rows, (int64_t)cut / rows}, .count = cut, .trainable = true},
                           {.rank = 1, .dims = {(int64_t)(n - cut)}, .count = n - cut, .offset = cut, .trainable = true}};
  const lsi_layout layout = {.n = 2, .tensors = tensors, .n_trainable = n, .size = n};
  LSI_TRY(lsi_object_parse(&lsi_optimizers, oracle_text(call, "optimizer"), &object));
  LSI_TRY(lsi_optimizer_create(&object, &layout, &optimizer));
  float *out = oracle_out(call, "params", 'f', 2, grads->dims);
  for (size_t s = 0; s < steps; s++) {
    memcpy(out + s * n, s ? out + (s - 1) * n : (const float *)params->data, n * sizeof(float));
    one_step(optimizer, (float *)grads->data + s * n, out + s * n);
  }
  lsi_optimizer_destroy(&optimizer);
  return LS_OK;
}
