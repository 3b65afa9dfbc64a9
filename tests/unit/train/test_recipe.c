/* SPDX-License-Identifier: MIT */
/* A checkpoint of another recipe is refused, and the message names the setting that differs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "train/run.h"

#define DENSE(name, units) "{\"class_name\": \"Dense\", \"config\": {\"name\": \"" name "\", \"units\": " units ", \"use_bias\": true}}"
#define MODEL(layers) "model: {\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": [" layers "]}}\n"
#define ADAM(rate) "optimizer: Adam(learning_rate=" rate ", beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, clipnorm=None)\n"

static void expect(const char *saved, const char *now, const char *words) {
  assert_int_equal(lsi_run_compare_recipe("FILE", saved, now), LS_ERR_CONFIG);
  if (!strstr(ls_last_error()->message, words)) fail_msg("'%s' is not in '%s'", words, ls_last_error()->message);
}

static void equal_recipes_pass(void **state) {
  (void)state;
  static const char text[] = MODEL(DENSE("a", "3")) ADAM("0.1") "seed: 1\n";
  assert_int_equal(lsi_run_compare_recipe("FILE", text, text), LS_OK);
  assert_int_equal(lsi_run_compare_recipe("FILE", "", ""), LS_OK);
}

static void a_value_is_named(void **state) {
  (void)state;
  expect("loss: mse\nseed: 1\n", "loss: mse\nseed: 12\n", "FILE was made with another seed: 1; this run has 12");
  expect("class_weight: 1 2\n", "class_weight:\n", "another class_weight: 1 2; this run has none");
  expect(ADAM("0.001"), ADAM("0.002"), "another optimizer: learning_rate=0.001; this run has learning_rate=0.002");
  expect("optimizer: SGD(0.1)\n", "optimizer: Adam(0.1)\n", "another optimizer: SGD(0.1); this run has Adam(0.1)");
}

static void a_layer_is_named(void **state) {
  (void)state;
  expect(MODEL(DENSE("a", "3") ", " DENSE("b", "10")), MODEL(DENSE("a", "3") ", " DENSE("b", "12")),
         "another model (layer 'b'): \"units\": 10; this run has \"units\": 12");
  expect(MODEL(DENSE("a", "3") ", " DENSE("b", "10")), MODEL(DENSE("a", "33") ", " DENSE("b", "10")),
         "another model (layer 'a'): \"units\": 3; this run has \"units\": 33");
  expect(MODEL(DENSE("a", "3") ", " DENSE("b", "10")), MODEL(DENSE("a", "3")), "another model (layer 'a')");
}

static void extra_lines_are_named(void **state) {
  (void)state;
  expect("metric: a\nseed: 1\n", "seed: 1\n", "made with metric a, this run lacks it");
  expect("seed: 1\n", "metric: a\nseed: 1\n", "made without metric a, this run has it");
  expect("seed: 1\n", "seed: 1\ncallback: X(3)\n", "made without callback X(3), this run has it");
  expect("seed: 1\ncallback: X(3)\n", "seed: 1\n", "made with callback X(3), this run lacks it");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_recipes_pass),
      cmocka_unit_test(a_value_is_named),
      cmocka_unit_test(a_layer_is_named),
      cmocka_unit_test(extra_lines_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
