/* SPDX-License-Identifier: MIT */
/* Configs: the ready-made ones, the reference against the schema, resolved text, and what each
 * mistake says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/document.h"
#include "nn/object.h"
#include "optim/optimizer.h"

static const char *config_path(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s", __FILE__);
  char *end = strstr(path, "tests/unit/config");
  assert_non_null(end);
  snprintf(end, sizeof path - (size_t)(end - path), "configs/%s", name);
  return path;
}

static ls_config *read_text(const char *text, const char *override) {
  ls_config *config = NULL;
  ls_status status = lsi_config_from_text("test.yaml", text, &override, override != NULL, &config);
  if (status != LS_OK)
    fail_msg("%s", ls_last_error()->message);
  return config;
}

static void ready_made_configs_resolve_to_themselves(void **state) {
  (void)state;
  static const char *const names[] = {"fashion_mnist.yaml", "fashion_mnist_deep.yaml",
                                      "pullover_coat.yaml", "half_image.yaml", "reference.yaml"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ls_config *config = NULL;
    ls_status status = ls_config_read(config_path(names[i]), NULL, 0, &config);
    if (status != LS_OK)
      fail_msg("%s", ls_last_error()->message);
    ls_config *again = read_text(ls_config_text(config), NULL);
    assert_string_equal(ls_config_text(config), ls_config_text(again));
    ls_config_destroy(&again);
    ls_config_destroy(&config);
    assert_null(config);
  }
}

/* ---- configs/reference.yaml holds every row, at its default, and nothing else ---- */

static void compare_map(const lsi_map *map, const lsi_node *node, const char *path);

static void compare_row(const lsi_key *key, const lsi_node *value, const char *path) {
  if (!value)
    fail_msg("%s is not in configs/reference.yaml", path);
  if (key->type == LSI_KEY_MAP) {
    compare_map(key->map, value, path);
  } else if (key->type == LSI_KEY_ITEMS) {
    assert_int_equal(value->n, key->map->n);
    for (int i = 0; i < value->n; i++)
      compare_map(&(lsi_map){"", &key->map->keys[i], 1}, value->items[i], path);
  } else if (key->type == LSI_KEY_TEXTS) {
    assert_int_equal(value->n, 0);
  } else if (!key->required) {
    const char *expected = key->fallback ? key->fallback : "null";
    if (strcmp(value->text, expected) != 0)
      fail_msg("%s: '%s' in the reference, '%s' in the schema", path, value->text, expected);
  }
}

static void compare_map(const lsi_map *map, const lsi_node *node, const char *path) {
  assert_int_equal(node->kind, LSI_NODE_MAP);
  for (int i = 0; i < map->n; i++) {
    char inner[512];
    snprintf(inner, sizeof inner, "%s.%s", path, map->keys[i].name);
    compare_row(&map->keys[i], lsi_node_get(node, map->keys[i].name), inner);
  }
  if (node->n != map->n)
    fail_msg("%s: %d keys in the reference, %d in the schema", path, node->n, map->n);
}

static void the_reference_and_the_schema_agree(void **state) {
  (void)state;
  char *text;
  lsi_node *root = NULL;
  assert_int_equal(lsi_config_read_file(config_path("reference.yaml"), &text), LS_OK);
  assert_int_equal(lsi_tree_parse("reference", text, strlen(text), 0, &root), LS_OK);
  compare_map(&lsi_schema, root, "");
  lsi_tree_free(root);
  lsi_free(text);
}

/* The schema repeats the optimizers' arguments; this keeps the two tables together. */
static void optimizer_rows_match_the_optimizers(void **state) {
  (void)state;
  int n_names;
  lsi_schema_optimizer_names(&n_names);
  assert_int_equal(lsi_optimizers.n_classes, n_names);
  for (int c = 0; c < lsi_optimizers.n_classes; c++) {
    const lsi_class_info *info = &lsi_optimizers.classes[c];
    const lsi_map *map = lsi_schema_optimizer(info->class_name);
    if (!map)
      fail_msg("%s is not in the schema", info->class_name);
    assert_int_equal(map->n, info->n_params);
    for (int p = 0; p < info->n_params; p++) {
      const lsi_param_info *param = &info->params[p];
      const lsi_key *key = lsi_map_find(map, param->name);
      if (!key)
        fail_msg("%s.%s is not in the schema", info->class_name, param->name);
      if (strcmp(key->name, "name") == 0)
        continue;
      double value = key->type == LSI_KEY_BOOL ? strcmp(key->fallback, "true") == 0
                     : key->fallback           ? strtod(key->fallback, NULL)
                                               : -1;
      double expected = param->default_value == param->default_value ? param->default_value : -1;
      if (value != expected)
        fail_msg("%s.%s: %g, the optimizer has %g", info->class_name, param->name, value, expected);
    }
  }
}

/* ---- values ---- */

#define MODEL   "model: {layers: [{Dense: {units: 3, input_shape: 4}}]}\n"
#define COMPILE "compile: {loss: mse}\n"
#define GOOD    MODEL COMPILE

static void specs_carry_what_was_written(void **state) {
  (void)state;
  ls_config *config = read_text(
      GOOD "fit: {epochs: 7, batch_size: 5, shuffle: no, seed: 9, class_weight: {0: 1, 2: 2.5}}\n"
           "checkpoint: {every_epochs: 0, every_steps: 3}\n"
           "parallel: {threads: 2, leaf_rows: 4, exchange: mpi, kernels: haswell}\n"
           "callbacks:\n  - TerminateOnNaN\n  - EarlyStopping:\n"
           "  - CSVLogger: {filename: a b.csv}\n"
           "  - LearningRateScheduler: {schedule: 'ExponentialDecay(0.1, 1, 0.5)'}\n"
           "  - ModelCheckpoint: {filepath: m.h5, save_freq: 100}\n"
           "  - ModelCheckpoint: {filepath: m.h5, save_freq: epoch}\n",
      NULL);
  ls_fit_spec fit;
  ls_context_spec context;
  assert_int_equal(ls_config_fit_spec(config, &fit), LS_OK);
  assert_int_equal(ls_config_context_spec(config, &context), LS_OK);
  assert_int_equal(fit.epochs, 7);
  assert_int_equal(fit.batch_size, 5);
  assert_true(fit.no_shuffle);
  assert_int_equal(fit.seed, 9);
  assert_int_equal(fit.n_class_weight, 3);
  assert_true(fit.class_weight[0] == 1 && fit.class_weight[1] == 1 && fit.class_weight[2] == 2.5);
  assert_int_equal(fit.run.checkpoint_epochs, -1);
  assert_int_equal(fit.run.checkpoint_steps, 3);
  assert_int_equal(fit.leaf_rows, 4);
  assert_string_equal(fit.exchange, "mpi");
  assert_int_equal(context.threads, 2);
  assert_string_equal(context.kernels, "haswell");
  assert_int_equal(fit.n_callbacks, 6);
  assert_string_equal(fit.callbacks[0], "TerminateOnNaN");
  assert_string_equal(fit.callbacks[1], "EarlyStopping");
  assert_string_equal(fit.callbacks[2], "CSVLogger(filename='a b.csv')");
  assert_string_equal(fit.callbacks[3],
                      "LearningRateScheduler(schedule=ExponentialDecay(0.1, 1, 0.5))");
  assert_string_equal(fit.callbacks[4], "ModelCheckpoint(filepath='m.h5', save_freq='100')");
  assert_string_equal(fit.callbacks[5], "ModelCheckpoint(filepath='m.h5')");
  ls_config_destroy(&config);
}

static void optimizers_become_calls(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"compile.optimizer=adam", "Adam"},
      {"compile.optimizer={name: SGD, learning_rate: 0.1, momentum: 0.9, nesterov: true}",
       "SGD(learning_rate=0.1, momentum=0.9, nesterov=true)"},
      {"compile.optimizer={name: SGD, learning_rate: 0.010}", "SGD"}, /* the default */
      {"compile.optimizer.learning_rate=CosineDecay(0.1, decay_steps=10)",
       "RMSprop(learning_rate=CosineDecay(0.1, decay_steps=10))"},
      {"compile.optimizer=AdamW(weight_decay=0.1)", "AdamW(weight_decay=0.1)"},
      {"compile.optimizer={name: AdamW, weight_decay: 0.1}", "AdamW(weight_decay=0.1)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[LSI_CALL_TEXT];
    ls_config *config = read_text(GOOD, cases[i][0]);
    assert_int_equal(lsi_optimizer_text(config, text, sizeof text), LS_OK);
    assert_string_equal(text, cases[i][1]);
    ls_config_destroy(&config);
  }
}

static void later_overrides_win(void **state) {
  (void)state;
  const char *overrides[] = {"fit.epochs=2", "fit={epochs: 3, seed: 4}", "fit.epochs=5",
                             "model.layers[0].units=8"};
  ls_config *config = NULL;
  assert_int_equal(lsi_config_from_text("t.yaml", GOOD, overrides, 4, &config), LS_OK);
  ls_fit_spec fit;
  assert_int_equal(ls_config_fit_spec(config, &fit), LS_OK);
  assert_int_equal(fit.epochs, 5);
  assert_int_equal(fit.seed, 4);
  assert_non_null(strstr(ls_config_text(config), "units: 8\n"));
  ls_config_destroy(&config);
}

/* ---- mistakes ---- */

typedef struct mistake {
  const char *text, *override, *message; /* the message begins so */
} mistake;

static const mistake mistakes[] = {
    {"", NULL, "t.yaml: the config is empty"},
    {"# only a comment\n", NULL, "t.yaml: the config is empty"},
    {"[]", NULL, "t.yaml:1: expected sections"},
    {"fit:\n\tepochs: 3\n", NULL, "t.yaml:2: not valid YAML"},
    {"fit: \xff\n", NULL, "t.yaml:1: not UTF-8 text"},
    {"fit: {epochs: 1}\n---\nfit: {}\n", NULL, "t.yaml:2: a second YAML document"},
    {"a: &x [1]\nb: [*x, *x]\n", NULL, "t.yaml:1: an anchor"},
    {"a: *x\n", NULL, "t.yaml:1: an alias"},
    {"a: !!int 3\n", NULL, "t.yaml:1: a tag"},
    {"a: \"x\\0y\"\n", NULL, "t.yaml:1: a NUL character"},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", NULL, "t.yaml:1: nested deeper than 16 levels"},
    {"fit:\n  seed: 1\n  epochs: 1\n  seed: 2\n", NULL,
     "t.yaml:4: seed: given twice (first in line 2)"},
    {GOOD "fits: {}\n", NULL, "t.yaml:3: fits: unknown section; did you mean 'fit'?"},
    {GOOD "fit:\n  epochs: 1\n  batchsize: 3\n", NULL,
     "t.yaml:5: fit.batchsize: unknown key; did you mean 'batch_size'?"},
    {GOOD "fit:\n  epochs: 1.5\n", NULL, "t.yaml:4: fit.epochs: found '1.5'; expected an integer"},
    {GOOD "fit:\n  epochs: 010\n", NULL, "t.yaml:4: fit.epochs: found '010'"},
    {GOOD "fit: {validation_split: 0.1x}\n", NULL,
     "t.yaml:3: fit.validation_split: found '0.1x'; expected a number of at least 0 and below 1"},
    {GOOD "fit: {validation_split: nan}\n", NULL, "t.yaml:3: fit.validation_split: found 'nan'"},
    {GOOD "fit: {shuffle: flase}\n", NULL,
     "t.yaml:3: fit.shuffle: found 'flase'; expected true, false, batch or blocks"},
    {GOOD "fit: [1]\n", NULL, "t.yaml:3: fit: found a list; expected a mapping"},
    {GOOD "parallel: {exchange: shard}\n", NULL,
     "t.yaml:3: parallel.exchange: found 'shard'; expected auto, shared, hierarchical or mpi"},
    {GOOD "callbacks: {EarlyStopping: {}}\n", NULL,
     "t.yaml:3: callbacks: found a mapping; expected a list"},
    {GOOD "callbacks: [EarlyStoping]\n", NULL,
     "t.yaml:3: callbacks[0].EarlyStoping: unknown callback; did you mean 'EarlyStopping'?"},
    {GOOD "callbacks: [CSVLogger]\n", NULL,
     "t.yaml:3: callbacks[0].CSVLogger: 'filename' is missing"},
    {GOOD "callbacks: [{ModelCheckpoint: {filepath: a.h5, save_freq: epochs}}]\n", NULL,
     "t.yaml:3: callbacks[0].ModelCheckpoint.save_freq: found 'epochs'; expected epoch or a number"},
    {GOOD "callbacks: [{ModelCheckpoint: {filepath: a.h5, save_freq: 0}}]\n", NULL,
     "t.yaml:3: callbacks[0].ModelCheckpoint.save_freq: found '0'"},
    {COMPILE, NULL, "t.yaml:1: 'model' is missing"},
    {MODEL, NULL, "t.yaml:1: 'compile' is missing"},
    {MODEL "compile: {optimizer: adm, loss: mse}\n", NULL,
     "t.yaml:2: compile.optimizer.name: unknown optimizer 'adm'"},
    {MODEL "compile:\n  loss: mse\n  optimizer:\n    name: SGD\n    beta_1: 0.5\n", NULL,
     "t.yaml:6: compile.optimizer.beta_1: SGD has no such argument"},
    {COMPILE "model:\n  layers: []\n", NULL, "t.yaml:3: model.layers: the list is empty"},
    {COMPILE "model:\n  layers:\n    - Dense:\n      units: 3\n", NULL,
     "t.yaml:5: model.layers[0].units: unknown layer"},
    {COMPILE "model:\n  layers:\n    - Dense: {units: 3}\n", NULL,
     "t.yaml:4: model.layers[0].Dense: the first layer needs input_shape"},
    {COMPILE "model:\n  layers:\n    - Flatten: {input_shape: 3}\n    - Dense:\n", NULL,
     "t.yaml:5: model.layers[1].Dense: 'units' is missing"},
    {COMPILE "model:\n  layers:\n    - Flatten: {input_shape: [0]}\n", NULL,
     "t.yaml:4: model.layers[0].Flatten.input_shape[0]: found '0'; expected an integer"},
    {COMPILE "model:\n  layers:\n    - Input: {shape: []}\n    - Dense: {units: 3}\n", NULL,
     "t.yaml:4: model.layers[0].Input: the shape of a sample is empty"},
    {GOOD, "fit.epochs=x", "--set fit.epochs=x: fit.epochs: found 'x'"},
    {GOOD, "fit.epoch=3", "--set fit.epoch=3: fit.epoch: unknown key; did you mean 'epochs'?"},
    {GOOD, "fit.epochs", "--set fit.epochs: expected key=value"},
    {GOOD, "=1", "--set =1: expected key=value"},
    {GOOD, "fit.=1", "--set fit.=1: a key is missing"},
    {GOOD, "model.layers[3].units=1", "--set model.layers[3].units=1: model.layers has 1 entries"},
    {GOOD, "model.layers.units=1", "--set model.layers.units=1: model.layers is a list"},
    {GOOD, "fit.epochs={", "--set fit.epochs={: not valid YAML"},
};

static void mistakes_name_file_line_key_and_what_was_expected(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const mistake *m = &mistakes[i];
    ls_config *config = NULL;
    ls_status status =
        lsi_config_from_text("t.yaml", m->text, &m->override, m->override != NULL, &config);
    assert_int_equal(status, LS_ERR_CONFIG);
    assert_null(config);
    const char *message = ls_last_error()->message;
    if (strncmp(message, m->message, strlen(m->message)) != 0)
      fail_msg("case %zu\n  expected: %s\n  got:      %s", i, m->message, message);
  }
}

/* What Keras's users write from habit, and what they are told. */
static void habits_are_answered(void **state) {
  (void)state;
  static const struct {
    const char *text, *message, *advice; /* parts of both */
  } habits[] = {
      {MODEL "compile: {optimizer: adm, loss: mse}\n", "'adm'; did you mean 'Adam'?", "AdamW, Adamax"},
      {GOOD "fit: {validation_data: a.h5}\n", "fit.validation_data: unknown key", "data.validation"},
      {GOOD "fit: {callbacks: [EarlyStopping]}\n", "fit.callbacks: unknown key", "it belongs to callbacks, a section"},
      {GOOD "fit: {metrics: [mae]}\n", "fit.metrics: unknown key", "it belongs to compile.metrics"},
      {GOOD "fit: {learning_rate: 1}\n", "fit.learning_rate: unknown key", "compile.optimizer.learning_rate"},
      {MODEL "compile: {optimizer: {name: adam, lr: 0.1}, loss: mse}\n", "optimizer.lr: unknown argument of Adam", "learning_rate"},
      {MODEL "compile: {optimizer: {name: SGD, learn_rate: 1}, loss: mse}\n", "did you mean 'learning_rate'?",
       "known: name, learning_rate, momentum, nesterov, weight_decay"},
      {MODEL "compile: {optimizer: Muon, loss: mse}\nparallel: {shard_optimizer: true}\n", "Muon measures whole", "AdamW"},
  };
  for (size_t i = 0; i < sizeof habits / sizeof *habits; i++) {
    ls_config *config = NULL;
    assert_int_equal(lsi_config_from_text("t.yaml", habits[i].text, NULL, 0, &config), LS_ERR_CONFIG);
    if (!strstr(ls_last_error()->message, habits[i].message)) fail_msg("case %zu: %s", i, ls_last_error()->message);
    if (!strstr(ls_last_error()->advice, habits[i].advice)) fail_msg("case %zu: %s", i, ls_last_error()->advice);
  }
}

/* An error of the model API gets the place of the value it quotes. */
static void model_errors_are_placed(void **state) {
  (void)state;
  ls_config *config = read_text(
      COMPILE "model:\n  layers:\n    - Dense:\n        units: 3\n        activation: rellu\n"
              "        input_shape: 4\n",
      NULL);
  lsi_error_set(LS_ERR_ARG, "did you mean 'relu'?", "unknown activation 'rellu'");
  lsi_config_prefix(config, "model.layers[0].Dense");
  assert_string_equal(ls_last_error()->message,
                      "test.yaml:6: model.layers[0].Dense.activation: unknown activation 'rellu'");
  lsi_error_set(LS_ERR_ARG, NULL, "something else");
  lsi_config_prefix(config, "model.layers[0].Dense");
  assert_string_equal(ls_last_error()->message,
                      "test.yaml:4: model.layers[0].Dense: something else");
  ls_config_destroy(&config);
}

static void unreadable_files_are_named(void **state) {
  (void)state;
  ls_config *config = NULL;
  assert_int_equal(ls_config_read("/nonexistent/x.yaml", NULL, 0, &config), LS_ERR_NOT_FOUND);
  assert_non_null(strstr(ls_last_error()->message, "/nonexistent/x.yaml"));
  assert_non_null(strstr(ls_last_error()->advice, "configs/"));
  assert_int_equal(ls_config_read("/", NULL, 0, &config), LS_ERR_CONFIG);
  assert_int_equal(ls_config_read(NULL, NULL, 0, &config), LS_ERR_ARG);
  char path[] = "/tmp/lockstep_config_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "\x89HDF\r\n\x1a\n", 8), 8);
  assert_int_equal(ls_config_read(path, NULL, 0, &config), LS_ERR_FORMAT);
  assert_int_equal(ftruncate(fd, (1 << 20) + 5), 0);
  assert_int_equal(ls_config_read(path, NULL, 0, &config), LS_ERR_CONFIG);
  close(fd);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ready_made_configs_resolve_to_themselves),
      cmocka_unit_test(the_reference_and_the_schema_agree),
      cmocka_unit_test(optimizer_rows_match_the_optimizers),
      cmocka_unit_test(specs_carry_what_was_written),
      cmocka_unit_test(optimizers_become_calls),
      cmocka_unit_test(later_overrides_win),
      cmocka_unit_test(mistakes_name_file_line_key_and_what_was_expected),
      cmocka_unit_test(habits_are_answered),
      cmocka_unit_test(model_errors_are_placed),
      cmocka_unit_test(unreadable_files_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
