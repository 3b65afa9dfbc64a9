/* SPDX-License-Identifier: MIT */
/* ls_model_add_*: from the public specs to layers. */
#include <string.h>

#include "base/memory.h"
#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/layer_call.h"
#include "nn/regularizer.h"
#include "train/model.h"

/* NULL keeps the layer's default. */
static ls_status set_object(const lsi_family *family, const char *what, const char *text, lsi_object *object) {
  if (!text) return LS_OK;
  ls_status status = lsi_object_parse(family, text, object);
  if (status != LS_OK) lsi_error_prefix("%s", what);
  return status;
}

static ls_status named(ls_model *model, lsi_layer_kind kind, const char *name, lsi_layer *layer) {
  LSI_CHECK(model, LS_ERR_ARG, NULL, "the model must not be NULL");
  return lsi_layer_init(layer, kind, name);
}

ls_status ls_model_add_input(ls_model *model, int rank, const int64_t *shape) {
  lsi_layer layer;
  LSI_TRY(named(model, LSI_LAYER_INPUT, NULL, &layer));
  LSI_CHECK(rank >= 1 && rank <= LS_MAX_RANK, LS_ERR_SHAPE, NULL, "an input of %d dimensions; 1 to %d are possible",
            rank, LS_MAX_RANK);
  LSI_NOT_NULL(shape);
  layer.in.rank = rank;
  memcpy(layer.in.dims, shape, (size_t)rank * sizeof *shape);
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_flatten(ls_model *model, const char *name) {
  lsi_layer layer;
  LSI_TRY(named(model, LSI_LAYER_FLATTEN, name, &layer));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_dense(ls_model *model, const ls_dense_spec *spec) {
  lsi_layer layer;
  LSI_NOT_NULL(spec);
  LSI_TRY(named(model, LSI_LAYER_DENSE, spec->name, &layer));
  lsi_dense *dense = &layer.dense;
  dense->units = spec->units;
  dense->use_bias = !spec->no_bias;
  layer.frozen = spec->frozen;
  LSI_TRY(lsi_activation_parse(spec->activation, &dense->activation));
  LSI_TRY(set_object(&lsi_initializers, "kernel_initializer", spec->kernel_initializer, &dense->kernel_initializer));
  LSI_TRY(set_object(&lsi_initializers, "bias_initializer", spec->bias_initializer, &dense->bias_initializer));
  LSI_TRY(set_object(&lsi_regularizers, "kernel_regularizer", spec->kernel_regularizer, &dense->kernel_regularizer));
  LSI_TRY(set_object(&lsi_regularizers, "bias_regularizer", spec->bias_regularizer, &dense->bias_regularizer));
  LSI_TRY(set_object(&lsi_regularizers, "activity_regularizer", spec->activity_regularizer, &layer.activity_regularizer));
  LSI_TRY(set_object(&lsi_constraints, "kernel_constraint", spec->kernel_constraint, &dense->kernel_constraint));
  LSI_TRY(set_object(&lsi_constraints, "bias_constraint", spec->bias_constraint, &dense->bias_constraint));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_activation(ls_model *model, const char *activation, const char *name) {
  lsi_layer layer;
  LSI_TRY(named(model, LSI_LAYER_ACTIVATION, name, &layer));
  LSI_TRY(lsi_activation_parse(activation, &layer.activation));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_dropout(ls_model *model, double rate, uint64_t seed, const char *name) {
  lsi_layer layer;
  LSI_TRY(named(model, LSI_LAYER_DROPOUT, name, &layer));
  layer.dropout = (lsi_dropout){.rate = rate, .seed = seed};
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_batch_normalization(ls_model *model, const ls_batch_normalization_spec *spec) {
  static const ls_batch_normalization_spec all_defaults;
  lsi_layer layer;
  if (!spec) spec = &all_defaults;
  LSI_TRY(named(model, LSI_LAYER_BATCH_NORMALIZATION, spec->name, &layer));
  lsi_norm *norm = &layer.norm;
  layer.frozen = spec->frozen;
  LSI_CHECK(!spec->no_momentum || spec->momentum == 0, LS_ERR_ARG, "leave one of the two zero",
            "BatchNormalization: momentum is %g, and no_momentum is set", spec->momentum);
  if (spec->momentum != 0 || spec->no_momentum) norm->momentum = spec->momentum;
  if (spec->epsilon != 0) norm->epsilon = spec->epsilon;
  norm->center = !spec->no_center;
  norm->scale = !spec->no_scale;
  LSI_TRY(set_object(&lsi_initializers, "beta_initializer", spec->beta_initializer, &norm->beta_initializer));
  LSI_TRY(set_object(&lsi_initializers, "gamma_initializer", spec->gamma_initializer, &norm->gamma_initializer));
  LSI_TRY(set_object(&lsi_initializers, "moving_mean_initializer", spec->moving_mean_initializer,
                     &norm->moving_mean_initializer));
  LSI_TRY(set_object(&lsi_initializers, "moving_variance_initializer", spec->moving_variance_initializer,
                     &norm->moving_variance_initializer));
  LSI_TRY(set_object(&lsi_regularizers, "beta_regularizer", spec->beta_regularizer, &norm->beta_regularizer));
  LSI_TRY(set_object(&lsi_regularizers, "gamma_regularizer", spec->gamma_regularizer, &norm->gamma_regularizer));
  LSI_TRY(set_object(&lsi_constraints, "beta_constraint", spec->beta_constraint, &norm->beta_constraint));
  LSI_TRY(set_object(&lsi_constraints, "gamma_constraint", spec->gamma_constraint, &norm->gamma_constraint));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_layer_normalization(ls_model *model, const ls_layer_normalization_spec *spec) {
  static const ls_layer_normalization_spec all_defaults;
  lsi_layer layer;
  if (!spec) spec = &all_defaults;
  LSI_TRY(named(model, LSI_LAYER_LAYER_NORMALIZATION, spec->name, &layer));
  lsi_norm *norm = &layer.norm;
  layer.frozen = spec->frozen;
  if (spec->epsilon != 0) norm->epsilon = spec->epsilon;
  norm->center = !spec->no_center;
  norm->scale = !spec->no_scale;
  LSI_TRY(set_object(&lsi_initializers, "beta_initializer", spec->beta_initializer, &norm->beta_initializer));
  LSI_TRY(set_object(&lsi_initializers, "gamma_initializer", spec->gamma_initializer, &norm->gamma_initializer));
  LSI_TRY(set_object(&lsi_regularizers, "beta_regularizer", spec->beta_regularizer, &norm->beta_regularizer));
  LSI_TRY(set_object(&lsi_regularizers, "gamma_regularizer", spec->gamma_regularizer, &norm->gamma_regularizer));
  LSI_TRY(set_object(&lsi_constraints, "beta_constraint", spec->beta_constraint, &norm->beta_constraint));
  LSI_TRY(set_object(&lsi_constraints, "gamma_constraint", spec->gamma_constraint, &norm->gamma_constraint));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add_rescaling(ls_model *model, double scale, double offset, const char *name) {
  lsi_layer layer;
  LSI_TRY(named(model, LSI_LAYER_RESCALING, name, &layer));
  layer.rescaling = (lsi_rescaling){.scale = scale, .offset = offset};
  return lsi_net_add(model->net, &layer);
}

static ls_status copy_constants(const ls_normalization_spec *spec, lsi_normalization *own) {
  LSI_TRY(LSI_ALLOC("normalization mean", spec->n, &own->mean));
  ls_status status = LSI_ALLOC("normalization variance", spec->n, &own->variance);
  if (status != LS_OK) {
    lsi_free(own->mean);
    own->mean = NULL;
    return status;
  }
  memcpy(own->mean, spec->mean, (size_t)spec->n * sizeof *spec->mean);
  memcpy(own->variance, spec->variance, (size_t)spec->n * sizeof *spec->variance);
  own->n = spec->n;
  return LS_OK;
}

ls_status ls_model_add_normalization(ls_model *model, const ls_normalization_spec *spec) {
  static const ls_normalization_spec all_defaults;
  lsi_layer layer;
  if (!spec) spec = &all_defaults;
  LSI_TRY(named(model, LSI_LAYER_NORMALIZATION, spec->name, &layer));
  layer.normalization.invert = spec->invert;
  LSI_CHECK(!spec->mean == !spec->variance && (!spec->mean || spec->n > 0), LS_ERR_ARG,
            "give both, or neither to adapt to the training set", "Normalization: mean and variance come together");
  if (spec->mean) LSI_TRY(copy_constants(spec, &layer.normalization));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_add(ls_model *model, const char *text) {
  lsi_layer layer;
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(text);
  LSI_TRY(lsi_layer_from_call(text, &layer));
  return lsi_net_add(model->net, &layer);
}

ls_status ls_model_set_activity_regularizer(ls_model *model, const char *regularizer) {
  lsi_object object = {0};
  LSI_NOT_NULL(model);
  LSI_TRY(set_object(&lsi_regularizers, "activity_regularizer", regularizer, &object));
  return lsi_net_regularize_last(model->net, &object);
}
