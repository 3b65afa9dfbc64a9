/* SPDX-License-Identifier: MIT */
#include "ckpt/onnx_graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data of a TensorProto is little endian");

/* A name longer than any layer's with any suffix of ours. */
enum { NAME_BYTES = LSI_NAME + 64 };

/* ---- memory: blocks in a list, each behind a header of one cache line ---- */

void *lsi_onnx_take(lsi_onnx_graph *graph, size_t n, size_t size) {
  size_t bytes;
  char *block;
  if (graph->status != LS_OK) return NULL;
  if (!lsi_mul_size(n, size, &bytes)) bytes = SIZE_MAX / 2;
  graph->status = lsi_alloc("ONNX graph", bytes + LSI_ALIGN, 1, &block);
  if (graph->status != LS_OK) return NULL;
  *(void **)block = graph->blocks;
  graph->blocks = block;
  return block + LSI_ALIGN;
}

void lsi_onnx_graph_init(lsi_onnx_graph *graph, const lsi_net *net, const float *params) {
  *graph = (lsi_onnx_graph){.params = params};
  lsi_onnx__graph_proto__init(&graph->proto);
  graph->proto.name = (char *)net->name;
}

void lsi_onnx_graph_clear(lsi_onnx_graph *graph) {
  while (graph->blocks) {
    void *next = *(void **)graph->blocks;
    lsi_free(graph->blocks);
    graph->blocks = next;
  }
}

__attribute__((format(printf, 2, 3))) static char *text(lsi_onnx_graph *graph, const char *format, ...) {
  char *out = lsi_onnx_take(graph, NAME_BYTES, 1);
  va_list arguments;
  va_start(arguments, format);
  if (out) vsnprintf(out, NAME_BYTES, format, arguments);
  va_end(arguments);
  return out;
}

/* Append to a list of pointers, which doubles when its length is a power of two. */
static void append(lsi_onnx_graph *graph, void *list, size_t *n, void *item) {
  void **items = *(void ***)list;
  if (*n == 0 || (*n & (*n - 1)) == 0) {
    void **larger = lsi_onnx_take(graph, *n ? 2 * *n : 1, sizeof *items);
    if (!larger) return;
    if (*n) memcpy(larger, items, *n * sizeof *items);
    items = *(void ***)list = larger;
  }
  items[(*n)++] = item;
}

/* ---- layers and nodes ---- */

void lsi_onnx_layer_begin(lsi_onnx_graph *graph, const lsi_layer *layer) {
  graph->layer = layer->name;
  graph->first_node = graph->proto.n_node;
}

void lsi_onnx_layer_end(lsi_onnx_graph *graph) {
  if (graph->proto.n_node == graph->first_node) LSI_ONNX_NODE(graph, "Identity", graph->value);
  if (graph->status != LS_OK) return;
  LsiOnnx__NodeProto *last = graph->proto.node[graph->proto.n_node - 1];
  last->output[0] = (char *)graph->layer;
  graph->value = graph->layer;
}

const char *lsi_onnx_node(lsi_onnx_graph *graph, const char *op, const char *const *inputs) {
  LsiOnnx__NodeProto *node = lsi_onnx_take(graph, 1, sizeof *node);
  char *name = text(graph, "%s/%s_%zu", graph->layer, op, graph->proto.n_node - graph->first_node);
  if (!name) return "";
  lsi_onnx__node_proto__init(node);
  node->name = name;
  node->op_type = (char *)op;
  for (; *inputs; inputs++) append(graph, &node->input, &node->n_input, (char *)*inputs);
  append(graph, &node->output, &node->n_output, name);
  append(graph, &graph->proto.node, &graph->proto.n_node, node);
  return name;
}

void lsi_onnx_unused_output(lsi_onnx_graph *graph) {
  if (graph->status != LS_OK) return;
  LsiOnnx__NodeProto *node = graph->proto.node[graph->proto.n_node - 1];
  append(graph, &node->output, &node->n_output, text(graph, "%s/unused", node->name));
}

static LsiOnnx__AttributeProto *attribute(lsi_onnx_graph *graph, const char *name) {
  LsiOnnx__AttributeProto *out = lsi_onnx_take(graph, 1, sizeof *out);
  if (!out) return NULL;
  lsi_onnx__attribute_proto__init(out);
  out->name = (char *)name;
  out->has_type = true;
  LsiOnnx__NodeProto *node = graph->proto.node[graph->proto.n_node - 1];
  append(graph, &node->attribute, &node->n_attribute, out);
  return out;
}

void lsi_onnx_float(lsi_onnx_graph *graph, const char *name, double value) {
  LsiOnnx__AttributeProto *out = attribute(graph, name);
  if (!out) return;
  out->type = LSI_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
  out->has_f = true;
  out->f = (float)value;
}

void lsi_onnx_int(lsi_onnx_graph *graph, const char *name, int64_t value) {
  LsiOnnx__AttributeProto *out = attribute(graph, name);
  if (!out) return;
  out->type = LSI_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
  out->has_i = true;
  out->i = value;
}

void lsi_onnx_int_list(lsi_onnx_graph *graph, const char *name, size_t n, const int64_t *values) {
  LsiOnnx__AttributeProto *out = attribute(graph, name);
  int64_t *own = lsi_onnx_take(graph, n, sizeof *own);
  if (!out || !own) return;
  memcpy(own, values, n * sizeof *own);
  out->type = LSI_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
  out->n_ints = n;
  out->ints = own;
}

/* ---- initializers ---- */

static const char *raw_initializer(lsi_onnx_graph *graph, const char *name, int type, int rank, const int64_t *dims, size_t bytes,
                                   const void *values) {
  LsiOnnx__TensorProto *out = lsi_onnx_take(graph, 1, sizeof *out);
  int64_t *own_dims = lsi_onnx_take(graph, (size_t)rank, sizeof *own_dims);
  if (!own_dims) return "";
  lsi_onnx__tensor_proto__init(out);
  out->name = (char *)name;
  out->n_dims = (size_t)rank;
  for (int d = 0; d < rank; d++) own_dims[d] = dims[d];
  out->dims = own_dims;
  out->has_data_type = true;
  out->data_type = type;
  out->has_raw_data = true;
  out->raw_data = (ProtobufCBinaryData){.len = bytes, .data = (uint8_t *)values};
  append(graph, &graph->proto.initializer, &graph->proto.n_initializer, out);
  return name;
}

static const char *initializer(lsi_onnx_graph *graph, const char *name, int rank, const int64_t *dims, size_t count,
                               const float *values) {
  return raw_initializer(graph, name, LSI_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims, count * sizeof *values, values);
}

const char *lsi_onnx_ints(lsi_onnx_graph *graph, const char *variable, size_t n, const int64_t *values) {
  const char *name = text(graph, "%s/%s", graph->layer, variable);
  size_t count = n ? n : 1;
  int64_t dim = (int64_t)n, *own = lsi_onnx_take(graph, count, sizeof *own);
  if (!own) return "";
  memcpy(own, values, count * sizeof *own);
  return raw_initializer(graph, name, LSI_ONNX__TENSOR_PROTO__DATA_TYPE__INT64, n > 0, &dim, count * sizeof *own, own);
}

const char *lsi_onnx_weight(lsi_onnx_graph *graph, const lsi_tensor *tensor) {
  return initializer(graph, tensor->name, tensor->rank, tensor->dims, tensor->count, graph->params + tensor->offset);
}

const char *lsi_onnx_vector(lsi_onnx_graph *graph, const char *variable, size_t n, float **values) {
  const char *name = text(graph, "%s/%s", graph->layer, variable);
  int64_t dim = (int64_t)n;
  *values = lsi_onnx_take(graph, n, sizeof **values);
  return *values ? initializer(graph, name, 1, &dim, n, *values) : "";
}

const char *lsi_onnx_scalar(lsi_onnx_graph *graph, double value) {
  const char *name = text(graph, "%s/%.9g", graph->layer, (double)(float)value);
  float *stored = lsi_onnx_take(graph, 1, sizeof *stored);
  if (!stored) return "";
  for (size_t i = 0; i < graph->proto.n_initializer; i++)
    if (strcmp(graph->proto.initializer[i]->name, name) == 0) return name;
  *stored = (float)value;
  return initializer(graph, name, 0, NULL, 1, stored);
}

/* ---- input and output ---- */

static LsiOnnx__TensorShapeProto__Dimension *dimension(lsi_onnx_graph *graph, LsiOnnx__TensorShapeProto *shape) {
  LsiOnnx__TensorShapeProto__Dimension *out = lsi_onnx_take(graph, 1, sizeof *out);
  if (!out) return NULL;
  lsi_onnx__tensor_shape_proto__dimension__init(out);
  append(graph, &shape->dim, &shape->n_dim, out);
  return out;
}

static void fill_shape(lsi_onnx_graph *graph, const lsi_shape *from, LsiOnnx__TensorShapeProto *to) {
  LsiOnnx__TensorShapeProto__Dimension *out = dimension(graph, to);
  if (out) {
    out->value_case = LSI_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    out->dim_param = (char *)"batch";
  }
  for (int d = 0; d < from->rank; d++) {
    if (!(out = dimension(graph, to))) return;
    out->value_case = LSI_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    out->dim_value = from->dims[d];
  }
}

static LsiOnnx__ValueInfoProto *value_info(lsi_onnx_graph *graph, const char *name, const lsi_shape *from) {
  LsiOnnx__ValueInfoProto *info = lsi_onnx_take(graph, 1, sizeof *info);
  LsiOnnx__TypeProto *type = lsi_onnx_take(graph, 1, sizeof *type);
  LsiOnnx__TypeProto__Tensor *tensor = lsi_onnx_take(graph, 1, sizeof *tensor);
  LsiOnnx__TensorShapeProto *shape = lsi_onnx_take(graph, 1, sizeof *shape);
  if (!shape) return NULL;
  lsi_onnx__value_info_proto__init(info);
  lsi_onnx__type_proto__init(type);
  lsi_onnx__type_proto__tensor__init(tensor);
  lsi_onnx__tensor_shape_proto__init(shape);
  fill_shape(graph, from, shape);
  tensor->has_elem_type = true;
  tensor->elem_type = LSI_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
  tensor->shape = shape;
  type->value_case = LSI_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  type->tensor_type = tensor;
  info->name = (char *)name;
  info->type = type;
  return info;
}

void lsi_onnx_input(lsi_onnx_graph *graph, const char *name, const lsi_shape *shape) {
  LsiOnnx__ValueInfoProto *info = value_info(graph, name, shape);
  if (info) append(graph, &graph->proto.input, &graph->proto.n_input, info);
}

void lsi_onnx_output(lsi_onnx_graph *graph, const char *name, const lsi_shape *shape) {
  LsiOnnx__ValueInfoProto *info = value_info(graph, name, shape);
  if (info) append(graph, &graph->proto.output, &graph->proto.n_output, info);
}
