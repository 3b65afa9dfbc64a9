/* SPDX-License-Identifier: MIT */
#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/layers.h"
#include "nn/orthogonality.h"

const lsi_layer_ops *const lsi_layer_table[LSI_LAYER_KINDS] = {
    [LSI_LAYER_INPUT] = &lsi_input_ops,
    [LSI_LAYER_FLATTEN] = &lsi_flatten_ops,
    [LSI_LAYER_DENSE] = &lsi_dense_ops,
    [LSI_LAYER_ACTIVATION] = &lsi_activation_ops,
    [LSI_LAYER_DROPOUT] = &lsi_dropout_ops,
    [LSI_LAYER_BATCH_NORMALIZATION] = &lsi_batch_normalization_ops,
    [LSI_LAYER_LAYER_NORMALIZATION] = &lsi_layer_normalization_ops,
    [LSI_LAYER_RESCALING] = &lsi_rescaling_ops,
    [LSI_LAYER_NORMALIZATION] = &lsi_normalization_ops,
    [LSI_LAYER_RELU] = &lsi_relu_ops,
    [LSI_LAYER_LEAKY_RELU] = &lsi_leaky_relu_ops,
    [LSI_LAYER_ELU] = &lsi_elu_ops,
    [LSI_LAYER_PRELU] = &lsi_prelu_ops,
    [LSI_LAYER_SOFTMAX] = &lsi_softmax_ops,
    [LSI_LAYER_GAUSSIAN_NOISE] = &lsi_gaussian_noise_ops,
    [LSI_LAYER_GAUSSIAN_DROPOUT] = &lsi_gaussian_dropout_ops,
    [LSI_LAYER_ALPHA_DROPOUT] = &lsi_alpha_dropout_ops,
    [LSI_LAYER_RESHAPE] = &lsi_reshape_ops,
    [LSI_LAYER_IDENTITY] = &lsi_identity_ops,
    [LSI_LAYER_ACTIVITY_REGULARIZATION] = &lsi_activity_regularization_ops,
    [LSI_LAYER_UNIT_NORMALIZATION] = &lsi_unit_normalization_ops,
    [LSI_LAYER_RMS_NORMALIZATION] = &lsi_rms_normalization_ops,
    [LSI_LAYER_PERMUTE] = &lsi_permute_ops,
    [LSI_LAYER_REPEAT_VECTOR] = &lsi_repeat_vector_ops,
    [LSI_LAYER_GROUP_NORMALIZATION] = &lsi_group_normalization_ops,
};

size_t lsi_shape_size(const lsi_shape *shape) {
  size_t size = 1;
  for (int d = 0; d < shape->rank; d++) size *= (size_t)shape->dims[d];
  return size;
}

static ls_status default_initializer(lsi_object *object, const char *name) {
  return lsi_object_parse(&lsi_initializers, name, object);
}

static ls_status norm_defaults(lsi_norm *norm) {
  norm->momentum = 0.99;
  norm->epsilon = 1e-3;
  norm->groups = 32;
  norm->center = norm->scale = true;
  LSI_TRY(default_initializer(&norm->beta_initializer, "zeros"));
  LSI_TRY(default_initializer(&norm->gamma_initializer, "ones"));
  LSI_TRY(default_initializer(&norm->moving_mean_initializer, "zeros"));
  return default_initializer(&norm->moving_variance_initializer, "ones");
}

ls_status lsi_layer_init(lsi_layer *layer, lsi_layer_kind kind, const char *name) {
  memset(layer, 0, sizeof *layer);
  layer->ops = lsi_layer_table[kind];
  layer->kind = kind;
  if (name) {
    LSI_CHECK(strlen(name) < sizeof layer->name && !strchr(name, '/'), LS_ERR_ARG, NULL,
              "layer name '%s': at most %zu characters and no '/'", name, sizeof layer->name - 1);
    snprintf(layer->name, sizeof layer->name, "%s", name);
  }
  switch (kind) {
  case LSI_LAYER_DENSE:
    layer->dense.use_bias = true;
    LSI_TRY(default_initializer(&layer->dense.kernel_initializer, "glorot_uniform"));
    return default_initializer(&layer->dense.bias_initializer, "zeros");
  case LSI_LAYER_BATCH_NORMALIZATION:
  case LSI_LAYER_LAYER_NORMALIZATION:
  case LSI_LAYER_GROUP_NORMALIZATION: return norm_defaults(&layer->norm);
  case LSI_LAYER_RESCALING: layer->rescaling.scale = 1; return LS_OK;
  case LSI_LAYER_RMS_NORMALIZATION: layer->norm.epsilon = 1e-6; return LS_OK;
  case LSI_LAYER_RELU: layer->relu.max_value = NAN; return LS_OK;
  case LSI_LAYER_LEAKY_RELU: layer->relu = (lsi_relu){NAN, 0.3, 0}; return LS_OK;
  case LSI_LAYER_ELU: layer->elu_alpha = 1; return LS_OK;
  case LSI_LAYER_PRELU: return default_initializer(&layer->prelu.alpha_initializer, "zeros");
  default: return LS_OK;
  }
}

ls_status lsi_layer_kind_find(const char *class_name, lsi_layer_kind *kind) {
  const char *names[LSI_LAYER_KINDS];
  for (int k = 0; k < LSI_LAYER_KINDS; k++) {
    names[k] = lsi_layer_table[k]->class_name;
    if (strcmp(names[k], class_name) == 0) {
      *kind = (lsi_layer_kind)k;
      return LS_OK;
    }
  }
  const char *nearest = lsi_nearest_name(class_name, names, LSI_LAYER_KINDS);
  if (nearest)
    LSI_FAIL(LS_ERR_UNSUPPORTED, NULL, "layer class '%s' is not supported; did you mean '%s'?",
             class_name, nearest);
  LSI_FAIL(LS_ERR_UNSUPPORTED, "supported: Dense, Flatten, Reshape, Permute, RepeatVector, Identity, Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax, Dropout, "
           "GaussianNoise, GaussianDropout, AlphaDropout, ActivityRegularization, BatchNormalization, LayerNormalization, "
           "GroupNormalization, RMSNormalization, UnitNormalization, Rescaling, Normalization, InputLayer",
           "layer class '%s' is not supported", class_name);
}

ls_status lsi_layer_add_tensor(const lsi_layer *layer, int index, lsi_layout *layout, const char *variable,
                               int rank, const int64_t *dims, bool trainable,
                               const lsi_object *initializer, const lsi_object *regularizer) {
  lsi_tensor tensor = {.layer = index, .rank = rank, .trainable = trainable && !layer->frozen};
  snprintf(tensor.name, sizeof tensor.name, "%s/%s", layer->name, variable);
  for (int d = 0; d < rank; d++) tensor.dims[d] = dims[d];
  tensor.initializer = *initializer;
  LSI_TRY(lsi_initializer_check(initializer, tensor.name, rank));
  if (regularizer) tensor.regularizer = *regularizer;
  LSI_TRY(lsi_orthogonality_check(&tensor.regularizer, tensor.name, rank, dims));
  return lsi_layout_add(layout, &tensor);
}

ls_status lsi_layer_constrain(lsi_layout *layout, const lsi_object *constraint) {
  lsi_tensor *last = &layout->tensors[layout->n - 1];
  LSI_TRY(lsi_constraint_check(constraint, last->name, last->rank));
  last->constraint = *constraint;
  return LS_OK;
}

ls_status lsi_layer_add_gamma_and_beta(const lsi_layer *layer, int index, lsi_layout *layout) {
  const lsi_norm *norm = &layer->norm;
  const int64_t n = layer->out.dims[layer->out.rank - 1];
  if (norm->scale) {
    LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "gamma", 1, &n, true, &norm->gamma_initializer, &norm->gamma_regularizer));
    LSI_TRY(lsi_layer_constrain(layout, &norm->gamma_constraint));
  }
  if (!norm->center) return LS_OK;
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "beta", 1, &n, true, &norm->beta_initializer, &norm->beta_regularizer));
  return lsi_layer_constrain(layout, &norm->beta_constraint);
}

const lsi_tensor *lsi_layer_tensor(const lsi_layer *layer, const char *variable) {
  for (int i = 0; i < layer->n_tensors; i++)
    if (strcmp(layer->tensors[i].name + layer->tensors[i].variable, variable) == 0) return &layer->tensors[i];
  return NULL;
}

void lsi_layer_keep_shape(lsi_layer *layer) {
  layer->out = layer->in;
  layer->out_size = layer->in_size;
  layer->lead = layer->out_size / (size_t)layer->out.dims[layer->out.rank - 1];
}
