/* SPDX-License-Identifier: MIT */
/* Clipping against Keras's formulas, two tensors with padding between them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "math/team.h"
#include "optim/clip.h"

enum { N = 40 };
static const lsi_clip_tensor tensors[2] = {{0, 3}, {16, 20}};

static void clip(const char *text, float g[N]) {
  lsi_object object;
  lsi_optimizer *optimizer;
  assert_int_equal(lsi_object_parse(&lsi_optimizers, text, &object), LS_OK);
  assert_int_equal(lsi_optimizer_create_flat(&object, N, &optimizer), LS_OK);
  assert_true(lsi_clip_wanted(optimizer) == (strchr(text, '(') != NULL));
  lsi_clip_gradients(optimizer, tensors, 2, g);
  lsi_optimizer_destroy(&optimizer);
}

static void fill(float g[N]) {
  memset(g, 0, N * sizeof *g);
  g[0] = 3, g[1] = 0, g[2] = -4; /* norm 5 */
  for (int i = 16; i < 36; i++)
    g[i] = i % 2 ? 0.1f : -0.1f;
  g[5] = 77; /* padding: nobody's */
}

static double norm(const float *g, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (double)g[i] * g[i];
  return sqrt(sum);
}

static void none(void **state) {
  (void)state;
  float g[N], before[N];
  fill(g);
  memcpy(before, g, sizeof g);
  clip("sgd", g);
  assert_memory_equal(g, before, sizeof g);
}

static void by_value(void **state) {
  (void)state;
  float g[N];
  fill(g);
  clip("SGD(clipvalue=0.5)", g);
  assert_true(g[0] == 0.5f && g[1] == 0 && g[2] == -0.5f && g[16] == -0.1f && g[5] == 77);
}

static void by_norm(void **state) {
  (void)state;
  float g[N];
  fill(g);
  clip("SGD(clipnorm=1.0)", g);
  assert_true(fabs(norm(g, 3) - 1) < 1e-6 && fabs(g[0] - 0.6) < 1e-7 && fabs(g[2] + 0.8) < 1e-7);
  assert_true(g[16] == -0.1f && g[17] == 0.1f && g[5] == 77); /* norm 0.447: below the limit */
}

static void by_global_norm(void **state) {
  (void)state;
  float g[N];
  fill(g);
  double whole = sqrt(25 + norm(g + 16, 20) * norm(g + 16, 20));
  clip("SGD(global_clipnorm=2.0)", g);
  assert_true(fabs(g[0] - 3 * 2 / whole) < 1e-6 && fabs(g[16] + 0.1 * 2 / whole) < 1e-7 &&
              g[5] == 77);
  fill(g);
  clip("SGD(global_clipnorm=8.0)", g); /* above the norm: c min(1/G, 1/c) = 1 */
  assert_true(g[0] == 3 && g[16] == -0.1f);
}

static void nan_is_not_hidden(void **state) {
  (void)state;
  const char *texts[] = {"SGD(clipnorm=1.0)", "SGD(global_clipnorm=1.0)", "SGD(clipvalue=1.0)"};
  for (int i = 0; i < 3; i++) {
    float g[N];
    fill(g);
    g[1] = NAN;
    clip(texts[i], g);
    assert_true(isnan(g[1]));
    if (i < 2)
      assert_true(isnan(g[0])); /* the norm is NaN */
  }
  float g[N];
  fill(g);
  g[1] = INFINITY;
  clip("SGD(global_clipnorm=1.0)", g);
  assert_true(isnan(g[0]) && isnan(g[16]));
}

static void zero_gradient_stays_zero(void **state) {
  (void)state;
  const char *texts[] = {"SGD(clipnorm=1.0)", "SGD(global_clipnorm=1.0)"};
  for (int i = 0; i < 2; i++) {
    float g[N] = {0};
    clip(texts[i], g);
    for (int k = 0; k < N; k++)
      assert_true(g[k] == 0);
  }
}

static void threads_give_equal_bits(void **state) {
  (void)state;
  enum { BIG = 700001 };
  static float a[BIG], b[BIG];
  const char *texts[] = {"SGD(clipnorm=1.0)", "SGD(global_clipnorm=1.0)", "SGD(clipvalue=0.2)"};
  const lsi_clip_tensor all = {0, BIG};
  for (int c = 0; c < 3; c++) {
    lsi_object object;
    lsi_optimizer *optimizer;
    assert_int_equal(lsi_object_parse(&lsi_optimizers, texts[c], &object), LS_OK);
    assert_int_equal(lsi_optimizer_create_flat(&object, 1, &optimizer), LS_OK);
    for (int threads = 1; threads <= 3; threads++) {
      for (size_t i = 0; i < BIG; i++)
        b[i] = (float)(i * 2654435761u % 1000u) * 0.001f - 0.5f;
      lsi_team_set_size(threads);
      lsi_clip_gradients(optimizer, &all, 1, b);
      if (threads == 1)
        memcpy(a, b, sizeof a);
      assert_memory_equal(a, b, sizeof a);
    }
    lsi_team_set_size(1);
    lsi_optimizer_destroy(&optimizer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none),
      cmocka_unit_test(by_value),
      cmocka_unit_test(by_norm),
      cmocka_unit_test(by_global_norm),
      cmocka_unit_test(nan_is_not_hidden),
      cmocka_unit_test(zero_gradient_stays_zero),
      cmocka_unit_test(threads_give_equal_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
