/* SPDX-License-Identifier: MIT */
/* Keras 3's metrics with their constructor arguments (keras/src/metrics). */
#include "nn/metric_table.h"

#include <string.h>

#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }
#define DTYPE                                                                                      \
  { "dtype", LSI_PARAM_TEXT, NAN, 0.0, 0.0, NULL }
#define TEXT(argument, choices)                                                                    \
  { argument, LSI_PARAM_TEXT, 0.0, 0.0, 0.0, choices }
#define FLAG(argument, value)                                                                      \
  { argument, LSI_PARAM_BOOL, value, 0.0, 1.0, NULL }
#define NUMBER(argument, value, low, high)                                                         \
  { argument, LSI_PARAM_FLOAT, value, low, high, NULL }
#define COUNT(argument, value, low)                                                                \
  { argument, LSI_PARAM_INT, value, low, 1e9, NULL }
#define LIST(argument, value, low, high)                                                           \
  { argument, LSI_PARAM_LIST, value, low, high, NULL }
#define FROM_LOGITS FLAG("from_logits", 0.0)
#define SMOOTHING   NUMBER("label_smoothing", 0.0, 0.0, 1.0)
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, -1.0, -1.0, -1.0, NULL }
#define CLASS(enumerator, class, snake, n)                                                         \
  .kind = LSI_METRIC_##enumerator, .class_name = class, .name = snake, .n_params = (n)
#define SIMPLE(enumerator, class, snake, ...)                                                      \
  { CLASS(enumerator, class, snake, 2), .aliases = {__VA_ARGS__}, .params = {NAME(snake), DTYPE} }
#define ALONG_AXIS(enumerator, class, snake)                                                       \
  { CLASS(enumerator, class, snake, 3), .params = {NAME(snake), DTYPE, AXIS} }
#define THRESHOLDS                                                                                 \
  { "thresholds", LSI_PARAM_LIST, NAN, 0.0, 1.0, LSI_OR_NUMBER }
#define COUNTED(enumerator, class, snake)                                                          \
  { CLASS(enumerator, class, snake, 3), .params = {THRESHOLDS, NAME(snake), DTYPE} }
#define RATIO(enumerator, class, snake)                                                            \
  {                                                                                                \
    CLASS(enumerator, class, snake, 5), .params = {                                                \
      THRESHOLDS, COUNT("top_k", NAN, 1.0), COUNT("class_id", NAN, 0.0),  \
      NAME(snake), DTYPE                                                                           \
    }                                                                                              \
  }
#define AT(enumerator, class, snake, argument)                                                     \
  {                                                                                                \
    CLASS(enumerator, class, snake, 5), .params = {                                                \
      NUMBER(argument, LSI_REQUIRED, 0.0, 1.0), COUNT("num_thresholds", 200.0, 1.0),               \
      COUNT("class_id", NAN, 0.0), NAME(snake), DTYPE                                              \
    }                                                                                              \
  }
#define K       COUNT("k", 5.0, 1.0)
#define IGNORED                                                                                    \
  { "ignore_class", LSI_PARAM_INT, NAN, -LSI_MAX_COUNT, LSI_MAX_COUNT, NULL }
#define IDS(value) LIST("target_class_ids", value, 0.0, LSI_MAX_COUNT)

static const lsi_class_info classes[] = {
    {CLASS(ACCURACY_AUTO, "accuracy", "accuracy", 0), .aliases = {"acc"}},
    {CLASS(CROSSENTROPY_AUTO, "crossentropy", "crossentropy", 0), .aliases = {"ce"}},
    {CLASS(ACCURACY, "Accuracy", "Accuracy", 2), .params = {NAME("accuracy"), DTYPE}},
    {CLASS(BINARY_ACCURACY, "BinaryAccuracy", "binary_accuracy", 3),
     .params = {NAME("binary_accuracy"), DTYPE, NUMBER("threshold", 0.5, 0.0, 1.0)}},
    SIMPLE(CATEGORICAL_ACCURACY, "CategoricalAccuracy", "categorical_accuracy", NULL),
    SIMPLE(SPARSE_CATEGORICAL_ACCURACY, "SparseCategoricalAccuracy", "sparse_categorical_accuracy", NULL),
    {CLASS(TOP_K, "TopKCategoricalAccuracy", "top_k_categorical_accuracy", 3),
     .params = {K, NAME("top_k_categorical_accuracy"), DTYPE}},
    {CLASS(SPARSE_TOP_K, "SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy", 3),
     .params = {K, NAME("sparse_top_k_categorical_accuracy"), DTYPE}},
    SIMPLE(MEAN_ABSOLUTE_ERROR, "MeanAbsoluteError", "mean_absolute_error", "mae", "MAE"),
    SIMPLE(MEAN_SQUARED_ERROR, "MeanSquaredError", "mean_squared_error", "mse", "MSE"),
    SIMPLE(ROOT_MEAN_SQUARED_ERROR, "RootMeanSquaredError", "root_mean_squared_error", "rmse"),
    SIMPLE(MEAN_ABSOLUTE_PERCENTAGE_ERROR, "MeanAbsolutePercentageError", "mean_absolute_percentage_error", "mape", "MAPE"),
    SIMPLE(MEAN_SQUARED_LOGARITHMIC_ERROR, "MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", "msle", "MSLE"),
    {CLASS(LOG_COSH, "LogCoshError", "log_cosh_error", 2), .params = {NAME("logcosh"), DTYPE}},
    SIMPLE(HINGE, "Hinge", "hinge", NULL),
    SIMPLE(SQUARED_HINGE, "SquaredHinge", "squared_hinge", NULL),
    SIMPLE(CATEGORICAL_HINGE, "CategoricalHinge", "categorical_hinge", NULL),
    SIMPLE(KL_DIVERGENCE, "KLDivergence", "kl_divergence", NULL),
    SIMPLE(POISSON, "Poisson", "poisson", NULL),
    ALONG_AXIS(COSINE_SIMILARITY, "CosineSimilarity", "cosine_similarity"),
    ALONG_AXIS(PEARSON, "PearsonCorrelation", "pearson_correlation"),
    ALONG_AXIS(CONCORDANCE, "ConcordanceCorrelation", "concordance_correlation"),
    RATIO(PRECISION, "Precision", "precision"),
    RATIO(RECALL, "Recall", "recall"),
    COUNTED(TRUE_POSITIVES, "TruePositives", "true_positives"),
    COUNTED(TRUE_NEGATIVES, "TrueNegatives", "true_negatives"),
    COUNTED(FALSE_POSITIVES, "FalsePositives", "false_positives"),
    COUNTED(FALSE_NEGATIVES, "FalseNegatives", "false_negatives"),
    {CLASS(CATEGORICAL_CROSSENTROPY, "CategoricalCrossentropy", "categorical_crossentropy", 5),
     .params = {NAME("categorical_crossentropy"), DTYPE, FROM_LOGITS, SMOOTHING, AXIS}},
    {CLASS(SPARSE_CATEGORICAL_CROSSENTROPY, "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", 4),
     .params = {NAME("sparse_categorical_crossentropy"), DTYPE, FROM_LOGITS, AXIS}},
    {CLASS(BINARY_CROSSENTROPY, "BinaryCrossentropy", "binary_crossentropy", 4),
     .aliases = {"bce"},
     .params = {NAME("binary_crossentropy"), DTYPE, FROM_LOGITS, SMOOTHING}},
    {CLASS(AUC, "AUC", "auc", 10),
     .params = {COUNT("num_thresholds", 200.0, 2.0), TEXT("curve", "ROC|PR|PRGAIN"),
                TEXT("summation_method", "interpolation|minoring|majoring"), NAME("auc"), DTYPE,
                LIST("thresholds", NAN, 0.0, 1.0), FLAG("multi_label", 0.0), COUNT("num_labels", NAN, 1.0),
                LIST("label_weights", NAN, 0.0, 1e30), FROM_LOGITS}},
    AT(SENSITIVITY_AT_SPECIFICITY, "SensitivityAtSpecificity", "sensitivity_at_specificity", "specificity"),
    AT(SPECIFICITY_AT_SENSITIVITY, "SpecificityAtSensitivity", "specificity_at_sensitivity", "sensitivity"),
    AT(PRECISION_AT_RECALL, "PrecisionAtRecall", "precision_at_recall", "recall"),
    AT(RECALL_AT_PRECISION, "RecallAtPrecision", "recall_at_precision", "precision"),
    {CLASS(F1, "F1Score", "f1_score", 4),
     .params = {{"average", LSI_PARAM_TEXT, NAN, 0.0, 0.0, NULL}, NUMBER("threshold", NAN, LSI_ABOVE_0, 1.0),
                NAME("f1_score"), DTYPE}},
    {CLASS(F_BETA, "FBetaScore", "f_beta_score", 5),
     .params = {{"average", LSI_PARAM_TEXT, NAN, 0.0, 0.0, NULL}, NUMBER("beta", 1.0, LSI_ABOVE_0, 1e30),
                NUMBER("threshold", NAN, LSI_ABOVE_0, 1.0), NAME("fbeta_score"), DTYPE}},
    {CLASS(R2, "R2Score", "r2_score", 4),
     .params = {TEXT("class_aggregation", "uniform_average|variance_weighted_average"),
                COUNT("num_regressors", 0.0, 0.0), NAME("r2_score"), DTYPE}},
    {CLASS(IOU, "IoU", "io_u", 8),
     .params = {COUNT("num_classes", LSI_REQUIRED, 1.0), IDS(LSI_REQUIRED), NAME("io_u"), DTYPE, IGNORED,
                FLAG("sparse_y_true", 1.0), FLAG("sparse_y_pred", 1.0), AXIS}},
    {CLASS(BINARY_IOU, "BinaryIoU", "binary_io_u", 4),
     .params = {IDS(NAN), NUMBER("threshold", 0.5, 0.0, 1.0), NAME("binary_io_u"), DTYPE}},
    {CLASS(MEAN_IOU, "MeanIoU", "mean_io_u", 7),
     .params = {COUNT("num_classes", LSI_REQUIRED, 1.0), NAME("mean_io_u"), DTYPE, IGNORED, FLAG("sparse_y_true", 1.0),
                FLAG("sparse_y_pred", 1.0), AXIS}},
    {CLASS(ONE_HOT_IOU, "OneHotIoU", "one_hot_io_u", 7),
     .params = {COUNT("num_classes", LSI_REQUIRED, 1.0), IDS(LSI_REQUIRED), NAME("one_hot_io_u"), DTYPE, IGNORED,
                FLAG("sparse_y_pred", 0.0), AXIS}},
    {CLASS(ONE_HOT_MEAN_IOU, "OneHotMeanIoU", "one_hot_mean_io_u", 6),
     .params = {COUNT("num_classes", LSI_REQUIRED, 1.0), NAME("one_hot_mean_io_u"), DTYPE, IGNORED,
                FLAG("sparse_y_pred", 0.0), AXIS}},
};

static const lsi_refusal refused[] = {
    {"Mean", "It averages values, not predictions against targets; the loss's mean is logged in any case."},
    {"Sum", "It adds up values, not predictions against targets."},
    {"MeanMetricWrapper", "Name the function it wraps: mae, poisson, cosine_similarity, ..."},
    {NULL, NULL},
};

#define TRAITS(enumerator, targets, form, direction, loss)                                         \
  [LSI_METRIC_##enumerator] = {LSI_METRIC_##targets, LSI_METRIC_##form, direction, loss}

const lsi_metric_traits lsi_metric_traits_table[LSI_METRIC_KINDS] = {
    TRAITS(ACCURACY_AUTO, ANY, ROWS, 1, NULL),
    TRAITS(CROSSENTROPY_AUTO, ANY, ROWS, -1, NULL),
    TRAITS(ACCURACY, ELEMENTS, MEAN, 1, NULL),
    TRAITS(BINARY_ACCURACY, ELEMENTS, MEAN, 1, NULL),
    TRAITS(CATEGORICAL_ACCURACY, CLASSES, ROWS, 1, NULL),
    TRAITS(SPARSE_CATEGORICAL_ACCURACY, LABELS, ROWS, 1, NULL),
    TRAITS(TOP_K, CLASSES, ROWS, 1, NULL),
    TRAITS(SPARSE_TOP_K, LABELS, ROWS, 1, NULL),
    TRAITS(MEAN_ABSOLUTE_ERROR, ELEMENTS, MEAN, -1, NULL),
    TRAITS(MEAN_SQUARED_ERROR, ELEMENTS, MEAN, -1, NULL),
    TRAITS(ROOT_MEAN_SQUARED_ERROR, ELEMENTS, MEAN, -1, NULL),
    TRAITS(MEAN_ABSOLUTE_PERCENTAGE_ERROR, ELEMENTS, MEAN, -1, "mean_absolute_percentage_error"),
    TRAITS(MEAN_SQUARED_LOGARITHMIC_ERROR, ELEMENTS, MEAN, -1, "mean_squared_logarithmic_error"),
    TRAITS(LOG_COSH, ELEMENTS, MEAN, -1, "log_cosh"),
    TRAITS(HINGE, ELEMENTS, MEAN, -1, "hinge"),
    TRAITS(SQUARED_HINGE, ELEMENTS, MEAN, -1, "squared_hinge"),
    TRAITS(CATEGORICAL_HINGE, ELEMENTS, MEAN, -1, "categorical_hinge"),
    TRAITS(KL_DIVERGENCE, ELEMENTS, MEAN, -1, "kl_divergence"),
    TRAITS(POISSON, ELEMENTS, MEAN, -1, "poisson"),
    TRAITS(COSINE_SIMILARITY, ELEMENTS, ROWS, 1, NULL),
    TRAITS(PEARSON, ELEMENTS, ROWS, 1, NULL),
    TRAITS(CONCORDANCE, ELEMENTS, ROWS, 1, NULL),
    TRAITS(PRECISION, ELEMENTS, COUNT, 1, NULL),
    TRAITS(RECALL, ELEMENTS, COUNT, 1, NULL),
    TRAITS(TRUE_POSITIVES, ELEMENTS, COUNT, 1, NULL),
    TRAITS(TRUE_NEGATIVES, ELEMENTS, COUNT, 1, NULL),
    TRAITS(FALSE_POSITIVES, ELEMENTS, COUNT, -1, NULL),
    TRAITS(FALSE_NEGATIVES, ELEMENTS, COUNT, -1, NULL),
    TRAITS(CATEGORICAL_CROSSENTROPY, CLASSES, MEAN, -1, "categorical_crossentropy"),
    TRAITS(SPARSE_CATEGORICAL_CROSSENTROPY, LABELS, MEAN, -1, "sparse_categorical_crossentropy"),
    TRAITS(BINARY_CROSSENTROPY, ELEMENTS, MEAN, -1, "binary_crossentropy"),
    TRAITS(AUC, ELEMENTS, WIDE, 1, NULL),
    TRAITS(SENSITIVITY_AT_SPECIFICITY, ELEMENTS, WIDE, 1, NULL),
    TRAITS(SPECIFICITY_AT_SENSITIVITY, ELEMENTS, WIDE, 1, NULL),
    TRAITS(PRECISION_AT_RECALL, ELEMENTS, WIDE, 1, NULL),
    TRAITS(RECALL_AT_PRECISION, ELEMENTS, WIDE, 1, NULL),
    TRAITS(F1, ELEMENTS, WIDE, 1, NULL),
    TRAITS(F_BETA, ELEMENTS, WIDE, 1, NULL),
    TRAITS(R2, ELEMENTS, WIDE, 1, NULL),
    TRAITS(IOU, CLASSES, WIDE, 1, NULL),
    TRAITS(BINARY_IOU, ELEMENTS, WIDE, 1, NULL),
    TRAITS(MEAN_IOU, CLASSES, WIDE, 1, NULL),
    TRAITS(ONE_HOT_IOU, CLASSES, WIDE, 1, NULL),
    TRAITS(ONE_HOT_MEAN_IOU, CLASSES, WIDE, 1, NULL),
};

static ls_status check_average(const lsi_object *object) {
  const char *average = lsi_object_text(object, "average");
  LSI_CHECK(!average || strcmp(average, "micro") == 0 || strcmp(average, "macro") == 0 ||
                strcmp(average, "weighted") == 0,
            LS_ERR_ARG, NULL, "metric %s: average is '%s'; expected micro, macro, weighted or None",
            object->info->class_name, average);
  return LS_OK;
}

static ls_status check_metric(const lsi_object *object) {
  const char *dtype = lsi_object_text(object, "dtype");
  bool counts = object->info->kind >= LSI_METRIC_IOU; /* whose own dtype is an integer */
  LSI_CHECK(!dtype || strcmp(dtype, "float32") == 0 || (counts && strncmp(dtype, "int", 3) == 0), LS_ERR_UNSUPPORTED,
            "Leave it out.", "metric %s: dtype '%s' is not supported", object->info->class_name, dtype ? dtype : "");
  return check_average(object);
}

const lsi_family lsi_metrics = {.what = "metric",
                                .classes = classes,
                                .n_classes = (int)(sizeof classes / sizeof *classes),
                                .refused = refused,
                                .check = check_metric};

const lsi_class_info *lsi_metric_class(lsi_metric_kind kind) {
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    if (classes[i].kind == (int)kind)
      return &classes[i];
  return NULL;
}
