/* SPDX-License-Identifier: MIT */
/* model.h5: what is written comes back bit for bit, and what is damaged is never taken for a model. */
#include "unit/store/temp_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "ckpt/model_file.h"
#include "ckpt/model_seal.h"
#include "store/durable.h"
#include "store/h5.h"
#include "unit/ckpt/model_case.h"

static const lsi_model_extra extra = {.config_text = "model: {}\n", .kernels = "BLIS 0.9.0 test"};

static lsi_net *read_back(const char *path) {
  lsi_model_file *file;
  lsi_net *net;
  assert_ok(lsi_model_file_open(path, &file));
  assert_ok(lsi_keras_model_parse(lsi_model_file_model_json(file), &net));
  assert_ok(lsi_model_file_read_weights(file, net));
  lsi_model_file_close(&file);
  return net;
}

static void round_trip(void **state) {
  (void)state;
  for (int adapted = 0; adapted < 2; adapted++) {
    lsi_net *net = case_net(adapted), *back;
    lsi_compile compile;
    char before[LSI_DIGEST_HEX], after[LSI_DIGEST_HEX];
    const char *path = temp_path("model.h5");
    case_fill(net);
    case_compile(&compile, "adam", "categorical_crossentropy");
    assert_ok(lsi_model_file_write(path, net, net->params, adapted ? &compile : NULL, &extra));
    back = read_back(path);
    assert_true(back->has_weights);
    assert_ok(lsi_net_digest(net, net->params, before));
    assert_ok(lsi_net_digest(back, back->params, after));
    assert_string_equal(before, after);
    assert_memory_equal(net->params, back->params, net->layout.size * sizeof(float));

    lsi_model_file *file;
    assert_ok(lsi_model_file_open(path, &file));
    assert_string_equal(lsi_model_file_text(file, "digest"), before);
    assert_string_equal(lsi_model_file_text(file, "kernels"), extra.kernels);
    assert_string_equal(lsi_model_file_text(file, "config"), extra.config_text);
    assert_int_equal(lsi_model_file_training_json(file) != NULL, adapted);
    lsi_model_file_close(&file);
    lsi_net_destroy(&net);
    lsi_net_destroy(&back);
  }
}

/* The names that Keras 2 and 3 look for. */
static void layout_of_the_file(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  const char *path = temp_path("layout.h5");
  hid_t file;
  char **names;
  size_t n;
  lsi_h5_array array;
  case_fill(net);
  assert_ok(lsi_model_file_write(path, net, net->params, NULL, NULL));
  assert_ok(lsi_h5_open(path, &file));
  assert_ok(lsi_h5_attr_strings(file, "model_weights", "layer_names", &names, &n));
  assert_int_equal(n, net->n_layers - 1);
  assert_string_equal(names[0], "rescaling");
  lsi_free(names);
  assert_ok(lsi_h5_attr_strings(file, "model_weights/batch_normalization", "weight_names", &names, &n));
  assert_int_equal(n, 3); /* scale=False: no gamma */
  assert_string_equal(names[0], "batch_normalization/beta:0");
  assert_string_equal(names[2], "batch_normalization/moving_variance:0");
  lsi_free(names);
  assert_ok(lsi_h5_array_open(file, path, "model_weights/dense/dense/kernel:0", &array));
  assert_false(array.chunked);
  assert_int_equal(array.type_class, H5T_FLOAT);
  assert_int_equal(array.type_size, 4);
  assert_int_equal(array.dims[0], 12);
  assert_int_equal(array.dims[1], 7);
  lsi_h5_array_close(&array);
  assert_ok(lsi_h5_array_open(file, path, "model_weights/standardise/standardise/count:0", &array));
  assert_int_equal(array.type_class, H5T_INTEGER);
  lsi_h5_array_close(&array);
  assert_true(lsi_h5_has(file, "model_weights/top_level_model_weights"));
  assert_false(lsi_h5_has(file, "optimizer_weights"));
  lsi_h5_close(file);
  lsi_net_destroy(&net);
}

/* More layer names than one attribute can hold. */
static void many_layers(void **state) {
  (void)state;
  enum { N = 1200 };
  lsi_net *net, *back;
  lsi_layer layer;
  const char *path = temp_path("many.h5");
  assert_ok(lsi_net_create("many", &net));
  case_init(&layer, LSI_LAYER_INPUT, NULL);
  layer.in = (lsi_shape){.rank = 1, .dims = {2}};
  assert_ok(lsi_net_add(net, &layer));
  for (int i = 0; i < N; i++) {
    char name[64];
    snprintf(name, sizeof name, "layer_with_a_rather_long_name_that_fills_its_whole_field_%04d", i);
    case_init(&layer, i % 100 ? LSI_LAYER_ACTIVATION : LSI_LAYER_DENSE, name);
    if (i % 100 == 0) layer.dense.units = 2;
    assert_ok(lsi_net_add(net, &layer));
  }
  assert_ok(lsi_net_initialize(net, 5));
  assert_ok(lsi_model_file_write(path, net, net->params, NULL, NULL));
  hid_t file;
  assert_ok(lsi_h5_open(path, &file));
  assert_true(lsi_h5_has_attr(file, "model_weights", "layer_names0"));
  lsi_h5_close(file);
  back = read_back(path);
  assert_memory_equal(net->params, back->params, net->layout.size * sizeof(float));
  lsi_net_destroy(&net);
  lsi_net_destroy(&back);
}

static lsi_net *small_net(int64_t units, int n_dense) {
  lsi_net *net;
  lsi_layer layer;
  assert_ok(lsi_net_create("small", &net));
  case_init(&layer, LSI_LAYER_INPUT, NULL);
  layer.in = (lsi_shape){.rank = 1, .dims = {5}};
  assert_ok(lsi_net_add(net, &layer));
  for (int i = 0; i < n_dense; i++) {
    case_init(&layer, LSI_LAYER_DENSE, NULL);
    layer.dense.units = units;
    assert_ok(lsi_net_add(net, &layer));
  }
  assert_ok(lsi_net_initialize(net, 5));
  return net;
}

static void other_architectures(void **state) {
  (void)state;
  const char *path = temp_path("small.h5");
  lsi_net *net = small_net(3, 2), *wider = small_net(4, 2), *deeper = small_net(3, 3), *shorter = small_net(3, 1);
  lsi_model_file *file;
  assert_ok(lsi_model_file_write(path, net, net->params, NULL, NULL));
  assert_ok(lsi_model_file_open(path, &file));
  assert_error(lsi_model_file_read_weights(file, wider), LS_ERR_SHAPE, "(5, 3)");
  assert_non_null(strstr(ls_last_error()->message, "(5, 4)"));
  assert_error(lsi_model_file_read_weights(file, deeper), LS_ERR_SHAPE, "dense_2");
  assert_error(lsi_model_file_read_weights(file, shorter), LS_ERR_SHAPE, "dense_1");
  lsi_model_file_close(&file);
  lsi_net_destroy(&net);
  lsi_net_destroy(&wider);
  lsi_net_destroy(&deeper);
  lsi_net_destroy(&shorter);
}

static void not_a_model(void **state) {
  (void)state;
  lsi_model_file *file;
  hid_t h5;
  void *bytes;
  size_t n;
  const float x[2] = {1, 2};
  assert_error(lsi_model_file_open(temp_path("absent.h5"), &file), LS_ERR_NOT_FOUND, "absent.h5");
  temp_file(temp_path("text.h5"), "hello there, no model", 21);
  assert_error(lsi_model_file_open(temp_path("text.h5"), &file), LS_ERR_FORMAT, "not an HDF5 file");
  temp_file(temp_path("a.keras"), "PK\3\4 and so on", 14);
  assert_error(lsi_model_file_open(temp_path("a.keras"), &file), LS_ERR_CORRUPT, "archive");
  for (int i = 0; i < 3; i++) {
    static const char *const arrays[] = {"x", "z", "layers/dense/vars/0"};
    static const char *const words[] = {"a data set", "neither", "weights file"};
    assert_ok(lsi_h5_image_create(&h5));
    assert_ok(lsi_h5_write(h5, arrays[i], 1, (uint64_t[]){2}, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, x));
    if (i == 2) assert_ok(lsi_h5_make_group(h5, "vars"));
    assert_ok(lsi_h5_image_finish(h5, &bytes, &n));
    temp_file(temp_path("other.h5"), bytes, n);
    lsi_free(bytes);
    assert_error(lsi_model_file_open(temp_path("other.h5"), &file), LS_ERR_FORMAT, words[i]);
  }
}

/* Reads a possibly damaged file; true when it was taken for a whole model with these parameters, false when refused. */
static bool accepts(const char *path, const lsi_net *original) {
  lsi_model_file *file;
  lsi_net *net;
  if (lsi_model_file_open(path, &file) != LS_OK) return false;
  ls_status status = lsi_keras_model_parse(lsi_model_file_model_json(file), &net);
  if (status == LS_OK) {
    status = lsi_model_file_read_weights(file, net);
    if (status == LS_OK)
      assert_memory_equal(net->params, original->params, original->layout.size * sizeof(float));
    lsi_net_destroy(&net);
  }
  lsi_model_file_close(&file);
  return status == LS_OK;
}

static void damage(void **state) {
  (void)state;
  lsi_net *net = small_net(3, 2);
  lsi_compile compile;
  char *bytes;
  size_t n;
  const char *path = temp_path("good.h5"), *bad = temp_path("bad.h5");
  case_compile(&compile, "SGD(0.1)", "mse");
  assert_ok(lsi_model_file_write(path, net, net->params, &compile, &extra));
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  assert_true(accepts(path, net));
  for (size_t length = 0; length < n - LSI_MODEL_SEAL; length += 97) {
    temp_file(bad, bytes, length);
    assert_false(accepts(bad, net));
  }
  for (size_t at = 0; at < n; at += 5) { /* refused, or the seal alone was hit */
    bytes[at] ^= (char)(1 << at % 8);
    temp_file(bad, bytes, n);
    assert_int_equal(accepts(bad, net), at >= n - LSI_MODEL_SEAL && at < n - LSI_MODEL_SEAL + 9);
    bytes[at] ^= (char)(1 << at % 8);
  }
  lsi_free(bytes);
  lsi_net_destroy(&net);
}

/* A few words of JSON can claim more parameters than there is memory. */
static void more_parameters_than_bytes(void **state) {
  (void)state;
  static const char text[] = "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"class_name\":\"InputLayer\",\"config\":{\"batch_shape\":[null,1000000]}},"
                             "{\"class_name\":\"Dense\",\"config\":{\"name\":\"wide\",\"units\":1000000}}]}}";
  lsi_net *net = small_net(3, 2), *claimed;
  lsi_model_file *file;
  const char *path = temp_path("claims.h5");
  assert_ok(lsi_model_file_write(path, net, net->params, NULL, NULL));
  assert_ok(lsi_model_file_open(path, &file));
  size_t most = lsi_model_file_most_weights(file);
  assert_true(most > net->layout.size && most < 10000000);
  assert_error(lsi_keras_model_parse_within(text, most, &claimed), LS_ERR_CORRUPT, "wide/kernel");
  lsi_model_file_close(&file);
  lsi_net_destroy(&net);
}

/* Nothing is waited for. */
static void a_pipe(void **state) {
  (void)state;
  const char *path = temp_path("pipe.keras");
  lsi_model_file *file;
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_error(lsi_model_file_open(path, &file), LS_ERR_FORMAT, "not a regular file");
  unlink(path);
}

/* Another program (h5py) drops the seal; the digests inside still hold. */
static void edited(void **state) {
  (void)state;
  lsi_net *net = small_net(3, 2), *back = small_net(3, 2);
  lsi_compile compile;
  lsi_model_file *file;
  char *bytes;
  size_t n;
  const char *path = temp_path("sealed.h5"), *bad = temp_path("edited.h5");
  case_compile(&compile, "SGD(0.1)", "mse");
  assert_ok(lsi_model_file_write(path, net, net->params, &compile, &extra));
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  n -= LSI_MODEL_SEAL;
  temp_file(bad, bytes, n);
  assert_true(accepts(bad, net));
  char *weights = memmem(bytes, n, net->params, net->layout.tensors[0].count * sizeof(float));
  assert_non_null(weights);
  weights[5] ^= 1;
  temp_file(bad, bytes, n);
  assert_ok(lsi_model_file_open(bad, &file));
  assert_error(lsi_model_file_read_weights(file, back), LS_ERR_CORRUPT, "digest");
  lsi_model_file_close(&file);
  weights[5] ^= 1;
  char *json = memmem(bytes, n, "\"learning_rate\": 0.1", 20);
  assert_non_null(json);
  json[19] = '9';
  temp_file(bad, bytes, n);
  assert_error(lsi_model_file_open(bad, &file), LS_ERR_CORRUPT, "training_config");
  lsi_free(bytes);
  lsi_net_destroy(&back);
  lsi_net_destroy(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),          cmocka_unit_test(layout_of_the_file), cmocka_unit_test(many_layers),
      cmocka_unit_test(other_architectures), cmocka_unit_test(not_a_model),        cmocka_unit_test(damage),
      cmocka_unit_test(edited),              cmocka_unit_test(a_pipe),
      cmocka_unit_test(more_parameters_than_bytes),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
