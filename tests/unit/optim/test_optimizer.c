/* SPDX-License-Identifier: MIT */
/* Updates against the formulas in double, and equal bits for any cut into ranges and any number of
 * threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "math/team.h"
#include "optim/optimizer.h"

static const char *const texts[] = {"SGD(0.1)",
                                    "SGD(0.1, momentum=0.9)",
                                    "SGD(0.1, 0.9, nesterov=True)",
                                    "SGD(0.1, weight_decay=0.01)",
                                    "RMSprop",
                                    "RMSprop(0.01, momentum=0.5)",
                                    "RMSprop(0.01, centered=True)",
                                    "RMSprop(0.01, centered=True, momentum=0.5, weight_decay=0.1)",
                                    "Adagrad(0.1)",
                                    "Adam",
                                    "Adam(0.01, amsgrad=True)",
                                    "AdamW(0.01)"};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static lsi_optimizer *made(const char *text, size_t n) {
  lsi_object object;
  lsi_optimizer *optimizer;
  if (lsi_object_parse(&lsi_optimizers, text, &object) != LS_OK ||
      lsi_optimizer_create_flat(&object, n, &optimizer) != LS_OK)
    fail_msg("%s: %s", text, ls_last_error()->message);
  return optimizer;
}

static float random_float(uint64_t step, size_t i) {
  return (float)(2.0 * lsi_rng_double(lsi_rng_make(3, LSI_RNG_TEST, 0, step), 0, i) - 1.0);
}

/* One element's state, in the formulas' own letters. */
typedef struct reference {
  double w, m, v, a, h;
} reference;

static void reference_step(const lsi_object *o, reference *s, double g, double lr, int t) {
  double decay = lsi_object_get(o, "weight_decay"), mu = lsi_object_get(o, "momentum"),
         eps = lsi_object_get(o, "epsilon");
  if (!isnan(decay))
    s->w -= s->w * decay * lr;
  if (o->info->kind == LSI_OPT_SGD) {
    s->m = mu * s->m - lr * g;
    s->w += lsi_object_get(o, "nesterov") != 0 ? mu * s->m - lr * g : s->m;
  } else if (o->info->kind == LSI_OPT_RMSPROP) {
    double rho = lsi_object_get(o, "rho");
    s->v = rho * s->v + (1 - rho) * g * g;
    s->a = rho * s->a + (1 - rho) * g;
    double centre = lsi_object_get(o, "centered") != 0 ? s->a * s->a : 0;
    s->m = mu * s->m + lr * g / sqrt(s->v - centre + eps);
    s->w -= s->m;
  } else if (o->info->kind == LSI_OPT_ADAGRAD) {
    s->v += g * g;
    s->w -= lr * g / sqrt(s->v + eps);
  } else {
    double b1 = (float)lsi_object_get(o, "beta_1"), b2 = (float)lsi_object_get(o, "beta_2");
    s->m += (g - s->m) * (1 - b1);
    s->v += (g * g - s->v) * (1 - b2);
    s->h = lsi_object_get(o, "amsgrad") != 0 ? fmax(s->h, s->v) : s->v;
    s->w -= lr * sqrt(1 - pow(b2, t)) / (1 - pow(b1, t)) * s->m / (sqrt(s->h) + eps);
  }
}

static void formulas(void **state) {
  (void)state;
  enum { N = 19, STEPS = 30 };
  for (size_t c = 0; c < N_TEXTS; c++) {
    lsi_optimizer *o = made(texts[c], N);
    reference want[N];
    float w[N], g[N];
    for (size_t i = 0; i < N; i++) {
      w[i] = random_float(1000, i);
      want[i] = (reference){.w = w[i], .v = o->object.info->kind == LSI_OPT_ADAGRAD ? 0.1 : 0};
    }
    for (int t = 1; t <= STEPS; t++) {
      double lr = lsi_optimizer_rate(o);
      for (size_t i = 0; i < N; i++) {
        g[i] = random_float((uint64_t)t, i);
        reference_step(&o->object, &want[i], g[i], lr, t);
      }
      lsi_optimizer_update(o, lr, 0, N, g, w);
      lsi_optimizer_advance(o);
    }
    for (size_t i = 0; i < N; i++)
      if (!(fabs(w[i] - want[i].w) < 3e-6))
        fail_msg("%s, element %zu: %.9g, not %.9g", texts[c], i, w[i], want[i].w);
    lsi_optimizer_destroy(&o);
    assert_null(o);
  }
}

/* STEPS updates of N elements by ranges of `cut` elements on `threads` threads. */
static void train(const char *text, size_t n, size_t cut, int threads, float *w, float **slots) {
  lsi_optimizer *o = made(text, n);
  float *g;
  assert_int_equal(LSI_ALLOC("gradient", n, &g), LS_OK);
  lsi_team_set_size(threads);
  for (size_t i = 0; i < n; i++)
    w[i] = random_float(7, i);
  for (uint64_t step = 0; step < 3; step++) {
    for (size_t i = 0; i < n; i++)
      g[i] = w[i] * (float)(step + 1) - 0.3f;
    for (size_t begin = 0; begin < n; begin += cut)
      lsi_optimizer_update(o, lsi_optimizer_rate(o), begin, begin + cut < n ? begin + cut : n, g,
                           w);
    lsi_optimizer_advance(o);
  }
  lsi_team_set_size(1);
  for (int s = 0; s < o->n_slots; s++)
    memcpy(slots[s], o->slots[s], n * sizeof *w);
  lsi_free(g);
  lsi_optimizer_destroy(&o);
}

static void any_cut_and_any_threads(void **state) {
  (void)state;
  enum { N = 200003 };
  float *a[1 + LSI_OPT_MAX_SLOTS], *b[1 + LSI_OPT_MAX_SLOTS];
  for (int i = 0; i <= LSI_OPT_MAX_SLOTS; i++) {
    assert_int_equal(LSI_ALLOC("a", N, &a[i]), LS_OK);
    assert_int_equal(LSI_ALLOC("b", N, &b[i]), LS_OK);
  }
  const size_t cuts[] = {N, 1009, 65536};
  for (size_t c = 0; c < N_TEXTS; c++) {
    train(texts[c], N, N, 1, a[0], a + 1);
    for (int threads = 1; threads <= 3; threads++) {
      train(texts[c], N, cuts[threads - 1], threads, b[0], b + 1);
      for (int i = 0; i <= LSI_OPT_MAX_SLOTS; i++)
        if (memcmp(a[i], b[i], N * sizeof(float)) != 0)
          fail_msg("%s on %d threads: other bits", texts[c], threads);
    }
  }
  for (int i = 0; i <= LSI_OPT_MAX_SLOTS; i++) {
    lsi_free(a[i]);
    lsi_free(b[i]);
  }
}

static void slots_are_keras_variables(void **state) {
  (void)state;
  const struct {
    const char *text;
    int n;
    const char *names[3];
    float initial;
  } cases[] = {
      {"sgd", 0, {NULL}, 0},
      {"SGD(momentum=0.5)", 1, {"momentum"}, 0},
      {"adagrad", 1, {"accumulator"}, 0.1f},
      {"rmsprop", 1, {"velocity"}, 0},
      {"RMSprop(momentum=0.1, centered=True)", 3, {"velocity", "momentum", "average_gradient"}, 0},
      {"adam", 2, {"momentum", "velocity"}, 0},
      {"AdamW(amsgrad=True)", 3, {"momentum", "velocity", "velocity_hat"}, 0}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    lsi_optimizer *o = made(cases[c].text, 5);
    assert_int_equal(o->n_slots, cases[c].n);
    for (int s = 0; s < o->n_slots; s++) {
      assert_string_equal(o->slot_names[s], cases[c].names[s]);
      for (int i = 0; i < 5; i++)
        assert_true(o->slots[s][i] == cases[c].initial);
    }
    lsi_optimizer_destroy(&o);
  }
}

/* Padding has zero weights and gradients: it stays so. */
static void padding_stays_zero(void **state) {
  (void)state;
  for (size_t c = 0; c < N_TEXTS; c++) {
    float w[16] = {0}, g[16] = {0};
    lsi_optimizer *o = made(texts[c], 16);
    for (int t = 0; t < 3; t++) {
      lsi_optimizer_update(o, 0.1, 0, 16, g, w);
      lsi_optimizer_advance(o);
    }
    for (int i = 0; i < 16; i++)
      assert_true(w[i] == 0.0f);
    lsi_optimizer_destroy(&o);
  }
}

/* Slots that have decayed that far are zeros, and the caller's arithmetic is as it was. */
static void subnormal_numbers_are_zeros(void **state) {
  (void)state;
  const char *const decaying[] = {"SGD(0.1, momentum=0.9)", "RMSprop(momentum=0.9)", "Adam", "Adamax", "Nadam"};
  for (size_t c = 0; c < sizeof decaying / sizeof *decaying; c++) {
    enum { N = 40 };
    float w[N] = {0}, g[N] = {0};
    lsi_optimizer *o = made(decaying[c], N);
    for (int s = 0; s < o->n_slots; s++)
      for (int i = 0; i < N; i++)
        o->slots[s][i] = 1e-40f;
    lsi_optimizer_update(o, 0.1, 0, N, g, w);
    for (int s = 0; s < o->n_slots; s++)
      for (int i = 0; i < N; i++)
        if (o->slots[s][i] != 0.0f)
          fail_msg("%s: slot %d is %g", decaying[c], s, (double)o->slots[s][i]);
    volatile float small = 1e-40f;
    assert_true(small * 1.0f != 0.0f);
    lsi_optimizer_destroy(&o);
  }
}

static void rate_of_schedule_and_variable(void **state) {
  (void)state;
  lsi_optimizer *o = made("SGD(PiecewiseConstantDecay([0], [1.0, 0.5]))", 1);
  assert_true(o->has_schedule && lsi_optimizer_rate(o) == 1.0);
  lsi_optimizer_advance(o);
  assert_true(lsi_optimizer_rate(o) == 0.5);
  lsi_optimizer_destroy(&o);
  o = made("adam", 1);
  assert_false(o->has_schedule);
  o->learning_rate = 0.25;
  assert_true(lsi_optimizer_rate(o) == 0.25);
  lsi_optimizer_destroy(&o);
}

static void refusals(void **state) {
  (void)state;
  const char *cases[][2] = {{"SGD(-0.1)", "'learning_rate' is -0.1"},
                            {"SGD(momentum=1.5)", "in [0, 1]"},
                            {"Adam(beta_1=1.0)", "'beta_1' is 1.0"},
                            {"Adam(beta_2=-0.1)", "'beta_2' is -0.1"},
                            {"SGD(nesterov=2)", "true or false"},
                            {"SGD(clipnorm=0)", "'clipnorm' is 0"},
                            {"Adam(epsilon=0)", "'epsilon' is 0"},
                            {"SGD(clipnorm=1, clipvalue=1)", "only one may be"},
                            {"AdamW(global_clipnorm=1, clipnorm=2)", "both"},
                            {"Adam(lr=0.1)", "no argument 'lr'"},
                            {"adamm", "did you mean 'adam'"},
                            {"SGD(learning_rate=fast)", "unknown schedule 'fast'"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_object object;
    if (lsi_object_parse(&lsi_optimizers, cases[i][0], &object) != LS_ERR_ARG)
      fail_msg("%s was taken", cases[i][0]);
    if (!strstr(ls_last_error()->message, cases[i][1]))
      fail_msg("%s: %s", cases[i][0], ls_last_error()->message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(formulas),
      cmocka_unit_test(any_cut_and_any_threads),
      cmocka_unit_test(slots_are_keras_variables),
      cmocka_unit_test(padding_stays_zero),
      cmocka_unit_test(subnormal_numbers_are_zeros),
      cmocka_unit_test(rate_of_schedule_and_variable),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
