/* SPDX-License-Identifier: MIT */
#include "nn/layer_call.h"

#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/regularizer.h"

#define NUMBER(argument, value, low, high)                                                         \
  { argument, LSI_PARAM_FLOAT, value, low, high, NULL }
#define SEED                                                                                       \
  { "seed", LSI_PARAM_INT, NAN, 0.0, LSI_MAX_COUNT, NULL }
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, -1.0, -1.0, -1.0, NULL }
#define OBJECT(argument, value)                                                                    \
  { argument, LSI_PARAM_TEXT, (value) ? 0.0 : NAN, 0.0, 0.0, value }
#define NAME                                                                                       \
  { "name", LSI_PARAM_TEXT, NAN, 0.0, 0.0, NULL }
#define ACTIVITY OBJECT("activity_regularizer", NULL)
#define TRAINABLE                                                                                  \
  { "trainable", LSI_PARAM_BOOL, 1.0, 0.0, 1.0, NULL }
#define SIZES(argument, value, low)                                                                \
  { argument, LSI_PARAM_LIST, value, low, LSI_MAX_COUNT, NULL }
#define INTEGER(argument, value, low)                                                              \
  { argument, LSI_PARAM_INT, value, low, LSI_MAX_COUNT, NULL }
#define FLAG(argument)                                                                             \
  { argument, LSI_PARAM_BOOL, 1.0, 0.0, 1.0, NULL }
#define CLASS(enumerator, class, snake, n) .kind = LSI_LAYER_##enumerator, .class_name = class, .name = snake, .n_params = (n)

static const lsi_class_info classes[] = {
    {CLASS(RELU, "ReLU", "re_lu", 5),
     .params = {NUMBER("max_value", NAN, 0.0, 1e30), NUMBER("negative_slope", 0.0, 0.0, 1e30), NUMBER("threshold", 0.0, 0.0, 1e30), NAME, ACTIVITY}},
    {CLASS(LEAKY_RELU, "LeakyReLU", "leaky_re_lu", 3), .params = {NUMBER("negative_slope", 0.3, 0.0, 1e30), NAME, ACTIVITY}},
    {CLASS(ELU, "ELU", "elu", 3), .params = {NUMBER("alpha", 1.0, -1e30, 1e30), NAME, ACTIVITY}},
    {CLASS(PRELU, "PReLU", "p_re_lu", 7),
     .params = {OBJECT("alpha_initializer", "zeros"), OBJECT("alpha_regularizer", NULL), OBJECT("alpha_constraint", NULL), SIZES("shared_axes", NAN, 1.0), NAME, ACTIVITY, TRAINABLE}},
    {CLASS(SOFTMAX, "Softmax", "softmax", 3), .params = {AXIS, NAME, ACTIVITY}},
    {CLASS(GAUSSIAN_NOISE, "GaussianNoise", "gaussian_noise", 4), .params = {NUMBER("stddev", LSI_REQUIRED, 0.0, 1.0), SEED, NAME, ACTIVITY}},
    {CLASS(GAUSSIAN_DROPOUT, "GaussianDropout", "gaussian_dropout", 4), .params = {NUMBER("rate", LSI_REQUIRED, 0.0, LSI_BELOW_1), SEED, NAME, ACTIVITY}},
    {CLASS(ALPHA_DROPOUT, "AlphaDropout", "alpha_dropout", 4), .params = {NUMBER("rate", LSI_REQUIRED, 0.0, LSI_BELOW_1), SEED, NAME, ACTIVITY}},
    {CLASS(RESHAPE, "Reshape", "reshape", 3), .params = {SIZES("target_shape", LSI_REQUIRED, -1.0), NAME, ACTIVITY}},
    {CLASS(IDENTITY, "Identity", "identity", 2), .params = {NAME, ACTIVITY}},
    {CLASS(ACTIVITY_REGULARIZATION, "ActivityRegularization", "activity_regularization", 3),
     .params = {NUMBER("l1", 0.0, 0.0, 1e30), NUMBER("l2", 0.0, 0.0, 1e30), NAME}},
    {CLASS(UNIT_NORMALIZATION, "UnitNormalization", "unit_normalization", 3), .params = {AXIS, NAME, ACTIVITY}},
    {CLASS(RMS_NORMALIZATION, "RMSNormalization", "rms_normalization", 5),
     .params = {AXIS, NUMBER("epsilon", 1e-6, LSI_ABOVE_0, 1e30), NAME, ACTIVITY, TRAINABLE}},
    {CLASS(PERMUTE, "Permute", "permute", 3), .params = {SIZES("dims", LSI_REQUIRED, 1.0), NAME, ACTIVITY}},
    {CLASS(REPEAT_VECTOR, "RepeatVector", "repeat_vector", 3), .params = {INTEGER("n", LSI_REQUIRED, 1.0), NAME, ACTIVITY}},
    {CLASS(GROUP_NORMALIZATION, "GroupNormalization", "group_normalization", 14),
     .params = {INTEGER("groups", 32.0, -1.0), AXIS, NUMBER("epsilon", 1e-3, LSI_ABOVE_0, 1e30), FLAG("center"), FLAG("scale"),
                OBJECT("beta_initializer", "zeros"), OBJECT("gamma_initializer", "ones"), OBJECT("beta_regularizer", NULL),
                OBJECT("gamma_regularizer", NULL), OBJECT("beta_constraint", NULL), OBJECT("gamma_constraint", NULL), NAME, ACTIVITY, TRAINABLE}},
};

const lsi_family lsi_layer_calls = {.what = "layer", .classes = classes, .n_classes = (int)(sizeof classes / sizeof *classes)};

static ls_status nested(const lsi_family *family, const lsi_object *call, const char *argument, lsi_object *out) {
  const char *text = lsi_object_text(call, argument);
  ls_status status = text ? lsi_object_parse(family, text, out) : LS_OK;
  if (status != LS_OK) lsi_error_prefix("%s", argument);
  return status;
}

static ls_status set_shape(const lsi_object *call, lsi_shape *out) {
  int n = call->n_list[0];
  LSI_CHECK(n <= LS_MAX_RANK, LS_ERR_SHAPE, NULL, "layer %s: a list of %d; at most %d are possible", call->info->class_name, n, LS_MAX_RANK);
  out->rank = n;
  for (int d = 0; d < n; d++) out->dims[d] = (int64_t)call->list[0][d];
  return LS_OK;
}

static ls_status set_prelu(const lsi_object *call, lsi_prelu *out) {
  LSI_TRY(nested(&lsi_initializers, call, "alpha_initializer", &out->alpha_initializer));
  LSI_TRY(nested(&lsi_regularizers, call, "alpha_regularizer", &out->alpha_regularizer));
  LSI_TRY(nested(&lsi_constraints, call, "alpha_constraint", &out->alpha_constraint));
  return set_shape(call, &out->shared_axes);
}

static ls_status set_group_normalization(const lsi_object *call, lsi_norm *out) {
  out->groups = (int64_t)lsi_object_get(call, "groups");
  out->epsilon = lsi_object_get(call, "epsilon");
  out->center = lsi_object_get(call, "center") != 0;
  out->scale = lsi_object_get(call, "scale") != 0;
  LSI_TRY(nested(&lsi_initializers, call, "beta_initializer", &out->beta_initializer));
  LSI_TRY(nested(&lsi_initializers, call, "gamma_initializer", &out->gamma_initializer));
  LSI_TRY(nested(&lsi_regularizers, call, "beta_regularizer", &out->beta_regularizer));
  LSI_TRY(nested(&lsi_regularizers, call, "gamma_regularizer", &out->gamma_regularizer));
  LSI_TRY(nested(&lsi_constraints, call, "beta_constraint", &out->beta_constraint));
  return nested(&lsi_constraints, call, "gamma_constraint", &out->gamma_constraint);
}

static double given(const lsi_object *call, const char *argument, double otherwise) {
  double value = lsi_object_get(call, argument);
  return isnan(value) ? otherwise : value;
}

static ls_status set_arguments(const lsi_object *call, lsi_layer *out) {
  out->frozen = given(call, "trainable", 1.0) == 0;
  switch (out->kind) {
  case LSI_LAYER_RELU:
  case LSI_LAYER_LEAKY_RELU:
    out->relu = (lsi_relu){lsi_object_get(call, "max_value"), given(call, "negative_slope", 0), given(call, "threshold", 0)};
    return LS_OK;
  case LSI_LAYER_ELU: out->elu_alpha = lsi_object_get(call, "alpha"); return LS_OK;
  case LSI_LAYER_PRELU: return set_prelu(call, &out->prelu);
  case LSI_LAYER_GAUSSIAN_NOISE:
  case LSI_LAYER_GAUSSIAN_DROPOUT:
  case LSI_LAYER_ALPHA_DROPOUT:
    out->dropout = (lsi_dropout){given(call, "rate", given(call, "stddev", 0)), (uint64_t)given(call, "seed", 0)};
    return LS_OK;
  case LSI_LAYER_RESHAPE:
  case LSI_LAYER_PERMUTE: return set_shape(call, &out->target);
  case LSI_LAYER_REPEAT_VECTOR: out->repeats = (int64_t)lsi_object_get(call, "n"); return LS_OK;
  case LSI_LAYER_GROUP_NORMALIZATION: return set_group_normalization(call, &out->norm);
  case LSI_LAYER_ACTIVITY_REGULARIZATION:
    out->activity = (lsi_activity){lsi_object_get(call, "l1"), lsi_object_get(call, "l2")};
    return LS_OK;
  case LSI_LAYER_RMS_NORMALIZATION: out->norm.epsilon = lsi_object_get(call, "epsilon"); return LS_OK;
  default: return LS_OK;
  }
}

ls_status lsi_layer_from_call(const char *text, lsi_layer *out) {
  lsi_object call;
  LSI_TRY(lsi_object_parse(&lsi_layer_calls, text, &call));
  LSI_TRY(lsi_layer_init(out, (lsi_layer_kind)call.info->kind, lsi_object_text(&call, "name")));
  LSI_TRY(nested(&lsi_regularizers, &call, "activity_regularizer", &out->activity_regularizer));
  return set_arguments(&call, out);
}
