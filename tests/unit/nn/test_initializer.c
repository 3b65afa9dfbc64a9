/* SPDX-License-Identifier: MIT */
/* Distributions by their moments and limits; every element drawn by its address. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "math/team.h"
#include "nn/draw.h"
#include "nn/initializer.h"

enum { IN = 300, OUT = 400, COUNT = IN * OUT };
static const int64_t dims[2] = {IN, OUT};
static float w[COUNT], other[COUNT];

static void draw(const char *text, uint64_t seed, uint64_t tensor, float *out) {
  lsi_object o;
  if (lsi_object_parse(&lsi_initializers, text, &o) != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  lsi_initialize(&o, seed, tensor, 2, dims, out, COUNT);
}

/* Mean within 5 standard errors, variance within 2%, values within the limits and near them. */
static void moments(void **state) {
  (void)state;
  const double g = sqrt(2.0 / (IN + OUT)), he = sqrt(2.0 / IN), le = sqrt(1.0 / IN),
               cut = 0.87962566103423978;
  const struct {
    const char *text;
    double mean, std, low, high; /* low == high: unbounded */
  } cases[] = {
      {"glorot_uniform", 0, g, -g * sqrt(3), g * sqrt(3)},
      {"he_uniform", 0, he, -he * sqrt(3), he * sqrt(3)},
      {"lecun_uniform", 0, le, -le * sqrt(3), le * sqrt(3)},
      {"glorot_normal", 0, g, -2 * g / cut, 2 * g / cut},
      {"he_normal", 0, he, -2 * he / cut, 2 * he / cut},
      {"lecun_normal", 0, le, -2 * le / cut, 2 * le / cut},
      {"RandomNormal(1.5, 0.25)", 1.5, 0.25, 0, 0},
      {"TruncatedNormal(-1.0, 0.5)", -1, 0.5 * cut, -2, 0},
      {"RandomUniform(-1.0, 3.0)", 1, 4 / sqrt(12), -1, 3},
      {"normal", 0, 0.05, 0, 0},
      {"uniform", 0, 0.1 / sqrt(12), -0.05, 0.05},
      {"VarianceScaling(2.0, 'fan_out', 'uniform')", 0, sqrt(2.0 / OUT), -sqrt(6.0 / OUT),
       sqrt(6.0 / OUT)},
      {"VarianceScaling(distribution='untruncated_normal')", 0, le, 0, 0},
      {"VarianceScaling(mode=fan_avg)", 0, sqrt(1.0 / 350), -2 * sqrt(1.0 / 350) / cut,
       2 * sqrt(1.0 / 350) / cut},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    draw(cases[c].text, 11, c, w);
    double sum = 0, squares = 0, low = w[0], high = w[0], width = cases[c].high - cases[c].low;
    for (size_t i = 0; i < COUNT; i++) {
      double d = w[i] - cases[c].mean;
      sum += d;
      squares += d * d;
      low = fmin(low, w[i]);
      high = fmax(high, w[i]);
    }
    double std = sqrt(squares / COUNT);
    if (fabs(sum / COUNT) > 5 * cases[c].std / sqrt(COUNT))
      fail_msg("%s: mean is off by %g", cases[c].text, sum / COUNT);
    if (fabs(std / cases[c].std - 1) > 0.01)
      fail_msg("%s: deviation %g, not %g", cases[c].text, std, cases[c].std);
    if (width == 0)
      continue;
    if (low < cases[c].low - 1e-7 || high > cases[c].high + 1e-7)
      fail_msg("%s: %g..%g", cases[c].text, low, high);
    assert_true(low < cases[c].low + 0.01 * width && high > cases[c].high - 0.01 * width);
  }
}

static void constants(void **state) {
  (void)state;
  const struct {
    const char *text;
    float want;
  } cases[] = {{"zeros", 0}, {"Ones", 1}, {"Constant(2.5)", 2.5f}, {"constant", 0}};
  for (size_t c = 0; c < 4; c++) {
    draw(cases[c].text, 1, 1, w);
    for (size_t i = 0; i < COUNT; i++)
      assert_true(w[i] == cases[c].want);
  }
}

/* Element e is its own draw: the same whoever draws it, on any number of threads, in any length. */
static void by_address(void **state) {
  (void)state;
  draw("RandomUniform(0.0, 1.0)", 42, 3, w);
  lsi_rng rng = lsi_rng_make(42, LSI_RNG_INIT, 3, 0);
  for (size_t e = 0; e < COUNT; e += 101)
    assert_true(w[e] == (float)lsi_rng_double(rng, 0, e));
  const char *texts[] = {"glorot_uniform", "he_normal", "normal"};
  for (int t = 0; t < 3; t++) {
    draw(texts[t], 42, 3, w);
    lsi_team_set_size(3);
    draw(texts[t], 42, 3, other);
    lsi_team_set_size(1);
    assert_memory_equal(w, other, sizeof w);
    lsi_object o;
    assert_int_equal(lsi_object_parse(&lsi_initializers, texts[t], &o), LS_OK);
    lsi_initialize(&o, 42, 3, 2, dims, other, 777);
    assert_memory_equal(w, other, 777 * sizeof *w);
  }
}

static void seeds_and_tensors(void **state) {
  (void)state;
  draw("he_normal", 1, 0, w);
  draw("he_normal", 2, 0, other);
  assert_true(memcmp(w, other, sizeof w) != 0);
  draw("he_normal", 1, 1, other);
  assert_true(memcmp(w, other, sizeof w) != 0);
  draw("HeNormal(seed=1)", 77, 0, other); /* its own seed replaces the run's */
  assert_memory_equal(w, other, sizeof w);
}

static void ranks_of_tensor(void **state) {
  (void)state;
  lsi_object o;
  assert_int_equal(lsi_object_parse(&lsi_initializers, "lecun_uniform", &o), LS_OK);
  const int64_t vector[1] = {COUNT}, cube[3] = {5, 20, COUNT / 100};
  const double fans[2] = {COUNT, 100};
  for (int k = 0; k < 2; k++) {
    lsi_initialize(&o, 1, 1, k ? 3 : 1, k ? cube : vector, w, COUNT);
    double squares = 0;
    for (size_t i = 0; i < COUNT; i++)
      squares += (double)w[i] * w[i];
    assert_true(fabs(squares / COUNT * fans[k] - 1) < 0.02);
  }
}

static void quantile_inverts_the_normal_distribution(void **state) {
  (void)state;
  assert_true(lsi_normal_quantile(0.5) == 0);
  for (double x = -37; x < 8; x += 0.0625) {
    double p = erfc(-x / sqrt(2)) / 2;
    if (p >= 1)
      break;
    double tolerance =
        1e-14 * (1 + fabs(x)) + 2.3e-16 * sqrt(2 * 3.14159265358979) * exp(x * x / 2) * (x > 0);
    if (fabs(lsi_normal_quantile(p) - x) > tolerance)
      fail_msg("at %g: %.17g", x, lsi_normal_quantile(p));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(moments),         cmocka_unit_test(constants),
      cmocka_unit_test(by_address),      cmocka_unit_test(seeds_and_tensors),
      cmocka_unit_test(ranks_of_tensor), cmocka_unit_test(quantile_inverts_the_normal_distribution),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
