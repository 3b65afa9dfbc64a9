/* SPDX-License-Identifier: MIT */
/*
 * Keras 3's envelopes {"module", "class_name", "config", "registered_name"} around the same objects that the older layout has. Only
 * keys that every Keras 3 knows are written: its constructors refuse others.
 */
#include "ckpt/keras3_config.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_functional.h"
#include "ckpt/keras_layers.h"
#include "ckpt/keras_objects.h"
#include "ckpt/keras_origin.h"
#include "nn/loss.h"
#include "nn/metric.h"

/* ---- writing ---- */

/* Make an object with class_name an envelope; others (names, null) stay. Takes and gives the reference. */
static json_t *envelope(json_t *object, const char *module) {
  if (!json_object_get(object, "class_name")) return object;
  if (json_object_set_new(object, "module", json_string(module)) == 0 &&
      json_object_set_new(object, "registered_name", json_null()) == 0)
    return object;
  json_decref(object);
  return NULL;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Initializers and the like inside a layer's config. */
static int wrap_arguments(json_t *config) {
  static const struct {
    const char *suffix, *module;
  } modules[] = {{"_initializer", "keras.initializers"}, {"_regularizer", "keras.regularizers"}, {"_constraint", "keras.constraints"}};
  const char *key;
  json_t *value;
  int failed = 0;
  json_object_foreach(config, key, value)
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
      if (ends_with(key, modules[i].suffix) && json_is_object(value)) failed |= !envelope(value, modules[i].module);
  return failed;
}

static json_t *shape_list(const lsi_shape *shape) {
  json_t *list = json_array();
  int failed = json_array_append_new(list, json_null());
  for (int d = 0; d < shape->rank; d++) failed |= json_array_append_new(list, json_integer(shape->dims[d]));
  if (!failed) return list;
  json_decref(list);
  return NULL;
}

static json_t *build_config(const lsi_shape *shape) {
  json_t *config = json_object();
  if (json_object_set_new(config, "input_shape", shape_list(shape)) == 0) return config;
  json_decref(config);
  return NULL;
}

static int finish_input(const lsi_layer *layer, json_t *config) {
  json_object_del(config, "batch_input_shape");
  json_object_del(config, "ragged");
  return json_object_set_new(config, "batch_shape", shape_list(&layer->out));
}

static json_t *write_layer(const lsi_layer *layer) {
  json_t *whole = lsi_keras_layer_write(layer), *config = json_object_get(whole, "config");
  if (!whole) return NULL;
  int failed = layer->kind == LSI_LAYER_INPUT ? finish_input(layer, config) : wrap_arguments(config);
  if (json_is_null(json_object_get(config, "activity_regularizer"))) json_object_del(config, "activity_regularizer");
  if (layer->n_tensors > 0) failed |= json_object_set_new(whole, "build_config", build_config(&layer->in));
  if (!failed) return envelope(whole, "keras.layers");
  json_decref(whole);
  return NULL;
}

static json_t *write_model(const lsi_net *net) {
  json_t *layers = json_array(), *config = json_object(), *whole = json_object();
  const lsi_shape *input = lsi_net_input_shape(net);
  int failed = 0;
  for (int i = 0; i < net->n_layers; i++) failed |= json_array_append_new(layers, write_layer(net->layers[i]));
  failed |= json_object_set_new(config, "name", json_string(net->name));
  failed |= json_object_set_new(config, "trainable", json_true());
  failed |= json_object_set_new(config, "dtype", json_string("float32"));
  failed |= json_object_set_new(config, "layers", layers);
  failed |= json_object_set_new(config, "build_input_shape", shape_list(input));
  failed |= json_object_set_new(whole, "class_name", json_string("Sequential"));
  failed |= json_object_set_new(whole, "config", config);
  failed |= json_object_set_new(whole, "build_config", build_config(input));
  if (!failed && !lsi_keras_origin_is_functional(net)) return envelope(whole, "keras");
  failed |= lsi_keras_make_functional(net, whole);
  failed |= json_object_set_new(whole, "module", json_string("keras.src.models.functional"));
  failed |= json_object_set_new(whole, "registered_name", json_string("Functional"));
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

/* Names go as names. */
static json_t *write_metric(const char *text, const json_t *old_name) {
  lsi_object object;
  if (lsi_object_parse(&lsi_metrics, text, &object) != LS_OK) return NULL;
  bool by_name = strcmp(text, object.info->class_name) != 0 || strcmp(text, object.info->name) == 0;
  if (by_name && !strchr(text, '(')) return json_deep_copy(old_name);
  json_t *whole = lsi_keras_object_write(&object, true);
  return whole ? envelope(whole, "keras.metrics") : NULL;
}

static json_t *write_metrics(const lsi_compile *compile, const json_t *old_names, bool weighted) {
  json_t *list = json_array();
  int failed = 0;
  size_t n = 0;
  for (int i = 0; i < compile->n_metrics; i++)
    if (compile->weighted[i] == weighted && lsi_keras_has_metric(compile, compile->metrics[i]))
      failed |= json_array_append_new(list, write_metric(compile->metrics[i], json_array_get(old_names, n++)));
  if (!failed && n > 0) return list;
  json_decref(list);
  return failed ? NULL : json_null();
}

static json_t *without_nulls(json_t *object) {
  json_t *config = json_object_get(object, "config"), *value;
  const char *key;
  void *next;
  json_object_foreach_safe(config, next, key, value)
    if (json_is_null(value)) json_object_del(config, key);
  return object;
}

/* From the older layout's training_config. */
static json_t *write_compile(const lsi_compile *compile, const json_t *old) {
  json_t *whole = json_object();
  json_t *optimizer = json_deep_copy(json_object_get(old, "optimizer_config")), *loss = json_deep_copy(json_object_get(old, "loss"));
  int failed = json_object_set_new(whole, "optimizer", optimizer ? envelope(optimizer, "keras.optimizers") : NULL);
  if (compile->loss.info && compile->loss.info->kind == LSI_LOSS_CROSSENTROPY_AUTO) { /* here Keras knows the name */
    json_decref(loss);
    loss = json_string("crossentropy");
  }
  failed |= json_object_set_new(whole, "loss", loss ? envelope(without_nulls(loss), "keras.losses") : NULL);
  failed |= json_object_set_new(whole, "loss_weights", json_deep_copy(json_object_get(old, "loss_weights")));
  failed |= json_object_set_new(whole, "metrics", write_metrics(compile, json_object_get(old, "metrics"), false));
  failed |= json_object_set_new(whole, "weighted_metrics", write_metrics(compile, json_object_get(old, "weighted_metrics"), true));
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

static ls_status add_compile(json_t *model, const lsi_compile *compile) {
  char *text;
  json_t *old;
  if (!compile)
    return json_object_set_new(model, "compile_config", json_object()) == 0 ? LS_OK : lsi_error_set(LS_ERR_MEMORY, NULL, "config.json: no memory");
  LSI_TRY(lsi_keras_training_json(compile, &text));
  ls_status status = lsi_keras_json_parse("training_config", text, &old);
  lsi_free(text);
  LSI_TRY(status);
  int failed = json_object_set_new(model, "compile_config", write_compile(compile, old));
  json_decref(old);
  LSI_CHECK(!failed, LS_ERR_MEMORY, "check for infinite or NaN arguments, and free memory", "compile_config: cannot be written as JSON");
  return LS_OK;
}

ls_status lsi_keras3_config_json(const lsi_net *net, const lsi_compile *compile, char **text) {
  json_t *model;
  LSI_TRY(lsi_keras_origin_config(net, compile, &model));
  if (!model) model = write_model(net);
  if (model && !json_object_get(model, "compile_config")) {
    ls_status status = add_compile(model, compile);
    if (status != LS_OK) json_decref(model);
    LSI_TRY(status);
  }
  return lsi_keras_json_print("config.json", model, text);
}

/* ---- reading ---- */

ls_status lsi_keras3_training_json(const char *config, char **text) {
  json_t *json;
  *text = NULL;
  LSI_TRY(lsi_keras_json_parse("config.json", config, &json));
  json_t *compile = json_object_get(json, "compile_config");
  ls_status status = LS_OK;
  bool has_optimizer = !json_is_null(json_object_get(compile, "optimizer")) && json_object_get(compile, "optimizer");
  if (has_optimizer)
    status = lsi_keras_json_print("compile_config", json_incref(compile), text);
  else if (json_object_size(compile) > 0) /* Keras forgets it when the same model was saved as .h5 before */
    lsi_log_warn("config.json: compile_config has no optimizer, so the model is taken as not compiled");
  json_decref(json);
  return status;
}

ls_status lsi_keras3_version(const char *metadata, char **version) {
  json_t *json;
  *version = NULL;
  LSI_TRY(lsi_keras_json_parse("metadata.json", metadata, &json));
  const char *text = json_string_value(json_object_get(json, "keras_version"));
  ls_status status = text ? lsi_strdup(text, version) : LS_OK;
  json_decref(json);
  return status;
}
