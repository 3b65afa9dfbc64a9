/* SPDX-License-Identifier: MIT */
#include "nn/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/layers.h"
#include "nn/orthogonality.h"
#include "nn/regularizer.h"

ls_status lsi_net_create(const char *name, lsi_net **out) {
  lsi_net *net;
  if (!name || !*name) name = "sequential";
  LSI_CHECK(strlen(name) < sizeof net->name, LS_ERR_ARG, NULL, "model name '%s' is longer than %zu characters", name,
            sizeof net->name - 1);
  LSI_CHECK(!strchr(name, '/'), LS_ERR_ARG, "Keras would not open the model", "model name '%s': no '/'", name);
  LSI_TRY(LSI_ALLOC("model", 1, &net));
  snprintf(net->name, sizeof net->name, "%s", name);
  *out = net;
  return LS_OK;
}

static void destroy_layer(lsi_layer *layer) {
  if (layer->ops->destroy) layer->ops->destroy(layer);
}

void lsi_net_destroy(lsi_net **net) {
  if (!*net) return;
  for (int i = 0; i < (*net)->n_layers; i++) {
    destroy_layer((*net)->layers[i]);
    lsi_free((*net)->layers[i]);
  }
  free((*net)->layers);
  lsi_layout_clear(&(*net)->layout);
  lsi_free((*net)->params);
  lsi_free((*net)->scratch);
  lsi_free((*net)->origin);
  lsi_free(*net);
  *net = NULL;
}

static const lsi_layer *find_layer(const lsi_net *net, const char *name) {
  for (int i = 0; i < net->n_layers; i++)
    if (strcmp(net->layers[i]->name, name) == 0) return net->layers[i];
  return NULL;
}

/* Keras's automatic names: dense, dense_1, dense_2, ... */
static ls_status name_layer(const lsi_net *net, lsi_layer *layer) {
  if (layer->name[0]) {
    LSI_CHECK(!find_layer(net, layer->name), LS_ERR_ARG, "give each layer its own name",
              "layer %d: the name '%s' is taken", net->n_layers, layer->name);
    return LS_OK;
  }
  snprintf(layer->name, sizeof layer->name, "%s", layer->ops->base_name);
  for (int k = 1; find_layer(net, layer->name); k++)
    snprintf(layer->name, sizeof layer->name, "%s_%d", layer->ops->base_name, k);
  return LS_OK;
}

static ls_status check_size(const lsi_layer *layer, const lsi_shape *shape) {
  size_t size = 1;
  LSI_CHECK(shape->rank >= 1 && shape->rank <= LS_MAX_RANK, LS_ERR_SHAPE, NULL,
            "%s: an input of %d dimensions; 1 to %d are possible", layer->name, shape->rank, LS_MAX_RANK);
  for (int d = 0; d < shape->rank; d++)
    LSI_CHECK(shape->dims[d] > 0 && lsi_mul_size(size, (size_t)shape->dims[d], &size) && size <= (size_t)1 << 40,
              LS_ERR_SHAPE, NULL, "%s: dimension %d of the input shape is %lld", layer->name, d,
              (long long)shape->dims[d]);
  return LS_OK;
}

static ls_status check_activity(const lsi_layer *layer) {
  LSI_CHECK(!lsi_is_orthogonality(&layer->activity_regularizer), LS_ERR_UNSUPPORTED, "it is for kernels",
            "%s: OrthogonalRegularizer of outputs would compare the samples of a batch with each other", layer->name);
  LSI_CHECK(!layer->activity_regularizer.info || (layer->kind != LSI_LAYER_INPUT && layer->kind != LSI_LAYER_ACTIVITY_REGULARIZATION), LS_ERR_ARG,
            "ActivityRegularization has l1 and l2", "%s: takes no activity_regularizer", layer->name);
  return LS_OK;
}

static ls_status connect_layer(lsi_net *net, lsi_layer *layer) {
  bool first = net->n_layers == 0;
  LSI_CHECK(!net->built, LS_ERR_STATE, "add all layers before compile", "%s: the model is already built",
            net->name);
  LSI_CHECK(first == (layer->kind == LSI_LAYER_INPUT), LS_ERR_SHAPE,
            "give the input's shape first: Input, or input_shape of the first layer",
            first ? "%s: the first layer needs an input shape" : "%s: an Input can only come first",
            layer->name[0] ? layer->name : layer->ops->base_name);
  LSI_TRY(name_layer(net, layer));
  if (!first) layer->in = lsi_net_last(net)->out;
  LSI_TRY(check_size(layer, &layer->in));
  layer->in_size = lsi_shape_size(&layer->in);
  layer->index = net->n_layers;
  LSI_TRY(check_activity(layer));
  return layer->ops->build(layer, layer->index, &net->layout);
}

ls_status lsi_net_add(lsi_net *net, lsi_layer *layer) {
  lsi_layer *copy = NULL;
  ls_status status;
  int n_tensors = net->layout.n;
  lsi_layer **grown = realloc(net->layers, (size_t)(net->n_layers + 1) * sizeof *grown);
  if (!grown) {
    status = lsi_error_set(LS_ERR_MEMORY, NULL, "%s: no memory for another layer", net->name);
    goto fail;
  }
  net->layers = grown;
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("layer", 1, &copy));
  LSI_TRY_GOTO(status, fail, connect_layer(net, layer));
  *copy = *layer;
  net->layers[net->n_layers++] = copy;
  return LS_OK;
fail:
  net->layout.n = n_tensors;
  lsi_free(copy);
  destroy_layer(layer);
  return status;
}

ls_status lsi_net_regularize_last(lsi_net *net, const lsi_object *regularizer) {
  LSI_CHECK(net->n_layers > 0 && !net->built, LS_ERR_STATE, "after adding the layer and before compile", "%s: an activity_regularizer goes with the layer added last",
            net->name);
  lsi_layer *last = net->layers[net->n_layers - 1], changed = *last;
  changed.activity_regularizer = *regularizer;
  LSI_TRY(check_activity(&changed));
  last->activity_regularizer = *regularizer;
  return LS_OK;
}

/* For the largest of the penalties that need memory. */
static ls_status reserve_scratch(lsi_net *net) {
  size_t most = 0, own;
  for (int t = 0; t < net->layout.n; t++) {
    const lsi_tensor *tensor = &net->layout.tensors[t];
    LSI_TRY(lsi_regularizer_prepare(&tensor->regularizer, tensor->dims, &own));
    if (own > most) most = own;
  }
  return most > 0 && !net->scratch ? LSI_ALLOC("penalties", most, &net->scratch) : LS_OK;
}

ls_status lsi_net_build(lsi_net *net) {
  if (net->built) return LS_OK;
  LSI_CHECK(net->n_layers >= 2, LS_ERR_STATE, "add a layer, e.g. Dense", "%s: the model has no layers", net->name);
  LSI_TRY(lsi_layout_finish(&net->layout));
  LSI_TRY(reserve_scratch(net));
  for (int t = 0; t < net->layout.n; t++) {
    lsi_layer *layer = net->layers[net->layout.tensors[t].layer];
    if (!layer->tensors) layer->tensors = &net->layout.tensors[t];
    layer->n_tensors++;
  }
  ls_status status = LSI_ALLOC("parameters", net->layout.size, &net->params);
  if (status != LS_OK) {
    for (int i = 0; i < net->n_layers; i++) net->layers[i]->tensors = NULL, net->layers[i]->n_tensors = 0;
    return status;
  }
  net->built = true;
  return LS_OK;
}

ls_status lsi_net_initialize(lsi_net *net, uint64_t seed) {
  LSI_TRY(lsi_net_build(net));
  for (int i = 0; i < net->layout.n; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    lsi_initialize(&t->initializer, seed, (uint64_t)i, t->rank, t->dims, net->params + t->offset, t->count);
  }
  net->has_weights = true;
  return LS_OK;
}

const lsi_shape *lsi_net_input_shape(const lsi_net *net) {
  return &net->layers[0]->out;
}

const lsi_layer *lsi_net_last(const lsi_net *net) {
  return net->layers[net->n_layers - 1];
}

size_t lsi_net_output_size(const lsi_net *net) {
  return lsi_net_last(net)->out_size;
}

size_t lsi_net_output_width(const lsi_net *net) {
  return lsi_layer_width(lsi_net_last(net));
}

lsi_activation lsi_net_last_activation(const lsi_net *net) {
  const lsi_layer *last = lsi_net_last(net);
  if (last->activity_regularizer.info) return LSI_ACT_LINEAR; /* a penalty of the outputs wants them, not the logits */
  if (last->kind == LSI_LAYER_DENSE) return last->dense.activation;
  if (last->kind == LSI_LAYER_SOFTMAX) return LSI_ACT_SOFTMAX;
  return last->kind == LSI_LAYER_ACTIVATION ? last->activation : LSI_ACT_LINEAR;
}

size_t lsi_net_reduce_values(const lsi_net *net) {
  size_t most = 0;
  for (int i = 0; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    size_t n = layer->ops->reduce_values ? layer->ops->reduce_values(layer) : 0;
    if (n > most) most = n;
  }
  return most;
}

bool lsi_net_has_regularizers(const lsi_net *net) {
  for (int i = 0; i < net->layout.n; i++)
    if (net->layout.tensors[i].regularizer.info) return true;
  return false;
}

double lsi_net_penalty(const lsi_net *net, const float *params) {
  double sum = 0;
  for (int i = 0; i < net->layout.n; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    if (t->regularizer.info && t->trainable) /* Keras: frozen weights have no penalty */
      sum += lsi_regularizer_loss(&t->regularizer, t->dims, t->count, params + t->offset, net->scratch);
  }
  return sum;
}

void lsi_net_add_penalty_gradient(const lsi_net *net, const float *params, float *grad) {
  for (int i = 0; i < net->layout.n; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    if (t->regularizer.info && t->trainable)
      lsi_regularizer_add_grad(&t->regularizer, t->dims, t->count, params + t->offset, net->scratch, grad + t->offset);
  }
}

bool lsi_net_has_constraints(const lsi_net *net) {
  for (int i = 0; i < net->layout.n; i++)
    if (net->layout.tensors[i].constraint.info && net->layout.tensors[i].trainable) return true;
  return false;
}

void lsi_net_constrain(const lsi_net *net, float *params) {
  for (int i = 0; i < net->layout.n; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    if (t->trainable) lsi_constraint_apply(&t->constraint, t->rank, t->dims, params + t->offset);
  }
}

ls_status lsi_net_digest(const lsi_net *net, const float *params, char hex[33]) {
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  for (int i = 0; i < net->layout.n; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    lsi_hash_update(hash, params + t->offset, t->count * sizeof(float));
  }
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  return LS_OK;
}
