/* SPDX-License-Identifier: MIT */
/* Layers that put a sample's values elsewhere: Permute, RepeatVector (keras/src/layers/reshaping). Flatten and Reshape move nothing. */
#include <string.h>

#include "base/memory.h"
#include "nn/layers.h"

ls_status lsi_layer_set_places(lsi_layer *layer, const int64_t *strides) {
  int64_t at[LS_MAX_RANK] = {0}, rank = layer->out.rank, place = 0;
  LSI_TRY(LSI_ALLOC("places", layer->out_size, &layer->place));
  for (size_t j = 0; j < layer->out_size; j++) {
    layer->place[j] = (size_t)place;
    for (int64_t d = rank - 1; d >= 0; d--) { /* the next index, last dimension first */
      place += strides[d];
      if (++at[d] < layer->out.dims[d]) break;
      place -= at[d] * strides[d];
      at[d] = 0;
    }
  }
  return LS_OK;
}

void lsi_layer_free_places(lsi_layer *layer) {
  lsi_free(layer->place);
  layer->place = NULL;
}

/* dims: for each dimension of the output, counted from 1, which of the input's it is. */
static ls_status permute_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  const lsi_shape in = layer->in, dims = layer->target;
  int64_t strides[LS_MAX_RANK], own[LS_MAX_RANK] = {0};
  unsigned seen = 0;
  LSI_CHECK(dims.rank == in.rank, LS_ERR_SHAPE, NULL, "%s: dims has %d dimensions, a sample has %d", layer->name, dims.rank, in.rank);
  for (int d = in.rank - 1; d >= 0; d--) strides[d] = d == in.rank - 1 ? 1 : strides[d + 1] * in.dims[d + 1];
  layer->out.rank = in.rank;
  for (int d = 0; d < in.rank; d++) {
    LSI_CHECK(dims.dims[d] >= 1 && dims.dims[d] <= in.rank && !(seen >> dims.dims[d] & 1), LS_ERR_ARG, "each dimension once, counted from 1",
              "%s: dims has %lld at place %d", layer->name, (long long)dims.dims[d], d);
    seen |= 1u << dims.dims[d];
    layer->out.dims[d] = in.dims[dims.dims[d] - 1];
    own[d] = strides[dims.dims[d] - 1];
  }
  layer->out_size = layer->in_size;
  layer->lead = layer->out_size / (size_t)layer->out.dims[in.rank - 1];
  return lsi_layer_set_places(layer, own);
}

static ls_status permute_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = layer->out_size;
  for (size_t r = 0; r < lsi_pass_rows(pass); r++)
    for (size_t j = 0; j < n; j++) io->y[r * n + j] = io->x[r * n + layer->place[j]];
  return LS_OK;
}

static ls_status permute_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = layer->out_size;
  for (size_t r = 0; io->dx && r < lsi_pass_rows(pass); r++)
    for (size_t j = 0; j < n; j++) io->dx[r * n + layer->place[j]] = io->dy[r * n + j];
  return LS_OK;
}

const lsi_layer_ops lsi_permute_ops = {.class_name = "Permute", .base_name = "permute", .build = permute_build, .forward = permute_forward,
                                       .backward = permute_backward, .destroy = lsi_layer_free_places};

static ls_status repeat_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  LSI_CHECK(layer->in.rank == 1, LS_ERR_SHAPE, "flatten before it", "%s: RepeatVector repeats vectors, a sample has %d dimensions", layer->name,
            layer->in.rank);
  LSI_CHECK(layer->repeats >= 1 && layer->repeats <= 1 << 24, LS_ERR_ARG, NULL, "%s: n is %lld; 1 to 2^24 are possible", layer->name,
            (long long)layer->repeats);
  layer->out = (lsi_shape){.rank = 2, .dims = {layer->repeats, layer->in.dims[0]}};
  layer->lead = (size_t)layer->repeats;
  LSI_CHECK(lsi_mul_size(layer->lead, layer->in_size, &layer->out_size), LS_ERR_SHAPE, NULL, "%s: too many values", layer->name);
  return LS_OK;
}

static ls_status repeat_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = layer->in_size;
  for (size_t r = 0; r < lsi_pass_rows(pass) * layer->lead; r++) memcpy(io->y + r * n, io->x + r / layer->lead * n, n * sizeof *io->y);
  return LS_OK;
}

/* Over a sample's copies, first to last. */
static ls_status repeat_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t n = layer->in_size;
  for (size_t r = 0; io->dx && r < lsi_pass_rows(pass); r++) {
    const float *dy = io->dy + r * layer->out_size;
    float *dx = io->dx + r * n;
    memcpy(dx, dy, n * sizeof *dx);
    for (size_t copy = 1; copy < layer->lead; copy++)
      for (size_t j = 0; j < n; j++) dx[j] += dy[copy * n + j];
  }
  return LS_OK;
}

const lsi_layer_ops lsi_repeat_vector_ops = {.class_name = "RepeatVector", .base_name = "repeat_vector", .build = repeat_build,
                                             .forward = repeat_forward, .backward = repeat_backward};
