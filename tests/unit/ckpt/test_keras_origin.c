/* SPDX-License-Identifier: MIT */
/* What Keras said beyond what a net holds goes back to it, through every kind of file, as long as it is true. */
#include "unit/store/temp_dir.h"

#include "ckpt/keras3_config.h"
#include "ckpt/keras_objects.h"
#include "ckpt/keras_origin.h"
#include "ckpt/model_file.h"
#include "unit/ckpt/model_case.h"

/* A Functional model; a metric under a name of its own; keys of new versions at their defaults, and one that is not. */
static const char keras3[] =
    "{\"module\": \"keras.src.models.functional\", \"class_name\": \"Functional\", \"registered_name\": \"Functional\", \"config\": {\"name\": \"mine\","
    "\"trainable\": true, \"layers\": [{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 3],"
    "\"dtype\": \"float32\", \"sparse\": false, \"optional\": false, \"name\": \"in\"}, \"registered_name\": null, \"name\": \"in\", \"inbound_nodes\": []},"
    "{\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": {\"name\": \"out\", \"units\": 2, \"dtype\": {\"module\": \"keras\","
    "\"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, \"registered_name\": null, \"shared_object_id\": 1}, \"quantization_config\": null},"
    "\"registered_name\": null, \"name\": \"out\", \"inbound_nodes\": [{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 3],"
    "\"dtype\": \"float32\", \"keras_history\": [\"in\", 0, 0]}}], \"kwargs\": {\"training\": false}}]}], \"input_layers\": [\"in\", 0, 0],"
    "\"output_layers\": [\"out\", 0, 0]}, \"compile_config\": {\"optimizer\": {\"module\": \"keras.src.backend.torch.optimizers.torch_sgd\","
    "\"class_name\": \"SGD\", \"config\": {\"learning_rate\": 0.5, \"gradient_accumulation_steps\": null}, \"registered_name\": \"SGD\"}, \"loss\": \"mse\","
    "\"metrics\": [[{\"module\": \"keras.metrics\", \"class_name\": \"MeanMetricWrapper\", \"config\": {\"name\": \"gap\", \"dtype\": \"float32\","
    "\"fn\": \"mean_squared_error\"}, \"registered_name\": null}]], \"steps_per_execution\": 7}}";

static void parse(lsi_net **net, lsi_compile *compile) {
  char *training;
  assert_ok(lsi_keras_model_parse(keras3, net));
  assert_ok(lsi_keras3_training_json(keras3, &training));
  assert_ok(lsi_keras_training_parse(training, compile));
  lsi_free(training);
  assert_ok(lsi_net_build(*net));
  (*net)->has_weights = true;
}

static json_t *written(const lsi_net *net, const lsi_compile *compile) {
  char *text;
  json_t *json;
  assert_ok(lsi_keras3_config_json(net, compile, &text));
  assert_ok(lsi_keras_json_parse("written", text, &json));
  lsi_free(text);
  return json;
}

static void says_it_again(void **state) {
  lsi_net *net;
  lsi_compile compile;
  (void)state;
  parse(&net, &compile);
  json_t *json = written(net, &compile), *config = json_object_get(json, "config"), *training = json_object_get(json, "compile_config");
  assert_string_equal(json_string_value(json_object_get(json, "class_name")), "Functional");
  assert_int_equal(json_integer_value(json_object_get(training, "steps_per_execution")), 7);
  json_t *metric = json_array_get(json_array_get(json_object_get(training, "metrics"), 0), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(metric, "config"), "name")), "gap");
  json_t *dense = json_object_get(json_array_get(json_object_get(config, "layers"), 1), "config");
  assert_null(json_object_get(dense, "quantization_config"));
  assert_string_equal(json_string_value(json_object_get(dense, "dtype")), "float32");
  json_t *optimizer = json_object_get(training, "optimizer");
  assert_string_equal(json_string_value(json_object_get(optimizer, "module")), "keras.optimizers");
  assert_null(json_object_get(json_object_get(optimizer, "config"), "gradient_accumulation_steps"));
  json_decref(json);
  lsi_net_destroy(&net);
}

static void only_while_it_is_true(void **state) {
  lsi_net *net;
  lsi_compile compile;
  (void)state;
  parse(&net, &compile);
  case_parse(&lsi_optimizers, "SGD(0.25)", &compile.optimizer);
  json_t *json = written(net, &compile);
  assert_null(json_object_get(json_object_get(json, "compile_config"), "steps_per_execution"));
  assert_string_equal(json_string_value(json_object_get(json, "class_name")), "Functional");
  json_decref(json);
  net->layers[1]->frozen = true;
  json = written(net, &compile);
  json_t *dense = json_object_get(json_array_get(json_object_get(json_object_get(json, "config"), "layers"), 1), "config");
  assert_true(json_is_false(json_object_get(dense, "trainable")));
  json_decref(json);
  lsi_net_destroy(&net);
}

static void through_model_h5(void **state) {
  lsi_net *net, *back;
  lsi_compile compile, again;
  lsi_model_file *file;
  const char *path = temp_path("model.h5");
  (void)state;
  parse(&net, &compile);
  assert_ok(lsi_model_file_write(path, net, net->params, &compile, NULL));
  assert_ok(lsi_model_file_open(path, &file));
  assert_string_equal(lsi_model_file_model_json(file), keras3);
  assert_non_null(strstr(lsi_model_file_text(file, "model_config"), "\"Functional\"")); /* what Keras sees */
  assert_ok(lsi_keras_model_parse(lsi_model_file_model_json(file), &back));
  assert_ok(lsi_keras_training_parse(lsi_model_file_training_json(file), &again));
  json_t *one = written(net, &compile), *two = written(back, &again);
  assert_true(json_equal(one, two));
  json_decref(one);
  json_decref(two);
  lsi_model_file_close(&file);
  lsi_net_destroy(&back);
  lsi_net_destroy(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(says_it_again), cmocka_unit_test(only_while_it_is_true), cmocka_unit_test(through_model_h5)};
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
