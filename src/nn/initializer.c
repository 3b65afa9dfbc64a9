/* SPDX-License-Identifier: MIT */
/* Keras 3's initialisers (keras/src/initializers/random_initializers.py): which distribution, how
 * wide. The draws are in draw.c. */
#include "nn/initializer.h"

#include <string.h>
#include "base/rng.h"
#include "nn/draw.h"
#include "nn/orthogonal.h"

#define SEED                                                                                       \
  { "seed", LSI_PARAM_INT, NAN, 0.0, LSI_MAX_COUNT, NULL }
#define NUMBER(argument, value)                                                                    \
  { argument, LSI_PARAM_FLOAT, value, -1e30, 1e30, NULL }
#define STDDEV                                                                                     \
  { "stddev", LSI_PARAM_FLOAT, 0.05, 0.0, 1e30, NULL }
#define SCALED(enumerator, class, snake)                                                           \
  {                                                                                                \
    .kind = enumerator, .class_name = class, .name = snake, .n_params = 1, .params = { SEED }      \
  }

static const lsi_class_info classes[] = {
    SCALED(LSI_INIT_GLOROT_UNIFORM, "GlorotUniform", "glorot_uniform"),
    SCALED(LSI_INIT_GLOROT_NORMAL, "GlorotNormal", "glorot_normal"),
    SCALED(LSI_INIT_HE_UNIFORM, "HeUniform", "he_uniform"),
    SCALED(LSI_INIT_HE_NORMAL, "HeNormal", "he_normal"),
    SCALED(LSI_INIT_LECUN_UNIFORM, "LecunUniform", "lecun_uniform"),
    SCALED(LSI_INIT_LECUN_NORMAL, "LecunNormal", "lecun_normal"),
    {.kind = LSI_INIT_RANDOM_NORMAL,
     .class_name = "RandomNormal",
     .name = "random_normal",
     .aliases = {"normal"},
     .n_params = 3,
     .params = {NUMBER("mean", 0.0), STDDEV, SEED}},
    {.kind = LSI_INIT_TRUNCATED_NORMAL,
     .class_name = "TruncatedNormal",
     .name = "truncated_normal",
     .n_params = 3,
     .params = {NUMBER("mean", 0.0), STDDEV, SEED}},
    {.kind = LSI_INIT_RANDOM_UNIFORM,
     .class_name = "RandomUniform",
     .name = "random_uniform",
     .aliases = {"uniform"},
     .n_params = 3,
     .params = {NUMBER("minval", -0.05), NUMBER("maxval", 0.05), SEED}},
    {.kind = LSI_INIT_ZEROS, .class_name = "Zeros", .name = "zeros", .aliases = {"zero"}},
    {.kind = LSI_INIT_ONES, .class_name = "Ones", .name = "ones", .aliases = {"one"}},
    {.kind = LSI_INIT_CONSTANT,
     .class_name = "Constant",
     .name = "constant",
     .n_params = 1,
     .params = {NUMBER("value", 0.0)}},
    {.kind = LSI_INIT_VARIANCE_SCALING,
     .class_name = "VarianceScaling",
     .name = "variance_scaling",
     .n_params = 4,
     .params = {{"scale", LSI_PARAM_FLOAT, 1.0, LSI_ABOVE_0, 1e30, NULL},
                {"mode", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, "fan_in|fan_out|fan_avg"},
                {"distribution", LSI_PARAM_TEXT, 0.0, 0.0, 0.0,
                 "truncated_normal|untruncated_normal|uniform"},
                SEED}},
    {.kind = LSI_INIT_ORTHOGONAL,
     .class_name = "Orthogonal",
     .name = "orthogonal",
     .aliases = {"OrthogonalInitializer"},
     .n_params = 2,
     .params = {NUMBER("gain", 1.0), SEED}},
    {.kind = LSI_INIT_IDENTITY,
     .class_name = "Identity",
     .name = "identity",
     .aliases = {"IdentityInitializer"},
     .n_params = 1,
     .params = {NUMBER("gain", 1.0)}},
};

static const lsi_refusal refused[] = {
    {"STFT", "It is for layers that transform signals."}, {"STFTInitializer", "It is for layers that transform signals."}, {NULL, NULL}};

static ls_status check_initializer(const lsi_object *object) {
  if (object->info->kind != LSI_INIT_RANDOM_UNIFORM)
    return LS_OK;
  double low = lsi_object_get(object, "minval"), high = lsi_object_get(object, "maxval");
  LSI_CHECK(low <= high, LS_ERR_ARG, NULL,
            "initializer RandomUniform: minval (%g) is above maxval (%g)", low, high);
  return LS_OK;
}

const lsi_family lsi_initializers = {.what = "initializer",
                                     .classes = classes,
                                     .n_classes = (int)(sizeof classes / sizeof *classes),
                                     .refused = refused,
                                     .check = check_initializer};

ls_status lsi_initializer_check(const lsi_object *initializer, const char *tensor, int rank) {
  int kind = initializer->info->kind;
  LSI_CHECK(!(kind == LSI_INIT_ORTHOGONAL && rank < 2) && !(kind == LSI_INIT_IDENTITY && rank != 2), LS_ERR_ARG, "It is for kernels.",
            "%s: the initializer %s needs a matrix, the tensor has %d dimension%s", tensor, initializer->info->class_name, rank, rank == 1 ? "" : "s");
  return LS_OK;
}

/* Keras's compute_fans. */
static void fans(int rank, const int64_t *dims, double *fan_in, double *fan_out) {
  double receptive = 1.0;
  *fan_in = *fan_out = rank == 0 ? 1.0 : (double)dims[rank - 1];
  if (rank < 2)
    return;
  for (int i = 0; i < rank - 2; i++)
    receptive *= (double)dims[i];
  *fan_in = receptive * (double)dims[rank - 2];
  *fan_out = receptive * (double)dims[rank - 1];
}

typedef enum fan_mode { FAN_IN, FAN_OUT, FAN_AVERAGE } fan_mode;

static double fan(fan_mode mode, int rank, const int64_t *dims) {
  double in, out;
  fans(rank, dims, &in, &out);
  double n = mode == FAN_IN ? in : mode == FAN_OUT ? out : (in + out) / 2.0;
  return n > 1.0 ? n : 1.0;
}

/* Variance `scale` / fan, as a uniform or a normal that is truncated at two standard deviations. */
static lsi_draw scaled(lsi_draw_kind kind, double scale, double n) {
  const double truncated_std = 0.87962566103423978; /* of a unit normal cut at +-2 */
  double variance = scale / n;
  switch (kind) {
  case LSI_DRAW_UNIFORM:
    return (lsi_draw){kind, -sqrt(3.0 * variance), sqrt(3.0 * variance)};
  case LSI_DRAW_TRUNCATED:
    return (lsi_draw){kind, 0.0, sqrt(variance) / truncated_std};
  default:
    return (lsi_draw){kind, 0.0, sqrt(variance)};
  }
}

static lsi_draw variance_scaling(const lsi_object *object, int rank, const int64_t *dims) {
  const char *mode = lsi_object_text(object, "mode"),
             *distribution = lsi_object_text(object, "distribution");
  fan_mode m = strcmp(mode, "fan_in") == 0    ? FAN_IN
               : strcmp(mode, "fan_out") == 0 ? FAN_OUT
                                              : FAN_AVERAGE;
  lsi_draw_kind kind = strcmp(distribution, "uniform") == 0            ? LSI_DRAW_UNIFORM
                       : strcmp(distribution, "truncated_normal") == 0 ? LSI_DRAW_TRUNCATED
                                                                       : LSI_DRAW_NORMAL;
  return scaled(kind, lsi_object_get(object, "scale"), fan(m, rank, dims));
}

static lsi_draw constant(double value) {
  return (lsi_draw){LSI_DRAW_CONSTANT, value, 0.0};
}

static lsi_draw describe(const lsi_object *object, int rank, const int64_t *dims) {
  double average = fan(FAN_AVERAGE, rank, dims), in = fan(FAN_IN, rank, dims);
  double mean = lsi_object_get(object, "mean"), stddev = lsi_object_get(object, "stddev");
  switch ((lsi_initializer_kind)object->info->kind) {
  case LSI_INIT_GLOROT_UNIFORM:
    return scaled(LSI_DRAW_UNIFORM, 1.0, average);
  case LSI_INIT_GLOROT_NORMAL:
    return scaled(LSI_DRAW_TRUNCATED, 1.0, average);
  case LSI_INIT_HE_UNIFORM:
    return scaled(LSI_DRAW_UNIFORM, 2.0, in);
  case LSI_INIT_HE_NORMAL:
    return scaled(LSI_DRAW_TRUNCATED, 2.0, in);
  case LSI_INIT_LECUN_UNIFORM:
    return scaled(LSI_DRAW_UNIFORM, 1.0, in);
  case LSI_INIT_LECUN_NORMAL:
    return scaled(LSI_DRAW_TRUNCATED, 1.0, in);
  case LSI_INIT_RANDOM_NORMAL:
    return (lsi_draw){LSI_DRAW_NORMAL, mean, stddev};
  case LSI_INIT_TRUNCATED_NORMAL:
    return (lsi_draw){LSI_DRAW_TRUNCATED, mean, stddev};
  case LSI_INIT_RANDOM_UNIFORM:
    return (lsi_draw){LSI_DRAW_UNIFORM, lsi_object_get(object, "minval"),
                      lsi_object_get(object, "maxval")};
  case LSI_INIT_ZEROS:
    return constant(0.0);
  case LSI_INIT_ONES:
    return constant(1.0);
  case LSI_INIT_CONSTANT:
    return constant(lsi_object_get(object, "value"));
  case LSI_INIT_VARIANCE_SCALING:
    return variance_scaling(object, rank, dims);
  case LSI_INIT_ORTHOGONAL:
    return (lsi_draw){LSI_DRAW_NORMAL, 0.0, 1.0};
  case LSI_INIT_IDENTITY:
    break;
  }
  return constant(NAN);
}

void lsi_initialize(const lsi_object *initializer, uint64_t seed, uint64_t tensor, int rank,
                    const int64_t *dims, float *values, size_t count) {
  double own = lsi_object_get(initializer, "seed");
  lsi_rng rng = lsi_rng_make(isnan(own) ? seed : (uint64_t)own, LSI_RNG_INIT, tensor, 0);
  if (initializer->info->kind == LSI_INIT_IDENTITY) {
    lsi_make_identity(lsi_object_get(initializer, "gain"), (size_t)dims[0], (size_t)dims[1], values);
    return;
  }
  lsi_draw_fill(describe(initializer, rank, dims), rng, values, count);
  if (initializer->info->kind == LSI_INIT_ORTHOGONAL) {
    size_t columns = (size_t)dims[rank - 1];
    lsi_make_orthogonal(lsi_object_get(initializer, "gain"), count / columns, columns, values);
  }
}
