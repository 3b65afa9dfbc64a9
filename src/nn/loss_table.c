/* SPDX-License-Identifier: MIT */
/* Keras 3's losses with their constructor arguments (keras/src/losses/losses.py). */
#include "nn/loss.h"

#define FROM_LOGITS                                                                                \
  { "from_logits", LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL }
#define SMOOTHING                                                                                  \
  { "label_smoothing", LSI_PARAM_FLOAT, 0.0, 0.0, 1.0, NULL }
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, -1.0, -1.0, -1.0, NULL }
#define AXIS_OR_ALL                                                                                \
  { "axis", LSI_PARAM_INT, NAN, -1.0, -1.0, NULL }
#define NUMBER(argument, value, low, high)                                                         \
  { argument, LSI_PARAM_FLOAT, value, low, high, NULL }
#define REDUCTION                                                                                  \
  {                                                                                                \
    "reduction", LSI_PARAM_TEXT, 0.0, 0.0, 0.0,                                                    \
        "sum_over_batch_size|mean|sum|mean_with_sample_weight"                                     \
  }
#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }
#define SIMPLE(enumerator, class, snake, ...)                                                      \
  {                                                                                                \
    .kind = LSI_LOSS_##enumerator, .class_name = class, .name = snake, .aliases = {__VA_ARGS__},   \
    .n_params = 2, .params = {                                                                     \
      REDUCTION,                                                                                   \
      NAME(snake)                                                                                  \
    }                                                                                              \
  }
#define CLASS(enumerator, class, snake, n)                                                         \
  .kind = LSI_LOSS_##enumerator, .class_name = class, .name = snake, .n_params = (n)

static const lsi_class_info classes[] = {
    {CLASS(CROSSENTROPY_AUTO, "crossentropy", "crossentropy", 0), .aliases = {"ce"}},
    {CLASS(CATEGORICAL_CROSSENTROPY, "CategoricalCrossentropy", "categorical_crossentropy", 5),
     .params = {FROM_LOGITS, SMOOTHING, AXIS, REDUCTION, NAME("categorical_crossentropy")}},
    {CLASS(SPARSE_CATEGORICAL_CROSSENTROPY, "SparseCategoricalCrossentropy",
           "sparse_categorical_crossentropy", 5),
     .params = {FROM_LOGITS,
                {"ignore_class", LSI_PARAM_INT, NAN, -LSI_MAX_COUNT, LSI_MAX_COUNT, NULL},
                REDUCTION,
                AXIS,
                NAME("sparse_categorical_crossentropy")}},
    {CLASS(BINARY_CROSSENTROPY, "BinaryCrossentropy", "binary_crossentropy", 5),
     .aliases = {"bce"},
     .params = {FROM_LOGITS, SMOOTHING, AXIS, REDUCTION, NAME("binary_crossentropy")}},
    {CLASS(BINARY_FOCAL_CROSSENTROPY, "BinaryFocalCrossentropy", "binary_focal_crossentropy", 8),
     .params = {{"apply_class_balancing", LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL},
                NUMBER("alpha", 0.25, 0.0, 1.0),
                NUMBER("gamma", 2.0, 0.0, 1e3),
                FROM_LOGITS,
                SMOOTHING,
                AXIS,
                REDUCTION,
                NAME("binary_focal_crossentropy")}},
    {CLASS(CATEGORICAL_FOCAL_CROSSENTROPY, "CategoricalFocalCrossentropy",
           "categorical_focal_crossentropy", 7),
     .params = {NUMBER("alpha", 0.25, 0.0, 1e30), NUMBER("gamma", 2.0, 0.0, 1e3), FROM_LOGITS,
                SMOOTHING, AXIS, REDUCTION, NAME("categorical_focal_crossentropy")}},
    {CLASS(GENERALIZED_CROSSENTROPY, "CategoricalGeneralizedCrossEntropy",
           "categorical_generalized_cross_entropy", 3),
     .params = {NUMBER("q", 0.5, LSI_ABOVE_0, LSI_BELOW_1), REDUCTION,
                NAME("categorical_generalized_cross_entropy")}},
    SIMPLE(MEAN_SQUARED_ERROR, "MeanSquaredError", "mean_squared_error", "mse", "MSE"),
    SIMPLE(MEAN_ABSOLUTE_ERROR, "MeanAbsoluteError", "mean_absolute_error", "mae", "MAE"),
    SIMPLE(MEAN_ABSOLUTE_PERCENTAGE_ERROR, "MeanAbsolutePercentageError",
           "mean_absolute_percentage_error", "mape", "MAPE"),
    SIMPLE(MEAN_SQUARED_LOGARITHMIC_ERROR, "MeanSquaredLogarithmicError",
           "mean_squared_logarithmic_error", "msle", "MSLE"),
    {CLASS(COSINE_SIMILARITY, "CosineSimilarity", "cosine_similarity", 3),
     .params = {AXIS, REDUCTION, NAME("cosine_similarity")}},
    {CLASS(HUBER, "Huber", "huber", 3),
     .aliases = {"huber_loss"},
     .params = {NUMBER("delta", 1.0, 1e-30, 1e30), REDUCTION, NAME("huber_loss")}},
    SIMPLE(LOG_COSH, "LogCosh", "log_cosh", "logcosh"),
    SIMPLE(HINGE, "Hinge", "hinge", NULL),
    SIMPLE(SQUARED_HINGE, "SquaredHinge", "squared_hinge", NULL),
    SIMPLE(CATEGORICAL_HINGE, "CategoricalHinge", "categorical_hinge", NULL),
    SIMPLE(KL_DIVERGENCE, "KLDivergence", "kl_divergence", "kld", "KLD", "kullback_leibler_divergence"),
    SIMPLE(POISSON, "Poisson", "poisson", NULL),
    {CLASS(DICE, "Dice", "dice", 3), .params = {REDUCTION, NAME("dice"), AXIS_OR_ALL}},
    {CLASS(TVERSKY, "Tversky", "tversky", 5),
     .params = {NUMBER("alpha", 0.5, 0.0, 1e30), NUMBER("beta", 0.5, 0.0, 1e30), REDUCTION,
                NAME("tversky"), AXIS_OR_ALL}},
};

static const lsi_refusal refused[] = {
    {"CTC", "It aligns sequences, and there are none in dense nets."},
    {"Circle", "It compares the samples of a batch pair by pair; categorical_crossentropy learns from each by itself."},
    {NULL, NULL},
};

const lsi_family lsi_losses = {.what = "loss",
                               .classes = classes,
                               .n_classes = (int)(sizeof classes / sizeof *classes),
                               .refused = refused};
