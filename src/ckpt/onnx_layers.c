/* SPDX-License-Identifier: MIT */
#include "ckpt/onnx_layers.h"

#include <math.h>

#include "nn/layers.h"

/* y = act(x W + b). Gemm takes matrices only; MatMul multiplies the last axis of anything. */
static void add_dense(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const char *kernel = lsi_onnx_weight(graph, &layer->tensors[0]), *y;
  const char *bias = layer->dense.use_bias ? lsi_onnx_weight(graph, &layer->tensors[1]) : NULL;
  if (bias && layer->in.rank == 1) {
    y = LSI_ONNX_NODE(graph, "Gemm", graph->value, kernel, bias);
  } else {
    y = LSI_ONNX_NODE(graph, "MatMul", graph->value, kernel);
    if (bias) y = LSI_ONNX_NODE(graph, "Add", y, bias);
  }
  lsi_onnx_add_activation(graph, layer->dense.activation, lsi_layer_width(layer), y);
}

/*
 * (x - mean) * factor + beta, factor = gamma / sqrt(variance + epsilon). Not ONNX's BatchNormalization: that one has its
 * channels on axis 1, ours are on the last; and runtimes compute it as x * factor + (beta - mean * factor), which loses the
 * digits of x that a large mean takes.
 */
static void add_batch_normalization(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  const float *variance = graph->params + lsi_layer_tensor(layer, "moving_variance")->offset;
  const char *mean = lsi_onnx_weight(graph, lsi_layer_tensor(layer, "moving_mean"));
  float *values;
  const char *factor = lsi_onnx_vector(graph, "factor", lsi_layer_width(layer), &values);
  for (size_t j = 0; values && j < lsi_layer_width(layer); j++)
    values[j] = (float)((gamma ? (double)graph->params[gamma->offset + j] : 1.0) /
                        sqrt((double)variance[j] + layer->norm.epsilon));
  const char *centred = LSI_ONNX_NODE(graph, "Sub", graph->value, mean);
  const char *y = LSI_ONNX_NODE(graph, "Mul", centred, factor);
  if (beta) LSI_ONNX_NODE(graph, "Add", y, lsi_onnx_weight(graph, beta));
}

static void add_layer_normalization(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  const char *scale;
  if (gamma) {
    scale = lsi_onnx_weight(graph, gamma);
  } else { /* the operator must have one */
    float *ones;
    scale = lsi_onnx_vector(graph, "gamma", lsi_layer_width(layer), &ones);
    for (size_t j = 0; ones && j < lsi_layer_width(layer); j++) ones[j] = 1.0f;
  }
  LSI_ONNX_NODE(graph, "LayerNormalization", graph->value, scale, beta ? lsi_onnx_weight(graph, beta) : NULL);
  lsi_onnx_int(graph, "axis", -1);
  lsi_onnx_float(graph, "epsilon", layer->norm.epsilon);
}

static void add_rescaling(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const char *y = LSI_ONNX_NODE(graph, "Mul", graph->value, lsi_onnx_scalar(graph, layer->rescaling.scale));
  LSI_ONNX_NODE(graph, "Add", y, lsi_onnx_scalar(graph, layer->rescaling.offset));
}

static void add_normalization(lsi_onnx_graph *graph, const lsi_layer *layer) {
  float *shift, *factor;
  size_t n = lsi_layer_width(layer);
  const char *mean = lsi_onnx_vector(graph, "mean", n, &shift), *scale = lsi_onnx_vector(graph, "factor", n, &factor);
  if (factor) lsi_normalization_constants(layer, graph->params, shift, factor);
  if (layer->normalization.invert)
    LSI_ONNX_NODE(graph, "Add", LSI_ONNX_NODE(graph, "Mul", graph->value, scale), mean);
  else
    LSI_ONNX_NODE(graph, "Mul", LSI_ONNX_NODE(graph, "Sub", graph->value, mean), scale);
}

/* x above the threshold up to max_value, less negative_slope times what is missing to the threshold. */
static void add_relu(lsi_onnx_graph *graph, const lsi_relu *own) {
  const char *x = graph->value, *y;
  if (own->threshold == 0) {
    y = LSI_ONNX_NODE(graph, "Relu", x);
  } else {
    const char *above = LSI_ONNX_NODE(graph, "Greater", x, lsi_onnx_scalar(graph, own->threshold));
    y = LSI_ONNX_NODE(graph, "Where", above, x, lsi_onnx_scalar(graph, 0.0));
  }
  if (!isnan(own->max_value)) y = LSI_ONNX_NODE(graph, "Min", y, lsi_onnx_scalar(graph, own->max_value));
  if (own->negative_slope == 0) return;
  const char *missing = LSI_ONNX_NODE(graph, "Relu", LSI_ONNX_NODE(graph, "Sub", lsi_onnx_scalar(graph, own->threshold), x));
  LSI_ONNX_NODE(graph, "Sub", y, LSI_ONNX_NODE(graph, "Mul", missing, lsi_onnx_scalar(graph, own->negative_slope)));
}

static void add_elu(lsi_onnx_graph *graph, double alpha) {
  LSI_ONNX_NODE(graph, "Elu", graph->value);
  lsi_onnx_float(graph, "alpha", alpha);
}

/* x over its norm on the last axis: the root of the sum of squares, or of their mean and epsilon. */
static void add_row_norm(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const int64_t last = -1;
  bool rms = layer->kind == LSI_LAYER_RMS_NORMALIZATION;
  const char *x = graph->value;
  const char *sum = LSI_ONNX_NODE(graph, "ReduceSum", LSI_ONNX_NODE(graph, "Mul", x, x), lsi_onnx_ints(graph, "axes", 1, &last));
  const char *square = rms ? LSI_ONNX_NODE(graph, "Add", LSI_ONNX_NODE(graph, "Div", sum, lsi_onnx_scalar(graph, (double)lsi_layer_width(layer))),
                                           lsi_onnx_scalar(graph, layer->norm.epsilon))
                           : LSI_ONNX_NODE(graph, "Max", sum, lsi_onnx_scalar(graph, 1e-24));
  const char *y = LSI_ONNX_NODE(graph, "Div", x, LSI_ONNX_NODE(graph, "Sqrt", square));
  if (rms) LSI_ONNX_NODE(graph, "Mul", y, lsi_onnx_weight(graph, &layer->tensors[0]));
}

/* 0 takes over the batch's size. */
static void add_reshape(lsi_onnx_graph *graph, const lsi_shape *shape) {
  int64_t sizes[LS_MAX_RANK + 1] = {0};
  for (int d = 0; d < shape->rank; d++) sizes[d + 1] = shape->dims[d];
  LSI_ONNX_NODE(graph, "Reshape", graph->value, lsi_onnx_ints(graph, "shape", (size_t)shape->rank + 1, sizes));
}

static void add_permute(lsi_onnx_graph *graph, const lsi_layer *layer) {
  int64_t order[LS_MAX_RANK + 1] = {0};
  for (int d = 0; d < layer->target.rank; d++) order[d + 1] = layer->target.dims[d];
  LSI_ONNX_NODE(graph, "Transpose", graph->value);
  lsi_onnx_int_list(graph, "perm", (size_t)layer->target.rank + 1, order);
}

static void add_repeat_vector(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const int64_t axis = 1, shape[3] = {1, layer->repeats, 1};
  const char *row = LSI_ONNX_NODE(graph, "Unsqueeze", graph->value, lsi_onnx_ints(graph, "axes", 1, &axis));
  LSI_ONNX_NODE(graph, "Expand", row, lsi_onnx_ints(graph, "shape", 3, shape));
}

static const char *mean_of_group(lsi_onnx_graph *graph, const char *x, const char *axes, double n) {
  return LSI_ONNX_NODE(graph, "Div", LSI_ONNX_NODE(graph, "ReduceSum", x, axes), lsi_onnx_scalar(graph, n));
}

/* As [batch, lead, groups, values of a group]. ONNX's operator of this name has its channels on axis 1 (and is newer). */
static void add_group_normalization(lsi_onnx_graph *graph, const lsi_layer *layer) {
  const lsi_tensor *gamma = lsi_layer_tensor(layer, "gamma"), *beta = lsi_layer_tensor(layer, "beta");
  const int64_t groups = layer->norm.groups, width = (int64_t)lsi_layer_width(layer) / groups, within[2] = {1, 3};
  const int64_t apart[4] = {0, (int64_t)layer->lead, groups, width};
  const double n = (double)layer->lead * (double)width;
  int64_t whole[LS_MAX_RANK + 1] = {0};
  for (int d = 0; d < layer->out.rank; d++) whole[d + 1] = layer->out.dims[d];
  const char *axes = lsi_onnx_ints(graph, "axes", 2, within);
  const char *x = LSI_ONNX_NODE(graph, "Reshape", graph->value, lsi_onnx_ints(graph, "groups", 4, apart));
  const char *centred = LSI_ONNX_NODE(graph, "Sub", x, mean_of_group(graph, x, axes, n));
  const char *variance = mean_of_group(graph, LSI_ONNX_NODE(graph, "Mul", centred, centred), axes, n);
  const char *spread = LSI_ONNX_NODE(graph, "Sqrt", LSI_ONNX_NODE(graph, "Add", variance, lsi_onnx_scalar(graph, layer->norm.epsilon)));
  const char *scaled = LSI_ONNX_NODE(graph, "Div", centred, spread);
  const char *y = LSI_ONNX_NODE(graph, "Reshape", scaled, lsi_onnx_ints(graph, "shape", (size_t)layer->out.rank + 1, whole));
  if (gamma) y = LSI_ONNX_NODE(graph, "Mul", y, lsi_onnx_weight(graph, gamma));
  if (beta) LSI_ONNX_NODE(graph, "Add", y, lsi_onnx_weight(graph, beta));
}

static void add_kind(lsi_onnx_graph *graph, const lsi_layer *layer) {
  switch (layer->kind) {
    case LSI_LAYER_FLATTEN: LSI_ONNX_NODE(graph, "Flatten", graph->value); return;
    case LSI_LAYER_DENSE: add_dense(graph, layer); return;
    case LSI_LAYER_ACTIVATION: lsi_onnx_add_activation(graph, layer->activation, lsi_layer_width(layer), graph->value); return;
    case LSI_LAYER_DROPOUT:
    case LSI_LAYER_GAUSSIAN_NOISE:
    case LSI_LAYER_GAUSSIAN_DROPOUT:
    case LSI_LAYER_ALPHA_DROPOUT:
    case LSI_LAYER_IDENTITY:
    case LSI_LAYER_ACTIVITY_REGULARIZATION: return; /* nothing at inference */
    case LSI_LAYER_RELU:
    case LSI_LAYER_LEAKY_RELU: add_relu(graph, &layer->relu); return;
    case LSI_LAYER_ELU: add_elu(graph, layer->elu_alpha); return;
    case LSI_LAYER_PRELU: LSI_ONNX_NODE(graph, "PRelu", graph->value, lsi_onnx_weight(graph, &layer->tensors[0])); return;
    case LSI_LAYER_SOFTMAX: lsi_onnx_add_activation(graph, LSI_ACT_SOFTMAX, lsi_layer_width(layer), graph->value); return;
    case LSI_LAYER_RESHAPE: add_reshape(graph, &layer->out); return;
    case LSI_LAYER_PERMUTE: add_permute(graph, layer); return;
    case LSI_LAYER_REPEAT_VECTOR: add_repeat_vector(graph, layer); return;
    case LSI_LAYER_GROUP_NORMALIZATION: add_group_normalization(graph, layer); return;
    case LSI_LAYER_UNIT_NORMALIZATION:
    case LSI_LAYER_RMS_NORMALIZATION: add_row_norm(graph, layer); return;
    case LSI_LAYER_BATCH_NORMALIZATION: add_batch_normalization(graph, layer); return;
    case LSI_LAYER_LAYER_NORMALIZATION: add_layer_normalization(graph, layer); return;
    case LSI_LAYER_RESCALING: add_rescaling(graph, layer); return;
    case LSI_LAYER_NORMALIZATION: add_normalization(graph, layer); return;
    default:
      graph->status = lsi_error_set(LS_ERR_UNSUPPORTED, NULL, "%s: ONNX export knows no %s", layer->name,
                                    layer->ops->class_name);
  }
}

void lsi_onnx_add_layer(lsi_onnx_graph *graph, const lsi_layer *layer) {
  if (graph->status != LS_OK) return;
  lsi_onnx_layer_begin(graph, layer);
  add_kind(graph, layer);
  lsi_onnx_layer_end(graph);
}
