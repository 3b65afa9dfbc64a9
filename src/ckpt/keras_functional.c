/* SPDX-License-Identifier: MIT */
/* Nodes are written as Keras 2 has them, [["dense", 0, 0, {}]], which Keras 3 takes as well. */
#include "ckpt/keras_functional.h"

static json_t *tensor_of(const lsi_layer *layer) {
  return json_pack("[s, i, i]", layer->name, 0, 0);
}

/* Which layer a layer is called on. */
static json_t *nodes_of(const lsi_net *net, int i) {
  return i == 0 ? json_array() : json_pack("[[[s, i, i, {}]]]", net->layers[i - 1]->name, 0, 0);
}

int lsi_keras_make_functional(const lsi_net *net, json_t *model) {
  json_t *config = json_object_get(model, "config"), *layers = json_object_get(config, "layers");
  int failed = json_object_set_new(model, "class_name", json_string("Functional"));
  for (int i = 0; i < net->n_layers; i++) {
    json_t *layer = json_array_get(layers, (size_t)i);
    failed |= json_object_set_new(layer, "name", json_string(net->layers[i]->name));
    failed |= json_object_set_new(layer, "inbound_nodes", nodes_of(net, i));
  }
  failed |= json_object_set_new(config, "input_layers", json_pack("[o]", tensor_of(net->layers[0])));
  failed |= json_object_set_new(config, "output_layers", json_pack("[o]", tensor_of(lsi_net_last(net))));
  json_object_del(config, "build_input_shape"); /* a Sequential's */
  json_object_del(config, "dtype");
  json_object_del(model, "build_config");
  return failed;
}
