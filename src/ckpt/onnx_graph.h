/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_ONNX_GRAPH_H
#define LSI_CKPT_ONNX_GRAPH_H
/*
 * An ONNX graph under construction, layer by layer. Values are named after the layers: "dense" is what the layer dense gives,
 * "dense/kernel" its weight, "dense/0.5" a constant it uses, "dense/Gemm_0" a value within it. Layers' names are unique and
 * hold no '/', so neither do these collide.
 *
 * The first failure is kept in `status` and makes all later calls do nothing, so only the end needs a check.
 */
#include <stddef.h>
#include <stdint.h>
#include <onnx.pb-c.h> /* generated from ckpt/onnx.proto */
#include "nn/net.h"

typedef struct lsi_onnx_graph {
  LsiOnnx__GraphProto proto;
  const float *params; /* the net's, borrowed: large initializers are not copied */
  const char *layer;   /* name of the layer being added */
  size_t first_node;   /* of that layer */
  const char *value;   /* name of what it takes; after lsi_onnx_layer_end, of what it gives */
  ls_status status;
  void *blocks; /* all memory of the graph, in a list */
} lsi_onnx_graph;

void lsi_onnx_graph_init(lsi_onnx_graph *graph, const lsi_net *net, const float *params);
void lsi_onnx_graph_clear(lsi_onnx_graph *graph);
/* Zeroed memory that lives as long as the graph; NULL on failure. */
void *lsi_onnx_take(lsi_onnx_graph *graph, size_t n, size_t size);

/* Between these, nodes belong to `layer`. The last node's output gets the layer's name; a layer without one is an Identity. */
void lsi_onnx_layer_begin(lsi_onnx_graph *graph, const lsi_layer *layer);
void lsi_onnx_layer_end(lsi_onnx_graph *graph);

/* Add a node of one output and give that value's name. `inputs` ends with NULL. */
const char *lsi_onnx_node(lsi_onnx_graph *graph, const char *op, const char *const *inputs);
#define LSI_ONNX_NODE(graph, op, ...) lsi_onnx_node((graph), (op), (const char *const[]){__VA_ARGS__, NULL})
/* One more output of the node added last, which nobody reads (TopK's places). */
void lsi_onnx_unused_output(lsi_onnx_graph *graph);
/* Attributes of the node added last. */
void lsi_onnx_float(lsi_onnx_graph *graph, const char *name, double value);
void lsi_onnx_int(lsi_onnx_graph *graph, const char *name, int64_t value);
void lsi_onnx_int_list(lsi_onnx_graph *graph, const char *name, size_t n, const int64_t *values);

/* Initializers; each call gives the value's name. One of the layer's tensors: */
const char *lsi_onnx_weight(lsi_onnx_graph *graph, const lsi_tensor *tensor);
/* "<layer>/<variable>" of n elements, which the caller fills: *values, NULL on failure. */
const char *lsi_onnx_vector(lsi_onnx_graph *graph, const char *variable, size_t n, float **values);
/* "<layer>/<variable>": int64 values of one dimension, as shapes and axes are; n 0: one value without dimensions. */
const char *lsi_onnx_ints(lsi_onnx_graph *graph, const char *variable, size_t n, const int64_t *values);
/* A number without dimensions; the same number is stored once a layer. */
const char *lsi_onnx_scalar(lsi_onnx_graph *graph, double value);

/* The graph's input and output: float, the first dimension free ("batch"). */
void lsi_onnx_input(lsi_onnx_graph *graph, const char *name, const lsi_shape *shape);
void lsi_onnx_output(lsi_onnx_graph *graph, const char *name, const lsi_shape *shape);
#endif
