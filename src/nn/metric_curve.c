/* SPDX-License-Identifier: MIT */
/* AUC, and precision, recall, sensitivity, specificity at a bound on another of them (keras/src/metrics/confusion_metrics.py). */
#include <string.h>
#include "math/elementary.h"
#include "nn/metric_table.h"

/* The confusion matrix at one threshold. */
typedef struct matrix {
  double tp, fp, tn, fn;
} matrix;

typedef struct point {
  double x, y;
} point;

/* What exceeds threshold i lies in buckets i + 1 and up. */
static double above(const double *buckets, int n_thresholds, int i) {
  double sum = 0;
  for (int b = n_thresholds; b > i; b--)
    sum += buckets[b];
  return sum;
}

/* The thresholds from the highest to the lowest: each step adds a bucket. */
static void step_down(const double *trues, const double *falses, int i, matrix *m) {
  m->tp += trues[i + 1], m->fn -= trues[i + 1];
  m->fp += falses[i + 1], m->tn -= falses[i + 1];
}

static double ratio(double a, double b) {
  return b != 0 ? a / b : 0.0;
}

static double or_zero(double x) {
  return x > 0 ? x : 0.0;
}

static point gains(matrix m) {
  double scale = ratio(m.tp + m.fn, m.tn + m.fp);
  if (m.tp == 0)
    return (point){0.0, 1.0};
  return (point){or_zero(1.0 - scale * m.fn / m.tp), 1.0 - scale * m.fp / m.tp};
}

static point place(matrix m, const char *curve) {
  double recall = ratio(m.tp, m.tp + m.fn);
  if (strcmp(curve, "ROC") == 0)
    return (point){ratio(m.fp, m.fp + m.tn), recall};
  return strcmp(curve, "PR") == 0 ? (point){recall, ratio(m.tp, m.tp + m.fp)} : gains(m);
}

static double strip(point a, point b, const char *method) {
  double height = strcmp(method, "interpolation") == 0 ? (a.y + b.y) / 2.0
                  : strcmp(method, "minoring") == 0    ? fmin(a.y, b.y)
                                                       : fmax(a.y, b.y);
  return (a.x - b.x) * height;
}

/* Davis and Goadrich ("The relationship between precision-recall and ROC curves", 2006): between thresholds true positives
   grow in proportion to what is said to be positive. */
static double interpolated_strip(matrix a, matrix b) {
  double more = a.tp - b.tp, p = a.tp + a.fp, next = b.tp + b.fp, slope = ratio(more, or_zero(p - next));
  double start = b.tp - slope * next, growth = p > 0 && next > 0 ? ratio(p, or_zero(next)) : 1.0;
  return ratio(slope * (more + start * lsi_log(growth)), or_zero(b.tp + b.fn));
}

static double area(const lsi_metric *metric, const double *sums) {
  const char *curve = lsi_object_text(&metric->object, "curve"), *method = lsi_object_text(&metric->object, "summation_method");
  bool interpolates = strcmp(curve, "PR") == 0 && strcmp(method, "interpolation") == 0;
  int n = metric->n_thresholds;
  const double *trues = sums, *falses = sums + n + 1;
  matrix m = {.fn = above(trues, n, -1), .tn = above(falses, n, -1)};
  double sum = 0;
  step_down(trues, falses, n - 1, &m);
  for (int i = n - 2; i >= 0; i--) {
    matrix last = m;
    step_down(trues, falses, i, &m);
    sum += interpolates ? interpolated_strip(m, last) : strip(place(m, curve), place(last, curve), method);
  }
  return sum;
}

/* With multi_label each output has its area; their mean, by label_weights if there are any. */
static double mean_area(const lsi_metric *metric, const double *sums) {
  const lsi_object *object = &metric->object;
  if (lsi_object_get(object, "multi_label") == 0)
    return area(metric, sums);
  int list = (int)object->value[lsi_object_param_index(object->info, "label_weights")];
  double total = 0, weights = 0;
  for (int j = 0; j < metric->n_outputs; j++) {
    double weight = object->n_list[list] > 0 ? object->list[list][j] : 1.0;
    total += weight * area(metric, sums + 2 * (metric->n_thresholds + 1) * j);
    weights += weight;
  }
  return ratio(total, weights);
}

typedef enum quantity { SENSITIVITY, SPECIFICITY, PRECISION } quantity;

/* In float, where Keras compares it. */
static float measure(matrix m, quantity q) {
  return (float)(q == SENSITIVITY   ? ratio(m.tp, m.tp + m.fn)
                 : q == SPECIFICITY ? ratio(m.tn, m.tn + m.fp)
                                    : ratio(m.tp, m.tp + m.fp));
}

double lsi_metric_curve_value(const lsi_metric *metric, const double *sums) {
  static const struct {
    const char *bound;
    quantity bounded, wanted;
  } rows[] = {[LSI_METRIC_SENSITIVITY_AT_SPECIFICITY] = {"specificity", SPECIFICITY, SENSITIVITY},
              [LSI_METRIC_SPECIFICITY_AT_SENSITIVITY] = {"sensitivity", SENSITIVITY, SPECIFICITY},
              [LSI_METRIC_PRECISION_AT_RECALL] = {"recall", SENSITIVITY, PRECISION},
              [LSI_METRIC_RECALL_AT_PRECISION] = {"precision", PRECISION, SENSITIVITY}};
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  if (kind == LSI_METRIC_AUC)
    return mean_area(metric, sums);
  int n = metric->n_thresholds;
  float bound = (float)lsi_object_get(&metric->object, rows[kind].bound), best = 0.0f;
  matrix m = {.fn = above(sums, n, -1), .tn = above(sums + n + 1, n, -1)};
  for (int i = n - 1; i >= 0; i--) {
    step_down(sums, sums + n + 1, i, &m);
    float wanted = measure(m, rows[kind].wanted);
    if (measure(m, rows[kind].bounded) >= bound && wanted > best)
      best = wanted;
  }
  return (double)best;
}

static double counted(matrix m, lsi_metric_kind kind) {
  switch (kind) {
  case LSI_METRIC_PRECISION:
    return ratio(m.tp, m.tp + m.fp);
  case LSI_METRIC_RECALL:
    return ratio(m.tp, m.tp + m.fn);
  case LSI_METRIC_TRUE_POSITIVES:
    return m.tp;
  case LSI_METRIC_TRUE_NEGATIVES:
    return m.tn;
  case LSI_METRIC_FALSE_POSITIVES:
    return m.fp;
  default:
    return m.fn;
  }
}

/* A value for each of the user's thresholds, in the user's order; the buckets are in rising order. */
void lsi_metric_counted_values(const lsi_metric *metric, const double *sums, double *values) {
  const double *trues = sums, *falses = sums + metric->n_thresholds + 1, *list;
  int n = lsi_object_list(&metric->object, "thresholds", &list);
  for (int i = 0; i < n; i++) {
    int place = 0;
    for (int k = 0; k < n; k++)
      place += metric->thresholds[k] < (float)list[i];
    matrix m = {.tp = above(trues, n, place), .fp = above(falses, n, place)};
    m.fn = above(trues, n, -1) - m.tp;
    m.tn = above(falses, n, -1) - m.fp;
    values[i] = counted(m, lsi_metric_kind_of(metric));
  }
}
