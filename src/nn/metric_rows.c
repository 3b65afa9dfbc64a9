/* SPDX-License-Identifier: MIT */
/* A row's contribution to each metric, and the value of the sums (keras/src/metrics). */
#include <math.h>
#include "nn/metric_table.h"
#include "nn/rows.h"

typedef struct metric_pass {
  const lsi_metric *metric;
  size_t n;
  const float *pred;
  const int32_t *label;
  const float *target, *weight;
  double *sums;
  float threshold;
  int64_t k;        /* top_k; 0: none */
  int64_t class_id; /* -1: all */
} metric_pass;

/* The first of equal ones; the first NaN, as numpy and JAX have it. */
static size_t argmax(size_t n, const float *x) {
  size_t best = 0;
  for (size_t j = 0; j < n; j++) {
    if (x[j] != x[j])
      return j;
    if (x[j] > x[best])
      best = j;
  }
  return best;
}

static size_t true_class(const metric_pass *p, size_t r) {
  return p->label ? (size_t)p->label[r] : argmax(p->n, p->target + r * p->n);
}

/* A label alone is the only target of its row. */
static float target_at(const metric_pass *p, size_t r, size_t j) {
  return p->target ? p->target[r * p->n + j] : (float)p->label[r];
}

/* Fewer than k values are greater. NaN at the label is no match unless k lets all pass
 * (keras/src/backend in_top_k). */
static bool in_top_k(const metric_pass *p, size_t r) {
  size_t label = true_class(p, r);
  if (label >= p->n)
    return false;
  const float *x = p->pred + r * p->n;
  float own = isnan(x[label]) ? -INFINITY : x[label];
  int64_t greater = 0;
  for (size_t j = 0; j < p->n; j++)
    greater += x[j] > own;
  return greater < p->k;
}

/* The others are not said, whatever the threshold. */
bool lsi_metric_is_among_largest(const float *x, size_t n, size_t j, int64_t k) {
  int64_t before = 0;
  for (size_t i = 0; i < n; i++)
    before += x[i] > x[j] || (x[i] == x[j] && i < j);
  return before < k;
}

/* ---- functions of a row ---- */

static double cosine(const metric_pass *p, size_t r) {
  double own = 0, other = 0, both = 0, least = 1e-7;
  for (size_t j = 0; j < p->n; j++) {
    double x = (double)p->pred[r * p->n + j], t = (double)target_at(p, r, j);
    own += x * x, other += t * t, both += x * t;
  }
  return both / (fmax(sqrt(own), least) * fmax(sqrt(other), least));
}

typedef struct moments {
  double pred, target, pred_variance, target_variance;
} moments;

static moments row_moments(const metric_pass *p, size_t r) {
  moments m = {0};
  double n = (double)p->n;
  for (size_t j = 0; j < p->n; j++) {
    m.pred += (double)p->pred[r * p->n + j] / n;
    m.target += (double)target_at(p, r, j) / n;
  }
  for (size_t j = 0; j < p->n; j++) {
    double x = (double)p->pred[r * p->n + j] - m.pred, t = (double)target_at(p, r, j) - m.target;
    m.pred_variance += x * x / n;
    m.target_variance += t * t / n;
  }
  return m;
}

static double covariance(moments m, const metric_pass *p, size_t r) {
  double sum = 0;
  for (size_t j = 0; j < p->n; j++)
    sum += ((double)p->pred[r * p->n + j] - m.pred) * ((double)target_at(p, r, j) - m.target);
  return sum / (double)p->n;
}

static double pearson(moments m, const metric_pass *p, size_t r) {
  return covariance(m, p, r) / (sqrt(m.pred_variance) * sqrt(m.target_variance));
}

static double concordance(moments m, const metric_pass *p, size_t r) {
  double apart = m.target - m.pred;
  return 2.0 * covariance(m, p, r) / (m.target_variance + m.pred_variance + apart * apart + 1e-7);
}

/* ---- elements ---- */

/* What one element adds to an elementwise mean. */
static double element(const metric_pass *p, float x, float t) {
  double d = (double)(x - t);
  switch (lsi_metric_kind_of(p->metric)) {
  case LSI_METRIC_ACCURACY:
    return x == t;
  case LSI_METRIC_BINARY_ACCURACY:
    return (x > p->threshold ? 1.0f : 0.0f) == t;
  case LSI_METRIC_MEAN_ABSOLUTE_ERROR:
    return fabs(d);
  default:
    return d * d;
  }
}

static void mean_row(const metric_pass *p, size_t r, double weight, double *sums) {
  double sum = 0.0;
  for (size_t j = 0; j < p->n; j++)
    sum += element(p, p->pred[r * p->n + j], target_at(p, r, j));
  sums[0] = weight * sum;
  sums[1] = weight * (double)p->n;
}

/* Which fields of the confusion matrix a metric counts: [said][is] of sums[0], and of sums[1]. */
static void confusion_row(const metric_pass *p, size_t r, double weight, double *sums) {
  static const struct {
    bool said[2], is[2];
  } fields[] = {[LSI_METRIC_PRECISION] = {{true, true}, {true, false}},
                [LSI_METRIC_RECALL] = {{true, false}, {true, true}},
                [LSI_METRIC_TRUE_POSITIVES] = {{true, true}, {true, true}},
                [LSI_METRIC_TRUE_NEGATIVES] = {{false, false}, {false, false}},
                [LSI_METRIC_FALSE_POSITIVES] = {{true, true}, {false, false}},
                [LSI_METRIC_FALSE_NEGATIVES] = {{false, false}, {true, true}}};
  lsi_metric_kind kind = lsi_metric_kind_of(p->metric);
  int64_t counts[2] = {0, 0};
  for (size_t j = 0; j < p->n; j++) {
    if (p->class_id >= 0 && (size_t)p->class_id != j)
      continue;
    bool said = p->pred[r * p->n + j] > p->threshold && (p->k == 0 || lsi_metric_is_among_largest(p->pred + r * p->n, p->n, j, p->k));
    bool is = target_at(p, r, j) != 0.0f;
    for (int f = 0; f < 2; f++)
      counts[f] += said == fields[kind].said[f] && is == fields[kind].is[f];
  }
  sums[0] = weight * (double)counts[0];
  sums[1] = weight * (double)counts[1];
}

static void value_row(double value, double weight, double *sums) {
  sums[0] = value * weight;
  sums[1] = weight;
}

static double row_value(const metric_pass *p, size_t r) {
  switch (lsi_metric_kind_of(p->metric)) {
  case LSI_METRIC_CATEGORICAL_ACCURACY:
  case LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY:
    return argmax(p->n, p->pred + r * p->n) == true_class(p, r);
  case LSI_METRIC_TOP_K:
  case LSI_METRIC_SPARSE_TOP_K:
    return in_top_k(p, r);
  case LSI_METRIC_PEARSON:
    return pearson(row_moments(p, r), p, r);
  case LSI_METRIC_CONCORDANCE:
    return concordance(row_moments(p, r), p, r);
  default:
    return cosine(p, r);
  }
}

static void row(const metric_pass *p, size_t r, double weight, double *sums) {
  switch (lsi_metric_traits_of(p->metric)->form) {
  case LSI_METRIC_COUNT:
    confusion_row(p, r, weight, sums);
    return;
  case LSI_METRIC_ROWS:
    value_row(row_value(p, r), weight, sums);
    return;
  default:
    mean_row(p, r, weight, sums);
  }
}

static void plain_rows(void *context, size_t first, size_t end) {
  const metric_pass *p = context;
  for (size_t r = first; r < end; r++)
    row(p, r, p->weight ? (double)p->weight[r] : 1.0, p->sums + 2 * r);
}

/* Cross-entropies: the loss's values, a few rows at a time. */
static void loss_rows(void *context, size_t first, size_t end) {
  enum { ROWS = 256 };
  const metric_pass *p = context;
  const lsi_loss *loss = &p->metric->loss;
  bool by_label = lsi_loss_target_form(loss) == LSI_TARGET_LABEL;
  double value[ROWS];
  for (; first < end; first += ROWS) {
    size_t rows = end - first < ROWS ? end - first : ROWS;
    int64_t bad_row;
    float cast[ROWS]; /* a label as the only target of its row */
    for (size_t i = 0; i < rows && p->label; i++)
      cast[i] = (float)p->label[first + i];
    const float *target = p->target ? p->target + first * p->n : cast;
    ls_status status =
        lsi_loss_rows(loss, rows, p->n, p->pred + first * p->n, by_label ? p->label + first : NULL,
                      by_label ? NULL : target, p->weight ? p->weight + first : NULL, 1.0, value,
                      NULL, NULL, &bad_row);
    for (size_t i = 0; i < rows; i++) {
      p->sums[2 * (first + i)] = status == LS_OK ? value[i] : NAN;
      p->sums[2 * (first + i) + 1] = p->weight ? (double)p->weight[first + i] : 1.0;
    }
  }
}

void lsi_metric_rows(const lsi_metric *metric, size_t rows, size_t n, const float *pred,
                     const int32_t *label, const float *target, const float *weight, double *sums) {
  metric_pass pass = {.metric = metric,
                      .n = n,
                      .pred = pred,
                      .label = label,
                      .target = target,
                      .weight = metric->weighted ? weight : NULL,
                      .sums = sums};
  double threshold = lsi_object_get(&metric->object, "threshold");
  const double *list;
  if (lsi_object_list(&metric->object, "thresholds", &list) == 1)
    threshold = list[0];
  double k = lsi_object_get(&metric->object, "k"), class_id = lsi_object_get(&metric->object, "class_id");
  if (isnan(k))
    k = lsi_object_get(&metric->object, "top_k");
  pass.k = isnan(k) ? 0 : (int64_t)k;
  pass.class_id = isnan(class_id) ? -1 : (int64_t)class_id;
  pass.threshold = !isnan(threshold) ? (float)threshold : pass.k > 0 ? -INFINITY : 0.5f;
  bool is_loss = metric->loss.object.info != NULL;
  enum { COST = 20, LOSS_COST = 60 };
  lsi_rows_run(rows, (is_loss ? LOSS_COST : COST) * (double)rows * (double)n,
               is_loss ? loss_rows : plain_rows, &pass);
}

static double ratio_value(const lsi_metric *metric, const double *sums) {
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  if (kind >= LSI_METRIC_TRUE_POSITIVES && kind <= LSI_METRIC_FALSE_NEGATIVES)
    return sums[0];
  bool ratio = kind == LSI_METRIC_PRECISION || kind == LSI_METRIC_RECALL;
  double divisor = ratio ? sums[0] + sums[1] : sums[1];
  if (divisor == 0.0)
    return 0.0;
  double value = sums[0] / divisor;
  return kind == LSI_METRIC_ROOT_MEAN_SQUARED_ERROR ? sqrt(value) : value;
}

void lsi_metric_values(const lsi_metric *metric, const double *sums, double *values) {
  if (metric->is_wide)
    lsi_metric_wide_values(metric, sums, values);
  else
    values[0] = ratio_value(metric, sums);
}
