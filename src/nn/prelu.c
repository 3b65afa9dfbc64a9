/* SPDX-License-Identifier: MIT */
/*
 * PReLU: alpha x below 0 (keras/src/layers/activations/prelu.py). An alpha for each value of a sample; along shared axes it is of size 1
 * and all values use the same.
 */
#include "math/clones.h"
#include "nn/layers.h"

static ls_status check_axes(const lsi_layer *layer) {
  const lsi_shape *shared = &layer->prelu.shared_axes;
  for (int i = 0; i < shared->rank; i++)
    LSI_CHECK(shared->dims[i] >= 1 && shared->dims[i] <= layer->in.rank, LS_ERR_ARG, "axes count from 1, after the batch",
              "%s: shared_axes has %lld, a sample has %d dimensions", layer->name, (long long)shared->dims[i], layer->in.rank);
  return LS_OK;
}

static ls_status prelu_build(lsi_layer *layer, int index, lsi_layout *layout) {
  lsi_prelu *own = &layer->prelu;
  LSI_CHECK(layer->in.rank <= LS_MAX_WEIGHT_RANK, LS_ERR_UNSUPPORTED, "flatten before it", "%s: an alpha of %d dimensions; at most %d are possible",
            layer->name, layer->in.rank, LS_MAX_WEIGHT_RANK);
  lsi_layer_keep_shape(layer);
  LSI_TRY(check_axes(layer));
  lsi_shape alpha = layer->out;
  for (int i = 0; i < own->shared_axes.rank; i++) alpha.dims[own->shared_axes.dims[i] - 1] = 1;
  int64_t strides[LS_MAX_RANK], stride = 1;
  for (int d = alpha.rank - 1; d >= 0; d--) {
    strides[d] = alpha.dims[d] > 1 ? stride : 0;
    stride *= alpha.dims[d];
  }
  if (own->shared_axes.rank > 0) LSI_TRY(lsi_layer_set_places(layer, strides));
  LSI_TRY(lsi_layer_add_tensor(layer, index, layout, "alpha", alpha.rank, alpha.dims, true, &own->alpha_initializer, &own->alpha_regularizer));
  return lsi_layer_constrain(layout, &own->alpha_constraint);
}

/* aux: dy min(x, 0), whose column sums are alpha's gradient; of shared ones a sample's are added up first. */
static size_t prelu_aux_bytes(const lsi_layer *layer, size_t max_rows) {
  return max_rows * layer->out_size * sizeof(float);
}

LSI_CLONES static void values(size_t rows, size_t n, const float *alpha, const float *x, float *y) {
  for (size_t r = 0; r < rows; r++, x += n, y += n)
    for (size_t j = 0; j < n; j++) y[j] = x[j] > 0.0f ? x[j] : alpha[j] * x[j];
}

LSI_CLONES static void slopes(size_t rows, size_t n, const float *alpha, const float *x, const float *dy, float *product, float *dx) {
  for (size_t r = 0; r < rows; r++, x += n, dy += n, product += n) {
    for (size_t j = 0; j < n; j++) product[j] = x[j] > 0.0f ? 0.0f : dy[j] * x[j];
    for (size_t j = 0; dx && j < n; j++) dx[r * n + j] = x[j] > 0.0f ? dy[j] : alpha[j] * dy[j];
  }
}

static void shared_values(size_t rows, size_t n, const size_t *place, const float *alpha, const float *x, float *y) {
  for (size_t r = 0; r < rows; r++, x += n, y += n)
    for (size_t j = 0; j < n; j++) y[j] = x[j] > 0.0f ? x[j] : alpha[place[j]] * x[j];
}

/* product [rows, n_alpha]: each sample's sums, in the order of its values. */
static void shared_slopes(size_t rows, size_t n, size_t n_alpha, const size_t *place, const float *alpha, const float *x, const float *dy,
                          float *product, float *dx) {
  for (size_t r = 0; r < rows; r++, x += n, dy += n, product += n_alpha) {
    for (size_t a = 0; a < n_alpha; a++) product[a] = 0.0f;
    for (size_t j = 0; j < n; j++) product[place[j]] += x[j] > 0.0f ? 0.0f : dy[j] * x[j];
    for (size_t j = 0; dx && j < n; j++) dx[r * n + j] = x[j] > 0.0f ? dy[j] : alpha[place[j]] * dy[j];
  }
}

static ls_status prelu_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t rows = lsi_pass_rows(pass), n = layer->out_size;
  const float *alpha = pass->params + layer->tensors[0].offset;
  if (layer->place) shared_values(rows, n, layer->place, alpha, io->x, io->y);
  else values(rows, n, alpha, io->x, io->y);
  return LS_OK;
}

static ls_status prelu_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  const lsi_tensor *tensor = &layer->tensors[0];
  const float *alpha = pass->params + tensor->offset;
  size_t rows = lsi_pass_rows(pass), n = layer->out_size;
  if (layer->place) shared_slopes(rows, n, tensor->count, layer->place, alpha, io->x, io->dy, io->aux, io->dx);
  else slopes(rows, n, alpha, io->x, io->dy, io->aux, io->dx);
  if (tensor->trainable) lsi_pass_column_sums(pass, 1, tensor->count, io->aux, tensor, io->partials);
  return LS_OK;
}

const lsi_layer_ops lsi_prelu_ops = {.class_name = "PReLU", .base_name = "p_re_lu", .build = prelu_build, .forward = prelu_forward,
                                     .backward = prelu_backward, .aux_bytes = prelu_aux_bytes, .dx_in_place = true,
                                     .destroy = lsi_layer_free_places};
