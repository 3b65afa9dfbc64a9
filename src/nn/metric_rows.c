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
  int64_t k;
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

/* True positives, then false positives (precision) or false negatives (recall). */
static void confusion_row(const metric_pass *p, size_t r, double weight, double *sums) {
  bool precision = lsi_metric_kind_of(p->metric) == LSI_METRIC_PRECISION;
  int64_t hits = 0, misses = 0;
  for (size_t j = 0; j < p->n; j++) {
    bool said = p->pred[r * p->n + j] > p->threshold, is = target_at(p, r, j) != 0.0f;
    hits += said && is;
    misses += said != is && said == precision;
  }
  sums[0] = weight * (double)hits;
  sums[1] = weight * (double)misses;
}

static void match_row(bool match, double weight, double *sums) {
  sums[0] = match ? weight : 0.0;
  sums[1] = weight;
}

static void row(const metric_pass *p, size_t r, double weight, double *sums) {
  switch (lsi_metric_kind_of(p->metric)) {
  case LSI_METRIC_CATEGORICAL_ACCURACY:
  case LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY:
    match_row(argmax(p->n, p->pred + r * p->n) == true_class(p, r), weight, sums);
    break;
  case LSI_METRIC_TOP_K:
  case LSI_METRIC_SPARSE_TOP_K:
    match_row(in_top_k(p, r), weight, sums);
    break;
  case LSI_METRIC_PRECISION:
  case LSI_METRIC_RECALL:
    confusion_row(p, r, weight, sums);
    break;
  default:
    mean_row(p, r, weight, sums);
    break;
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
  if (isnan(threshold))
    threshold = lsi_object_get(&metric->object, "thresholds");
  pass.threshold = isnan(threshold) ? 0.5f : (float)threshold;
  double k = lsi_object_get(&metric->object, "k");
  pass.k = isnan(k) ? 0 : (int64_t)k;
  bool is_loss = metric->loss.object.info != NULL;
  enum { COST = 20, LOSS_COST = 60 };
  lsi_rows_run(rows, (is_loss ? LOSS_COST : COST) * (double)rows * (double)n,
               is_loss ? loss_rows : plain_rows, &pass);
}

double lsi_metric_value(const lsi_metric *metric, const double *sums) {
  lsi_metric_kind kind = lsi_metric_kind_of(metric);
  bool confusion = kind == LSI_METRIC_PRECISION || kind == LSI_METRIC_RECALL;
  double divisor = confusion ? sums[0] + sums[1] : sums[1];
  if (divisor == 0.0)
    return 0.0;
  double value = sums[0] / divisor;
  return kind == LSI_METRIC_ROOT_MEAN_SQUARED_ERROR ? sqrt(value) : value;
}
