/* SPDX-License-Identifier: MIT */
/* Losses against their formulas in long double, gradients against differences of those; extremes,
 * NaN, targets that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "math/team.h"
#include "nn/loss.h"

typedef long double real;

static lsi_loss made(const char *text, lsi_activation last, int64_t n) {
  lsi_object object;
  lsi_loss loss;
  if (lsi_object_parse(&lsi_losses, text, &object) != LS_OK ||
      lsi_loss_init(&loss, &object, last, n) != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  return loss;
}

/* ---- formulas ---- */

static real clip(real p) {
  const real epsilon = 1e-7f, top = 0.9999999f;
  return p < epsilon ? epsilon : p > top ? top : p;
}

static real categorical(const lsi_loss *loss, size_t n, const real *x, const real *t) {
  real most = x[0], sum = 0, value = 0;
  for (size_t j = 0; j < n; j++)
    most = x[j] > most ? x[j] : most;
  for (size_t j = 0; j < n; j++)
    sum += loss->on_logits ? expl(x[j] - most) : x[j];
  for (size_t j = 0; j < n; j++)
    value -= t[j] * (loss->on_logits ? x[j] - most - logl(sum) : logl(clip(x[j] / sum)));
  return value;
}

static real element(const lsi_loss *loss, real x, real t) {
  real d = x - t, delta = lsi_object_get(&loss->object, "delta");
  switch ((lsi_loss_kind)loss->object.info->kind) {
  case LSI_LOSS_MEAN_SQUARED_ERROR:
    return d * d;
  case LSI_LOSS_MEAN_ABSOLUTE_ERROR:
    return fabsl(d);
  case LSI_LOSS_HUBER:
    return fabsl(d) <= delta ? d * d / 2 : delta * fabsl(d) - delta * delta / 2;
  default:
    if (loss->on_logits)
      return (x > 0 ? x : 0) - x * t + log1pl(expl(-fabsl(x)));
    return -t * logl(clip(x)) - (1 - t) * logl(1 - clip(x));
  }
}

static real formula(const lsi_loss *loss, size_t n, const real *x, const float *target) {
  real t[128], smoothing = lsi_object_get(&loss->object, "label_smoothing"), sum = 0;
  lsi_loss_kind kind = (lsi_loss_kind)loss->object.info->kind;
  if (isnan((double)smoothing))
    smoothing = 0;
  real parts = kind == LSI_LOSS_BINARY_CROSSENTROPY ? 2 : (real)n;
  for (size_t j = 0; j < n; j++)
    t[j] = target[j] * (1 - smoothing) + smoothing / parts;
  if (kind <= LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY)
    return categorical(loss, n, x, t);
  for (size_t j = 0; j < n; j++)
    sum += element(loss, x[j], t[j]);
  return sum / n;
}

/* ---- inputs ---- */

static double uniform(size_t i) {
  return lsi_rng_double(lsi_rng_make(9, LSI_RNG_TEST, 0, 0), 0, i);
}

typedef struct spec {
  const char *text;
  lsi_activation last;
  bool labels, probabilities, one_hot;
} spec;

static const spec specs[] = {
    {"sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, true, false, false},
    {"SparseCategoricalCrossentropy(from_logits=True)", LSI_ACT_LINEAR, true, false, false},
    {"sparse_categorical_crossentropy", LSI_ACT_RELU, true, true, false},
    {"categorical_crossentropy", LSI_ACT_SOFTMAX, false, false, true},
    {"categorical_crossentropy", LSI_ACT_SOFTMAX, false, false, false},
    {"CategoricalCrossentropy(label_smoothing=0.1)", LSI_ACT_SOFTMAX, false, false, true},
    {"CategoricalCrossentropy(label_smoothing=0.1)", LSI_ACT_SIGMOID, false, true, true},
    {"binary_crossentropy", LSI_ACT_SIGMOID, false, false, true},
    {"BinaryCrossentropy(True, 0.3)", LSI_ACT_LINEAR, false, false, true},
    {"BinaryCrossentropy(label_smoothing=0.2)", LSI_ACT_SOFTMAX, false, true, true},
    {"mse", LSI_ACT_LINEAR, false, false, false},
    {"mae", LSI_ACT_SIGMOID, false, true, false},
    {"huber", LSI_ACT_LINEAR, false, false, false},
    {"Huber(0.3)", LSI_ACT_LINEAR, false, false, false},
};
enum { N_SPECS = sizeof specs / sizeof *specs, MAX = 4000 };

static float in[MAX], target[MAX], weight[MAX], pred[MAX], grad[MAX];
static int32_t label[MAX];
static double value[MAX];

static void fill(const spec *s, size_t rows, size_t n) {
  for (size_t r = 0; r < rows; r++) {
    label[r] = (int32_t)(uniform(r) * (double)n);
    weight[r] = (float)(0.25 + uniform(r + 500));
    for (size_t j = 0; j < n; j++) {
      double u = uniform(1000 + r * n + j);
      in[r * n + j] = (float)(s->probabilities ? 0.01 + 0.98 * u : 8 * u - 4);
      target[r * n + j] = s->labels || s->one_hot ? (float)((size_t)label[r] == j)
                                                  : (float)uniform(90000 + r * n + j);
    }
  }
}

static ls_status run(const lsi_loss *loss, const spec *s, size_t rows, size_t n, float *p,
                     float *g) {
  int64_t bad;
  return lsi_loss_rows(loss, rows, n, in, s->labels ? label : NULL, s->labels ? NULL : target,
                       weight, 0.125, value, p, g, &bad);
}

/* ---- tests ---- */

static void values_and_gradients(void **state) {
  (void)state;
  const size_t widths[] = {2, 3, 16, 17, 67};
  enum { ROWS = 7 };
  for (size_t c = 0; c < N_SPECS; c++)
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
      size_t n = widths[k];
      lsi_loss loss = made(specs[c].text, specs[c].last, (int64_t)n);
      fill(&specs[c], ROWS, n);
      assert_int_equal(run(&loss, &specs[c], ROWS, n, pred, grad), LS_OK);
      for (size_t r = 0; r < ROWS; r++) {
        real x[128];
        for (size_t j = 0; j < n; j++)
          x[j] = in[r * n + j];
        real want = weight[r] * formula(&loss, n, x, target + r * n);
        if (fabsl(value[r] - want) > 2e-6 * (1 + fabsl(want)))
          fail_msg("%s, %zu wide: %.9g, not %.9Lg", specs[c].text, n, value[r], want);
        for (size_t j = 0; j < n; j++) {
          const real h = 1e-6L;
          x[j] = in[r * n + j] + h;
          real up = formula(&loss, n, x, target + r * n);
          x[j] = in[r * n + j] - h;
          real slope = 0.125L * weight[r] * (up - formula(&loss, n, x, target + r * n)) / (2 * h);
          x[j] = in[r * n + j];
          if (fabsl(grad[r * n + j] - slope) > 1e-6 * (0.1L + fabsl(slope)))
            fail_msg("%s, %zu wide: gradient %.9g, not %.9Lg", specs[c].text, n, grad[r * n + j],
                     slope);
        }
      }
    }
}

/* What is asked for changes no bits of what else is given; grad may be `in`; rows do not mind their
 * company or threads. */
static void outputs_are_independent(void **state) {
  (void)state;
  enum { ROWS = 97, N = 37 };
  static float kept_in[MAX], kept_grad[MAX], kept_pred[MAX];
  static double kept[MAX];
  for (size_t c = 0; c < N_SPECS; c++) {
    lsi_loss loss = made(specs[c].text, specs[c].last, N);
    fill(&specs[c], ROWS, N);
    memcpy(kept_in, in, sizeof in);
    run(&loss, &specs[c], ROWS, N, pred, grad);
    memcpy(kept, value, sizeof kept);
    memcpy(kept_grad, grad, sizeof grad);
    memcpy(kept_pred, pred, sizeof pred);
    for (int way = 0; way < 6; way++) {
      memset(value, 0, sizeof value);
      memset(pred, 0, sizeof pred);
      memset(grad, 0, sizeof grad);
      bool wants_pred = way == 0 || way >= 3, wants_grad = way == 1 || way >= 3;
      lsi_team_set_size(way == 4 ? 3 : 1);
      run(&loss, &specs[c], ROWS, N, wants_pred ? pred : NULL,
          way == 5     ? in
          : wants_grad ? grad
                       : NULL);
      lsi_team_set_size(1);
      assert_memory_equal(value, kept, ROWS * sizeof *value);
      if (wants_pred)
        assert_memory_equal(pred, kept_pred, ROWS * N * sizeof *pred);
      if (wants_grad)
        assert_memory_equal(way == 5 ? in : grad, kept_grad, ROWS * N * sizeof *grad);
      memcpy(in, kept_in, sizeof in);
    }
    for (size_t r = 0; r < ROWS; r++) {
      int64_t bad;
      double v;
      lsi_loss_rows(&loss, 1, N, in + r * N, specs[c].labels ? label + r : NULL,
                    specs[c].labels ? NULL : target + r * N, weight + r, 0.125, &v, pred, grad,
                    &bad);
      assert_true(v == kept[r]);
      assert_memory_equal(grad, kept_grad + r * N, N * sizeof *grad);
    }
  }
}

/* Enough rows to wake a team, and rows longer than a block. */
static void big_shapes(void **state) {
  (void)state;
  enum { BIG = 5000 * 11 };
  static float x[BIG], t[BIG], g[BIG], g3[BIG], p[BIG];
  static double v[5000], v3[5000];
  static int32_t l[5000];
  int64_t bad;
  for (size_t i = 0; i < BIG; i++)
    x[i] = (float)(uniform(i) * 6 - 3), t[i] = (float)uniform(i + BIG);
  for (size_t r = 0; r < 5000; r++)
    l[r] = (int32_t)(r % 11);
  const size_t shapes[][2] = {{5000, 11}, {5, 11000}, {55000 / 4099, 4099}};
  for (size_t c = 0; c < N_SPECS; c++)
    for (int k = 0; k < 3; k++) {
      size_t rows = shapes[k][0], n = shapes[k][1];
      lsi_loss loss = made(specs[c].text, specs[c].last, (int64_t)n);
      const int32_t *labels = specs[c].labels ? l : NULL;
      const float *targets = specs[c].labels ? NULL : t;
      assert_int_equal(lsi_loss_rows(&loss, rows, n, x, labels, targets, NULL, 1, v, p, g, &bad),
                       LS_OK);
      lsi_team_set_size(3);
      assert_int_equal(
          lsi_loss_rows(&loss, rows, n, x, labels, targets, NULL, 1, v3, NULL, g3, &bad), LS_OK);
      assert_memory_equal(v, v3, rows * sizeof *v);
      assert_memory_equal(g, g3, rows * n * sizeof *g);
      assert_int_equal(
          lsi_loss_rows(&loss, rows, n, x, labels, targets, NULL, 1, v3, NULL, NULL, &bad), LS_OK);
      lsi_team_set_size(1);
      assert_memory_equal(v, v3, rows * sizeof *v);
    }
}

static void extreme_logits(void **state) {
  (void)state;
  const float sizes[] = {100, 1e4f, 1e30f};
  int64_t bad;
  for (int k = 0; k < 3; k++) {
    float s = sizes[k], z[2] = {s, -s};
    int32_t wrong = 1;
    lsi_loss loss = made("sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 2);
    assert_int_equal(lsi_loss_rows(&loss, 1, 2, z, &wrong, NULL, NULL, 1, value, pred, grad, &bad),
                     LS_OK);
    assert_true(value[0] == 2.0 * s && grad[0] == 1 && grad[1] == -1 && pred[0] == 1 &&
                pred[1] == 0);
    float one_hot[2] = {1, 0};
    loss = made("categorical_crossentropy", LSI_ACT_SOFTMAX, 2);
    assert_int_equal(lsi_loss_rows(&loss, 1, 2, z, NULL, one_hot, NULL, 1, value, pred, grad, &bad),
                     LS_OK);
    assert_true(value[0] == 0 && grad[0] == 0 && grad[1] == 0);
    float zeros[2] = {0, 0};
    loss = made("bce", LSI_ACT_SIGMOID, 2);
    assert_int_equal(lsi_loss_rows(&loss, 1, 2, z, NULL, zeros, NULL, 1, value, pred, grad, &bad),
                     LS_OK);
    assert_true(value[0] == 0.5 * s && grad[0] == 0.5f && grad[1] >= 0 && grad[1] < 1e-40f);
  }
}

/* Keras's float32 caps for probabilities of 0 and 1. */
static void clipped_probabilities(void **state) {
  (void)state;
  int64_t bad;
  float p[2] = {0, 1}, t[2] = {1, 0};
  lsi_loss loss = made("bce", LSI_ACT_RELU, 1);
  assert_int_equal(lsi_loss_rows(&loss, 2, 1, p, NULL, t, NULL, 1, value, pred, grad, &bad), LS_OK);
  assert_true(fabs(value[0] - 16.118096) < 1e-6 && fabs(value[1] - 15.942385) < 1e-6);
  assert_true(grad[0] == 0 && grad[1] == 0);
  int32_t l = 0;
  loss = made("sparse_categorical_crossentropy", LSI_ACT_RELU, 2);
  assert_int_equal(lsi_loss_rows(&loss, 1, 2, p, &l, NULL, NULL, 1, value, pred, grad, &bad),
                   LS_OK);
  assert_true(fabs(value[0] - 16.118096) < 1e-6 && grad[0] == 0 && grad[1] == 0);
}

static void not_finite_is_never_hidden(void **state) {
  (void)state;
  const float bads[] = {NAN, INFINITY, -INFINITY};
  for (size_t c = 0; c < N_SPECS; c++)
    for (size_t n = 2; n <= 40; n += 19)
      for (int b = 0; b < 3; b++)
        for (size_t at = 0; at < n; at++) {
          lsi_loss loss = made(specs[c].text, specs[c].last, (int64_t)n);
          fill(&specs[c], 2, n);
          in[n + at] = bads[b];
          run(&loss, &specs[c], 2, n, at % 2 ? pred : NULL, at % 3 ? grad : NULL);
          assert_true(isfinite(value[0]));
          if (isfinite(value[1]))
            fail_msg("%s hides %g at %zu of %zu: %g", specs[c].text, bads[b], at, n, value[1]);
        }
}

static void labels_out_of_range(void **state) {
  (void)state;
  lsi_loss loss = made("sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 3);
  const int32_t cases[] = {3, -1, INT32_MAX, INT32_MIN};
  for (int k = 0; k < 4; k++) {
    int64_t bad = -5;
    fill(&specs[0], 4, 3);
    label[2] = cases[k];
    assert_int_equal(lsi_loss_rows(&loss, 4, 3, in, label, NULL, NULL, 1, value, pred, grad, &bad),
                     LS_ERR_ARG);
    assert_int_equal(bad, 2);
    assert_non_null(strstr(ls_last_error()->message, "outside 0..2"));
  }
}

static void targets_that_fit(void **state) {
  (void)state;
  const struct {
    const char *text;
    lsi_activation last;
    int64_t n_outputs;
    bool y_is_label;
    int64_t n_targets;
    const char *advice; /* NULL: fits */
    bool one_hot;
  } cases[] = {
      {"sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 10, true, 1, NULL, false},
      {"sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 10, false, 10,
       "categorical_crossentropy would fit", false},
      {"sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 10, false, 1, "Store labels as integers",
       false},
      {"categorical_crossentropy", LSI_ACT_SOFTMAX, 10, true, 1, NULL, true},
      {"categorical_crossentropy", LSI_ACT_SOFTMAX, 10, false, 10, NULL, false},
      {"categorical_crossentropy", LSI_ACT_SOFTMAX, 10, false, 1, "sparse_categorical_crossentropy",
       false},
      {"categorical_crossentropy", LSI_ACT_SOFTMAX, 10, false, 9, "as many units", false},
      {"bce", LSI_ACT_SIGMOID, 1, true, 1, NULL, false},
      {"bce", LSI_ACT_SIGMOID, 4, true, 1, "sparse_categorical_crossentropy would fit", false},
      {"bce", LSI_ACT_SIGMOID, 4, false, 4, NULL, false},
      {"mse", LSI_ACT_LINEAR, 1, true, 1, NULL, false},
      {"mse", LSI_ACT_LINEAR, 10, true, 1, "sparse_categorical_crossentropy would fit", false},
      {"huber", LSI_ACT_LINEAR, 2, false, 3, "as many units", false},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    lsi_loss loss = made(cases[c].text, cases[c].last, cases[c].n_outputs);
    bool one_hot = !cases[c].one_hot;
    ls_status status = lsi_loss_check_targets(&loss, cases[c].n_outputs, cases[c].y_is_label,
                                              cases[c].n_targets, &one_hot);
    assert_int_equal(status, cases[c].advice ? LS_ERR_SHAPE : LS_OK);
    if (!cases[c].advice)
      assert_int_equal(one_hot, cases[c].one_hot);
    else if (!strstr(ls_last_error()->advice, cases[c].advice))
      fail_msg("%s: advice is: %s", cases[c].text, ls_last_error()->advice);
  }
}

static void ways_into_the_loss(void **state) {
  (void)state;
  lsi_loss loss = made("sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 3);
  assert_true(loss.on_logits && loss.link == LSI_ACT_SOFTMAX);
  assert_int_equal(lsi_loss_target_form(&loss), LSI_TARGET_LABEL);
  loss = made("categorical_crossentropy", LSI_ACT_SIGMOID, 3);
  assert_true(!loss.on_logits && loss.link == LSI_ACT_LINEAR);
  loss = made("BinaryCrossentropy(from_logits=True)", LSI_ACT_LINEAR, 1);
  assert_true(loss.on_logits && loss.link == LSI_ACT_LINEAR);
  loss = made("mse", LSI_ACT_SIGMOID, 1);
  assert_true(!loss.on_logits && loss.link == LSI_ACT_LINEAR);
  assert_int_equal(lsi_loss_target_form(&loss), LSI_TARGET_VALUES);
  lsi_object object;
  assert_int_equal(lsi_object_parse(&lsi_losses, "MeanSquaredError(reduction='none')", &object), LS_ERR_ARG);
  assert_int_equal(lsi_object_parse(&lsi_losses, "Circle", &object), LS_ERR_UNSUPPORTED);
  assert_int_equal(
      lsi_object_parse(&lsi_losses, "CategoricalCrossentropy(label_smoothing=1.5)", &object),
      LS_ERR_ARG);
  assert_int_equal(
      lsi_object_parse(&lsi_losses, "CategoricalCrossentropy(from_logits=True)", &object), LS_OK);
  assert_int_equal(lsi_loss_init(&loss, &object, LSI_ACT_SOFTMAX, 3), LS_ERR_ARG);
  assert_int_equal(lsi_loss_init(&loss, &object, LSI_ACT_LINEAR, 1), LS_ERR_SHAPE);
  assert_non_null(strstr(ls_last_error()->advice, "binary_crossentropy"));
  assert_int_equal(lsi_loss_init(&loss, &(lsi_object){0}, LSI_ACT_LINEAR, 1), LS_ERR_STATE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_and_gradients),
      cmocka_unit_test(outputs_are_independent),
      cmocka_unit_test(big_shapes),
      cmocka_unit_test(extreme_logits),
      cmocka_unit_test(clipped_probabilities),
      cmocka_unit_test(not_finite_is_never_hidden),
      cmocka_unit_test(labels_out_of_range),
      cmocka_unit_test(targets_that_fit),
      cmocka_unit_test(ways_into_the_loss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
