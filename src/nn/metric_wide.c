/* SPDX-License-Identifier: MIT */
/*
 * Metrics of many sums (keras/src/metrics/confusion_metrics.py, f_score_metrics.py, regression_metrics.py, iou_metrics.py). A row adds
 * to a few of them, so rows are not kept apart: they are added to the leaf's sums one after the other.
 *
 *   AUC and the like   for each label: weights of true and of false elements by how many thresholds they exceed [2, T + 1];
 *                      Precision and the other counts with a list of thresholds, too
 *   F1, F-beta         true positives, false positives, false negatives, true elements, of each output [4, n]
 *   R2                 sums of t, t^2 and (t - x)^2 of each output [3, n], weight, elements
 *   IoU                the confusion matrix [true, said]
 */
#include <string.h>
#include "math/elementary.h"
#include "nn/metric_table.h"

typedef struct wide_row {
  const lsi_metric *metric;
  size_t n;
  const float *pred, *target; /* of the row; target NULL: the label */
  int32_t label;
  double weight;
  double *sums;
} wide_row;

static float target_at(const wide_row *w, size_t j) {
  return w->target ? w->target[j] : (float)w->label;
}

static size_t largest(size_t n, const float *x) {
  size_t best = 0;
  for (size_t j = 1; j < n; j++)
    if (x[j] > x[best])
      best = j;
  return best;
}

/* ---- curves ---- */

static bool is_curve(lsi_metric_kind kind) {
  return lsi_metric_is_counted(kind) || (kind >= LSI_METRIC_AUC && kind <= LSI_METRIC_RECALL_AT_PRECISION);
}

/* How many thresholds x exceeds. Evenly spread ones are counted as Keras counts them, by rounding up. */
static size_t exceeded(const lsi_metric *m, float x) {
  if (m->even) {
    float inside = x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
    float bucket = ceilf(inside * (float)(m->n_thresholds - 1)) - 1.0f;
    if (m->open_ends && bucket < 0.0f)
      bucket = 0.0f;
    return bucket == bucket ? (size_t)(bucket + 1.0f) : 0;
  }
  size_t count = 0;
  for (int t = 0; t < m->n_thresholds; t++)
    count += x > m->thresholds[t];
  return count;
}

static double label_weight(const lsi_object *object, size_t j) {
  int i = lsi_object_param_index(object->info, "label_weights");
  if (i < 0)
    return 1.0;
  int list = (int)object->value[i];
  return object->n_list[list] > 0 ? object->list[list][j] : 1.0;
}

static bool has_labels(const lsi_metric *m) {
  return lsi_object_get(&m->object, "multi_label") == 1.0;
}

static void curve_row(const wide_row *w) {
  const lsi_metric *m = w->metric;
  bool logits = lsi_object_get(&m->object, "from_logits") == 1.0;
  double class_id = lsi_object_get(&m->object, "class_id"), k = lsi_object_get(&m->object, "top_k");
  size_t buckets = (size_t)m->n_thresholds + 1;
  for (size_t j = 0; j < w->n; j++) {
    if (!isnan(class_id) && (size_t)class_id != j)
      continue;
    float x = logits ? lsi_sigmoidf(w->pred[j]) : w->pred[j];
    if (!isnan(k) && !lsi_metric_is_among_largest(w->pred, w->n, j, (int64_t)k))
      x = -INFINITY;
    double weight = has_labels(m) ? w->weight : w->weight * label_weight(&m->object, j);
    double *own = w->sums + (has_labels(m) ? 2 * buckets * j : 0);
    own[(target_at(w, j) != 0.0f ? 0 : buckets) + exceeded(m, x)] += weight;
  }
}

/* ---- F1 and F-beta ---- */

static void f_row(const wide_row *w) {
  double limit = lsi_object_get(&w->metric->object, "threshold");
  float most = w->pred[largest(w->n, w->pred)];
  size_t n = w->n;
  for (size_t j = 0; j < n; j++) {
    float x = w->pred[j];
    double t = (double)target_at(w, j);
    double said = isnan(limit) ? x >= most && fabsf(x) > 1e-9f : x > (float)limit;
    w->sums[j] += w->weight * said * t;
    w->sums[n + j] += w->weight * said * (1.0 - t);
    w->sums[2 * n + j] += w->weight * (1.0 - said) * t;
    w->sums[3 * n + j] += w->weight * t;
  }
}

static double f_score(const lsi_metric *m, double hits, double false_positives, double false_negatives) {
  double beta = m->object.info->kind == LSI_METRIC_F1 ? 1.0 : lsi_object_get(&m->object, "beta"), least = 1e-7;
  double precision = hits / (hits + false_positives + least), recall = hits / (hits + false_negatives + least);
  return precision * recall / (beta * beta * precision + recall + least) * (1.0 + beta * beta);
}

static void f_values(const lsi_metric *m, const double *sums, double *values) {
  const char *average = lsi_object_text(&m->object, "average");
  size_t n = (size_t)m->n_outputs;
  bool micro = average && strcmp(average, "micro") == 0, weighted = average && strcmp(average, "weighted") == 0;
  double total[4] = {0}, score = 0;
  for (size_t k = 0; k < 4; k++)
    for (size_t j = 0; j < n; j++)
      total[k] += sums[k * n + j];
  for (size_t j = 0; j < n && !micro; j++) {
    double share = weighted ? sums[3 * n + j] / (total[3] + 1e-7) : 1.0 / (double)n;
    double own = f_score(m, sums[j], sums[n + j], sums[2 * n + j]);
    score += share * own;
    if (!average)
      values[j] = own;
  }
  if (average)
    values[0] = micro ? f_score(m, total[0], total[1], total[2]) : score;
}

/* ---- R2 ---- */

static void r2_row(const wide_row *w) {
  size_t n = w->n;
  for (size_t j = 0; j < n; j++) {
    double t = (double)target_at(w, j), d = t - (double)w->pred[j];
    w->sums[j] += w->weight * t;
    w->sums[n + j] += w->weight * t * t;
    w->sums[2 * n + j] += w->weight * d * d;
  }
  w->sums[3 * n] += w->weight;
  w->sums[3 * n + 1] += (double)n;
}

static double r2_value(const lsi_metric *m, const double *sums) {
  size_t n = (size_t)m->n_outputs;
  bool by_variance = strcmp(lsi_object_text(&m->object, "class_aggregation"), "variance_weighted_average") == 0;
  double score = 0, weights = 0, p = lsi_object_get(&m->object, "num_regressors"), samples = sums[3 * n + 1];
  for (size_t j = 0; j < n; j++) {
    double spread = sums[n + j] - sums[j] * (sums[j] / sums[3 * n]), own = 1.0 - sums[2 * n + j] / spread;
    double weight = by_variance ? spread : 1.0;
    score += weight * (isinf(own) ? 0.0 : own);
    weights += weight;
  }
  score /= weights;
  return p != 0 && p < samples - 1 ? 1.0 - (1.0 - score) * (samples - 1.0) / (samples - p - 1.0) : score;
}

/* ---- IoU ---- */

static void add_area(const wide_row *w, int64_t is, int64_t said) {
  const lsi_metric *m = w->metric;
  int64_t n = m->n_classes;
  double ignored = lsi_object_get(&m->object, "ignore_class");
  if (is < 0 || is >= n || said < 0 || said >= n || (double)is == ignored)
    return;
  w->sums[is * n + said] += (double)(int64_t)w->weight; /* Keras counts in integers */
}

static void area_row(const wide_row *w) {
  const lsi_metric *m = w->metric;
  if (m->object.info->kind == LSI_METRIC_BINARY_IOU) {
    float threshold = (float)lsi_object_get(&m->object, "threshold");
    for (size_t j = 0; j < w->n; j++)
      add_area(w, (int64_t)target_at(w, j), w->pred[j] >= threshold);
    return;
  }
  int64_t said = w->n > 1 ? (int64_t)largest(w->n, w->pred) : (int64_t)w->pred[0];
  bool one_hot = w->target && w->n > 1;
  add_area(w, one_hot ? (int64_t)largest(w->n, w->target) : (int64_t)target_at(w, 0), said);
}

/* Of the target classes that occur. */
static bool is_wanted(const lsi_object *object, int id) {
  int i = lsi_object_param_index(object->info, "target_class_ids");
  int list = i < 0 ? 0 : (int)object->value[i];
  if (i < 0 || object->n_list[list] == 0)
    return true;
  for (int k = 0; k < object->n_list[list]; k++)
    if (object->list[list][k] == (double)id)
      return true;
  return false;
}

static double area_value(const lsi_metric *m, const double *sums) {
  int n = m->n_classes;
  double total = 0, occurring = 0;
  for (int id = 0; id < n; id++) {
    double row = 0, column = 0, own = sums[id * n + id];
    for (int j = 0; j < n; j++)
      row += sums[id * n + j], column += sums[j * n + id];
    if (!is_wanted(&m->object, id) || row + column - own <= 1e-9)
      continue;
    total += own / (row + column - own + 1e-7);
    occurring++;
  }
  return total / (occurring + 1e-7);
}

/* ---- all ---- */

/* x[i] among the first n in rising order. */
static void insert(float *x, int i, float own) {
  int at = i;
  for (; at > 0 && x[at - 1] > own; at--)
    x[at] = x[at - 1];
  x[at] = own;
}

/* The user's in rising order; those evenly spread from 0 to 1, as given, are counted as Keras counts them (numpy's allclose). */
static void list_thresholds(lsi_metric *m) {
  const double *list;
  int n = lsi_object_list(&m->object, "thresholds", &list);
  m->n_thresholds = n;
  m->even = n > 2;
  for (int i = 0; i < n; i++) {
    double expected = (double)i / (double)(n - 1);
    m->even = m->even && fabs(list[i] - expected) <= 1e-7 + 1e-5 * expected;
    insert(m->thresholds, i, (float)list[i]);
  }
}

/* The user's thresholds in rising order with one below 0 and one above 1 (AUC), or evenly spread ones. */
static void set_thresholds(lsi_metric *m) {
  const lsi_object *object = &m->object;
  if (lsi_metric_is_counted(lsi_metric_kind_of(m))) {
    list_thresholds(m);
    return;
  }
  bool auc = object->info->kind == LSI_METRIC_AUC;
  m->n_thresholds = (int)lsi_object_get(object, "num_thresholds");
  m->even = m->n_thresholds > 1;
  m->open_ends = auc;
  m->thresholds[0] = 0.5f; /* when it is the only one */
  int list = auc ? (int)object->value[lsi_object_param_index(object->info, "thresholds")] : 0, n = auc ? object->n_list[list] : 0;
  if (n == 0)
    return;
  m->n_thresholds = n + 2;
  m->thresholds[0] = -1e-7f;
  m->thresholds[n + 1] = (float)(1.0 + 1e-7);
  for (int i = 0; i < n; i++)
    insert(m->thresholds + 1, i, (float)object->list[list][i]);
  for (int i = 1; i <= n; i++) /* numpy's allclose, as Keras asks it */
    m->even = m->even && fabs((double)m->thresholds[i] - (double)i / (n + 1)) <= 1e-7 + 1e-5 * (double)i / (n + 1);
}

static ls_status check_labels(const lsi_metric *m, int64_t n_outputs) {
  const lsi_object *object = &m->object;
  double labels = lsi_object_get(object, "num_labels");
  LSI_CHECK(isnan(labels) || (has_labels(m) && (int64_t)labels == n_outputs), LS_ERR_ARG,
            "num_labels goes with multi_label=True and is the number of outputs.", "metric AUC: num_labels is %g, the last layer has %lld outputs",
            labels, (long long)n_outputs);
  int n_weights = object->n_list[(int)object->value[lsi_object_param_index(object->info, "label_weights")]];
  LSI_CHECK(n_weights == 0 || n_weights == n_outputs, LS_ERR_ARG, "Give one weight an output.",
            "metric AUC: %d label_weights, the last layer has %lld outputs", n_weights, (long long)n_outputs);
  return LS_OK;
}

ls_status lsi_metric_wide_init(lsi_metric *m, int64_t n_outputs) {
  lsi_metric_kind kind = lsi_metric_kind_of(m);
  double n = (double)n_outputs, classes = lsi_object_get(&m->object, "num_classes"), n_sums = 3 * n + 2;
  double class_id = lsi_object_get(&m->object, "class_id");
  m->is_wide = true;
  LSI_CHECK(isnan(class_id) || class_id < n, LS_ERR_SHAPE, NULL, "metric %s: class_id is %.0f, the last layer has %lld outputs",
            m->object.info->class_name, class_id, (long long)n_outputs);
  if (is_curve(kind)) {
    set_thresholds(m);
    if (kind == LSI_METRIC_AUC)
      LSI_TRY(check_labels(m, n_outputs));
    n_sums = 2.0 * (m->n_thresholds + 1) * (has_labels(m) ? n : 1);
  } else if (kind == LSI_METRIC_F1 || kind == LSI_METRIC_F_BETA) {
    n_sums = 4 * n;
  } else if (kind >= LSI_METRIC_IOU) {
    m->n_classes = isnan(classes) ? 2 : (int)fmin(classes, 1e6);
    n_sums = (double)m->n_classes * m->n_classes;
  }
  LSI_CHECK(n_sums <= LSI_METRIC_MAX_WIDE, LS_ERR_UNSUPPORTED, "Use fewer thresholds or classes.", "metric %s needs %.0f sums; at most %d are kept",
            m->object.info->class_name, n_sums, (int)LSI_METRIC_MAX_WIDE);
  m->n_sums = (int)n_sums;
  return LS_OK;
}

static void add_row(const wide_row *w) {
  lsi_metric_kind kind = lsi_metric_kind_of(w->metric);
  if (is_curve(kind))
    curve_row(w);
  else if (kind == LSI_METRIC_R2)
    r2_row(w);
  else if (kind >= LSI_METRIC_IOU)
    area_row(w);
  else
    f_row(w);
}

void lsi_metric_accumulate(const lsi_metric *metric, size_t rows, size_t n, const float *pred, const int32_t *label,
                           const float *target, const float *weight, double *sums) {
  for (size_t r = 0; r < rows; r++) {
    const wide_row w = {.metric = metric,
                        .n = n,
                        .pred = pred + r * n,
                        .target = target ? target + r * n : NULL,
                        .label = label ? label[r] : 0,
                        .weight = metric->weighted && weight ? (double)weight[r] : 1.0,
                        .sums = sums};
    add_row(&w);
  }
}

void lsi_metric_wide_values(const lsi_metric *metric, const double *sums, double *values) {
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  if (lsi_metric_is_counted(kind))
    lsi_metric_counted_values(metric, sums, values);
  else if (kind == LSI_METRIC_F1 || kind == LSI_METRIC_F_BETA)
    f_values(metric, sums, values);
  else
    values[0] = is_curve(kind) ? lsi_metric_curve_value(metric, sums) : kind == LSI_METRIC_R2 ? r2_value(metric, sums) : area_value(metric, sums);
}
