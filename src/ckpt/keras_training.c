/* SPDX-License-Identifier: MIT */
/*
 * training_config. Keras's own keys say what Keras can say in this file format (some schedules are plain numbers there); the key
 * "lockstep", which Keras does not look at, keeps everything in the call notation.
 */
#include <stdio.h>
#include <string.h>

#include "ckpt/keras_config.h"
#include "ckpt/keras_objects.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "optim/optimizer.h"

enum { MAX_CALL = 8192 };

/* ---- writing ---- */

static json_t *write_call(const lsi_object *object) {
  char text[MAX_CALL];
  return lsi_object_print(object, false, text, sizeof text) == LS_OK ? json_string(text) : NULL;
}

/* The loss's config in Keras has a name and a reduction besides its own arguments. */
static json_t *write_loss(const lsi_compile *compile) {
  if (!compile->loss.info) return json_null();
  /* Which one it is the first data will tell. Keras does not find the short name in this file format. */
  if (compile->loss.info->kind == LSI_LOSS_CROSSENTROPY_AUTO) return json_null();
  bool is_class = strcmp(compile->loss_text, compile->loss.info->class_name) == 0;
  if (!strchr(compile->loss_text, '(') && !is_class)
    return json_string(compile->loss.info->name); /* told by name, kept by name */
  json_t *json = lsi_keras_object_write(&compile->loss, false);
  json_t *config = json_object_get(json, "config");
  if (config && !json_object_get(config, "name"))
    json_object_set_new(config, "name", json_string(compile->loss.info->name));
  if (config && !json_object_get(config, "reduction"))
    json_object_set_new(config, "reduction", json_string("sum_over_batch_size"));
  /* Which is always -1 here, and unknown to this constructor before Keras 3.10. */
  if (compile->loss.info->kind == LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY) json_object_del(config, "axis");
  return json;
}

/* Keras 3 has no metric "crossentropy": data told which one is meant, or a loss for the same targets does. NULL: nothing does. */
static const char *crossentropy_name(const lsi_compile *compile) {
  int loss = compile->loss.info ? compile->loss.info->kind : -1;
  bool by_loss = loss == LSI_LOSS_CATEGORICAL_CROSSENTROPY || loss == LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY;
  return !compile->crossentropy && by_loss ? compile->loss.info->name : compile->crossentropy;
}

bool lsi_keras_has_metric(const lsi_compile *compile, const char *text) {
  lsi_object object;
  bool open = lsi_object_parse(&lsi_metrics, text, &object) == LS_OK && object.info->kind == LSI_METRIC_CROSSENTROPY_AUTO;
  return !open || crossentropy_name(compile);
}

/* A metric's name for Keras: as given when Keras spells it so, for that is what its logs will say. */
static json_t *write_metric(const lsi_compile *compile, const char *text) {
  static const char *const abbreviations[] = {"acc", "mse", "mae", "bce"};
  lsi_object object;
  if (lsi_object_parse(&lsi_metrics, text, &object) != LS_OK) return NULL;
  for (size_t i = 0; i < sizeof abbreviations / sizeof *abbreviations; i++)
    if (strcmp(text, abbreviations[i]) == 0) return json_string(text);
  if (strchr(text, '(')) return lsi_keras_object_write(&object, true);
  /* compile() folds the case of this one name; the loader of a file does not. */
  bool folded = object.info->kind == LSI_METRIC_ACCURACY;
  if (object.info->kind == LSI_METRIC_CROSSENTROPY_AUTO) return json_string(crossentropy_name(compile));
  return json_string(folded ? "accuracy" : object.info->name);
}

/* The metrics with `weighted`: names for Keras, or the texts as given. */
static json_t *write_metrics(const lsi_compile *compile, bool weighted, bool as_given) {
  json_t *list = json_array();
  int failed = 0;
  for (int i = 0; i < compile->n_metrics; i++) {
    const char *text = compile->metrics[i];
    if (compile->weighted[i] != weighted || !(as_given || lsi_keras_has_metric(compile, text))) continue;
    failed |= json_array_append_new(list, as_given ? json_string(text) : write_metric(compile, text));
  }
  if (!failed && (as_given || json_array_size(list) > 0)) return list;
  json_decref(list);
  return failed ? NULL : json_null();
}

/* As a list, which every version takes; Keras 3.0 does not take a number. */
static json_t *write_loss_weights(const lsi_compile *compile) {
  return compile->weighs_loss ? json_pack("[f]", compile->loss_weight) : json_null();
}

static json_t *write_own(const lsi_compile *compile) {
  json_t *own = json_object();
  int failed = json_object_set_new(own, "optimizer", write_call(&compile->optimizer));
  failed |= json_object_set_new(own, "loss", compile->loss.info ? json_string(compile->loss_text) : json_null());
  if (compile->crossentropy) failed |= json_object_set_new(own, "crossentropy", json_string(compile->crossentropy));
  if (compile->weighs_loss) failed |= json_object_set_new(own, "loss_weights", write_loss_weights(compile));
  failed |= json_object_set_new(own, "metrics", write_metrics(compile, false, true));
  failed |= json_object_set_new(own, "weighted_metrics", write_metrics(compile, true, true));
  if (!failed) return own;
  json_decref(own);
  return NULL;
}

ls_status lsi_keras_training_json(const lsi_compile *compile, char **text) {
  json_t *json = json_object();
  int failed = json_object_set_new(json, "loss", write_loss(compile));
  failed |= json_object_set_new(json, "metrics", write_metrics(compile, false, false));
  failed |= json_object_set_new(json, "weighted_metrics", write_metrics(compile, true, false));
  failed |= json_object_set_new(json, "loss_weights", write_loss_weights(compile));
  failed |= json_object_set_new(json, "optimizer_config", lsi_keras_object_write(&compile->optimizer, true));
  failed |= json_object_set_new(json, "lockstep", write_own(compile));
  if (failed) {
    json_decref(json);
    json = NULL;
  }
  return lsi_keras_json_print("training_config", json, text);
}

/* ---- reading ---- */

static ls_status keep_text(const char *text, char out[LSI_MAX_TEXT]) {
  LSI_CHECK(strlen(text) < LSI_MAX_TEXT, LS_ERR_UNSUPPORTED, NULL, "'%.60s...' is longer than %d characters", text,
            LSI_MAX_TEXT - 1);
  snprintf(out, LSI_MAX_TEXT, "%s", text);
  return LS_OK;
}

static ls_status add_metric(lsi_compile *compile, const char *text, bool weighted) {
  lsi_object object;
  LSI_CHECK(compile->n_metrics < LSI_MAX_METRICS, LS_ERR_UNSUPPORTED, NULL, "more than %d metrics", LSI_MAX_METRICS);
  LSI_TRY(lsi_object_parse(&lsi_metrics, text, &object));
  LSI_TRY(keep_text(text, compile->metrics[compile->n_metrics]));
  compile->weighted[compile->n_metrics++] = weighted;
  return LS_OK;
}

/* What compile() was given for its one output: itself, or in a dictionary by the output's name. */
static const json_t *of_the_output(const json_t *json) {
  bool by_name = json_is_object(json) && json_object_size(json) == 1 && !json_object_get(json, "class_name");
  return by_name ? json_object_iter_value(json_object_iter((json_t *)json)) : json;
}

/* A function by its name, as Keras 3 writes it: {"module": "builtins", "class_name": "function", "config": "mean_squared_error"}. */
static bool is_function(const json_t *json) {
  const char *class_name = json_string_value(json_object_get(json, "class_name"));
  return class_name && strcmp(class_name, "function") == 0 && json_is_string(json_object_get(json, "config"));
}

/* Keras wraps function metrics: {"class_name": "MeanMetricWrapper", "config": {"name", "fn", what the function is called with}}. */
static ls_status read_wrapped(const json_t *config, lsi_object *metric) {
  const json_t *fn = json_object_get(config, "fn");
  const char *function = json_string_value(is_function(fn) ? json_object_get(fn, "config") : fn);
  if (!function) function = json_string_value(json_object_get(config, "name"));
  json_t *arguments = json_copy((json_t *)config), *plain = json_pack("{s:s, s:o}", "class_name", function ? function : "", "config", arguments);
  LSI_CHECK(plain && function, LS_ERR_FORMAT, NULL, "MeanMetricWrapper: which function it wraps is not said");
  json_object_del(arguments, "fn");
  json_object_del(arguments, "name");
  const char *dtype = json_string_value(json_object_get(arguments, "dtype"));
  if (dtype && strcmp(dtype, "float32") == 0) json_object_del(arguments, "dtype");
  ls_status status = lsi_keras_object_read(&lsi_metrics, plain, metric);
  json_decref(plain);
  return status;
}

/* As a metric Keras averages a loss over batches, whatever their sizes: another number than the metric of that name. */
static bool is_loss(const json_t *json) {
  const char *module = json_string_value(json_object_get(json, "module"));
  return module && strstr(module, "keras.losses") && !is_function(json);
}

static ls_status read_metric(lsi_compile *compile, const json_t *json, bool weighted) {
  const char *class_name = json_string_value(json_object_get(json, "class_name"));
  const json_t *config = json_object_get(json, "config");
  if (is_function(json)) json = config;
  if (json_is_string(json)) return add_metric(compile, json_string_value(json), weighted);
  LSI_CHECK(class_name, LS_ERR_FORMAT, NULL, "a metric is neither a name nor an object with class_name");
  LSI_CHECK(!is_loss(json), LS_ERR_UNSUPPORTED, "use the metric of that name, or the loss's function", "metric '%.80s' is a loss's object", class_name);
  lsi_object object;
  char text[MAX_CALL];
  if (strcmp(class_name, "MeanMetricWrapper") == 0) LSI_TRY(read_wrapped(config, &object));
  else LSI_TRY(lsi_keras_object_read(&lsi_metrics, json, &object));
  LSI_TRY(lsi_object_print(&object, false, text, sizeof text));
  bool by_name = strcmp(class_name, "MeanMetricWrapper") == 0 && !strchr(text, '('); /* the function alone */
  return add_metric(compile, by_name ? object.info->name : text, weighted);
}

/* A list, or a list in a list (one per output). */
static ls_status read_metrics(lsi_compile *compile, const json_t *json, bool weighted) {
  json = of_the_output(json);
  if (!json || json_is_null(json)) return LS_OK;
  if (!json_is_array(json)) return read_metric(compile, json, weighted);
  if (json_array_size(json) == 1 && json_is_array(json_array_get(json, 0))) json = json_array_get(json, 0);
  for (size_t i = 0; i < json_array_size(json); i++)
    LSI_TRY(read_metric(compile, json_array_get(json, i), weighted));
  return LS_OK;
}

static ls_status read_loss(lsi_compile *compile, const json_t *json) {
  char text[MAX_CALL];
  json = of_the_output(json);
  if (json_array_size(json) == 1) json = json_array_get(json, 0); /* one per output */
  if (is_function(json)) json = json_object_get(json, "config");
  LSI_TRY(lsi_keras_object_read(&lsi_losses, json, &compile->loss));
  if (!compile->loss.info) return LS_OK;
  if (json_is_string(json)) return keep_text(json_string_value(json), compile->loss_text);
  LSI_TRY(lsi_object_print(&compile->loss, false, text, sizeof text));
  return keep_text(text, compile->loss_text);
}

/* A number, or a list or dictionary of one. */
static ls_status read_loss_weights(const json_t *json, lsi_compile *compile) {
  if (!json || json_is_null(json)) return LS_OK;
  if (json_is_array(json) && json_array_size(json) == 1) json = json_array_get(json, 0);
  json = of_the_output(json);
  LSI_CHECK(json_is_number(json), LS_ERR_UNSUPPORTED, "give one number, for the one output", "'loss_weights' is not one number");
  compile->weighs_loss = true;
  compile->loss_weight = json_number_value(json);
  return LS_OK;
}

static ls_status read_keras(const json_t *json, lsi_compile *compile) {
  LSI_TRY(read_loss_weights(json_object_get(json, "loss_weights"), compile));
  const json_t *optimizer = json_object_get(json, "optimizer_config");
  if (!optimizer) optimizer = json_object_get(json, "optimizer"); /* compile_config of Keras 3 */
  LSI_CHECK(optimizer && !json_is_null(optimizer), LS_ERR_FORMAT, NULL, "'optimizer_config' is missing");
  LSI_TRY(lsi_keras_object_read(&lsi_optimizers, optimizer, &compile->optimizer));
  LSI_TRY(read_loss(compile, json_object_get(json, "loss")));
  LSI_TRY(read_metrics(compile, json_object_get(json, "metrics"), false));
  return read_metrics(compile, json_object_get(json, "weighted_metrics"), true);
}

/* What the first data told; files that were written before have it as Keras's loss alone. */
static ls_status read_crossentropy(const json_t *json, const json_t *own, lsi_compile *compile) {
  const json_t *told = json_object_get(own, "crossentropy");
  bool open = compile->loss.info->kind == LSI_LOSS_CROSSENTROPY_AUTO;
  lsi_object meant;
  if (!told && open) told = json_object_get(json, "loss");
  LSI_TRY(lsi_keras_object_read(&lsi_losses, told, &meant));
  if (!meant.info) return LS_OK;
  compile->crossentropy = meant.info->name;
  if (open) compile->loss = meant;
  return LS_OK;
}

static ls_status read_own(const json_t *json, const json_t *own, lsi_compile *compile) {
  const char *optimizer = json_string_value(json_object_get(own, "optimizer"));
  const char *loss = json_string_value(json_object_get(own, "loss"));
  LSI_CHECK(optimizer, LS_ERR_FORMAT, NULL, "'lockstep' has no optimizer");
  LSI_TRY(lsi_object_parse(&lsi_optimizers, optimizer, &compile->optimizer));
  if (loss) {
    LSI_TRY(keep_text(loss, compile->loss_text));
    LSI_TRY(lsi_object_parse(&lsi_losses, loss, &compile->loss));
    LSI_TRY(read_crossentropy(json, own, compile));
  }
  LSI_TRY(read_loss_weights(json_object_get(own, "loss_weights"), compile));
  LSI_TRY(read_metrics(compile, json_object_get(own, "metrics"), false));
  return read_metrics(compile, json_object_get(own, "weighted_metrics"), true);
}

ls_status lsi_keras_training_parse(const char *text, lsi_compile *compile) {
  json_t *json;
  lsi_compile read = {0};
  LSI_TRY(lsi_keras_json_parse("training_config", text, &json));
  const json_t *own = json_object_get(json, "lockstep");
  ls_status status = own ? read_own(json, own, &read) : read_keras(json, &read);
  json_decref(json);
  if (status != LS_OK)
    lsi_error_prefix("training_config");
  else
    *compile = read;
  return status;
}
