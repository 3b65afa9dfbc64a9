/* SPDX-License-Identifier: MIT */
/* Dense: y = act(x W + b) on the last axis. Three matrix products a step; the rest is fused into one pass each. */
#include "math/gemm.h"
#include "nn/layers.h"

static ls_status dense_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_dense *dense = &layer->dense;
  LSI_CHECK(dense->units > 0, LS_ERR_ARG, "give a positive number of units",
            "%s: units is %lld, must be positive", layer->name, (long long)dense->units);
  int last = layer->in.rank - 1;
  int64_t n_in = layer->in.dims[last];
  layer->out = layer->in;
  layer->out.dims[last] = dense->units;
  layer->lead = layer->in_size / (size_t)n_in;
  layer->out_size = layer->lead * (size_t)dense->units;
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "kernel", 2, (int64_t[]){n_in, dense->units}, true,
                               &dense->kernel_initializer, &dense->kernel_regularizer));
  LSI_TRY(lsi_layer_constrain(layout, &dense->kernel_constraint));
  if (!dense->use_bias) return LS_OK;
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "bias", 1, &dense->units, true, &dense->bias_initializer,
                               &dense->bias_regularizer));
  return lsi_layer_constrain(layout, &dense->bias_constraint);
}

/* aux: a copy of z = x W + b, for activations whose derivative needs it. */
static size_t dense_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  if (!lsi_activation_needs_input(layer->dense.activation)) return 0;
  return max_rows * layer->out_size * sizeof(float);
}

static ls_status dense_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  const lsi_tensor *kernel = &layer->tensors[0];
  size_t rows = lsi_pass_rows(pass) * layer->lead;
  size_t n_in = (size_t)kernel->dims[0], units = (size_t)kernel->dims[1];
  const float *bias = layer->dense.use_bias ? pass->params + layer->tensors[1].offset : NULL;
  lsi_activation activation = io->skip_activation ? LSI_ACT_LINEAR : layer->dense.activation;
  float *z_out = pass->training && lsi_activation_needs_input(activation) ? io->aux : NULL;

  lsi_gemm_forward(rows, units, n_in, io->x, pass->params + kernel->offset, io->y);
  lsi_activation_forward(activation, rows, units, io->y, bias, io->y, z_out);
  return LS_OK;
}

/* dy is the gradient of z by now. */
static ls_status dense_input_gradient(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  const lsi_tensor *kernel = &layer->tensors[0];
  size_t rows = lsi_pass_rows(pass) * layer->lead;
  lsi_gemm_input_grad(rows, (size_t)kernel->dims[0], (size_t)kernel->dims[1], io->dy, pass->params + kernel->offset, io->dx);
  return LS_OK;
}

static ls_status dense_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  const lsi_tensor *kernel = &layer->tensors[0];
  size_t rows = lsi_pass_rows(pass) * layer->lead;
  size_t n_in = (size_t)kernel->dims[0], units = (size_t)kernel->dims[1];
  const int64_t *leaf_row = lsi_pass_leaf_rows(pass, layer->lead);

  if (!io->skip_activation)
    lsi_activation_backward(layer->dense.activation, rows, units, io->aux, io->y, io->dy, io->dy);
  for (int j = 0; j < pass->plan->n_nodes && kernel->trainable; j++) {
    const lsi_tree_node *node = &pass->plan->nodes[j];
    float *db = layer->dense.use_bias ? io->partials[j] + layer->tensors[1].offset : NULL;
    lsi_gemm_weight_grad(n_in, units, node->end - node->begin, leaf_row + (node->begin - pass->plan->leaf_begin),
                         io->x, io->dy, io->partials[j] + kernel->offset, db);
  }
  return io->dx ? dense_input_gradient(layer, pass, io) : LS_OK;
}

const lsi_layer_ops lsi_dense_ops = {
    .class_name = "Dense", .base_name = "dense", .build = dense_build, .forward = dense_forward,
    .backward = dense_backward, .input_gradient = dense_input_gradient, .aux_bytes = dense_aux_bytes};
