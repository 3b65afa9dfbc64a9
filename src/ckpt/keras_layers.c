/* SPDX-License-Identifier: MIT */
/*
 * Which keys a layer's config has: the portable set that every Keras from 2.3 to 3.x accepts, with where each lives
 * in lsi_layer. The same rows write and read.
 */
#include "ckpt/keras_layers.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_objects.h"
#include "nn/constraint.h"
#include "nn/initializer.h"
#include "nn/regularizer.h"

typedef enum field_type {
  FIELD_COUNT,      /* int64_t, positive */
  FIELD_NUMBER,     /* double */
  FIELD_OPTIONAL,   /* double, NAN: null */
  FIELD_ALIAS,      /* a number by its older key, read only */
  FIELD_INTEGER,    /* int64_t, checked when it is built */
  FIELD_SHAPE,      /* lsi_shape, one size may be -1 */
  FIELD_AXES,       /* lsi_shape or null */
  FIELD_BOOL,
  FIELD_ACTIVATION, /* by name */
  FIELD_OBJECT,     /* lsi_object of `family` */
  FIELD_SEED,       /* uint64_t, 0: null */
  FIELD_NUMBERS,    /* double *, Normalization's constants or null */
  FIELD_LAST_AXIS,  /* -1 */
  FIELD_CHANNELS,   /* "channels_last" */
  FIELD_OFF,        /* null; what it would switch on is not supported */
  FIELD_IGNORED     /* read only: without effect here */
} field_type;

typedef struct field {
  const char *key;
  field_type type;
  size_t offset; /* into lsi_layer */
  const lsi_family *family;
  bool required; /* Keras has no default */
} field;

#define AT(member) offsetof(lsi_layer, member)
#define OFF(name) {name, FIELD_OFF, 0, NULL, false}
#define NUMBER(name, member) {name, FIELD_NUMBER, AT(member), NULL, false}
#define FLAG(name, member) {name, FIELD_BOOL, AT(member), NULL, false}
#define INITIALIZER(name, member) {name, FIELD_OBJECT, AT(member), &lsi_initializers, false}
#define REGULARIZER(name, member) {name, FIELD_OBJECT, AT(member), &lsi_regularizers, false}
#define CONSTRAINT(name, member) {name, FIELD_OBJECT, AT(member), &lsi_constraints, false}
#define IGNORED(name) {name, FIELD_IGNORED, 0, NULL, false}
#define LAST_AXIS {"axis", FIELD_LAST_AXIS, 0, NULL, false}
#define BETA_AND_GAMMA                                                                             \
  FLAG("center", norm.center), FLAG("scale", norm.scale), INITIALIZER("beta_initializer", norm.beta_initializer), \
      INITIALIZER("gamma_initializer", norm.gamma_initializer), REGULARIZER("beta_regularizer", norm.beta_regularizer), \
      REGULARIZER("gamma_regularizer", norm.gamma_regularizer), CONSTRAINT("beta_constraint", norm.beta_constraint), \
      CONSTRAINT("gamma_constraint", norm.gamma_constraint)

static const field input_fields[] = {OFF("sparse"), OFF("ragged"), IGNORED("batch_input_shape"), IGNORED("batch_shape"), {0}};
static const field flatten_fields[] = {{"data_format", FIELD_CHANNELS, 0, NULL, false}, {0}};
static const field dense_fields[] = {
    {"units", FIELD_COUNT, AT(dense.units), NULL, true},
    {"activation", FIELD_ACTIVATION, AT(dense.activation), NULL, false},
    FLAG("use_bias", dense.use_bias),
    INITIALIZER("kernel_initializer", dense.kernel_initializer),
    INITIALIZER("bias_initializer", dense.bias_initializer),
    REGULARIZER("kernel_regularizer", dense.kernel_regularizer),
    REGULARIZER("bias_regularizer", dense.bias_regularizer),
    CONSTRAINT("kernel_constraint", dense.kernel_constraint), CONSTRAINT("bias_constraint", dense.bias_constraint), {0}};
static const field activation_fields[] = {{"activation", FIELD_ACTIVATION, AT(activation), NULL, true}, {0}};
static const field dropout_fields[] = {{"rate", FIELD_NUMBER, AT(dropout.rate), NULL, true}, OFF("noise_shape"),
                                       {"seed", FIELD_SEED, AT(dropout.seed), NULL, false}, {0}};
static const field batch_normalization_fields[] = {
    LAST_AXIS, NUMBER("momentum", norm.momentum), NUMBER("epsilon", norm.epsilon), BETA_AND_GAMMA,
    INITIALIZER("moving_mean_initializer", norm.moving_mean_initializer),
    INITIALIZER("moving_variance_initializer", norm.moving_variance_initializer),
    IGNORED("synchronized"), /* statistics are the global batch's anyway */
    IGNORED("renorm_momentum"), IGNORED("renorm_clipping"), {0}};
static const field layer_normalization_fields[] = {LAST_AXIS, NUMBER("epsilon", norm.epsilon), BETA_AND_GAMMA, {0}};
static const field rescaling_fields[] = {{"scale", FIELD_NUMBER, AT(rescaling.scale), NULL, true},
                                         NUMBER("offset", rescaling.offset), {0}};
static const field normalization_fields[] = {
    LAST_AXIS, FLAG("invert", normalization.invert), {"mean", FIELD_NUMBERS, AT(normalization.mean), NULL, false},
    {"variance", FIELD_NUMBERS, AT(normalization.variance), NULL, false}, {0}};

static const field relu_fields[] = {{"max_value", FIELD_OPTIONAL, AT(relu.max_value), NULL, false}, NUMBER("negative_slope", relu.negative_slope),
                                    NUMBER("threshold", relu.threshold), {0}};
static const field leaky_relu_fields[] = {NUMBER("negative_slope", relu.negative_slope),
                                          {"alpha", FIELD_ALIAS, AT(relu.negative_slope), NULL, false}, {0}};
static const field elu_fields[] = {NUMBER("alpha", elu_alpha), {0}};
static const field prelu_fields[] = {INITIALIZER("alpha_initializer", prelu.alpha_initializer), REGULARIZER("alpha_regularizer", prelu.alpha_regularizer),
                                     CONSTRAINT("alpha_constraint", prelu.alpha_constraint), {"shared_axes", FIELD_AXES, AT(prelu.shared_axes), NULL, false}, {0}};
static const field axis_fields[] = {LAST_AXIS, {0}};
static const field rms_fields[] = {LAST_AXIS, NUMBER("epsilon", norm.epsilon), {0}};
static const field noise_fields[] = {{"stddev", FIELD_NUMBER, AT(dropout.rate), NULL, true}, {"seed", FIELD_SEED, AT(dropout.seed), NULL, false}, {0}};
static const field gaussian_dropout_fields[] = {{"rate", FIELD_NUMBER, AT(dropout.rate), NULL, true},
                                                {"seed", FIELD_SEED, AT(dropout.seed), NULL, false}, {0}};
static const field reshape_fields[] = {{"target_shape", FIELD_SHAPE, AT(target), NULL, true}, {0}};
static const field permute_fields[] = {{"dims", FIELD_SHAPE, AT(target), NULL, true}, {0}};
static const field repeat_vector_fields[] = {{"n", FIELD_COUNT, AT(repeats), NULL, true}, {0}};
static const field group_normalization_fields[] = {{"groups", FIELD_INTEGER, AT(norm.groups), NULL, false}, LAST_AXIS, NUMBER("epsilon", norm.epsilon),
                                                   BETA_AND_GAMMA, {0}};
static const field identity_fields[] = {{0}};
static const field activity_fields[] = {NUMBER("l1", activity.l1), NUMBER("l2", activity.l2), {0}};

static const field *const fields_of[LSI_LAYER_KINDS] = {
    [LSI_LAYER_INPUT] = input_fields,
    [LSI_LAYER_FLATTEN] = flatten_fields,
    [LSI_LAYER_DENSE] = dense_fields,
    [LSI_LAYER_ACTIVATION] = activation_fields,
    [LSI_LAYER_DROPOUT] = dropout_fields,
    [LSI_LAYER_BATCH_NORMALIZATION] = batch_normalization_fields,
    [LSI_LAYER_LAYER_NORMALIZATION] = layer_normalization_fields,
    [LSI_LAYER_RESCALING] = rescaling_fields,
    [LSI_LAYER_NORMALIZATION] = normalization_fields,
    [LSI_LAYER_RELU] = relu_fields,
    [LSI_LAYER_LEAKY_RELU] = leaky_relu_fields,
    [LSI_LAYER_ELU] = elu_fields,
    [LSI_LAYER_PRELU] = prelu_fields,
    [LSI_LAYER_SOFTMAX] = axis_fields,
    [LSI_LAYER_GAUSSIAN_NOISE] = noise_fields,
    [LSI_LAYER_GAUSSIAN_DROPOUT] = gaussian_dropout_fields,
    [LSI_LAYER_ALPHA_DROPOUT] = dropout_fields,
    [LSI_LAYER_RESHAPE] = reshape_fields,
    [LSI_LAYER_IDENTITY] = identity_fields,
    [LSI_LAYER_ACTIVITY_REGULARIZATION] = activity_fields,
    [LSI_LAYER_UNIT_NORMALIZATION] = axis_fields,
    [LSI_LAYER_RMS_NORMALIZATION] = rms_fields,
    [LSI_LAYER_PERMUTE] = permute_fields,
    [LSI_LAYER_REPEAT_VECTOR] = repeat_vector_fields,
    [LSI_LAYER_GROUP_NORMALIZATION] = group_normalization_fields,
};

/* ---- writing ---- */

static json_t *write_numbers(const double *values, int64_t n) {
  if (!values) return json_null();
  json_t *list = json_array();
  int failed = 0;
  for (int64_t i = 0; i < n; i++) failed |= json_array_append_new(list, json_real(values[i]));
  if (!failed) return list;
  json_decref(list);
  return NULL;
}

static json_t *write_sizes(const lsi_shape *shape) {
  json_t *list = json_array();
  int failed = 0;
  for (int d = 0; d < shape->rank; d++) failed |= json_array_append_new(list, json_integer(shape->dims[d]));
  if (!failed) return list;
  json_decref(list);
  return NULL;
}

static json_t *write_field(const lsi_layer *layer, const field *f) {
  const void *at = (const char *)layer + f->offset;
  switch (f->type) {
  case FIELD_COUNT:
  case FIELD_INTEGER: return json_integer(*(const int64_t *)at);
  case FIELD_NUMBER: return json_real(*(const double *)at);
  case FIELD_OPTIONAL: return isnan(*(const double *)at) ? json_null() : json_real(*(const double *)at);
  case FIELD_SHAPE: return write_sizes(at);
  case FIELD_AXES: return ((const lsi_shape *)at)->rank > 0 ? write_sizes(at) : json_null();
  case FIELD_BOOL: return json_boolean(*(const bool *)at);
  case FIELD_ACTIVATION: return json_string(lsi_activation_name(*(const lsi_activation *)at));
  case FIELD_OBJECT: return lsi_keras_object_write(at, false);
  case FIELD_SEED: return *(const uint64_t *)at ? json_integer((json_int_t) * (const uint64_t *)at) : json_null();
  case FIELD_NUMBERS: return write_numbers(*(double *const *)at, layer->normalization.n);
  case FIELD_LAST_AXIS: return json_integer(-1);
  case FIELD_CHANNELS: return json_string("channels_last");
  default: return json_null();
  }
}

/* Keras's constructor wants sparse and ragged as booleans, and the shape under the key both generations know. */
static int write_input(const lsi_layer *layer, json_t *config) {
  json_t *shape = json_array();
  int failed = json_array_append_new(shape, json_null());
  for (int d = 0; d < layer->out.rank; d++) failed |= json_array_append_new(shape, json_integer(layer->out.dims[d]));
  failed |= json_object_set_new(config, "batch_input_shape", shape);
  failed |= json_object_set_new(config, "sparse", json_false());
  return failed | json_object_set_new(config, "ragged", json_false());
}

json_t *lsi_keras_layer_write(const lsi_layer *layer) {
  json_t *config = json_object(), *whole = json_object();
  int failed = json_object_set_new(config, "name", json_string(layer->name));
  failed |= json_object_set_new(config, "dtype", json_string("float32"));
  if (layer->kind == LSI_LAYER_INPUT) {
    failed |= write_input(layer, config);
  } else {
    failed |= json_object_set_new(config, "trainable", json_boolean(!layer->frozen));
    for (const field *f = fields_of[layer->kind]; f->key; f++)
      if (f->type != FIELD_IGNORED && f->type != FIELD_ALIAS) failed |= json_object_set_new(config, f->key, write_field(layer, f));
  }
  if (layer->activity_regularizer.info || layer->kind == LSI_LAYER_DENSE) /* others know the key when there is one */
    failed |= json_object_set_new(config, "activity_regularizer", lsi_keras_object_write(&layer->activity_regularizer, false));
  failed |= json_object_set_new(whole, "class_name", json_string(layer->ops->class_name));
  failed |= json_object_set_new(whole, "config", config);
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

/* ---- reading ---- */

static ls_status unfit(const char *key, const json_t *value, const char *expected) {
  char sample[80];
  lsi_keras_json_sample(value, sample, sizeof sample);
  LSI_FAIL(LS_ERR_UNSUPPORTED, NULL, "'%.80s' is %s; expected %s", key, sample, expected);
}

ls_status lsi_keras_shape_read(const json_t *shape, lsi_shape *out) {
  size_t n = json_array_size(shape);
  if (n < 2 || n > LS_MAX_RANK + 1) return unfit("batch shape", shape, "null and 1 to 8 sizes");
  out->rank = (int)n - 1;
  for (size_t d = 1; d < n; d++) {
    const json_t *size = json_array_get(shape, d);
    if (!json_is_integer(size) || json_integer_value(size) <= 0)
      return unfit("batch shape", shape, "known positive sizes after the batch dimension");
    out->dims[d - 1] = json_integer_value(size);
  }
  return LS_OK;
}

/* "relu", {"class_name": "function", "config": "relu"}; null: linear. */
static ls_status read_activation(const json_t *value, lsi_activation *out) {
  const char *name = json_string_value(value);
  if (json_is_object(value)) {
    const json_t *config = json_object_get(value, "config");
    name = json_is_string(config) ? json_string_value(config) : NULL;
  }
  if (!name && !json_is_null(value)) {
    char sample[80];
    lsi_keras_json_sample(value, sample, sizeof sample);
    LSI_FAIL(LS_ERR_UNSUPPORTED, "in Keras, put such an activation behind as a layer of its own", "'activation' is %s; expected the name of one", sample);
  }
  return lsi_activation_parse(name, out);
}

static bool is_last_axis(const json_t *value, int in_rank) {
  if (json_array_size(value) == 1) value = json_array_get(value, 0);
  return json_is_integer(value) && (json_integer_value(value) == -1 || json_integer_value(value) == in_rank);
}

static ls_status read_numbers(const char *key, const json_t *value, lsi_layer *layer, double **out) {
  enum { MAX_VALUES = 1 << 24 };
  if (json_is_null(value)) return LS_OK;
  if (json_is_array(value) && json_array_size(value) == 1 && json_is_array(json_array_get(value, 0)))
    value = json_array_get(value, 0); /* Keras saves [[...]] for arrays of shape (1, n) */
  size_t n = json_is_number(value) ? 1 : json_array_size(value);
  if (n == 0 || n > MAX_VALUES) return unfit(key, value, "a number or a list of numbers");
  if (layer->normalization.n && (size_t)layer->normalization.n != n) return unfit(key, value, "as many values as mean has");
  layer->normalization.n = (int64_t)n;
  LSI_TRY(LSI_ALLOC(key, n, out));
  for (size_t i = 0; i < n; i++) {
    const json_t *item = json_is_number(value) ? value : json_array_get(value, i);
    if (!json_is_number(item)) return unfit(key, item, "a number");
    (*out)[i] = json_number_value(item);
  }
  return LS_OK;
}

static ls_status read_sizes(const char *key, const json_t *value, lsi_shape *out) {
  size_t n = json_array_size(value);
  if (n < 1 || n > LS_MAX_RANK) return unfit(key, value, "a list of 1 to 8");
  out->rank = (int)n;
  for (size_t d = 0; d < n; d++) {
    if (!json_is_integer(json_array_get(value, d))) return unfit(key, value, "integers");
    out->dims[d] = json_integer_value(json_array_get(value, d));
  }
  return LS_OK;
}

static ls_status read_field(const field *f, const json_t *value, int in_rank, lsi_layer *layer) {
  void *at = (char *)layer + f->offset;
  switch (f->type) {
  case FIELD_COUNT:
    if (!json_is_integer(value) || json_integer_value(value) <= 0) return unfit(f->key, value, "a positive integer");
    *(int64_t *)at = json_integer_value(value);
    return LS_OK;
  case FIELD_OPTIONAL:
    if (json_is_null(value)) {
      *(double *)at = NAN;
      return LS_OK;
    }
    /* fall through */
  case FIELD_NUMBER:
  case FIELD_ALIAS:
    if (!json_is_number(value)) return unfit(f->key, value, "a number");
    *(double *)at = json_number_value(value);
    return LS_OK;
  case FIELD_BOOL:
    if (!json_is_boolean(value)) return unfit(f->key, value, "true or false");
    *(bool *)at = json_is_true(value);
    return LS_OK;
  case FIELD_INTEGER:
    if (!json_is_integer(value)) return unfit(f->key, value, "an integer");
    *(int64_t *)at = json_integer_value(value);
    return LS_OK;
  case FIELD_AXES:
    if (json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0)) return LS_OK;
    return read_sizes(f->key, value, at);
  case FIELD_SHAPE: return read_sizes(f->key, value, at);
  case FIELD_ACTIVATION: return read_activation(value, at);
  case FIELD_OBJECT: {
    ls_status status = lsi_keras_object_read(f->family, value, at);
    if (status != LS_OK) lsi_error_prefix("'%s'", f->key);
    return status;
  }
  case FIELD_SEED:
    if (!json_is_integer(value) && !json_is_null(value)) return unfit(f->key, value, "an integer or null");
    *(uint64_t *)at = (uint64_t)json_integer_value(value);
    return LS_OK;
  case FIELD_NUMBERS: return read_numbers(f->key, value, layer, at);
  case FIELD_LAST_AXIS: return is_last_axis(value, in_rank) ? LS_OK : unfit(f->key, value, "the last axis");
  case FIELD_CHANNELS: {
    const char *text = json_string_value(value);
    if (json_is_null(value) || (text && strcmp(text, "channels_last") == 0)) return LS_OK;
    return unfit(f->key, value, "\"channels_last\"");
  }
  case FIELD_OFF: return lsi_keras_is_off(value) ? LS_OK : unfit(f->key, value, "null: this is not supported");
  case FIELD_IGNORED: return LS_OK;
  }
  return LS_OK;
}

static ls_status read_dtype(lsi_layer_kind kind, const json_t *value) {
  const char *text = json_string_value(value);
  if (json_is_object(value)) text = json_string_value(json_object_get(json_object_get(value, "config"), "name"));
  /* What an Input announces is converted to float32 whatever it is. */
  if (kind == LSI_LAYER_INPUT || json_is_null(value) || (text && strcmp(text, "float32") == 0)) return LS_OK;
  if (!text) text = json_string_value(json_object_get(value, "class_name")); /* a quantization's policy */
  LSI_CHECK(text, LS_ERR_FORMAT, NULL, "'dtype' is neither a name nor a policy");
  LSI_FAIL(LS_ERR_UNSUPPORTED, "everything is float32 here", "'dtype' is \"%.80s\"; expected \"float32\"", text);
}

/* Keys of every layer; *known says whether `key` was one. */
static ls_status read_common(const char *key, const json_t *value, lsi_layer *layer, bool *known) {
  *known = true;
  if (strcmp(key, "dtype") == 0) return read_dtype(layer->kind, value);
  if (strcmp(key, "activity_regularizer") == 0) return lsi_keras_object_read(&lsi_regularizers, value, &layer->activity_regularizer);
  if (strcmp(key, "trainable") == 0) {
    layer->frozen = json_is_false(value);
    return json_is_boolean(value) ? LS_OK : unfit(key, value, "true or false");
  }
  *known = strcmp(key, "name") == 0 || strcmp(key, "batch_input_shape") == 0 || strcmp(key, "batch_shape") == 0;
  return LS_OK;
}

static ls_status read_config(const json_t *config, int in_rank, lsi_layer *layer) {
  const field *fields = fields_of[layer->kind];
  const char *key;
  json_t *value;
  for (const field *f = fields; f->key; f++)
    LSI_CHECK(!f->required || json_object_get(config, f->key), LS_ERR_FORMAT, NULL, "'%s' is missing", f->key);
  json_object_foreach((json_t *)config, key, value) {
    bool known;
    LSI_TRY(read_common(key, value, layer, &known));
    if (known) continue;
    const field *f = fields;
    while (f->key && strcmp(f->key, key) != 0) f++;
    if (f->key)
      LSI_TRY(read_field(f, value, in_rank, layer));
    else if (!lsi_keras_is_off(value))
      return unfit(key, value, "null: this key is not supported");
  }
  return LS_OK;
}

static ls_status read_input_shape(const json_t *config, lsi_layer *layer) {
  const json_t *shape = json_object_get(config, "batch_input_shape");
  if (!shape) shape = json_object_get(config, "batch_shape");
  LSI_CHECK(shape, LS_ERR_FORMAT, NULL, "'batch_shape' is missing");
  return lsi_keras_shape_read(shape, &layer->in);
}

ls_status lsi_keras_layer_read(lsi_layer_kind kind, const json_t *config, int in_rank, lsi_layer *layer) {
  LSI_TRY(lsi_layer_init(layer, kind, json_string_value(json_object_get(config, "name"))));
  ls_status status = read_config(config, in_rank, layer);
  if (status == LS_OK && kind == LSI_LAYER_INPUT) status = read_input_shape(config, layer);
  if (status == LS_OK && kind == LSI_LAYER_NORMALIZATION && !layer->normalization.mean != !layer->normalization.variance)
    status = lsi_error_set(LS_ERR_FORMAT, NULL, "mean and variance come together");
  if (status != LS_OK && layer->ops->destroy) layer->ops->destroy(layer);
  return status;
}
