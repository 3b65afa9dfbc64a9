/* SPDX-License-Identifier: MIT */
/* Forward and backward through the chain, and the buffers they use. */
#include <string.h>

#include "base/memory.h"
#include "base/trace.h"
#include "math/gemm.h"
#include "nn/layers.h"

static bool aliases(const lsi_layer *layer, bool training) {
  return layer->ops->aliases && layer->ops->aliases(layer, training);
}

static size_t aux_bytes(const lsi_layer *layer, size_t max_rows) {
  size_t bytes = layer->ops->aux_bytes ? layer->ops->aux_bytes(layer, max_rows) : 0;
  return lsi_round_up(bytes, LSI_ALIGN);
}

static ls_status carve_buffers(const lsi_net *net, bool training, lsi_workspace *ws) {
  size_t largest = 0, floats = 0, bytes = 0, stride;
  for (int i = 0; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    LSI_CHECK(lsi_mul_size(ws->max_rows, layer->out_size, &stride), LS_ERR_MEMORY, "lower batch_size",
              "%s: %zu rows of %zu values", layer->name, ws->max_rows, layer->out_size);
    stride = lsi_round_up(stride, LSI_ALIGN / sizeof(float));
    if (i > 0 && stride > largest) largest = stride; /* of gradients; the input has none */
    if (i == 0 || !aliases(layer, training)) floats += stride;
    bytes += aux_bytes(layer, ws->max_rows);
  }
  LSI_TRY(LSI_ALLOC("activations", floats + (training ? 2 * largest : 0), (float **)&ws->block[0]));
  LSI_TRY(LSI_ALLOC("layer state", bytes, (char **)&ws->block[1]));
  float *next = ws->block[0];
  char *next_aux = ws->block[1];
  for (int i = 0; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    bool alias = i > 0 && aliases(layer, training);
    ws->outputs[i] = alias ? ws->outputs[i - 1] : next;
    if (!alias) next += lsi_round_up(ws->max_rows * layer->out_size, LSI_ALIGN / sizeof(float));
    ws->aux[i] = next_aux;
    next_aux += aux_bytes(layer, ws->max_rows);
  }
  ws->x = ws->outputs[0];
  if (training) ws->deltas[0] = next, ws->deltas[1] = next + largest;
  return LS_OK;
}

/* BLIS and the weight-gradient kernel pack into scratch that must be there before the first step. */
static ls_status reserve_products(const lsi_net *net, size_t max_rows) {
  size_t rows = 1, k = 1, n = 1;
  for (int i = 0; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    size_t width = lsi_layer_width(layer), inner = layer->n_tensors && layer->tensors[0].rank == 2
                                                       ? (size_t)layer->tensors[0].dims[0] : 1;
    if (max_rows * layer->lead > rows) rows = max_rows * layer->lead;
    if (width > n) n = width;
    if (inner > k) k = inner;
  }
  return lsi_gemm_reserve(rows, k, n);
}

ls_status lsi_workspace_create(const lsi_net *net, size_t max_rows, int max_leaves, bool training, lsi_workspace **out) {
  lsi_workspace *ws;
  ls_status status;
  size_t n_layers = (size_t)net->n_layers, leaves = (size_t)max_leaves + 1, values = lsi_net_reduce_values(net);
  LSI_TRY(LSI_ALLOC("workspace", 1, &ws));
  ws->max_rows = max_rows;
  ws->max_leaves = max_leaves;
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("workspace", n_layers, &ws->outputs));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("workspace", n_layers, &ws->aux));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("workspace", leaves, &ws->leaf_row));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("workspace", leaves, &ws->leaf_row_scaled));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("workspace", leaves, &ws->leaf_penalty));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("batch statistics", leaves * values, &ws->leaf_values));
  LSI_TRY_GOTO(status, fail, LSI_ALLOC("batch statistics", values, &ws->totals));
  LSI_TRY_GOTO(status, fail, carve_buffers(net, training, ws));
  LSI_TRY_GOTO(status, fail, reserve_products(net, max_rows));
  *out = ws;
  return LS_OK;
fail:
  lsi_workspace_destroy(&ws);
  return status;
}

void lsi_workspace_destroy(lsi_workspace **workspace) {
  lsi_workspace *ws = *workspace;
  if (!ws) return;
  lsi_free(ws->outputs);
  lsi_free(ws->aux);
  lsi_free(ws->leaf_row);
  lsi_free(ws->leaf_row_scaled);
  lsi_free(ws->leaf_penalty);
  lsi_free(ws->leaf_values);
  lsi_free(ws->totals);
  lsi_free(ws->block[0]);
  lsi_free(ws->block[1]);
  lsi_free(ws);
  *workspace = NULL;
}

void lsi_pass_begin(lsi_pass *pass, const lsi_net *net, lsi_workspace *ws, const lsi_leaf_plan *plan,
                    const lsi_reducer *reducer, bool training) {
  int n_leaves = plan->leaf_end - plan->leaf_begin;
  for (int l = 0; l <= n_leaves; l++) ws->leaf_row[l] = lsi_leaf_plan_row(plan, plan->leaf_begin + l) - plan->row_begin;
  memset(ws->leaf_penalty, 0, (size_t)n_leaves * sizeof(double));
  *pass = (lsi_pass){.plan = plan,
                     .leaf_row = ws->leaf_row,
                     .leaf_row_scaled = ws->leaf_row_scaled,
                     .training = training,
                     .params = net->params,
                     .reducer = reducer,
                     .leaf_values = ws->leaf_values,
                     .totals = ws->totals,
                     .leaf_penalty = ws->leaf_penalty};
}

static void prefix_layer(const lsi_layer *layer) {
  lsi_error_prefix("layer %d (%s)", layer->index, layer->name);
}

ls_status lsi_net_forward(const lsi_net *net, const lsi_pass *pass, lsi_workspace *ws, float **out) {
  for (int i = 1; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    if (aliases(layer, pass->training)) {
      lsi_pass_add_activity(layer, pass, ws->outputs[i]);
      continue;
    }
    lsi_layer_io io = {.x = ws->outputs[i - 1], .y = ws->outputs[i], .aux = ws->aux[i],
                       .skip_activation = pass->logits && i == net->n_layers - 1};
    double begin = lsi_trace_begin();
    ls_status status = layer->ops->forward(layer, pass, &io);
    if (status == LS_OK) lsi_pass_add_activity(layer, pass, io.y);
    lsi_trace_end(LSI_TRACK_TRAINING, LSI_TRACE_FORWARD_LAYER, i, begin);
    if (status != LS_OK) prefix_layer(layer);
    LSI_TRY(status);
  }
  *out = ws->outputs[net->n_layers - 1];
  return LS_OK;
}

int lsi_net_lowest_trainable(const lsi_net *net) {
  int lowest = net->n_layers;
  for (int t = net->layout.n - 1; t >= 0; t--)
    if (net->layout.tensors[t].trainable) lowest = net->layout.tensors[t].layer;
  return lowest;
}

typedef ls_status layer_operation(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io);

/* One layer's backward, or a part of it. *delta goes from its output to its input when `below`. */
static ls_status back_through(const lsi_net *net, const lsi_pass *pass, lsi_workspace *ws, int i, layer_operation *operation,
                              bool below, float *const *partials, float **delta) {
  const lsi_layer *layer = net->layers[i];
  float *other = *delta == ws->deltas[0] ? ws->deltas[1] : ws->deltas[0];
  float *dx = !below ? NULL : layer->ops->dx_in_place ? *delta : other;
  lsi_layer_io io = {.x = ws->outputs[i - 1], .y = ws->outputs[i], .aux = ws->aux[i], .dy = *delta, .dx = dx,
                     .partials = partials, .skip_activation = pass->logits && i == net->n_layers - 1};
  double begin = lsi_trace_begin();
  ls_status status = operation(layer, pass, &io);
  lsi_trace_end(LSI_TRACK_TRAINING, LSI_TRACE_BACKWARD_LAYER, i, begin);
  if (status != LS_OK) prefix_layer(layer);
  if (dx) *delta = dx;
  return status;
}

ls_status lsi_net_backward(const lsi_net *net, const lsi_pass *pass, lsi_workspace *ws, int from, int to, float *const *partials,
                           float **delta) {
  int lowest = lsi_net_lowest_trainable(net);
  for (int i = from; i > to && i >= lowest; i--) {
    const lsi_layer_ops *ops = net->layers[i]->ops;
    bool later = i == to + 1 && ops->input_gradient;
    lsi_pass_add_activity_gradient(net->layers[i], pass, ws->outputs[i], *delta);
    LSI_TRY(back_through(net, pass, ws, i, ops->backward, i > lowest && !later, partials, delta));
  }
  return LS_OK;
}

ls_status lsi_net_backward_on(const lsi_net *net, const lsi_pass *pass, lsi_workspace *ws, int to, float **delta) {
  const lsi_layer_ops *ops = net->layers[to + 1]->ops;
  if (!ops->input_gradient || to < lsi_net_lowest_trainable(net)) return LS_OK;
  return back_through(net, pass, ws, to + 1, ops->input_gradient, true, NULL, delta);
}

const int64_t *lsi_pass_leaf_rows(const lsi_pass *pass, size_t lead) {
  if (lead == 1) return pass->leaf_row;
  int n_leaves = pass->plan->leaf_end - pass->plan->leaf_begin;
  for (int l = 0; l <= n_leaves; l++) pass->leaf_row_scaled[l] = pass->leaf_row[l] * (int64_t)lead;
  return pass->leaf_row_scaled;
}

void lsi_pass_column_sums(const lsi_pass *pass, size_t lead, size_t n, const float *values, const lsi_tensor *tensor,
                          float *const *partials) {
  const int64_t *leaf_row = lsi_pass_leaf_rows(pass, lead);
  for (int j = 0; j < pass->plan->n_nodes; j++) {
    const lsi_tree_node *node = &pass->plan->nodes[j];
    lsi_gemm_weight_grad(0, n, node->end - node->begin, leaf_row + (node->begin - pass->plan->leaf_begin), NULL,
                         values, NULL, partials[j] + tensor->offset);
  }
}

void lsi_pass_put_global(const lsi_pass *pass, const double *sums, const lsi_tensor *tensor, float *const *partials) {
  for (int j = 0; j < pass->plan->n_nodes; j++) {
    float *out = partials[j] + tensor->offset;
    if (j == 0 && pass->plan->leaf_begin == 0)
      for (size_t i = 0; i < tensor->count; i++) out[i] = (float)sums[i] + 0.0f;
    else memset(out, 0, tensor->count * sizeof(float));
  }
}

static ls_status local_sum(void *self, const lsi_leaf_plan *plan, double *leaf_values, size_t n, double *out) {
  (void)self;
  lsi_tree_node leaves[1 << 12];
  LSI_CHECK(plan->n_leaves <= (int)(sizeof leaves / sizeof *leaves), LS_ERR_ARG, NULL,
            "%d leaves are too many for the local reducer", plan->n_leaves);
  for (int l = 0; l < plan->n_leaves; l++) leaves[l] = (lsi_tree_node){l, l + 1, 0};
  lsi_tree_sum_f64(leaves, plan->n_leaves, leaf_values, n, n, out);
  return LS_OK;
}

const lsi_reducer lsi_reducer_local = {local_sum, NULL};
