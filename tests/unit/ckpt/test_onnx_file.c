/* SPDX-License-Identifier: MIT */
/* The ONNX file, read back with the same messages: every layer is there, weights keep their bits. What the operators compute is
   checked with onnxruntime (tests/interop/test_onnx.py). */
#include "unit/store/temp_dir.h"

#include <sys/mman.h>
#include <onnx.pb-c.h>

#include "ckpt/onnx_file.h"
#include "store/durable.h"
#include "unit/ckpt/model_case.h"

static LsiOnnx__ModelProto *write_and_read(const char *path, const lsi_net *net) {
  char *bytes;
  size_t n;
  assert_ok(lsi_onnx_file_write(path, net, net->params));
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  LsiOnnx__ModelProto *model = lsi_onnx__model_proto__unpack(NULL, n, (const uint8_t *)bytes);
  lsi_free(bytes);
  assert_non_null(model);
  return model;
}

static const LsiOnnx__TensorProto *find_tensor(const LsiOnnx__GraphProto *graph, const char *name) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (strcmp(graph->initializer[i]->name, name) == 0) return graph->initializer[i];
  return NULL;
}

static bool gives(const LsiOnnx__GraphProto *graph, const char *value) {
  for (size_t i = 0; i < graph->n_node; i++)
    if (strcmp(graph->node[i]->output[0], value) == 0) return true;
  return false;
}

static void everything_is_there(void **state) {
  (void)state;
  for (int adapted = 0; adapted < 2; adapted++) {
    lsi_net *net = case_net(adapted);
    char digest[33];
    case_fill(net);
    LsiOnnx__ModelProto *model = write_and_read(temp_path("net.onnx"), net);
    assert_ok(lsi_net_digest(net, net->params, digest));
    assert_string_equal(model->metadata_props[0]->value, digest);
    assert_string_equal(model->graph->name, "everything");
    for (int i = 1; i < net->n_layers; i++) assert_true(gives(model->graph, net->layers[i]->name));
    for (int t = 0; t < net->layout.n; t++) {
      const lsi_tensor *tensor = &net->layout.tensors[t];
      const LsiOnnx__TensorProto *stored = find_tensor(model->graph, tensor->name);
      const char *variable = tensor->name + tensor->variable;
      if (strcmp(variable, "kernel") != 0 && strcmp(variable, "bias") != 0) continue;
      assert_non_null(stored);
      assert_int_equal(stored->raw_data.len, tensor->count * sizeof(float));
      assert_memory_equal(stored->raw_data.data, net->params + tensor->offset, stored->raw_data.len);
    }
    lsi_onnx__model_proto__free_unpacked(model, NULL);
    lsi_net_destroy(&net);
  }
}

static void names_are_unique(void **state) {
  (void)state;
  lsi_net *net = case_net(false);
  case_fill(net);
  LsiOnnx__ModelProto *model = write_and_read(temp_path("net.onnx"), net);
  const LsiOnnx__GraphProto *graph = model->graph;
  for (size_t i = 0; i < graph->n_initializer; i++) {
    assert_ptr_equal(find_tensor(graph, graph->initializer[i]->name), graph->initializer[i]);
    assert_false(gives(graph, graph->initializer[i]->name));
  }
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t j = 0; j < i; j++) assert_string_not_equal(graph->node[i]->output[0], graph->node[j]->output[0]);
  lsi_onnx__model_proto__free_unpacked(model, NULL);
  lsi_net_destroy(&net);
}

/* A kernel of 2 GiB, in memory that is never touched for writing and so takes none. */
static void too_large(void **state) {
  (void)state;
  lsi_net *net = case_net(false);
  lsi_tensor *kernel = (lsi_tensor *)lsi_layout_find(&net->layout, "out/kernel");
  kernel->dims[0] = kernel->count = (size_t)1 << 29;
  kernel->dims[1] = 1;
  size_t bytes = (net->layout.size + kernel->count) * sizeof(float);
  const float *params = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_ptr_not_equal(params, MAP_FAILED);
  const char *path = temp_path("large.onnx");
  assert_int_equal(lsi_onnx_file_write(path, net, params), LS_ERR_UNSUPPORTED);
  assert_non_null(strstr(ls_last_error()->message, "large.onnx"));
  assert_non_null(strstr(ls_last_error()->message, "2147483647"));
  assert_int_equal(access(path, F_OK), -1);
  munmap((void *)params, bytes);
  lsi_net_destroy(&net);
}

static void not_built(void **state) {
  (void)state;
  lsi_net *net;
  assert_ok(lsi_net_create("empty", &net));
  assert_int_equal(lsi_onnx_file_write(temp_path("empty.onnx"), net, NULL), LS_ERR_STATE);
  lsi_net_destroy(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(everything_is_there), cmocka_unit_test(names_are_unique),
                                     cmocka_unit_test(too_large), cmocka_unit_test(not_built)};
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
