/* SPDX-License-Identifier: MIT */
/* Keras's JSON: round trips, what real Keras writes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "unit/ckpt/model_case.h"

static void model_round_trip(void **state) {
  (void)state;
  for (int adapted = 0; adapted < 2; adapted++) {
    lsi_net *net = case_net(adapted), *back;
    char *text, *again;
    assert_ok(lsi_keras_model_json(net, &text));
    assert_ok(lsi_keras_model_parse(text, &back));
    assert_ok(lsi_keras_model_json(back, &again));
    assert_string_equal(text, again);
    assert_int_equal(back->n_layers, net->n_layers);
    assert_int_equal(back->layout.n, net->layout.n);
    for (int i = 0; i < net->layout.n; i++) {
      assert_string_equal(back->layout.tensors[i].name, net->layout.tensors[i].name);
      assert_int_equal(back->layout.tensors[i].trainable, net->layout.tensors[i].trainable);
    }
    assert_true(back->layers[1]->rescaling.scale == 1.0 / 255);
    assert_int_equal(back->layers[7]->dropout.seed, 12345);
    if (!adapted) assert_memory_equal(back->layers[2]->normalization.variance, net->layers[2]->normalization.variance, 32);
    lsi_free(text);
    lsi_free(again);
    lsi_net_destroy(&net);
    lsi_net_destroy(&back);
  }
}

static void expect_same_compile(const lsi_compile *a, const lsi_compile *b) {
  char x[4096], y[4096];
  assert_ok(lsi_object_print(&a->optimizer, true, x, sizeof x));
  assert_ok(lsi_object_print(&b->optimizer, true, y, sizeof y));
  assert_string_equal(x, y);
  assert_string_equal(a->loss_text, b->loss_text);
  assert_ptr_equal(a->loss.info, b->loss.info);
  assert_int_equal(a->n_metrics, b->n_metrics);
  for (int i = 0; i < a->n_metrics; i++) {
    assert_string_equal(a->metrics[i], b->metrics[i]);
    assert_int_equal(a->weighted[i], b->weighted[i]);
  }
}

static void compile_round_trip(void **state) {
  (void)state;
  static const char *const optimizers[] = {
      "rmsprop", "SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0)", "AdamW(LinearWarmup(0.01, 100))",
      "Adam(CosineDecay(0.001, decay_steps=5000, alpha=0.1, warmup_target=0.02, warmup_steps=7), amsgrad=True)",
      "Adagrad(PiecewiseConstantDecay([10, 20], [0.3, 0.2, 0.1]), weight_decay=0.004)"};
  static const char *const losses[] = {NULL, "mse", "CategoricalCrossentropy(label_smoothing=0.1)", "Huber(delta=2.0)"};
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    lsi_compile compile, back;
    char *text;
    case_compile(&compile, optimizers[i], losses[i % 4]);
    case_metric(&compile, "acc", false);
    case_metric(&compile, "SparseTopKCategoricalAccuracy(k=3)", false);
    case_metric(&compile, "mae", true);
    assert_ok(lsi_keras_training_json(&compile, &text));
    assert_ok(lsi_keras_training_parse(text, &back));
    expect_same_compile(&compile, &back);
    lsi_free(text);
  }
}

/* What Keras reads: our own key taken away, the rest is parsed as a file of Keras. */
static void compile_from_keras_keys(void **state) {
  (void)state;
  lsi_compile compile, back;
  char *text;
  case_compile(&compile, "SGD(ExponentialDecay(0.1, 100, 0.96, staircase=True), momentum=0.9, global_clipnorm=2.5)",
               "CategoricalCrossentropy(label_smoothing=0.1, from_logits=True)");
  case_metric(&compile, "acc", false);
  case_metric(&compile, "categorical_accuracy", true);
  assert_ok(lsi_keras_training_json(&compile, &text));
  char *own = strstr(text, "\"lockstep\"");
  assert_non_null(own);
  memcpy(own, "\"ignored_\"", 10);
  assert_ok(lsi_keras_training_parse(text, &back));
  snprintf(compile.loss_text, sizeof compile.loss_text, "%s", back.loss_text);
  expect_same_compile(&compile, &back);
  assert_true(lsi_object_get(&back.loss, "label_smoothing") == 0.1);
  assert_true(lsi_object_get(&back.loss, "from_logits") == 1);
  lsi_free(text);
}

/* As Keras 3.16 writes it: envelopes, DTypePolicy, newer keys that are switched off. */
static const char keras3[] =
    "{\"module\":\"keras\",\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"trainable\":true,\"dtype\":{\"module\":"
    "\"keras\",\"class_name\":\"DTypePolicy\",\"config\":{\"name\":\"float32\"},\"registered_name\":null},\"layers\":["
    "{\"module\":\"keras.layers\",\"class_name\":\"InputLayer\",\"config\":{\"batch_shape\":[null,4],\"dtype\":\"uint8\","
    "\"sparse\":false,\"ragged\":false,\"optional\":false,\"name\":\"in\"},\"registered_name\":null},"
    "{\"module\":\"keras.layers\",\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"trainable\":true,\"dtype\":{\"module\":"
    "\"keras\",\"class_name\":\"DTypePolicy\",\"config\":{\"name\":\"float32\"},\"registered_name\":null,\"shared_object_id\":4},"
    "\"units\":3,\"activation\":\"relu\",\"use_bias\":true,\"kernel_initializer\":{\"module\":\"keras.initializers\","
    "\"class_name\":\"GlorotUniform\",\"config\":{\"seed\":null,\"input_axes\":null,\"output_axes\":null},\"registered_name\":null},"
    "\"bias_initializer\":\"zeros\",\"kernel_regularizer\":null,\"bias_regularizer\":null,\"kernel_constraint\":null,"
    "\"bias_constraint\":null,\"quantization_config\":null},\"registered_name\":null,\"build_config\":{\"input_shape\":[null,4]}},"
    "{\"class_name\":\"BatchNormalization\",\"config\":{\"name\":\"b\",\"axis\":[1],\"synchronized\":false,\"renorm\":false,"
    "\"renorm_clipping\":null,\"renorm_momentum\":0.99}}],\"build_input_shape\":[null,4]}}";

static void reads_keras3(void **state) {
  (void)state;
  lsi_net *net;
  assert_ok(lsi_keras_model_parse(keras3, &net));
  assert_int_equal(net->n_layers, 3);
  assert_string_equal(net->layers[1]->name, "d");
  assert_int_equal(net->layers[1]->dense.activation, LSI_ACT_RELU);
  assert_true(net->layers[2]->norm.momentum == 0.99);
  lsi_net_destroy(&net);
}

static void reads_other_forms(void **state) {
  (void)state;
  static const char *const texts[] = {
      /* no InputLayer: the shape is with the first layer */
      "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"Dense\",\"config\":"
      "{\"name\":\"d\",\"units\":2,\"batch_input_shape\":[null,5]}}]}}",
      /* ... or with the model */
      "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"build_input_shape\":[null,5],\"layers\":[{\"class_name\":"
      "\"Dense\",\"config\":{\"units\":2}}]}}",
      /* Functional, Keras 2 */
      "{\"class_name\":\"Model\",\"config\":{\"name\":\"m\",\"layers\":[{\"name\":\"i\",\"class_name\":\"InputLayer\",\"config\":"
      "{\"name\":\"i\",\"batch_input_shape\":[null,5]},\"inbound_nodes\":[]},{\"name\":\"d\",\"class_name\":\"Dense\",\"config\":"
      "{\"name\":\"d\",\"units\":2},\"inbound_nodes\":[[[\"i\",0,0,{}]]]}]}}",
      /* Functional, Keras 3 */
      "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[{\"name\":\"i\",\"class_name\":\"InputLayer\",\"config\":"
      "{\"name\":\"i\",\"batch_shape\":[null,5]},\"inbound_nodes\":[]},{\"name\":\"d\",\"class_name\":\"Dense\",\"config\":"
      "{\"name\":\"d\",\"units\":2},\"inbound_nodes\":[{\"args\":[{\"class_name\":\"__keras_tensor__\",\"config\":{\"shape\":"
      "[null,5],\"dtype\":\"float32\",\"keras_history\":[\"i\",0,0]}}],\"kwargs\":{}}]}]}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lsi_net *net;
    assert_ok(lsi_keras_model_parse(texts[i], &net));
    assert_int_equal(net->n_layers, 2);
    assert_int_equal(net->layers[1]->tensors[0].dims[0], 5);
    lsi_net_destroy(&net);
  }
}

#define LAYERS(text) "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"InputLayer\",\"config\":" \
                     "{\"batch_shape\":[null,5],\"name\":\"i\"}}," text "]}}"

static void refuses(void **state) {
  (void)state;
  static const struct {
    const char *text;
    ls_status status;
    const char *words[3];
  } cases[] = {
      {"", LS_ERR_FORMAT, {"model_config"}},
      {"[]", LS_ERR_FORMAT, {"object"}},
      {"{\"class_name\":\"Sequential\"", LS_ERR_FORMAT, {"JSON"}},
      {"{\"class_name\":\"Ghost\",\"config\":{}}", LS_ERR_UNSUPPORTED, {"Ghost"}},
      {LAYERS("{\"class_name\":\"Conv2D\",\"config\":{\"name\":\"c\"}}"), LS_ERR_UNSUPPORTED, {"layers[1]", "(c, class Conv2D)"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\"}}"), LS_ERR_FORMAT, {"layers[1]", "units"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":-3}}"), LS_ERR_UNSUPPORTED, {"units", "-3"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":1e99}}"), LS_ERR_UNSUPPORTED, {"units"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3,\"lora_rank\":4}}"), LS_ERR_UNSUPPORTED, {"lora_rank", "4"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3,\"kernel_constraint\":{\"class_name\":\"Ghost\"}}}"),
       LS_ERR_ARG, {"layers[1]", "constraint", "Ghost"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3,\"activation\":\"snake\"}}"), LS_ERR_ARG, {"snake"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3,\"dtype\":\"mixed_float16\"}}"), LS_ERR_UNSUPPORTED, {"mixed_float16"}},
      {LAYERS("{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"units\":3,\"kernel_initializer\":{\"class_name\":\"STFT\",\"config\":{}}}}"),
       LS_ERR_UNSUPPORTED, {"STFT"}},
      {LAYERS("{\"class_name\":\"BatchNormalization\",\"config\":{\"name\":\"b\",\"axis\":2}}"), LS_ERR_UNSUPPORTED, {"axis"}},
      {LAYERS("{\"class_name\":\"Flatten\",\"config\":{\"name\":\"f\",\"data_format\":\"channels_first\"}}"), LS_ERR_UNSUPPORTED, {"channels_first"}},
      {LAYERS("{\"class_name\":\"Normalization\",\"config\":{\"name\":\"n\",\"mean\":[1,2]}}"), LS_ERR_FORMAT, {"variance"}},
      {LAYERS("{\"class_name\":\"Normalization\",\"config\":{\"name\":\"n\",\"mean\":[1,\"x\"],\"variance\":[1,2]}}"), LS_ERR_UNSUPPORTED, {"mean"}},
      {"{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"Dense\",\"config\":{\"units\":2}}]}}",
       LS_ERR_UNSUPPORTED, {"input shape"}},
      {"{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"InputLayer\",\"config\":{\"batch_shape\":[null,null]}}]}}",
       LS_ERR_UNSUPPORTED, {"batch shape"}},
      {"{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[{\"name\":\"i\",\"class_name\":\"InputLayer\",\"config\":"
       "{\"name\":\"i\",\"batch_shape\":[null,5]},\"inbound_nodes\":[]},{\"name\":\"a\",\"class_name\":\"Dense\",\"config\":{\"name\":\"a\","
       "\"units\":5},\"inbound_nodes\":[[[\"i\",0,0,{}]]]},{\"name\":\"b\",\"class_name\":\"Dense\",\"config\":{\"name\":\"b\",\"units\":5},"
       "\"inbound_nodes\":[[[\"i\",0,0,{}]]]}]}}",
       LS_ERR_UNSUPPORTED, {"layers[2]", "b"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_net *net = NULL;
    ls_status status = lsi_keras_model_parse(cases[i].text, &net);
    const char *message = ls_last_error()->message;
    if (status != cases[i].status) print_error("%s\n%s\n", cases[i].text, message);
    assert_int_equal(status, cases[i].status);
    assert_null(net);
    for (int w = 0; w < 3 && cases[i].words[w]; w++)
      if (!strstr(message, cases[i].words[w])) fail_msg("'%s' is not in: %s", cases[i].words[w], message);
  }
}

static void refuses_depth(void **state) {
  (void)state;
  enum { N = 100000 };
  char *text = malloc(N + 1);
  lsi_net *net;
  memset(text, '[', N);
  text[N] = '\0';
  assert_int_equal(lsi_keras_model_parse(text, &net), LS_ERR_UNSUPPORTED);
  free(text);
}

static void refuses_compile(void **state) {
  (void)state;
  static const struct {
    const char *text, *word;
  } cases[] = {
      {"{}", "optimizer_config"},
      {"{\"optimizer_config\":{\"class_name\":\"MultiOptimizer\",\"config\":{}}}", "MultiOptimizer"},
      {"{\"optimizer_config\":{\"class_name\":\"SGD\",\"config\":{\"use_ghosts\":true}}}", "use_ghosts"},
      {"{\"optimizer_config\":{\"class_name\":\"SGD\",\"config\":{\"learning_rate\":-1}}}", "learning_rate"},
      {"{\"optimizer_config\":{\"class_name\":\"SGD\",\"config\":{\"learning_rate\":{\"class_name\":\"Ghost\",\"config\":{}}}}}", "Ghost"},
      {"{\"optimizer_config\":\"sgd\",\"loss\":{\"class_name\":\"Huber\",\"config\":{\"reduction\":\"none\"}}}", "reduction"},
      {"{\"optimizer_config\":\"sgd\",\"loss\":\"mse\",\"loss_weights\":[2.0, 1.0]}", "loss_weights"},
      {"{\"optimizer_config\":\"sgd\",\"loss\":\"mse\",\"metrics\":[\"ghosts\"]}", "ghosts"},
      {"{\"optimizer_config\":\"sgd\",\"loss\":\"mse\",\"metrics\":[3]}", "metric"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lsi_compile compile;
    assert_int_not_equal(lsi_keras_training_parse(cases[i].text, &compile), LS_OK);
    if (!strstr(ls_last_error()->message, cases[i].word)) fail_msg("'%s' is not in: %s", cases[i].word, ls_last_error()->message);
  }
}

/* Keras 3's full optimizer config, and Keras 2's spellings. */
static void reads_keras_compile(void **state) {
  (void)state;
  lsi_compile compile;
  assert_ok(lsi_keras_training_parse(
      "{\"loss\":{\"class_name\":\"MeanSquaredError\",\"config\":{\"name\":\"mse\",\"reduction\":\"auto\"}},\"metrics\":[[\"accuracy\","
      "{\"class_name\":\"MeanMetricWrapper\",\"config\":{\"name\":\"mae\",\"dtype\":\"float32\",\"fn\":\"mean_absolute_error\"}}]],"
      "\"loss_weights\":[0.25],\"weighted_metrics\":null,\"optimizer_config\":{\"class_name\":\"Custom>Adam\",\"config\":{\"name\":\"adam\","
      "\"learning_rate\":0.0010000000474974513,\"weight_decay\":null,\"clipnorm\":null,\"global_clipnorm\":null,\"clipvalue\":null,"
      "\"use_ema\":false,\"ema_momentum\":0.99,\"ema_overwrite_frequency\":null,\"loss_scale_factor\":null,"
      "\"gradient_accumulation_steps\":null,\"beta_1\":0.8,\"beta_2\":0.999,\"epsilon\":1e-07,\"amsgrad\":false}}}",
      &compile));
  assert_true(lsi_object_get(&compile.optimizer, "beta_1") == 0.8);
  assert_true(lsi_compile_loss_weight(&compile) == 0.25);
  assert_int_equal(compile.loss.info->kind, LSI_LOSS_MEAN_SQUARED_ERROR);
  assert_int_equal(compile.n_metrics, 2);
  assert_string_equal(compile.metrics[1], "mean_absolute_error");
  assert_ok(lsi_keras_training_parse("{\"optimizer_config\":{\"class_name\":\"SGD\",\"config\":{\"lr\":0.25,\"decay\":0.0}}}", &compile));
  assert_true(lsi_object_get(&compile.optimizer, "learning_rate") == 0.25);
}

static void parse_metric(const char *json, ls_status expected, const char *words, lsi_compile *compile) {
  char text[1024];
  snprintf(text, sizeof text, "{\"loss\":\"mse\",\"metrics\":[%s],\"optimizer_config\":\"sgd\"}", json);
  ls_status status = lsi_keras_training_parse(text, compile);
  assert_int_equal(status, expected);
  if (words) assert_non_null(strstr(ls_last_error()->message, words));
}

/* What a wrapped function is called with counts; what is no metric of ours is named. */
static void wrapped_metrics(void **state) {
  (void)state;
  lsi_compile compile;
#define WRAP(fn, more) "{\"class_name\":\"MeanMetricWrapper\",\"config\":{\"name\":\"x\",\"dtype\":\"float32\",\"fn\":" fn more "}}"
  parse_metric(WRAP("\"mean_absolute_error\"", ""), LS_OK, NULL, &compile);
  assert_string_equal(compile.metrics[0], "mean_absolute_error");
  parse_metric(WRAP("\"binary_accuracy\"", ",\"threshold\":0.9"), LS_OK, NULL, &compile);
  assert_string_equal(compile.metrics[0], "BinaryAccuracy(threshold=0.9)");
  parse_metric(WRAP("{\"module\":\"builtins\",\"class_name\":\"function\",\"config\":\"categorical_crossentropy\"}", ",\"from_logits\":true"), LS_OK,
               NULL, &compile);
  assert_string_equal(compile.metrics[0], "CategoricalCrossentropy(from_logits=True)");
  parse_metric(WRAP("\"mean_absolute_error\"", ",\"power\":3"), LS_ERR_UNSUPPORTED, "'power'", &compile);
  parse_metric(WRAP("\"huber\"", ",\"delta\":3"), LS_ERR_ARG, "huber", &compile);
  parse_metric("{\"module\":\"keras.losses\",\"class_name\":\"MeanAbsoluteError\",\"config\":{},\"registered_name\":null}", LS_ERR_UNSUPPORTED,
               "a loss's object", &compile);
#undef WRAP
}

/* Keras is told what "crossentropy" means once that is known, and nothing before. */
static void crossentropy_is_no_guess(void **state) {
  (void)state;
  static const char *const names[] = {NULL, "binary_crossentropy", "categorical_crossentropy"};
  for (int i = 0; i < 3; i++) {
    lsi_compile compile, back;
    char *text;
    case_compile(&compile, "sgd", "crossentropy");
    compile.n_metrics = 1;
    snprintf(compile.metrics[0], sizeof compile.metrics[0], "ce");
    compile.crossentropy = names[i];
    if (names[i]) assert_ok(lsi_object_parse(&lsi_losses, names[i], &compile.loss));
    assert_ok(lsi_keras_training_json(&compile, &text));
    assert_int_equal(strstr(text, "\"loss\": null") != NULL, !names[i]);
    assert_int_equal(strstr(text, "\"metrics\": null") != NULL, !names[i]);
    assert_null(strstr(text, "sparse_categorical"));
    assert_ok(lsi_keras_training_parse(text, &back));
    expect_same_compile(&compile, &back);
    if (names[i]) assert_string_equal(back.crossentropy, names[i]);
    else assert_null(back.crossentropy);
    lsi_free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(model_round_trip),   cmocka_unit_test(compile_round_trip), cmocka_unit_test(compile_from_keras_keys),
      cmocka_unit_test(reads_keras3),       cmocka_unit_test(reads_other_forms),  cmocka_unit_test(refuses),
      cmocka_unit_test(refuses_depth),      cmocka_unit_test(refuses_compile),    cmocka_unit_test(reads_keras_compile),
      cmocka_unit_test(wrapped_metrics),    cmocka_unit_test(crossentropy_is_no_guess),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
