/* SPDX-License-Identifier: MIT */
/* model_config: {"class_name": "Sequential", "config": {"name", "layers"}}. */
#include "ckpt/keras_config.h"
#include "ckpt/keras_functional.h"
#include "ckpt/keras_layers.h"
#include "ckpt/keras_objects.h"
#include "ckpt/keras_origin.h"

static json_t *write_sequential(const lsi_net *net) {
  json_t *layers = json_array(), *config = json_object(), *whole = json_object();
  int failed = 0;
  for (int i = 0; i < net->n_layers; i++) failed |= json_array_append_new(layers, lsi_keras_layer_write(net->layers[i]));
  failed |= json_object_set_new(config, "name", json_string(net->name));
  failed |= json_object_set_new(config, "layers", layers);
  failed |= json_object_set_new(whole, "class_name", json_string("Sequential"));
  failed |= json_object_set_new(whole, "config", config);
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

ls_status lsi_keras_model_json(const lsi_net *net, char **text) {
  return lsi_keras_json_print("model_config", write_sequential(net), text);
}

ls_status lsi_keras_model_file_json(const lsi_net *net, char **text) {
  json_t *whole = write_sequential(net);
  if (whole && lsi_keras_origin_is_functional(net) && lsi_keras_make_functional(net, whole) != 0) {
    json_decref(whole);
    whole = NULL;
  }
  return lsi_keras_json_print("model_config", whole, text);
}
