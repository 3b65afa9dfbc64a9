/* SPDX-License-Identifier: MIT */
/* Which metric a text means for these outputs and targets. The sums are in metric_rows.c. */
#include "nn/metric.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "nn/metric_table.h"

/* Keras's is_binary_or_sparse_categorical (keras/src/trainers/compile_utils.py). */
static lsi_metric_kind resolve(lsi_metric_kind kind, int64_t n_outputs, bool y_is_label,
                               int64_t n_targets) {
  if (lsi_metric_traits_table[kind].targets != LSI_METRIC_ANY)
    return kind;
  bool accuracy = kind == LSI_METRIC_ACCURACY_AUTO;
  if (n_outputs == 1)
    return accuracy ? LSI_METRIC_BINARY_ACCURACY : LSI_METRIC_BINARY_CROSSENTROPY;
  if (y_is_label || n_targets == 1)
    return accuracy ? LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY
                    : LSI_METRIC_SPARSE_CATEGORICAL_CROSSENTROPY;
  return accuracy ? LSI_METRIC_CATEGORICAL_ACCURACY : LSI_METRIC_CATEGORICAL_CROSSENTROPY;
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

/* An IoU takes predicted classes as they are (one output), or the largest output's; targets as labels, or one-hot. */
static ls_status check_areas(const lsi_metric *metric, int64_t n_outputs, bool y_is_label, int64_t n_targets) {
  const char *name = metric->object.info->class_name;
  bool sparse_pred = lsi_object_get(&metric->object, "sparse_y_pred") != 0, sparse_true = lsi_object_get(&metric->object, "sparse_y_true") == 1.0;
  LSI_CHECK(sparse_pred == (n_outputs == 1), LS_ERR_SHAPE, "sparse_y_pred=False takes the class of the largest output.",
            "metric %s with sparse_y_pred=%s; the last layer has %lld outputs", name, sparse_pred ? "True" : "False", (long long)n_outputs);
  LSI_CHECK(y_is_label || n_targets == (sparse_true ? 1 : n_outputs), LS_ERR_SHAPE, "Store labels as integers.",
            "metric %s: targets are values (N, %lld), outputs are (N, %lld)", name, (long long)n_targets, (long long)n_outputs);
  return LS_OK;
}

static ls_status check_targets(const lsi_metric *metric, lsi_metric_targets wants, int64_t n_outputs, bool y_is_label,
                               int64_t n_targets) {
  const char *name = metric->object.info->name;
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  if (wants == LSI_METRIC_ELEMENTS)
    return check_elements(name, n_outputs, y_is_label, n_targets);
  if (kind >= LSI_METRIC_IOU)
    return check_areas(metric, n_outputs, y_is_label, n_targets);
  return check_classes(name, wants, n_outputs, y_is_label, n_targets);
}

/* The loss whose values a metric averages; a cross-entropy's labels go through the sparse form. */
static ls_status set_loss(lsi_metric *metric, bool y_is_label) {
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  double smoothing = lsi_object_get(&metric->object, "label_smoothing");
  const char *name = lsi_metric_traits_of(metric)->loss;
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
  lsi_metric m = {.weighted = weighted, .n_sums = 2, .n_outputs = (int)n_outputs, .n_values = 1};
  LSI_TRY(lsi_object_parse(&lsi_metrics, text, &m.object));
  lsi_metric_kind kind = lsi_metric_kind_of(&m);
  if (!is_call && kind == LSI_METRIC_ACCURACY)
    kind = LSI_METRIC_ACCURACY_AUTO; /* Keras folds the string's case */
  lsi_metric_kind resolved = resolve(kind, n_outputs, y_is_label, n_targets);
  if (resolved != lsi_metric_kind_of(&m))
    lsi_object_default(lsi_metric_class(resolved), &m.object);
  const lsi_metric_traits *traits = &lsi_metric_traits_table[resolved];
  LSI_TRY(check_targets(&m, traits->targets, n_outputs, y_is_label, n_targets));
  if (traits->loss)
    LSI_TRY(set_loss(&m, y_is_label));
  m.n_values = lsi_metric_count_values(&m.object, n_outputs);
  LSI_CHECK(m.n_values <= LSI_METRIC_MAX_VALUES, LS_ERR_UNSUPPORTED, "Use fewer thresholds, or an average.",
            "metric %s gives %d numbers; at most %d are kept", m.object.info->class_name, m.n_values, (int)LSI_METRIC_MAX_VALUES);
  if (traits->form == LSI_METRIC_WIDE || m.n_values > 1)
    LSI_TRY(lsi_metric_wide_init(&m, n_outputs));
  set_log_name(&m, text, is_call);
  *metric = m;
  return LS_OK;
}

int lsi_metric_count_values(const lsi_object *object, int64_t n_outputs) {
  const double *list;
  lsi_metric_kind kind = (lsi_metric_kind)object->info->kind;
  bool by_output = (kind == LSI_METRIC_F1 || kind == LSI_METRIC_F_BETA) && !lsi_object_text(object, "average");
  if (by_output)
    return n_outputs > 1 ? (int)n_outputs : 1;
  int n = lsi_metric_is_counted(kind) ? lsi_object_list(object, "thresholds", &list) : 0;
  return n > 1 ? n : 1;
}

void lsi_metric_value_name(const lsi_metric *metric, int i, char name[64]) {
  if (metric->n_values == 1)
    snprintf(name, 64, "%s", metric->log_name);
  else
    snprintf(name, 64, "%.50s[%d]", metric->log_name, i);
}

int lsi_metric_direction(const lsi_metric *metric) {
  return lsi_metric_traits_of(metric)->direction;
}
