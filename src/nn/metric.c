/* SPDX-License-Identifier: MIT */
/* Which metric a text means for these outputs and targets. The sums are in metric_rows.c. */
#include "nn/metric.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "nn/metric_table.h"

#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }
#define DTYPE                                                                                      \
  { "dtype", LSI_PARAM_TEXT, NAN, 0.0, 0.0, NULL }
#define FROM_LOGITS                                                                                \
  { "from_logits", LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL }
#define SMOOTHING                                                                                  \
  { "label_smoothing", LSI_PARAM_FLOAT, 0.0, 0.0, 1.0, NULL }
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, -1.0, -1.0, -1.0, NULL }
#define K                                                                                          \
  { "k", LSI_PARAM_INT, 5.0, 1.0, 1e9, NULL }
#define SIMPLE(enumerator, class, snake, ...)                                                      \
  {                                                                                                \
    .kind = enumerator, .class_name = class, .name = snake, .aliases = {__VA_ARGS__},              \
    .n_params = 2, .params = {                                                                     \
      NAME(snake),                                                                                 \
      DTYPE                                                                                        \
    }                                                                                              \
  }
#define CONFUSION(enumerator, class, snake)                                                        \
  {                                                                                                \
    .kind = enumerator, .class_name = class, .name = snake, .n_params = 5, .params = {             \
      {"thresholds", LSI_PARAM_FLOAT, NAN, 0.0, 1.0, NULL},                                        \
      {"top_k", LSI_PARAM_INT, NAN, 1.0, 1e9, NULL},                                               \
      {"class_id", LSI_PARAM_INT, NAN, 0.0, 1e9, NULL},                                            \
      NAME(snake),                                                                                 \
      DTYPE                                                                                        \
    }                                                                                              \
  }

static const lsi_class_info classes[] = {
    {.kind = LSI_METRIC_ACCURACY_AUTO,
     .class_name = "accuracy",
     .name = "accuracy",
     .aliases = {"acc"}},
    {.kind = LSI_METRIC_CROSSENTROPY_AUTO,
     .class_name = "crossentropy",
     .name = "crossentropy",
     .aliases = {"ce"}},
    {.kind = LSI_METRIC_ACCURACY,
     .class_name = "Accuracy",
     .name = "Accuracy",
     .n_params = 2,
     .params = {NAME("accuracy"), DTYPE}},
    {.kind = LSI_METRIC_BINARY_ACCURACY,
     .class_name = "BinaryAccuracy",
     .name = "binary_accuracy",
     .n_params = 3,
     .params = {NAME("binary_accuracy"),
                DTYPE,
                {"threshold", LSI_PARAM_FLOAT, 0.5, 0.0, 1.0, NULL}}},
    SIMPLE(LSI_METRIC_CATEGORICAL_ACCURACY, "CategoricalAccuracy", "categorical_accuracy", NULL),
    SIMPLE(LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY, "SparseCategoricalAccuracy",
           "sparse_categorical_accuracy", NULL),
    {.kind = LSI_METRIC_TOP_K,
     .class_name = "TopKCategoricalAccuracy",
     .name = "top_k_categorical_accuracy",
     .n_params = 3,
     .params = {K, NAME("top_k_categorical_accuracy"), DTYPE}},
    {.kind = LSI_METRIC_SPARSE_TOP_K,
     .class_name = "SparseTopKCategoricalAccuracy",
     .name = "sparse_top_k_categorical_accuracy",
     .n_params = 3,
     .params = {K, NAME("sparse_top_k_categorical_accuracy"), DTYPE}},
    SIMPLE(LSI_METRIC_MEAN_ABSOLUTE_ERROR, "MeanAbsoluteError", "mean_absolute_error", "mae"),
    SIMPLE(LSI_METRIC_MEAN_SQUARED_ERROR, "MeanSquaredError", "mean_squared_error", "mse"),
    SIMPLE(LSI_METRIC_ROOT_MEAN_SQUARED_ERROR, "RootMeanSquaredError", "root_mean_squared_error",
           "rmse"),
    CONFUSION(LSI_METRIC_PRECISION, "Precision", "precision"),
    CONFUSION(LSI_METRIC_RECALL, "Recall", "recall"),
    {.kind = LSI_METRIC_CATEGORICAL_CROSSENTROPY,
     .class_name = "CategoricalCrossentropy",
     .name = "categorical_crossentropy",
     .n_params = 5,
     .params = {NAME("categorical_crossentropy"), DTYPE, FROM_LOGITS, SMOOTHING, AXIS}},
    {.kind = LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY,
     .class_name = "SparseCategoricalCrossentropy",
     .name = "sparse_categorical_crossentropy",
     .n_params = 4,
     .params = {NAME("sparse_categorical_crossentropy"), DTYPE, FROM_LOGITS, AXIS}},
    {.kind = LSI_METRIC_BINARY_CROSSENTROPY,
     .class_name = "BinaryCrossentropy",
     .name = "binary_crossentropy",
     .aliases = {"bce"},
     .n_params = 4,
     .params = {NAME("binary_crossentropy"), DTYPE, FROM_LOGITS, SMOOTHING}},
};

static ls_status check_metric(const lsi_object *object) {
  static const char *const refused[] = {"top_k", "class_id"};
  for (int i = 0; i < 2; i++)
    LSI_CHECK(isnan(lsi_object_get(object, refused[i])), LS_ERR_UNSUPPORTED,
              "Leave it out: all outputs count.", "metric %s: argument '%s' is not supported",
              object->info->class_name, refused[i]);
  const char *dtype = lsi_object_text(object, "dtype");
  LSI_CHECK(!dtype || strcmp(dtype, "float32") == 0, LS_ERR_UNSUPPORTED, "Leave it out.",
            "metric %s: dtype '%s' is not supported", object->info->class_name, dtype ? dtype : "");
  return LS_OK;
}

const lsi_family lsi_metrics = {.what = "metric",
                                .classes = classes,
                                .n_classes = (int)(sizeof classes / sizeof *classes),
                                .check = check_metric};

lsi_metric_targets lsi_metric_targets_of(lsi_metric_kind kind) {
  switch (kind) {
  case LSI_METRIC_ACCURACY_AUTO:
  case LSI_METRIC_CROSSENTROPY_AUTO:
    return LSI_METRIC_ANY;
  case LSI_METRIC_CATEGORICAL_ACCURACY:
  case LSI_METRIC_TOP_K:
  case LSI_METRIC_CATEGORICAL_CROSSENTROPY:
    return LSI_METRIC_CLASSES;
  case LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY:
  case LSI_METRIC_SPARSE_TOP_K:
  case LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY:
    return LSI_METRIC_LABELS;
  default:
    return LSI_METRIC_ELEMENTS;
  }
}

/* Keras's is_binary_or_sparse_categorical (keras/src/trainers/compile_utils.py). */
static lsi_metric_kind resolve(lsi_metric_kind kind, int64_t n_outputs, bool y_is_label,
                               int64_t n_targets) {
  if (lsi_metric_targets_of(kind) != LSI_METRIC_ANY)
    return kind;
  bool accuracy = kind == LSI_METRIC_ACCURACY_AUTO;
  if (n_outputs == 1)
    return accuracy ? LSI_METRIC_BINARY_ACCURACY : LSI_METRIC_BINARY_CROSSENTROPY;
  if (y_is_label || n_targets == 1)
    return accuracy ? LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY
                    : LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY;
  return accuracy ? LSI_METRIC_CATEGORICAL_ACCURACY : LSI_METRIC_CATEGORICAL_CROSSENTROPY;
}

static const lsi_class_info *class_of(lsi_metric_kind kind) {
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    if (classes[i].kind == (int)kind)
      return &classes[i];
  return NULL;
}

static ls_status check_elements(const char *name, int64_t n_outputs, bool y_is_label,
                                int64_t n_targets) {
  LSI_CHECK(!y_is_label || n_outputs == 1, LS_ERR_SHAPE, "sparse_categorical_accuracy would fit.",
            "metric %s compares outputs with targets one by one; targets are one integer label a "
            "sample, outputs (N, %lld)",
            name, (long long)n_outputs);
  LSI_CHECK(y_is_label || n_targets == n_outputs, LS_ERR_SHAPE,
            "Give the last layer as many units as a sample has targets.",
            "metric %s: targets are (N, %lld), outputs are (N, %lld)", name, (long long)n_targets,
            (long long)n_outputs);
  return LS_OK;
}

static ls_status check_classes(const char *name, lsi_metric_targets wants, int64_t n_outputs,
                               bool y_is_label, int64_t n_targets) {
  LSI_CHECK(n_outputs > 1, LS_ERR_SHAPE, "binary_accuracy would fit.",
            "metric %s needs an output for each class; the last layer has %lld", name,
            (long long)n_outputs);
  if (y_is_label)
    return LS_OK;
  LSI_CHECK(n_targets == n_outputs, LS_ERR_SHAPE,
            "Store labels as integers; sparse_categorical_accuracy would fit then.",
            "metric %s: targets are values (N, %lld), outputs are (N, %lld)", name,
            (long long)n_targets, (long long)n_outputs);
  LSI_CHECK(wants == LSI_METRIC_CLASSES, LS_ERR_SHAPE,
            "categorical_accuracy or top_k_categorical_accuracy would fit.",
            "metric %s wants one integer label a sample; targets are values (N, %lld)", name,
            (long long)n_targets);
  return LS_OK;
}

/* The loss whose values a cross-entropy averages; labels go through the sparse form. */
static ls_status set_loss(lsi_metric *metric, bool y_is_label) {
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  double smoothing = lsi_object_get(&metric->object, "label_smoothing");
  const char *name = metric->object.info->name;
  if (kind == LSI_METRIC_CATEGORICAL_CROSSENTROPY && y_is_label) {
    LSI_CHECK(!(smoothing > 0), LS_ERR_UNSUPPORTED,
              "Give one-hot targets, or leave label_smoothing out.",
              "metric %s with label_smoothing does not take integer labels", name);
    name = "sparse_categorical_crossentropy";
  }
  const lsi_class_info *info;
  LSI_TRY(lsi_family_find(&lsi_losses, name, &info));
  lsi_object *object = &metric->loss.object;
  lsi_object_default(info, object);
  int i = lsi_object_param_index(info, "label_smoothing");
  if (i >= 0 && smoothing > 0)
    object->value[i] = smoothing;
  metric->loss.on_logits = lsi_object_get(&metric->object, "from_logits") == 1.0;
  metric->loss.link = LSI_ACT_LINEAR;
  return LS_OK;
}

/* A string is its own name in the logs; an object has a name argument. */
static void set_log_name(lsi_metric *metric, const char *text, bool is_call) {
  const char *name = is_call ? lsi_object_text(&metric->object, "name") : NULL;
  if (is_call && !name)
    name = metric->object.info->name;
  if (!is_call) {
    name = text;
    while (isspace((unsigned char)*name))
      name++;
  }
  size_t n = strlen(name);
  while (!is_call && n > 0 && isspace((unsigned char)name[n - 1]))
    n--;
  snprintf(metric->log_name, sizeof metric->log_name, "%.*s", (int)n, name);
}

ls_status lsi_metric_init(lsi_metric *metric, const char *text, bool weighted, int64_t n_outputs,
                          bool y_is_label, int64_t n_targets) {
  bool is_call = strchr(text, '(') != NULL;
  lsi_metric m = {.weighted = weighted, .n_sums = 2};
  LSI_TRY(lsi_object_parse(&lsi_metrics, text, &m.object));
  lsi_metric_kind kind = lsi_metric_kind_of(&m);
  if (!is_call && kind == LSI_METRIC_ACCURACY)
    kind = LSI_METRIC_ACCURACY_AUTO; /* Keras folds the string's case */
  lsi_metric_kind resolved = resolve(kind, n_outputs, y_is_label, n_targets);
  if (resolved != lsi_metric_kind_of(&m))
    lsi_object_default(class_of(resolved), &m.object);
  lsi_metric_targets wants = lsi_metric_targets_of(resolved);
  const char *name = m.object.info->name;
  if (wants == LSI_METRIC_ELEMENTS)
    LSI_TRY(check_elements(name, n_outputs, y_is_label, n_targets));
  else
    LSI_TRY(check_classes(name, wants, n_outputs, y_is_label, n_targets));
  if (resolved >= LSI_METRIC_CATEGORICAL_CROSSENTROPY)
    LSI_TRY(set_loss(&m, y_is_label));
  set_log_name(&m, text, is_call);
  *metric = m;
  return LS_OK;
}

int lsi_metric_direction(const lsi_metric *metric) {
  switch (lsi_metric_kind_of(metric)) {
  case LSI_METRIC_MEAN_ABSOLUTE_ERROR:
  case LSI_METRIC_MEAN_SQUARED_ERROR:
  case LSI_METRIC_ROOT_MEAN_SQUARED_ERROR:
  case LSI_METRIC_CROSSENTROPY_AUTO:
  case LSI_METRIC_CATEGORICAL_CROSSENTROPY:
  case LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY:
  case LSI_METRIC_BINARY_CROSSENTROPY:
    return -1;
  default:
    return 1;
  }
}
