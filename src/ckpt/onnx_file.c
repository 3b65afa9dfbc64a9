/* SPDX-License-Identifier: MIT */
#include "ckpt/onnx_file.h"

#include "base/memory.h"
#include "ckpt/onnx_layers.h"
#include "store/durable.h"

enum { IR_VERSION = 8 }; /* what came with opset 17 */

static void fill_graph(lsi_onnx_graph *graph, const lsi_net *net) {
  const lsi_layer *input = net->layers[0], *last = lsi_net_last(net);
  lsi_onnx_input(graph, input->name, &input->out);
  graph->value = input->name;
  for (int i = 1; i < net->n_layers; i++) lsi_onnx_add_layer(graph, net->layers[i]);
  lsi_onnx_output(graph, last->name, &last->out);
}

static ls_status write_message(const char *path, const LsiOnnx__ModelProto *model) {
  uint8_t *bytes;
  size_t n = lsi_onnx__model_proto__get_packed_size(model);
  LSI_CHECK(n <= INT32_MAX, LS_ERR_UNSUPPORTED, "lower the layers' units, or use the model file (.h5), which has no such limit",
            "%s: the model takes %zu bytes; an ONNX file, as any protobuf message, holds at most %d", path, n, INT32_MAX);
  LSI_TRY(LSI_ALLOC("ONNX file", n, &bytes));
  lsi_onnx__model_proto__pack(model, bytes);
  ls_status status = lsi_durable_write(path, bytes, n);
  lsi_free(bytes);
  return status;
}

static ls_status write_model(const char *path, lsi_onnx_graph *graph, char *digest) {
  LsiOnnx__OperatorSetIdProto opset = LSI_ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = {&opset};
  LsiOnnx__StringStringEntryProto entry = LSI_ONNX__STRING_STRING_ENTRY_PROTO__INIT, *entries[] = {&entry};
  LsiOnnx__ModelProto model = LSI_ONNX__MODEL_PROTO__INIT;
  opset.domain = (char *)""; /* ONNX's own operators */
  opset.has_version = true;
  opset.version = LSI_ONNX_OPSET;
  entry.key = (char *)"lockstep.digest";
  entry.value = digest;
  model.has_ir_version = true;
  model.ir_version = IR_VERSION;
  model.producer_name = (char *)"lockstep";
  model.producer_version = (char *)LS_VERSION;
  model.graph = &graph->proto;
  model.opset_import = opsets;
  model.n_opset_import = 1;
  model.metadata_props = entries;
  model.n_metadata_props = 1;
  return write_message(path, &model);
}

ls_status lsi_onnx_file_write(const char *path, const lsi_net *net, const float *params) {
  lsi_onnx_graph graph;
  char digest[33];
  LSI_CHECK(net->built, LS_ERR_STATE, "compile the model first", "%s: model '%s' has no weights yet", path, net->name);
  LSI_TRY(lsi_net_digest(net, params, digest));
  lsi_onnx_graph_init(&graph, net, params);
  fill_graph(&graph, net);
  ls_status status = graph.status;
  if (status == LS_OK) status = write_model(path, &graph, digest);
  else lsi_error_prefix("%s", path);
  lsi_onnx_graph_clear(&graph);
  return status;
}
