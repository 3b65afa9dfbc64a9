/* SPDX-License-Identifier: MIT */
/* Whole nets: one pass with given weights, and fit, evaluate, predict through the public API. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "nn/net.h"
#include "oracle.h"
#include "train/model.h"

/* ---- one pass ---- */

/* Arrays "w0", "w1", ... into the net's tensors. */
static ls_status take_weights(const oracle_call *call, lsi_net *net) {
  for (int t = 0; t < net->layout.n; t++) {
    char name[16];
    snprintf(name, sizeof name, "w%d", t);
    const oracle_array *array = oracle_in(call, name);
    const lsi_tensor *tensor = &net->layout.tensors[t];
    LSI_CHECK(array && array->count == tensor->count, LS_ERR_SHAPE, NULL, "weight %d (%s) does not fit", t, tensor->name);
    memcpy(net->params + tensor->offset, array->data, tensor->count * sizeof(float));
  }
  net->has_weights = true;
  return LS_OK;
}

/* Gradients (or, for what is not trained, the values after the pass) as "g0", "g1", ... */
static void give_tensors(oracle_call *call, const lsi_net *net, const float *gradient) {
  static char names[ORACLE_MAX_ARRAYS][8];
  for (int t = 0; t < net->layout.n; t++) {
    const lsi_tensor *tensor = &net->layout.tensors[t];
    const float *from = tensor->trainable ? gradient : net->params;
    snprintf(names[t], sizeof names[t], "g%d", t);
    memcpy(oracle_out(call, names[t], 'f', tensor->rank, tensor->dims), from + tensor->offset, tensor->count * sizeof(float));
  }
}

/* Add the canonical partials; with one rank there is one node over all leaves or a few that are added in tree order. */
static void add_partials(const lsi_leaf_plan *plan, float *const *partials, size_t n, float *sum) {
  for (int j = 0; j < plan->n_nodes; j++)
    for (size_t i = 0; i < n; i++) sum[i] += partials[j][i];
}

static ls_status pass_through(oracle_call *call, lsi_net *net, lsi_workspace *work) {
  const oracle_array *x = oracle_in(call, "x");
  bool training = oracle_flag(call, "training");
  float *partials[LSI_TREE_MAX_NODES], *sum = calloc(net->layout.size + 1, sizeof *sum), *output, *delta = work->deltas[0];
  lsi_leaf_plan plan;
  lsi_pass pass = {0};
  lsi_leaf_plan_init(&plan, x->dims[0], (int64_t)oracle_number(call, "leaf_rows", 4), 1, 0);
  for (int j = 0; j < plan.n_nodes; j++) partials[j] = calloc(net->layout.size + 1, sizeof(float));
  lsi_pass_begin(&pass, net, work, &plan, &lsi_reducer_local, training);
  memcpy(work->x, x->data, x->count * sizeof(float));
  ls_status status = lsi_net_forward(net, &pass, work, &output);
  int64_t shape[2] = {x->dims[0], (int64_t)lsi_net_output_size(net)};
  if (status == LS_OK) memcpy(oracle_out(call, "y", 'f', 2, shape), output, (size_t)(shape[0] * shape[1]) * sizeof(float));
  if (status == LS_OK && training) {
    memcpy(work->deltas[0], oracle_floats(call, "dy"), (size_t)(shape[0] * shape[1]) * sizeof(float));
    status = lsi_net_backward(net, &pass, work, net->n_layers - 1, lsi_net_lowest_trainable(net) - 1, partials, &delta);
  }
  if (status == LS_OK && training) {
    add_partials(&plan, partials, net->layout.n_trainable, sum);
    lsi_net_add_penalty_gradient(net, net->params, sum);
    give_tensors(call, net, sum);
    double penalty = lsi_net_penalty(net, net->params);
    for (int l = 0; l < plan.n_leaves; l++) penalty += work->leaf_penalty[l];
    oracle_set(call, "penalty", json_real(penalty));
  }
  for (int j = 0; j < plan.n_nodes; j++) free(partials[j]);
  free(sum);
  return status;
}

ls_status oracle_net(oracle_call *call) {
  lsi_net *net;
  lsi_workspace *work;
  int64_t rows = oracle_in(call, "x")->dims[0];
  LSI_TRY(lsi_keras_model_parse(oracle_text(call, "model"), &net));
  ls_status status = take_weights(call, net);
  if (status == LS_OK && (status = lsi_workspace_create(net, (size_t)rows, (int)rows, oracle_flag(call, "training"), &work)) == LS_OK) {
    status = pass_through(call, net, work);
    lsi_workspace_destroy(&work);
  }
  lsi_net_destroy(&net);
  return status;
}

/* ---- the public API ---- */

static ls_status open_data(ls_context *context, const oracle_call *call, const char *prefix, ls_dataset **out) {
  char name[32];
  snprintf(name, sizeof name, "%sx", prefix);
  const oracle_array *x = oracle_in(call, name);
  snprintf(name, sizeof name, "%sy", prefix);
  const oracle_array *y = oracle_in(call, name);
  snprintf(name, sizeof name, "%ssample_weight", prefix);
  ls_memory_spec spec = {.n_samples = x->dims[0], .x_rank = x->rank - 1, .x_dtype = LS_FLOAT32, .x = x->data,
                         .sample_weight = oracle_floats(call, name)};
  for (int d = 1; d < x->rank; d++) spec.x_shape[d - 1] = x->dims[d];
  if (y) {
    spec.y = y->data;
    spec.y_dtype = y->type == 'i' ? LS_INT32 : LS_FLOAT32;
    spec.n_targets = y->rank > 1 ? y->dims[1] : 0;
  }
  return ls_dataset_from_memory(context, &spec, out);
}

static void give_history(oracle_call *call, const ls_history *history) {
  json_t *columns = json_object();
  for (int c = 0; c < ls_history_columns(history); c++) {
    json_t *values = json_array();
    const char *name = ls_history_name(history, c);
    for (int64_t e = 0; e < ls_history_epochs(history); e++) {
      double value = NAN;
      ls_history_get(history, name, e, &value);
      json_array_append_new(values, isfinite(value) ? json_real(value) : json_null());
    }
    json_object_set_new(columns, name, values);
  }
  oracle_set(call, "history", columns);
}

static ls_status give_weights(oracle_call *call, const ls_model *model) {
  static char names[ORACLE_MAX_ARRAYS][8];
  for (int t = 0; t < ls_model_weight_count(model); t++) {
    ls_weight_info info;
    LSI_TRY(ls_model_weight_info(model, t, &info));
    snprintf(names[t], sizeof names[t], "w%d", t);
    LSI_TRY(ls_model_get_weights(model, info.name, oracle_out(call, names[t], 'f', info.rank, info.shape), info.count));
  }
  return LS_OK;
}

static void fit_spec(const oracle_call *call, ls_fit_spec *spec, double *class_weight, const char **callbacks) {
  *spec = ls_fit_spec_default();
  spec->batch_size = (int64_t)oracle_number(call, "batch_size", 32);
  spec->epochs = (int64_t)oracle_number(call, "epochs", 1);
  spec->validation_split = oracle_number(call, "validation_split", 0);
  spec->validation_freq = (int64_t)oracle_number(call, "validation_freq", 0);
  spec->steps_per_epoch = (int64_t)oracle_number(call, "steps_per_epoch", 0);
  spec->leaf_rows = (int64_t)oracle_number(call, "leaf_rows", 0);
  spec->no_shuffle = true;
  const oracle_array *weights = oracle_in(call, "class_weight");
  if (weights) {
    for (size_t i = 0; i < weights->count; i++) class_weight[i] = ((const double *)weights->data)[i];
    spec->class_weight = class_weight;
    spec->n_class_weight = (int64_t)weights->count;
  }
  const json_t *list = json_object_get(call->request, "callbacks");
  for (size_t i = 0; i < json_array_size(list); i++) callbacks[spec->n_callbacks++] = json_string_value(json_array_get(list, i));
  spec->callbacks = callbacks;
}

static ls_status fit_and_tell(oracle_call *call, ls_model *model, ls_dataset *train, ls_dataset *validation) {
  ls_fit_spec spec;
  ls_history *history;
  double class_weight[64];
  const char *callbacks[8];
  fit_spec(call, &spec, class_weight, callbacks);
  LSI_TRY(ls_model_fit(model, train, validation, &spec, &history));
  give_history(call, history);
  ls_history_destroy(&history);
  const char *save = oracle_text(call, "save");
  return save ? ls_model_save(model, save) : LS_OK;
}

/* Load "model", perhaps compile it anew, fit, evaluate and predict on x, export; weights and history come back. */
static ls_status use_model(ls_context *context, oracle_call *call, ls_model *model) {
  ls_dataset *train = NULL, *validation = NULL;
  const oracle_array *x = oracle_in(call, "x");
  double values[32];
  LSI_TRY(open_data(context, call, "", &train));
  ls_status status = oracle_in(call, "val_x") ? open_data(context, call, "val_", &validation) : LS_OK;
  if (status == LS_OK && oracle_number(call, "epochs", 1) > 0) status = fit_and_tell(call, model, train, validation);
  if (status == LS_OK && oracle_flag(call, "evaluate")) {
    status = ls_model_evaluate(model, train, 7, 0, values);
    json_t *list = json_array();
    for (int m = 0; status == LS_OK && m < ls_model_metric_count(model); m++) json_array_append_new(list, json_real(values[m]));
    oracle_set(call, "evaluate", list);
  }
  if (status == LS_OK) {
    int64_t shape[2] = {x->dims[0], ls_model_output_size(model)};
    status = ls_model_predict(model, train, 5, oracle_out(call, "predict", 'f', 2, shape), (size_t)(shape[0] * shape[1]));
  }
  if (status == LS_OK && oracle_text(call, "onnx")) status = ls_model_export_onnx(model, oracle_text(call, "onnx"));
  if (status == LS_OK) status = give_weights(call, model);
  ls_dataset_destroy(&validation);
  ls_dataset_destroy(&train);
  return status;
}

static ls_status compile_anew(const oracle_call *call, ls_model *model) {
  const char *optimizer = oracle_text(call, "optimizer"), *metrics[16], *weighted[16];
  if (!optimizer) return LS_OK;
  ls_compile_spec spec = {.optimizer = optimizer, .loss = oracle_text(call, "loss"), .metrics = metrics, .weighted_metrics = weighted};
  const json_t *list = json_object_get(call->request, "metrics");
  for (size_t i = 0; i < json_array_size(list); i++) metrics[spec.n_metrics++] = json_string_value(json_array_get(list, i));
  list = json_object_get(call->request, "weighted_metrics");
  for (size_t i = 0; i < json_array_size(list); i++)
    weighted[spec.n_weighted_metrics++] = json_string_value(json_array_get(list, i));
  double weight = oracle_number(call, "loss_weights", 1.0);
  if (json_is_number(json_object_get(call->request, "loss_weights"))) spec.loss_weights = &weight, spec.n_loss_weights = 1;
  return ls_model_compile(model, &spec);
}

ls_status oracle_fit(ls_context *context, oracle_call *call) {
  ls_model *model;
  LSI_TRY(ls_model_load(context, oracle_text(call, "model"), &model));
  ls_status status = compile_anew(call, model);
  if (status == LS_OK) status = use_model(context, call, model);
  ls_model_destroy(&model);
  return status;
}

/* Load "model" and save it to "save" untouched. */
ls_status oracle_resave(ls_context *context, oracle_call *call) {
  ls_model *model;
  LSI_TRY(ls_model_load(context, oracle_text(call, "model"), &model));
  ls_status status = compile_anew(call, model);
  if (oracle_flag(call, "forget")) { /* Keras's own words, so that ours must do */
    lsi_free(model->net->origin);
    model->net->origin = NULL;
  }
  if (status == LS_OK) status = ls_model_save(model, oracle_text(call, "save"));
  if (status == LS_OK) status = give_weights(call, model);
  ls_model_destroy(&model);
  return status;
}

/* The same with the weights of "weights" in it. */
ls_status oracle_load_weights(ls_context *context, oracle_call *call) {
  ls_model *model;
  LSI_TRY(ls_model_load(context, oracle_text(call, "model"), &model));
  ls_status status = ls_model_load_weights(model, oracle_text(call, "weights"));
  if (status == LS_OK) status = ls_model_save(model, oracle_text(call, "save"));
  if (status == LS_OK) status = give_weights(call, model);
  ls_model_destroy(&model);
  return status;
}
