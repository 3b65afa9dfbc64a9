/* SPDX-License-Identifier: MIT */
/* Every activation against its formula in double, its backward against differences of that formula,
 * and what must not move a bit. */
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
#include "nn/activation.h"

/* ---- formulas ---- */

static double sigmoid(double z) {
  return 1 / (1 + exp(-z));
}

static double elu(double z) {
  return z > 0 ? z : expm1(z);
}

static double shrink(double z) {
  return z > 0.5 ? z - 0.5 : z < -0.5 ? z + 0.5 : 0;
}

static double formula(lsi_activation a, double z) {
  switch (a) {
  case LSI_ACT_LINEAR:
    return z;
  case LSI_ACT_SIGMOID:
    return sigmoid(z);
  case LSI_ACT_RELU:
    return fmax(z, 0);
  case LSI_ACT_TANH:
    return tanh(z);
  case LSI_ACT_RELU6:
    return fmin(fmax(z, 0), 6);
  case LSI_ACT_LEAKY_RELU:
    return z >= 0 ? z : 0.2 * z;
  case LSI_ACT_ELU:
  case LSI_ACT_CELU:
    return elu(z);
  case LSI_ACT_SELU:
    return 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * expm1(z));
  case LSI_ACT_SOFTPLUS:
    return fmax(z, 0) + log1p(exp(-fabs(z)));
  case LSI_ACT_SOFTSIGN:
    return z / (1 + fabs(z));
  case LSI_ACT_SILU:
    return z * sigmoid(z);
  case LSI_ACT_GELU:
    return 0.5 * z * erfc(-z / sqrt(2));
  case LSI_ACT_HARD_SIGMOID:
    return fmin(fmax(z + 3, 0), 6) / 6;
  case LSI_ACT_HARD_SILU:
    return z * fmin(fmax(z + 3, 0), 6) / 6;
  case LSI_ACT_HARD_TANH:
    return fmin(fmax(z, -1), 1);
  case LSI_ACT_EXPONENTIAL:
    return exp(z);
  case LSI_ACT_MISH:
    return z * tanh(fmax(z, 0) + log1p(exp(-fabs(z))));
  case LSI_ACT_LOG_SIGMOID:
    return fmin(z, 0) - log1p(exp(-fabs(z)));
  case LSI_ACT_TANH_SHRINK:
    return z - tanh(z);
  case LSI_ACT_SOFT_SHRINK:
    return shrink(z);
  case LSI_ACT_HARD_SHRINK:
    return fabs(z) > 0.5 ? z : 0;
  case LSI_ACT_SQUAREPLUS:
    return (z + sqrt(z * z + 4)) / 2;
  case LSI_ACT_SPARSE_PLUS:
    return z <= -1 ? 0 : z >= 1 ? z : (z + 1) * (z + 1) / 4;
  case LSI_ACT_SPARSE_SIGMOID:
    return fmin(fmax(z + 1, 0), 2) / 2;
  default:
    return NAN;
  }
}

static bool is_row_function(lsi_activation a) {
  return a == LSI_ACT_SOFTMAX || a == LSI_ACT_LOG_SOFTMAX || a == LSI_ACT_SPARSEMAX;
}

/* Keras's: by the sorted row. */
static double sparse_limit(size_t n, const double *z) {
  double sorted[200], sum = 0, sums = 0, k = 0;
  for (size_t i = 0; i < n; i++) {
    size_t at = i;
    for (; at > 0 && sorted[at - 1] < z[i]; at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = z[i];
  }
  for (size_t i = 0; i < n; i++) {
    sum += sorted[i];
    if (sorted[i] - (sum - 1) / (double)(i + 1) > 0)
      k++, sums += sum;
  }
  return (sums - 1) / k;
}

static void row_formula(lsi_activation a, size_t n, const double *z, double *y) {
  double most = z[0], sum = 0;
  for (size_t j = 0; j < n; j++)
    most = fmax(most, z[j]);
  for (size_t j = 0; j < n; j++)
    sum += exp(z[j] - most);
  for (size_t j = 0; j < n; j++) {
    if (a == LSI_ACT_SPARSEMAX)
      y[j] = fmax(z[j] - sparse_limit(n, z), 0);
    else if (is_row_function(a))
      y[j] = a == LSI_ACT_SOFTMAX ? exp(z[j] - most) / sum : z[j] - most - log(sum);
    else
      y[j] = formula(a, z[j]);
  }
}

/* ---- inputs ---- */

enum { MAX_N = 131 };

/* In (-8, 8), away from the corners 0, 0.5, 1, 3, 6. */
static float input(size_t i) {
  double z = 16 * lsi_rng_double(lsi_rng_make(5, LSI_RNG_TEST, 0, 0), 0, i) - 8;
  const double corners[] = {0, 0.5, 1, 3, 6};
  for (int c = 0; c < 5; c++)
    if (fabs(fabs(z) - corners[c]) < 0.01)
      z += 0.03;
  return (float)z;
}

static bool near(double got, double want, double tolerance) {
  return fabs(got - want) <= tolerance * (1 + fabs(want));
}

/* ---- tests ---- */

static void forward_and_backward(void **state) {
  (void)state;
  const size_t lengths[] = {1, 3, 10, 16, 17, 131};
  for (int a = 0; a < LSI_ACT_COUNT; a++)
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
      size_t n = lengths[l];
      float z[MAX_N], y[MAX_N], dy[MAX_N], dz[MAX_N];
      double wide[MAX_N], up[MAX_N], down[MAX_N];
      for (size_t j = 0; j < n; j++)
        z[j] = input(1000 * l + j), dy[j] = input(7000 * l + j) / 8, wide[j] = z[j];
      lsi_activation_forward((lsi_activation)a, 1, n, z, NULL, y, NULL);
      lsi_activation_backward((lsi_activation)a, 1, n,
                              lsi_activation_needs_input((lsi_activation)a) ? z : NULL, y, dy, dz);
      row_formula((lsi_activation)a, n, wide, up);
      for (size_t j = 0; j < n; j++)
        if (!near(y[j], up[j], 1e-6))
          fail_msg("%s(%g) = %.9g, not %.9g", lsi_activation_name(a), z[j], y[j], up[j]);
      for (size_t i = 0; i < n; i++) {
        const double h = 1e-5;
        wide[i] = z[i] + h;
        row_formula((lsi_activation)a, n, wide, up);
        wide[i] = z[i] - h;
        row_formula((lsi_activation)a, n, wide, down);
        wide[i] = z[i];
        double want = 0;
        for (size_t j = 0; j < n; j++)
          want += dy[j] * (up[j] - down[j]) / (2 * h);
        if (!near(dz[i], want, 3e-6))
          fail_msg("%s'(%g) = %.9g, not %.9g", lsi_activation_name(a), z[i], dz[i], want);
      }
    }
}

static void bias_and_aliases(void **state) {
  (void)state;
  enum { ROWS = 37, N = 23, COUNT = ROWS * N };
  static float z[COUNT], bias[N], sum[COUNT], plain[COUNT], y[COUNT], kept[COUNT], dy[COUNT],
      dz[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    z[i] = input(i), dy[i] = input(i + 50000);
  for (size_t j = 0; j < N; j++)
    bias[j] = input(90000 + j) / 4;
  for (size_t i = 0; i < COUNT; i++)
    sum[i] = z[i] + bias[i % N];
  for (int a = 0; a < LSI_ACT_COUNT; a++) {
    lsi_activation_forward((lsi_activation)a, ROWS, N, sum, NULL, plain, NULL);
    lsi_activation_forward((lsi_activation)a, ROWS, N, z, bias, y, kept);
    assert_memory_equal(y, plain, sizeof y);
    assert_memory_equal(kept, sum, sizeof y);
    memcpy(y, z, sizeof y);
    lsi_activation_forward((lsi_activation)a, ROWS, N, y, bias, y, NULL); /* in place */
    assert_memory_equal(y, plain, sizeof y);
    lsi_activation_forward((lsi_activation)a, ROWS, N, sum, NULL, y, kept);
    assert_memory_equal(y, plain, sizeof y);
    assert_memory_equal(kept, sum, sizeof y);
    lsi_activation_backward((lsi_activation)a, ROWS, N, sum, plain, dy, dz);
    memcpy(y, dy, sizeof y);
    lsi_activation_backward((lsi_activation)a, ROWS, N, sum, plain, y, y);
    assert_memory_equal(y, dz, sizeof y);
  }
}

/* A row's bits do not depend on the rows around it, nor on threads. */
static void rows_and_threads(void **state) {
  (void)state;
  enum { ROWS = 3001, N = 33, COUNT = ROWS * N };
  static float z[COUNT], y[COUNT], one[COUNT], dz[COUNT], done[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    z[i] = input(i);
  for (int a = 0; a < LSI_ACT_COUNT; a++) {
    for (size_t r = 0; r < ROWS; r++) {
      lsi_activation_forward((lsi_activation)a, 1, N, z + r * N, NULL, one + r * N, NULL);
      lsi_activation_backward((lsi_activation)a, 1, N, z + r * N, one + r * N, z + r * N,
                              done + r * N);
    }
    for (int threads = 1; threads <= 3; threads++) {
      lsi_team_set_size(threads);
      lsi_activation_forward((lsi_activation)a, ROWS, N, z, NULL, y, NULL);
      lsi_activation_backward((lsi_activation)a, ROWS, N, z, y, z, dz);
      assert_memory_equal(y, one, sizeof y);
      assert_memory_equal(dz, done, sizeof y);
    }
    lsi_team_set_size(1);
  }
}

static void extremes(void **state) {
  (void)state;
  for (int a = 0; a < LSI_ACT_COUNT; a++) {
    float z[20], y[20], dy[20], dz[20];
    for (int i = 0; i < 20; i++)
      z[i] = (i % 2 ? 1e4f : -1e4f) / (float)(1 + i / 2), dy[i] = 1;
    if (a == LSI_ACT_EXPONENTIAL)
      for (int i = 0; i < 20; i++)
        z[i] = z[i] > 0 ? 80 : z[i];
    lsi_activation_forward((lsi_activation)a, 1, 20, z, NULL, y, NULL);
    lsi_activation_backward((lsi_activation)a, 1, 20, z, y, dy, dz);
    for (int i = 0; i < 20; i++)
      if (!isfinite(y[i]) || !isfinite(dz[i]))
        fail_msg("%s(%g): %g, slope %g", lsi_activation_name(a), z[i], y[i], dz[i]);
  }
}

static void nan_passes(void **state) {
  (void)state;
  for (int a = 0; a < LSI_ACT_COUNT; a++)
    for (size_t n = 1; n <= 40; n += 13) {
      float z[40], y[40];
      for (size_t j = 0; j < n; j++)
        z[j] = input(j);
      z[n / 2] = NAN;
      lsi_activation_forward((lsi_activation)a, 1, n, z, NULL, y, NULL);
      if (!isnan(y[n / 2]))
        fail_msg("%s(NaN) = %g", lsi_activation_name(a), y[n / 2]);
      for (size_t j = 0; is_row_function((lsi_activation)a) && j < n; j++)
        assert_true(isnan(y[j]));
    }
}

static void names(void **state) {
  (void)state;
  lsi_activation a;
  for (int i = 0; i < LSI_ACT_COUNT; i++) {
    assert_int_equal(lsi_activation_parse(lsi_activation_name((lsi_activation)i), &a), LS_OK);
    assert_int_equal(a, i);
  }
  assert_int_equal(lsi_activation_parse(NULL, &a), LS_OK);
  assert_int_equal(a, LSI_ACT_LINEAR);
  assert_int_equal(lsi_activation_parse("swish", &a), LS_OK);
  assert_int_equal(a, LSI_ACT_SILU);
  assert_int_equal(lsi_activation_parse("hard_swish", &a), LS_OK);
  assert_int_equal(a, LSI_ACT_HARD_SILU);
  assert_int_equal(lsi_activation_parse("rellu", &a), LS_ERR_ARG);
  assert_non_null(strstr(ls_last_error()->message, "did you mean 'relu'"));
  assert_int_equal(lsi_activation_parse("glu", &a), LS_ERR_UNSUPPORTED);
  assert_int_equal(lsi_activation_parse("threshold", &a), LS_ERR_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_and_backward), cmocka_unit_test(bias_and_aliases),
      cmocka_unit_test(rows_and_threads),     cmocka_unit_test(extremes),
      cmocka_unit_test(nan_passes),           cmocka_unit_test(names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
