/* SPDX-License-Identifier: MIT */
/* model_config back into a net: Sequential, and Functional when it is one chain. Keras 2 and 3 spell these differently. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_layers.h"
#include "ckpt/keras_objects.h"

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static const char *layer_name(const json_t *layer) {
  const char *name = text_of(json_object_get(layer, "config"), "name");
  return name ? name : text_of(layer, "name");
}

/* The layer that one node takes its input from; NULL when it is not exactly one.
   Keras 2: [["dense", 0, 0, {}]]. Keras 3: {"args": [{"config": {"keras_history": ["dense", 0, 0]}}]}. */
static const char *node_input(const json_t *node) {
  const json_t *inputs = json_is_object(node) ? json_object_get(node, "args") : node;
  if (json_array_size(inputs) != 1) return NULL;
  const json_t *input = json_array_get(inputs, 0);
  if (json_is_object(input)) input = json_object_get(json_object_get(input, "config"), "keras_history");
  return json_string_value(json_array_get(input, 0));
}

/* What a call was given besides its input: only null leaves the layer as it is. Keras 3 notes "training" of the call that built the graph,
   and overrides it in every later one (keras/src/models/functional.py, operation_fn); Keras 2 keeps to it. */
static ls_status check_call(const json_t *node) {
  const json_t *arguments = json_is_object(node) ? json_object_get(node, "kwargs") : json_array_get(json_array_get(node, 0), 3);
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)arguments, key, value)
    LSI_CHECK(json_is_null(value) || (json_is_object(node) && strcmp(key, "training") == 0), LS_ERR_UNSUPPORTED, NULL, "it was called with '%.60s', which is not supported", key);
  return LS_OK;
}

/* Functional: "input_layers" and "output_layers" name one layer: ["out", 0, 0] or [["out", 0, 0]]. */
static ls_status check_end(const json_t *config, const char *key, const json_t *layer) {
  const json_t *list = json_object_get(config, key);
  if (!list) return LS_OK;
  if (json_array_size(list) == 1) list = json_array_get(list, 0);
  const char *name = json_string_value(json_array_get(list, 0)), *expected = layer_name(layer);
  if (name && expected && strcmp(name, expected) == 0) return LS_OK;
  char sample[120];
  lsi_keras_json_sample(list, sample, sizeof sample);
  LSI_FAIL(LS_ERR_UNSUPPORTED, "only models of one input and one output, neither in a dictionary, whose layers form one chain are read",
           "model_config: '%s' is %s, not the chain's end '%.60s' alone", key, sample, expected ? expected : "?");
}

/* Functional: is layer i fed by layer i - 1 and by nothing else? */
static ls_status check_chain(const json_t *layers, size_t i) {
  const json_t *nodes = json_object_get(json_array_get(layers, i), "inbound_nodes");
  if (i == 0 && json_array_size(nodes) == 0) return LS_OK;
  const char *input = i > 0 && json_array_size(nodes) == 1 ? node_input(json_array_get(nodes, 0)) : NULL;
  const char *before = i > 0 ? layer_name(json_array_get(layers, i - 1)) : NULL;
  LSI_CHECK(input && before && strcmp(input, before) == 0, LS_ERR_UNSUPPORTED,
            "only models whose layers form one chain are read", "it is not fed by the layer before it alone");
  return check_call(json_array_get(nodes, 0));
}

static ls_status add_input(lsi_net *net, const json_t *shape) {
  lsi_layer layer;
  LSI_TRY(lsi_layer_init(&layer, LSI_LAYER_INPUT, NULL));
  LSI_TRY(lsi_keras_shape_read(shape, &layer.in));
  return lsi_net_add(net, &layer);
}

/* Keras 2 and deferred Sequentials have no InputLayer: the shape is with the first layer or with the model. */
static ls_status need_input(lsi_net *net, const json_t *model_config, const json_t *layer_config) {
  if (net->n_layers > 0) return LS_OK;
  const json_t *shape = json_object_get(layer_config, "batch_input_shape");
  if (!shape) shape = json_object_get(layer_config, "batch_shape");
  if (!shape) shape = json_object_get(model_config, "build_input_shape");
  LSI_CHECK(json_is_array(shape), LS_ERR_UNSUPPORTED, "save the model after it has seen its input's shape",
            "the model's input shape is not known");
  return add_input(net, shape);
}

static ls_status read_layer(lsi_net *net, const json_t *model_config, const json_t *json) {
  const char *class_name = text_of(json, "class_name");
  const json_t *config = json_object_get(json, "config");
  lsi_layer_kind kind;
  lsi_layer layer;
  LSI_CHECK(class_name && json_is_object(config), LS_ERR_FORMAT, NULL, "expected an object with class_name and config");
  LSI_TRY(lsi_keras_check_origin(json));
  LSI_CHECK(!json_object_get(config, "layers"), LS_ERR_UNSUPPORTED, "in Keras, make one model of the layers: keras.Sequential([*inner.layers, ...])",
            "a model inside a model is not supported");
  LSI_TRY(lsi_layer_kind_find(class_name, &kind));
  if (kind != LSI_LAYER_INPUT) LSI_TRY(need_input(net, model_config, config));
  LSI_TRY(lsi_keras_layer_read(kind, config, net->n_layers ? lsi_net_last(net)->out.rank : 0, &layer));
  return lsi_net_add(net, &layer);
}

/* Before memory is taken for them: a few words can claim more than any machine has. */
static ls_status check_size(const lsi_net *net, size_t most) {
  size_t n = 0;
  for (int t = 0; t < net->layout.n; t++) {
    n += net->layout.tensors[t].count;
    LSI_CHECK(n <= most, LS_ERR_CORRUPT, "if the model is in order, save it without compression",
              "model_config: the layers up to '%s' have %zu parameters, more than a file of this size can hold", net->layout.tensors[t].name, n);
  }
  return LS_OK;
}

static ls_status read_layers(lsi_net *net, const json_t *config, const json_t *layers, bool chain, size_t most) {
  enum { MAX_LAYERS = 10000 }; /* names are compared pair by pair */
  size_t n = json_array_size(layers);
  LSI_CHECK(n > 0 && n <= MAX_LAYERS, LS_ERR_FORMAT, NULL, "model_config: %zu layers", n);
  for (size_t i = 0; i < n; i++) {
    const json_t *layer = json_array_get(layers, i);
    ls_status status = chain ? check_chain(layers, i) : LS_OK;
    if (status == LS_OK) status = read_layer(net, config, layer);
    if (status != LS_OK) {
      const char *name = layer_name(layer), *class_name = text_of(layer, "class_name");
      lsi_error_prefix("layers[%zu] (%.60s, class %.60s)", i, name ? name : "no name", class_name ? class_name : "none");
      return status;
    }
  }
  LSI_TRY(check_size(net, most));
  return lsi_net_build(net);
}

static ls_status read_model(const json_t *json, size_t most, lsi_net **out) {
  const char *class_name = text_of(json, "class_name");
  const json_t *config = json_object_get(json, "config");
  LSI_CHECK(class_name && json_is_object(config), LS_ERR_FORMAT, NULL,
            "model_config: expected an object with class_name and config");
  bool sequential = strcmp(class_name, "Sequential") == 0;
  LSI_CHECK(sequential || strcmp(class_name, "Functional") == 0 || strcmp(class_name, "Model") == 0, LS_ERR_UNSUPPORTED,
            "Sequential, and Functional models of one chain, are read", "model_config: class '%.80s' is not supported",
            class_name);
  const json_t *layers = json_object_get(config, "layers");
  LSI_TRY(lsi_keras_check_origin(json));
  if (!sequential) {
    LSI_TRY(check_end(config, "input_layers", json_array_get(layers, 0)));
    LSI_TRY(check_end(config, "output_layers", json_array_get(layers, json_array_size(layers) - 1)));
  }
  lsi_net *net;
  LSI_TRY(lsi_net_create(text_of(config, "name"), &net));
  ls_status status = read_layers(net, config, layers, !sequential, most);
  if (status != LS_OK)
    lsi_net_destroy(&net);
  else
    *out = net;
  return status;
}

ls_status lsi_keras_model_parse(const char *text, lsi_net **net) {
  return lsi_keras_model_parse_within(text, SIZE_MAX, net);
}

ls_status lsi_keras_model_parse_within(const char *text, size_t most, lsi_net **net) {
  json_t *json;
  LSI_TRY(lsi_keras_json_parse("model_config", text, &json));
  ls_status status = read_model(json, most, net);
  json_decref(json);
  if (status == LS_OK && (status = lsi_strdup(text, &(*net)->origin)) != LS_OK) lsi_net_destroy(net);
  return status;
}
