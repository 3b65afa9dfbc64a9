/* SPDX-License-Identifier: MIT */
/* model_config: {"class_name": "Sequential", "config": {"name", "layers"}}. */
#include "ckpt/keras_config.h"
#include "ckpt/keras_layers.h"
#include "ckpt/keras_objects.h"

ls_status lsi_keras_model_json(const lsi_net *net, char **text) {
  json_t *layers = json_array(), *config = json_object(), *whole = json_object();
  int failed = 0;
  for (int i = 0; i < net->n_layers; i++) failed |= json_array_append_new(layers, lsi_keras_layer_write(net->layers[i]));
  failed |= json_object_set_new(config, "name", json_string(net->name));
  failed |= json_object_set_new(config, "layers", layers);
  failed |= json_object_set_new(whole, "class_name", json_string("Sequential"));
  failed |= json_object_set_new(whole, "config", config);
  if (failed) {
    json_decref(whole);
    whole = NULL;
  }
  return lsi_keras_json_print("model_config", whole, text);
}
