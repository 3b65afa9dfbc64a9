/* SPDX-License-Identifier: MIT */
/* model: and compile: to calls of the public API. One function a layer class, found by name. */
#include <stdio.h>
#include <string.h>

#include "config/document.h"

static ls_status add_flatten(ls_model *model, lsi_values v) {
  return ls_model_add_flatten(model, lsi_get_text(v, "name"));
}

static ls_status add_dense(ls_model *model, lsi_values v) {
  ls_dense_spec spec = {.units = lsi_get_int(v, "units"),
                        .activation = lsi_get_text(v, "activation"),
                        .no_bias = !lsi_get_bool(v, "use_bias"),
                        .kernel_initializer = lsi_get_text(v, "kernel_initializer"),
                        .bias_initializer = lsi_get_text(v, "bias_initializer"),
                        .kernel_regularizer = lsi_get_text(v, "kernel_regularizer"),
                        .bias_regularizer = lsi_get_text(v, "bias_regularizer"),
                        .kernel_constraint = lsi_get_text(v, "kernel_constraint"),
                        .bias_constraint = lsi_get_text(v, "bias_constraint"),
                        .name = lsi_get_text(v, "name"),
                        .frozen = !lsi_get_bool(v, "trainable")};
  return ls_model_add_dense(model, &spec);
}

static ls_status add_activation(ls_model *model, lsi_values v) {
  return ls_model_add_activation(model, lsi_get_text(v, "activation"), lsi_get_text(v, "name"));
}

static ls_status add_dropout(ls_model *model, lsi_values v) {
  return ls_model_add_dropout(model, lsi_get_float(v, "rate"), (uint64_t)lsi_get_int(v, "seed"),
                              lsi_get_text(v, "name"));
}

static ls_status add_batch_normalization(ls_model *model, lsi_values v) {
  ls_batch_normalization_spec spec = {
      .momentum = lsi_get_float(v, "momentum"),
      .no_momentum = lsi_get_float(v, "momentum") == 0,
      .epsilon = lsi_get_float(v, "epsilon"),
      .no_center = !lsi_get_bool(v, "center"),
      .no_scale = !lsi_get_bool(v, "scale"),
      .beta_initializer = lsi_get_text(v, "beta_initializer"),
      .gamma_initializer = lsi_get_text(v, "gamma_initializer"),
      .moving_mean_initializer = lsi_get_text(v, "moving_mean_initializer"),
      .moving_variance_initializer = lsi_get_text(v, "moving_variance_initializer"),
      .beta_regularizer = lsi_get_text(v, "beta_regularizer"),
      .gamma_regularizer = lsi_get_text(v, "gamma_regularizer"),
      .beta_constraint = lsi_get_text(v, "beta_constraint"),
      .gamma_constraint = lsi_get_text(v, "gamma_constraint"),
      .name = lsi_get_text(v, "name"),
      .frozen = !lsi_get_bool(v, "trainable")};
  return ls_model_add_batch_normalization(model, &spec);
}

static ls_status add_layer_normalization(ls_model *model, lsi_values v) {
  ls_layer_normalization_spec spec = {.epsilon = lsi_get_float(v, "epsilon"),
                                      .no_center = !lsi_get_bool(v, "center"),
                                      .no_scale = !lsi_get_bool(v, "scale"),
                                      .beta_initializer = lsi_get_text(v, "beta_initializer"),
                                      .gamma_initializer = lsi_get_text(v, "gamma_initializer"),
                                      .beta_regularizer = lsi_get_text(v, "beta_regularizer"),
                                      .gamma_regularizer = lsi_get_text(v, "gamma_regularizer"),
                                      .beta_constraint = lsi_get_text(v, "beta_constraint"),
                                      .gamma_constraint = lsi_get_text(v, "gamma_constraint"),
                                      .name = lsi_get_text(v, "name"),
                                      .frozen = !lsi_get_bool(v, "trainable")};
  return ls_model_add_layer_normalization(model, &spec);
}

static ls_status add_rescaling(ls_model *model, lsi_values v) {
  return ls_model_add_rescaling(model, lsi_get_float(v, "scale"), lsi_get_float(v, "offset"),
                                lsi_get_text(v, "name"));
}

static ls_status add_normalization(ls_model *model, lsi_values v) {
  int n_mean, n_variance;
  ls_normalization_spec spec = {.mean = lsi_get_list(v, "mean", &n_mean),
                                .variance = lsi_get_list(v, "variance", &n_variance),
                                .invert = lsi_get_bool(v, "invert"),
                                .name = lsi_get_text(v, "name")};
  LSI_CHECK(n_mean == n_variance, LS_ERR_CONFIG,
            "give both, or neither (then they are measured on the training set)",
            "mean has %d values and variance %d", n_mean, n_variance);
  spec.n = n_mean;
  return ls_model_add_normalization(model, &spec);
}

/* The others go as calls. */
static ls_status add_call(ls_model *model, const char *class_name, lsi_values v) {
  char text[LSI_CALL_TEXT];
  LSI_TRY(lsi_call_text(class_name, v, "input_shape", text, sizeof text));
  return ls_model_add(model, text);
}

static const struct {
  const char *name;
  ls_status (*add)(ls_model *, lsi_values);
} builders[] = {
    {"Flatten", add_flatten},
    {"Dense", add_dense},
    {"Activation", add_activation},
    {"Dropout", add_dropout},
    {"BatchNormalization", add_batch_normalization},
    {"LayerNormalization", add_layer_normalization},
    {"Rescaling", add_rescaling},
    {"Normalization", add_normalization},
};

/* The first layer's shape, or Input's. */
static ls_status add_input(ls_model *model, lsi_values v, const char *key) {
  int n;
  const int64_t *shape = lsi_get_list(v, key, &n);
  return n ? ls_model_add_input(model, n, shape) : LS_OK;
}

static ls_status add_layer(ls_model *model, const char *class_name, lsi_values v) {
  if (strcmp(class_name, "Input") == 0)
    return add_input(model, v, "shape");
  LSI_TRY(add_input(model, v, "input_shape"));
  for (size_t i = 0; i < sizeof builders / sizeof *builders; i++)
    if (strcmp(builders[i].name, class_name) == 0) {
      LSI_TRY(builders[i].add(model, v));
      const char *activity = lsi_get_text(v, "activity_regularizer");
      return activity ? ls_model_set_activity_regularizer(model, activity) : LS_OK;
    }
  return add_call(model, class_name, v);
}

static ls_status add_layers(const ls_config *config, ls_model *model) {
  lsi_values section = lsi_get_map(config->values, "model");
  int n;
  lsi_get_list(section, "layers", &n);
  for (int i = 0; i < n; i++) {
    const char *class_name;
    lsi_values layer = lsi_get_item(section, "layers", i, &class_name);
    ls_status status = add_layer(model, class_name, layer);
    if (status != LS_OK) {
      char path[LSI_TREE_PATH];
      snprintf(path, sizeof path, "model.layers[%d].%s", i, class_name);
      lsi_config_prefix(config, path);
      return status;
    }
  }
  return LS_OK;
}

/* Messages about a call begin with what it should be: "optimizer SGD has no argument 'lr'". */
static const char *key_at_fault(const char *message) {
  if (strncmp(message, "optimizer", strlen("optimizer")) == 0)
    return "compile.optimizer";
  if (strncmp(message, "loss_weights", strlen("loss_weights")) == 0)
    return "compile.loss_weights";
  return strncmp(message, "loss", strlen("loss")) == 0 ? "compile.loss" : "compile";
}

static ls_status compile(const ls_config *config, ls_model *model) {
  lsi_values section = lsi_get_map(config->values, "compile");
  char optimizer[LSI_CALL_TEXT];
  LSI_TRY(lsi_optimizer_text(config, optimizer, sizeof optimizer));
  ls_compile_spec spec = {.optimizer = optimizer, .loss = lsi_get_text(section, "loss")};
  spec.metrics = lsi_get_list(section, "metrics", &spec.n_metrics);
  spec.loss_weights = lsi_get_list(section, "loss_weights", &spec.n_loss_weights);
  spec.weighted_metrics = lsi_get_list(section, "weighted_metrics", &spec.n_weighted_metrics);
  ls_status status = ls_model_compile(model, &spec);
  if (status != LS_OK)
    lsi_config_prefix(config, key_at_fault(ls_last_error()->message));
  return status;
}

static ls_status create(ls_context *context, const ls_config *config, const char *name, ls_model **out) {
  ls_status status = ls_model_create(context, name, out);
  if (status != LS_OK)
    lsi_config_prefix(config, "model.name");
  return status;
}

/* model.from: a model that is there already; its own compile section holds unless the config has one. */
static ls_status load(ls_context *context, const ls_config *config, const char *name,
                      ls_model **out) {
  char path[LSI_FILE_PATH] = "";
  LSI_TRY(lsi_find_file_all(context, config, "model.from", name, path));
  ls_status status = ls_model_load(context, path, out);
  if (status != LS_OK)
    lsi_config_prefix(config, "model.from");
  return status;
}

static ls_status load_weights(ls_context *context, const ls_config *config, ls_model *model) {
  char path[LSI_FILE_PATH] = "";
  const char *name = lsi_get_text(lsi_get_map(config->values, "model"), "weights");
  if (!name)
    return LS_OK;
  LSI_TRY(lsi_find_file_all(context, config, "model.weights", name, path));
  ls_status status = ls_model_load_weights(model, path);
  if (status != LS_OK)
    lsi_config_prefix(config, "model.weights");
  return status;
}

ls_status ls_config_build_model(ls_context *context, const ls_config *config, ls_model **out) {
  LSI_CHECK(context && config && out, LS_ERR_ARG, NULL, "ls_config_build_model: NULL argument");
  ls_model *model = NULL;
  lsi_values section = lsi_get_map(config->values, "model");
  const char *from = lsi_get_text(section, "from");
  LSI_TRY(from ? load(context, config, from, &model)
               : create(context, config, lsi_get_text(section, "name"), &model));
  ls_status status = add_layers(config, model);
  if (status == LS_OK && lsi_get_text(lsi_get_map(config->values, "compile"), "loss"))
    status = compile(config, model);
  if (status == LS_OK)
    status = load_weights(context, config, model);
  if (status != LS_OK) {
    ls_model_destroy(&model);
    return status;
  }
  *out = model;
  return LS_OK;
}
