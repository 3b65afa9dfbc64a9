/* SPDX-License-Identifier: MIT */
/* Metrics on cases counted by hand, names and resolution as in Keras, and metrics that do not fit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "nn/metric.h"

static lsi_metric made(const char *text, int64_t n_outputs, bool y_is_label, int64_t n_targets) {
  lsi_metric metric;
  if (lsi_metric_init(&metric, text, true, n_outputs, y_is_label, n_targets) != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  return metric;
}

static double value_of(const lsi_metric *m, size_t rows, size_t n, const float *pred,
                       const int32_t *label, const float *target, const float *weight) {
  double sums[16 * LSI_METRIC_MAX_SUMS], total[LSI_METRIC_MAX_SUMS] = {0};
  lsi_metric_rows(m, rows, n, pred, label, target, weight, sums);
  for (size_t r = 0; r < rows; r++)
    for (int s = 0; s < m->n_sums; s++)
      total[s] += sums[r * (size_t)m->n_sums + (size_t)s];
  double value;
  lsi_metric_values(m, total, &value);
  return value;
}

/* Predicted classes 1, 0 (a tie), 2, 2. */
static const float scores[4 * 3] = {0.1f, 0.7f, 0.2f, 0.4f, 0.4f, 0.2f,
                                    0.2f, 0.3f, 0.5f, 0.1f, 0.1f, 0.8f};
static const int32_t labels[4] = {1, 1, 2, 0};
static const float one_hot[4 * 3] = {0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0};
static const float weights[4] = {1, 2, 3, 4};

static void classes(void **state) {
  (void)state;
  const struct {
    const char *text;
    bool label;
    double plain, weighted;
  } cases[] = {
      {"accuracy", true, 0.5, 0.4},
      {"acc", false, 0.5, 0.4},
      {"sparse_categorical_accuracy", true, 0.5, 0.4},
      {"CategoricalAccuracy()", false, 0.5, 0.4},
      {"categorical_accuracy", true, 0.5, 0.4}, /* labels stand for their one-hot rows */
      {"SparseTopKCategoricalAccuracy(k=1)", true, 0.75,
       0.6}, /* row 1: none is greater than the tied label */
      {"SparseTopKCategoricalAccuracy(k=2)", true, 1, 1}, /* row 3: one greater, one equal */
      {"TopKCategoricalAccuracy(3)", false, 1, 1},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    lsi_metric m = made(cases[c].text, 3, cases[c].label, cases[c].label ? 1 : 3);
    const int32_t *l = cases[c].label ? labels : NULL;
    const float *t = cases[c].label ? NULL : one_hot;
    double plain = value_of(&m, 4, 3, scores, l, t, NULL),
           weighted = value_of(&m, 4, 3, scores, l, t, weights);
    if (plain != cases[c].plain || fabs(weighted - cases[c].weighted) > 1e-15)
      fail_msg("%s: %g and %g", cases[c].text, plain, weighted);
    assert_true(value_of(&m, 4, 3, scores, labels, one_hot, NULL) == plain);
  }
}

static void elements(void **state) {
  (void)state;
  const float p[6] = {0.5f, 0.9f, 0.2f, 0.6f, 0.75f, 1.0f}, t[6] = {1, 1, 0, 0, 1, 1};
  const struct {
    const char *text;
    double want;
  } cases[] = {
      {"binary_accuracy", 4.0 / 6}, /* 0.5 is not above 0.5; 0.6 is wrong */
      {"BinaryAccuracy(threshold=0.7)", 5.0 / 6},
      {"Accuracy()", 1.0 / 6},
      {"mae", (0.5 + 0.1 + 0.2 + 0.6 + 0.25) / 6},
      {"mse", (0.25 + 0.01 + 0.04 + 0.36 + 0.0625) / 6},
      {"RootMeanSquaredError", 0}, /* from mse below */
      {"Precision", 3.0 / 4},
      {"Precision(0.7)", 1.0},
      {"Recall", 3.0 / 4},
      {"Recall(thresholds=0.1)", 1.0},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    double want =
        strcmp(cases[c].text, "RootMeanSquaredError") == 0 ? sqrt(0.7225 / 6) : cases[c].want;
    for (size_t n = 1; n <= 6; n++) {
      if (6 % n)
        continue;
      lsi_metric m = made(cases[c].text, (int64_t)n, false, (int64_t)n);
      double got = value_of(&m, 6 / n, n, p, NULL, t, NULL);
      if (fabs(got - want) > 1e-7)
        fail_msg("%s, %zu wide: %.9g, not %.9g", cases[c].text, n, got, want);
    }
  }
  const float two_p[4] = {0.9f, 0.9f, 0.1f, 0.9f}, two_t[4] = {1, 0, 1, 1}, w[2] = {1, 3};
  lsi_metric m = made("precision", 2, false, 2);
  assert_true(value_of(&m, 2, 2, two_p, NULL, two_t, w) == 4.0 / 5);
  m = made("recall", 2, false, 2);
  assert_true(value_of(&m, 2, 2, two_p, NULL, two_t, w) == 4.0 / 7);
  m = made("binary_accuracy", 2, false, 2);
  assert_true(value_of(&m, 2, 2, two_p, NULL, two_t, w) == (1 + 3) / 8.0);
  const int32_t l[2] = {1, 0};
  const float q[2] = {0.75f, 0.25f};
  m = made("accuracy", 1, true, 1); /* integer labels against one output */
  assert_true(value_of(&m, 2, 1, q, l, NULL, NULL) == 1);
  m = made("mae", 1, true, 1);
  assert_true(value_of(&m, 2, 1, q, l, NULL, NULL) == 0.25);
}

static void crossentropies(void **state) {
  (void)state;
  double want = 0, want_w = 0;
  for (int r = 0; r < 4; r++) {
    double loss = -log(scores[3 * r + labels[r]]);
    want += loss / 4;
    want_w += weights[r] * loss / 10;
  }
  const char *texts[] = {"ce", "sparse_categorical_crossentropy", "crossentropy",
                         "CategoricalCrossentropy()"};
  for (int c = 0; c < 4; c++) {
    lsi_metric m = made(texts[c], 3, c < 2, c < 2 ? 1 : 3);
    const int32_t *l = c < 2 ? labels : NULL;
    assert_true(fabs(value_of(&m, 4, 3, scores, l, one_hot, NULL) - want) < 1e-6);
    assert_true(fabs(value_of(&m, 4, 3, scores, l, one_hot, weights) - want_w) < 1e-6);
    assert_int_equal(lsi_metric_direction(&m), -1);
  }
  lsi_metric m = made("ce", 1, true, 1);
  const float p[2] = {0.75f, 0.25f};
  const int32_t l[2] = {1, 1};
  assert_true(fabs(value_of(&m, 2, 1, p, l, NULL, NULL) + (log(0.75) + log(0.25)) / 2) < 1e-6);
}

static void weights_only_when_asked(void **state) {
  (void)state;
  lsi_metric m = made("accuracy", 3, true, 1);
  m.weighted = false;
  assert_true(value_of(&m, 4, 3, scores, labels, NULL, weights) == 0.5);
}

static void nothing_counted_is_zero(void **state) {
  (void)state;
  const char *texts[] = {"accuracy", "mse", "Precision", "Recall", "RootMeanSquaredError"};
  const double none[LSI_METRIC_MAX_SUMS] = {0};
  for (int c = 0; c < 5; c++) {
    lsi_metric m = made(texts[c], 1, true, 1);
    double value;
    lsi_metric_values(&m, none, &value);
    assert_true(value == 0);
    assert_true(m.n_sums <= LSI_METRIC_MAX_SUMS);
  }
}

static void nan_is_no_match_for_top_k(void **state) {
  (void)state;
  const float p[3] = {NAN, 0.1f, 0.2f};
  const int32_t l[1] = {0};
  lsi_metric m = made("SparseTopKCategoricalAccuracy(k=2)", 3, true, 1);
  assert_true(value_of(&m, 1, 3, p, l, NULL, NULL) == 0);
}

static void resolution_and_names(void **state) {
  (void)state;
  const struct {
    const char *text;
    int64_t n_outputs;
    bool label;
    int64_t n_targets;
    lsi_metric_kind kind;
    const char *log_name;
    int direction;
  } cases[] = {
      {"accuracy", 1, true, 1, LSI_METRIC_BINARY_ACCURACY, "accuracy", 1},
      {"acc", 10, true, 1, LSI_METRIC_SPARSE_CATEGORICAL_ACCURACY, "acc", 1},
      {" Accuracy ", 10, false, 10, LSI_METRIC_CATEGORICAL_ACCURACY, "Accuracy", 1},
      {"Accuracy(name='same')", 10, false, 10, LSI_METRIC_ACCURACY, "same", 1},
      {"mse", 2, false, 2, LSI_METRIC_MEAN_SQUARED_ERROR, "mse", -1},
      {"MeanSquaredError()", 2, false, 2, LSI_METRIC_MEAN_SQUARED_ERROR, "mean_squared_error", -1},
      {"SparseTopKCategoricalAccuracy(k=3)", 9, true, 1, LSI_METRIC_SPARSE_TOP_K,
       "sparse_top_k_categorical_accuracy", 1},
      {"SparseTopKCategoricalAccuracy(3, 'top3')", 9, true, 1, LSI_METRIC_SPARSE_TOP_K, "top3", 1},
      {"Recall", 1, true, 1, LSI_METRIC_RECALL, "Recall", 1},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    lsi_metric m = made(cases[c].text, cases[c].n_outputs, cases[c].label, cases[c].n_targets);
    assert_int_equal(m.object.info->kind, cases[c].kind);
    assert_string_equal(m.log_name, cases[c].log_name);
    assert_int_equal(lsi_metric_direction(&m), cases[c].direction);
  }
}

static void refusals(void **state) {
  (void)state;
  const struct {
    const char *text;
    int64_t n_outputs;
    bool label;
    int64_t n_targets;
    ls_status status;
    const char *words;
  } cases[] = {
      {"binary_accuracy", 10, true, 1, LS_ERR_SHAPE, "sparse_categorical_accuracy would fit"},
      {"precision", 10, true, 1, LS_ERR_SHAPE, "sparse_categorical_accuracy would fit"},
      {"mse", 3, false, 2, LS_ERR_SHAPE, "as many units"},
      {"sparse_categorical_accuracy", 10, false, 10, LS_ERR_SHAPE, "categorical_accuracy"},
      {"sparse_categorical_accuracy", 1, true, 1, LS_ERR_SHAPE, "binary_accuracy would fit"},
      {"categorical_accuracy", 10, false, 3, LS_ERR_SHAPE, "Store labels as integers"},
      {"F1Score", 65, false, 65, LS_ERR_UNSUPPORTED, "average"},
      {"FBetaScore(average='most')", 3, false, 3, LS_ERR_ARG, ""},
      {"AUC(num_labels=3)", 3, false, 3, LS_ERR_ARG, "multi_label"},
      {"AUC(label_weights=[1, 2])", 3, false, 3, LS_ERR_ARG, "one weight"},
      {"AUC(num_thresholds=4000)", 1, true, 1, LS_ERR_UNSUPPORTED, "fewer"},
      {"PrecisionAtRecall(0.5, class_id=3)", 3, false, 3, LS_ERR_SHAPE, ""},
      {"MeanIoU(3)", 3, true, 1, LS_ERR_SHAPE, "sparse_y_pred=False"},
      {"MeanIoU(3, sparse_y_pred=False)", 3, false, 3, LS_ERR_SHAPE, "Store labels"},
      {"Mean", 1, true, 1, LS_ERR_UNSUPPORTED, "averages values"},
      {"CategoricalCrossentropy(label_smoothing=0.1)", 3, true, 1, LS_ERR_UNSUPPORTED, "one-hot"},
      {"SparseTopKCategoricalAccuracy(k=0)", 10, true, 1, LS_ERR_ARG, ""},
      {"BinaryAccuracy(threshold=1.5)", 1, true, 1, LS_ERR_ARG, ""},
      {"acuracy", 1, true, 1, LS_ERR_ARG, ""},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    lsi_metric m;
    ls_status status = lsi_metric_init(&m, cases[c].text, false, cases[c].n_outputs, cases[c].label,
                                       cases[c].n_targets);
    if (status != cases[c].status)
      fail_msg("%s: %s", cases[c].text, ls_status_name(status));
    if (!strstr(ls_last_error()->advice, cases[c].words))
      fail_msg("%s: %s", cases[c].text, ls_last_error()->advice);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classes),
      cmocka_unit_test(elements),
      cmocka_unit_test(crossentropies),
      cmocka_unit_test(weights_only_when_asked),
      cmocka_unit_test(nothing_counted_is_zero),
      cmocka_unit_test(nan_is_no_match_for_top_k),
      cmocka_unit_test(resolution_and_names),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
