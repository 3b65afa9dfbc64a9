/* SPDX-License-Identifier: MIT */
/* The model's life: create, compile, weights, summary, digest. Layers are added in model_layers.c. */
#include "train/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_origin.h"
#include "data/dataset.h"
#include "par/shares.h"

ls_status lsi_model_from_net(ls_context *context, lsi_net *net, ls_model **out) {
  ls_model *model;
  LSI_TRY(LSI_ALLOC("model", 1, &model));
  model->context = context;
  model->net = net;
  *out = model;
  return LS_OK;
}

ls_status ls_model_create(ls_context *context, const char *name, ls_model **out) {
  lsi_net *net;
  LSI_NOT_NULL(context);
  LSI_NOT_NULL(out);
  LSI_TRY(lsi_net_create(name, &net));
  ls_status status = lsi_model_from_net(context, net, out);
  if (status != LS_OK) lsi_net_destroy(&net);
  return status;
}

void ls_model_destroy(ls_model **model) {
  if (!model || !*model) return;
  lsi_optimizer_destroy(&(*model)->optimizer);
  lsi_net_destroy(&(*model)->net);
  lsi_free(*model);
  *model = NULL;
}

static ls_status copy_text(const char *what, const char *text, char out[LSI_MAX_TEXT]) {
  LSI_CHECK(strlen(text) < LSI_MAX_TEXT, LS_ERR_ARG, NULL, "%s is longer than %d characters: '%.40s...'", what,
            LSI_MAX_TEXT - 1, text);
  snprintf(out, LSI_MAX_TEXT, "%s", text);
  return LS_OK;
}

static ls_status add_metrics(lsi_compile *compile, const char *const *texts, int n, bool weighted) {
  LSI_CHECK(n >= 0 && (texts || n == 0), LS_ERR_ARG, NULL, "compile: %d metrics, but no array of their names", n);
  for (int i = 0; i < n; i++) {
    LSI_CHECK(texts[i], LS_ERR_ARG, NULL, "compile: metric %d is NULL", i);
    LSI_CHECK(compile->n_metrics < LSI_MAX_METRICS, LS_ERR_ARG, NULL, "more than %d metrics", LSI_MAX_METRICS);
    int m = compile->n_metrics;
    LSI_TRY(copy_text("a metric", texts[i], compile->metrics[m]));
    lsi_object object; /* names and arguments are checked now, shapes when the data are known */
    LSI_TRY(lsi_object_parse(&lsi_metrics, texts[i], &object));
    compile->weighted[m] = weighted;
    compile->n_metrics++;
  }
  return LS_OK;
}

static ls_status weigh_loss(lsi_compile *compile, const ls_compile_spec *spec) {
  int n = spec->loss_weights ? spec->n_loss_weights : 0;
  if (n == 0) return LS_OK;
  LSI_CHECK(n == 1 && compile->loss.info, LS_ERR_ARG, "give one weight for the one output, with its loss", "loss_weights has %d values for %d losses", n,
            compile->loss.info ? 1 : 0);
  LSI_CHECK(isfinite(spec->loss_weights[0]), LS_ERR_ARG, NULL, "loss_weights is %g", spec->loss_weights[0]);
  compile->weighs_loss = true;
  compile->loss_weight = spec->loss_weights[0];
  return LS_OK;
}

ls_status ls_model_compile(ls_model *model, const ls_compile_spec *spec) {
  static const ls_compile_spec all_defaults;
  if (!spec) spec = &all_defaults;
  lsi_compile compile = {0};
  LSI_NOT_NULL(model);
  LSI_TRY(lsi_object_parse(&lsi_optimizers, spec->optimizer ? spec->optimizer : "rmsprop", &compile.optimizer));
  if (spec->loss) {
    LSI_TRY(copy_text("the loss", spec->loss, compile.loss_text));
    LSI_TRY(lsi_object_parse(&lsi_losses, spec->loss, &compile.loss));
  }
  LSI_TRY(weigh_loss(&compile, spec));
  LSI_TRY(add_metrics(&compile, spec->metrics, spec->n_metrics, false));
  LSI_TRY(add_metrics(&compile, spec->weighted_metrics, spec->n_weighted_metrics, true));
  LSI_TRY(lsi_net_build(model->net));
  lsi_model_forget_optimizer(model);
  model->compile = compile;
  model->compiled = true;
  return LS_OK;
}

void lsi_model_forget_optimizer(ls_model *model) {
  lsi_optimizer_destroy(&model->optimizer);
  lsi_shares_destroy(&model->shares);
}

ls_status lsi_model_optimizer(ls_model *model, lsi_optimizer **out) {
  if (!model->optimizer)
    LSI_TRY(lsi_optimizer_create(&model->compile.optimizer, &model->net->layout, &model->optimizer));
  *out = model->optimizer;
  return LS_OK;
}

ls_status lsi_model_need_compile(const ls_model *model, const char *what) {
  LSI_CHECK(model->compiled && model->compile.loss.info, LS_ERR_STATE,
            "compile the model with a loss (in a config: compile: {loss: ...}), e.g. sparse_categorical_crossentropy", "%s: model '%s' has no loss", what,
            model->net->name);
  return LS_OK;
}

static void shape_text(int rank, const int64_t *dims, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "[");
  for (int d = 0; d < rank && used < size; d++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", d ? ", " : "", (long long)dims[d]);
  if (used < size) snprintf(text + used, size - used, "]");
}

ls_status lsi_model_need_input(const ls_model *model, const ls_dataset *data) {
  const lsi_shape *input = lsi_net_input_shape(model->net);
  const ls_dataset_info *info = &data->info;
  char have[200], want[200], advice[300];
  bool same = info->x_rank == input->rank;
  for (int d = 0; same && d < input->rank; d++) same = info->x_shape[d] == input->dims[d];
  if (same) return LS_OK;
  shape_text(info->x_rank, info->x_shape, have, sizeof have);
  shape_text(input->rank, input->dims, want, sizeof want);
  snprintf(advice, sizeof advice, "give the model's first layer the data's shape: input_shape: %s%s", have,
           info->x_rank > 1 && input->rank == 1 ? ", and make that layer a Flatten" : "");
  LSI_FAIL(LS_ERR_SHAPE, advice, "%s: a sample has shape %s, the model's input is %s", data->label, have, want);
}

ls_status lsi_model_need_weights(ls_model *model, uint64_t seed) {
  LSI_TRY(lsi_net_build(model->net));
  return model->net->has_weights ? LS_OK : lsi_net_initialize(model->net, seed);
}

ls_status ls_model_initialize(ls_model *model, uint64_t seed) {
  LSI_NOT_NULL(model);
  return lsi_net_initialize(model->net, seed);
}

ls_status ls_model_summary(const ls_model *model, FILE *out) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(out);
  LSI_TRY(lsi_net_build(model->net));
  int64_t n_optimizer = model->optimizer ? (int64_t)lsi_optimizer_count(model->optimizer) : -1;
  /* Keras shows the input of a Functional model. */
  return lsi_net_summary(model->net, lsi_keras_origin_is_functional(model->net), n_optimizer, out);
}

int ls_model_weight_count(const ls_model *model) {
  return model ? model->net->layout.n : 0;
}

ls_status ls_model_weight_info(const ls_model *model, int index, ls_weight_info *info) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(info);
  LSI_CHECK(index >= 0 && index < model->net->layout.n, LS_ERR_ARG, NULL, "weight %d: the model has %d", index,
            model->net->layout.n);
  const lsi_tensor *t = &model->net->layout.tensors[index];
  *info = (ls_weight_info){.name = t->name, .rank = t->rank, .count = t->count, .trainable = t->trainable};
  memcpy(info->shape, t->dims, sizeof info->shape);
  return LS_OK;
}

static ls_status find_weight(const ls_model *model, const char *name, size_t count, const lsi_tensor **out) {
  LSI_TRY(lsi_net_build(model->net));
  const lsi_layout *layout = &model->net->layout;
  const lsi_tensor *t = lsi_layout_find(layout, name);
  LSI_CHECK(t, LS_ERR_ARG, "ls_model_weight_info lists the names", "model '%s' has no weight '%s'",
            model->net->name, name);
  LSI_CHECK(t->count == count, LS_ERR_SHAPE, NULL, "weight '%s' has %zu values, %zu given", name, t->count, count);
  *out = t;
  return LS_OK;
}

static ls_status has_weights(const ls_model *model) {
  LSI_CHECK(model->net->has_weights, LS_ERR_STATE, "initialize, fit or load first", "model '%s' has no weights yet",
            model->net->name);
  return LS_OK;
}

ls_status ls_model_get_weights(const ls_model *model, const char *name, float *values, size_t count) {
  const lsi_tensor *t = NULL;
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(name);
  LSI_NOT_NULL(values);
  LSI_TRY(find_weight(model, name, count, &t));
  LSI_TRY(has_weights(model));
  memcpy(values, model->net->params + t->offset, count * sizeof *values);
  return LS_OK;
}

ls_status ls_model_set_weights(ls_model *model, const char *name, const float *values, size_t count) {
  const lsi_tensor *t = NULL;
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(name);
  LSI_NOT_NULL(values);
  LSI_TRY(find_weight(model, name, count, &t));
  /* The others are drawn first, from seed 0, so that a half-set model is still a model. */
  LSI_TRY(lsi_model_need_weights(model, 0));
  memcpy(model->net->params + t->offset, values, count * sizeof *values);
  return LS_OK;
}

ls_status ls_model_digest(const ls_model *model, char hex[33]) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(hex);
  LSI_TRY(has_weights(model));
  return lsi_net_digest(model->net, model->net->params, hex);
}

int ls_model_metric_count(const ls_model *model) {
  int n = 1;
  if (!model || !model->compile.loss.info) return 0;
  for (int m = 0; m < model->compile.n_metrics; m++) {
    lsi_object object;
    bool known = lsi_object_parse(&lsi_metrics, model->compile.metrics[m], &object) == LS_OK;
    n += known ? lsi_metric_count_values(&object, (int64_t)lsi_net_output_width(model->net)) : 1;
  }
  return n;
}

const char *ls_model_metric_name(const ls_model *model, int index) {
  return model && index >= 0 && index < model->n_logs ? model->logs[index] : "";
}

int64_t ls_model_output_size(const ls_model *model) {
  return model && lsi_net_build(model->net) == LS_OK ? (int64_t)lsi_net_output_size(model->net) : 0;
}
