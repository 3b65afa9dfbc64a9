/* SPDX-License-Identifier: MIT */
/* Activations as ONNX operators, with the constants of nn/activation_maps.c; composed where ONNX has none for it. */
#include "ckpt/onnx_layers.h"

/* ---- those that are one operator ---- */

typedef struct single {
  const char *op;
  const char *float_name[2]; /* up to two attributes; an integer axis instead for the row functions */
  double value[2];
  bool last_axis;
} single;

static const single singles[LSI_ACT_COUNT] = {
    [LSI_ACT_SIGMOID] = {.op = "Sigmoid"},
    [LSI_ACT_RELU] = {.op = "Relu"},
    [LSI_ACT_SOFTMAX] = {.op = "Softmax", .last_axis = true},
    [LSI_ACT_TANH] = {.op = "Tanh"},
    [LSI_ACT_LEAKY_RELU] = {.op = "LeakyRelu", .float_name = {"alpha"}, .value = {0.2}},
    [LSI_ACT_ELU] = {.op = "Elu", .float_name = {"alpha"}, .value = {1.0}},
    [LSI_ACT_SELU] = {.op = "Selu", .float_name = {"alpha", "gamma"}, .value = {1.6732632423543772, 1.0507009873554805}},
    [LSI_ACT_CELU] = {.op = "Celu", .float_name = {"alpha"}, .value = {1.0}},
    [LSI_ACT_SOFTPLUS] = {.op = "Softplus"},
    [LSI_ACT_SOFTSIGN] = {.op = "Softsign"},
    [LSI_ACT_HARD_SIGMOID] = {.op = "HardSigmoid", .float_name = {"alpha", "beta"}, .value = {1.0 / 6.0, 0.5}},
    [LSI_ACT_EXPONENTIAL] = {.op = "Exp"},
    [LSI_ACT_LOG_SOFTMAX] = {.op = "LogSoftmax", .last_axis = true},
    [LSI_ACT_SOFT_SHRINK] = {.op = "Shrink", .float_name = {"lambd", "bias"}, .value = {0.5, 0.5}},
    [LSI_ACT_HARD_SHRINK] = {.op = "Shrink", .float_name = {"lambd", "bias"}, .value = {0.5, 0.0}},
    [LSI_ACT_SPARSE_SIGMOID] = {.op = "HardSigmoid", .float_name = {"alpha", "beta"}, .value = {0.5, 0.5}},
};

static void add_single(lsi_onnx_graph *graph, const single *entry, const char *x) {
  LSI_ONNX_NODE(graph, entry->op, x);
  if (entry->last_axis) lsi_onnx_int(graph, "axis", -1);
  for (int i = 0; i < 2 && entry->float_name[i]; i++) lsi_onnx_float(graph, entry->float_name[i], entry->value[i]);
}

/* ---- those that are composed ---- */

static const char *clip(lsi_onnx_graph *graph, const char *x, double least, double most) {
  return LSI_ONNX_NODE(graph, "Clip", x, lsi_onnx_scalar(graph, least), lsi_onnx_scalar(graph, most));
}

static const char *with_scalar(lsi_onnx_graph *graph, const char *op, const char *x, double value) {
  return LSI_ONNX_NODE(graph, op, x, lsi_onnx_scalar(graph, value));
}

/* x (1 + erf(x / sqrt 2)) / 2; the operator Gelu came with opset 20. */
static void add_gelu(lsi_onnx_graph *graph, const char *x) {
  const char *erf = LSI_ONNX_NODE(graph, "Erf", with_scalar(graph, "Mul", x, 0.70710678118654752));
  const char *cdf = with_scalar(graph, "Mul", with_scalar(graph, "Add", erf, 1.0), 0.5);
  LSI_ONNX_NODE(graph, "Mul", x, cdf);
}

/* x min(max(x + 3, 0), 6) / 6 */
static void add_hard_silu(lsi_onnx_graph *graph, const char *x) {
  const char *gate = with_scalar(graph, "Div", clip(graph, with_scalar(graph, "Add", x, 3.0), 0.0, 6.0), 6.0);
  LSI_ONNX_NODE(graph, "Mul", x, gate);
}

/* (x + sqrt(x^2 + 4)) / 2 */
static void add_squareplus(lsi_onnx_graph *graph, const char *x) {
  const char *root = LSI_ONNX_NODE(graph, "Sqrt", with_scalar(graph, "Add", LSI_ONNX_NODE(graph, "Mul", x, x), 4.0));
  with_scalar(graph, "Mul", LSI_ONNX_NODE(graph, "Add", x, root), 0.5);
}

/* 0 up to -1, (x + 1)^2 / 4 up to 1, then x: the square of x clipped to [-1, 1], and what is above 1. */
static void add_sparse_plus(lsi_onnx_graph *graph, const char *x) {
  const char *root = with_scalar(graph, "Add", clip(graph, x, -1.0, 1.0), 1.0);
  const char *square = with_scalar(graph, "Mul", LSI_ONNX_NODE(graph, "Mul", root, root), 0.25);
  const char *above = LSI_ONNX_NODE(graph, "Relu", with_scalar(graph, "Sub", x, 1.0));
  LSI_ONNX_NODE(graph, "Add", square, above);
}

static void add_log_sigmoid(lsi_onnx_graph *graph, const char *x) {
  LSI_ONNX_NODE(graph, "Neg", LSI_ONNX_NODE(graph, "Softplus", LSI_ONNX_NODE(graph, "Neg", x)));
}

/* max(x - tau, 0) as in nn/sparsemax.c: of the sorted values those above (sum so far - 1) / place count; tau = (the sum of their sums
   so far - 1) / their number. */
static void add_sparsemax(lsi_onnx_graph *graph, size_t width, const char *x) {
  const int64_t n = (int64_t)width, last = -1;
  float *places;
  const char *one = lsi_onnx_scalar(graph, 1.0), *axes = lsi_onnx_ints(graph, "axes", 1, &last);
  const char *place = lsi_onnx_vector(graph, "places", width, &places);
  for (size_t j = 0; places && j < width; j++) places[j] = (float)(j + 1);
  const char *sorted = LSI_ONNX_NODE(graph, "TopK", x, lsi_onnx_ints(graph, "k", 1, &n));
  lsi_onnx_unused_output(graph);
  const char *sums = LSI_ONNX_NODE(graph, "CumSum", sorted, lsi_onnx_ints(graph, "axis", 0, &last));
  const char *limit = LSI_ONNX_NODE(graph, "Div", LSI_ONNX_NODE(graph, "Sub", sums, one), place);
  const char *support = LSI_ONNX_NODE(graph, "Cast", LSI_ONNX_NODE(graph, "Greater", sorted, limit));
  lsi_onnx_int(graph, "to", LSI_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
  const char *count = LSI_ONNX_NODE(graph, "ReduceSum", support, axes);
  const char *total = LSI_ONNX_NODE(graph, "ReduceSum", LSI_ONNX_NODE(graph, "Mul", sums, support), axes);
  const char *tau = LSI_ONNX_NODE(graph, "Div", LSI_ONNX_NODE(graph, "Sub", total, one), count);
  LSI_ONNX_NODE(graph, "Relu", LSI_ONNX_NODE(graph, "Sub", x, tau));
}

void lsi_onnx_add_activation(lsi_onnx_graph *graph, lsi_activation activation, size_t width, const char *x) {
  if (singles[activation].op) {
    add_single(graph, &singles[activation], x);
    return;
  }
  switch (activation) {
    case LSI_ACT_LINEAR: return;
    case LSI_ACT_RELU6: clip(graph, x, 0.0, 6.0); return;
    case LSI_ACT_HARD_TANH: clip(graph, x, -1.0, 1.0); return;
    case LSI_ACT_SILU: LSI_ONNX_NODE(graph, "Mul", x, LSI_ONNX_NODE(graph, "Sigmoid", x)); return;
    case LSI_ACT_GELU: add_gelu(graph, x); return;
    case LSI_ACT_HARD_SILU: add_hard_silu(graph, x); return;
    case LSI_ACT_MISH: /* x tanh(softplus(x)); the operator Mish came with opset 18 */
      LSI_ONNX_NODE(graph, "Mul", x, LSI_ONNX_NODE(graph, "Tanh", LSI_ONNX_NODE(graph, "Softplus", x)));
      return;
    case LSI_ACT_LOG_SIGMOID: add_log_sigmoid(graph, x); return;
    case LSI_ACT_TANH_SHRINK: LSI_ONNX_NODE(graph, "Sub", x, LSI_ONNX_NODE(graph, "Tanh", x)); return;
    case LSI_ACT_SQUAREPLUS: add_squareplus(graph, x); return;
    case LSI_ACT_SPARSE_PLUS: add_sparse_plus(graph, x); return;
    case LSI_ACT_SPARSEMAX: add_sparsemax(graph, width, x); return;
    default:
      graph->status = lsi_error_set(LS_ERR_UNSUPPORTED, NULL, "%s: ONNX export knows no activation %s", graph->layer,
                                    lsi_activation_name(activation));
  }
}
