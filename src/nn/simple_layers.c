/* SPDX-License-Identifier: MIT */
/* Layers without weights: Input, Flatten, Reshape, Identity, ActivityRegularization, Activation, Rescaling. */
#include <string.h>

#include "math/clones.h"
#include "math/team.h"
#include "nn/layers.h"

static bool always(const lsi_layer *layer, bool training) {
  (void)layer, (void)training;
  return true;
}

static ls_status nothing(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  (void)layer, (void)pass, (void)io;
  return LS_OK;
}

static ls_status build_same(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  lsi_layer_keep_shape(layer);
  return LS_OK;
}

const lsi_layer_ops lsi_input_ops = {
    .class_name = "InputLayer", .base_name = "input_layer", .build = build_same,
    .forward = nothing, .backward = nothing, .aliases = always, .dx_in_place = true};

/* Row-major already: only the shape changes. */
static ls_status flatten_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  layer->out = (lsi_shape){.rank = 1, .dims = {(int64_t)layer->in_size}};
  layer->out_size = layer->in_size;
  layer->lead = 1;
  return LS_OK;
}

const lsi_layer_ops lsi_flatten_ops = {
    .class_name = "Flatten", .base_name = "flatten", .build = flatten_build,
    .forward = nothing, .backward = nothing, .aliases = always, .dx_in_place = true};

const lsi_layer_ops lsi_identity_ops = {
    .class_name = "Identity", .base_name = "identity", .build = build_same,
    .forward = nothing, .backward = nothing, .aliases = always, .dx_in_place = true};

/* One size may be -1: what the others leave. */
static ls_status reshape_build(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  int64_t known = 1, size = (int64_t)layer->in_size;
  int open = -1;
  layer->out = layer->target;
  for (int d = 0; d < layer->out.rank; d++) {
    int64_t own = layer->out.dims[d];
    LSI_CHECK(own > 0 || (own == -1 && open < 0), LS_ERR_SHAPE, "sizes are positive; one may be -1", "%s: size %d of target_shape is %lld",
              layer->name, d, (long long)own);
    LSI_CHECK(own <= size, LS_ERR_SHAPE, NULL, "%s: size %d of target_shape is %lld, a sample has %lld values", layer->name, d, (long long)own,
              (long long)size);
    if (own == -1) open = d;
    else known = known <= size ? known * own : known;
  }
  if (open >= 0 && size % known == 0) layer->out.dims[open] = size / known, known = size;
  LSI_CHECK(known == size && layer->out.rank > 0, LS_ERR_SHAPE, "give a shape with as many values", "%s: a sample of %lld values does not fit target_shape",
            layer->name, (long long)size);
  layer->out_size = layer->in_size;
  layer->lead = layer->out_size / (size_t)layer->out.dims[layer->out.rank - 1];
  return LS_OK;
}

const lsi_layer_ops lsi_reshape_ops = {
    .class_name = "Reshape", .base_name = "reshape", .build = reshape_build,
    .forward = nothing, .backward = nothing, .aliases = always, .dx_in_place = true};

/* The pass adds the penalty, as it does any layer's. */
static ls_status activity_build(lsi_layer *layer, int index, lsi_layout *layout) {
  LSI_CHECK(layer->activity.l1 >= 0 && layer->activity.l2 >= 0, LS_ERR_ARG, NULL, "%s: l1 and l2 must not be negative", layer->name);
  return build_same(layer, index, layout);
}

const lsi_layer_ops lsi_activity_regularization_ops = {
    .class_name = "ActivityRegularization", .base_name = "activity_regularization", .build = activity_build,
    .forward = nothing, .backward = nothing, .aliases = always, .dx_in_place = true};

static ls_status activation_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  size_t rows = lsi_pass_rows(pass) * layer->lead;
  lsi_activation activation = io->skip_activation ? LSI_ACT_LINEAR : layer->activation;
  lsi_activation_forward(activation, rows, lsi_layer_width(layer), io->x, NULL, io->y, NULL);
  return LS_OK;
}

/* x is still there, so z needs no copy. */
static ls_status activation_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (!io->dx || io->skip_activation) return LS_OK;
  size_t rows = lsi_pass_rows(pass) * layer->lead;
  lsi_activation_backward(layer->activation, rows, lsi_layer_width(layer), io->x, io->y, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_activation_ops = {
    .class_name = "Activation", .base_name = "activation", .build = build_same,
    .forward = activation_forward, .backward = activation_backward, .dx_in_place = true};

LSI_CLONES static void scale_offset(size_t n, float scale, float offset, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] * scale + offset;
}

static ls_status rescaling_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  scale_offset(lsi_pass_rows(pass) * layer->out_size, (float)layer->rescaling.scale,
               (float)layer->rescaling.offset, io->x, io->y);
  return LS_OK;
}

static ls_status rescaling_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (io->dx)
    scale_offset(lsi_pass_rows(pass) * layer->out_size, (float)layer->rescaling.scale, 0.0f, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_rescaling_ops = {
    .class_name = "Rescaling", .base_name = "rescaling", .build = build_same,
    .forward = rescaling_forward, .backward = rescaling_backward, .dx_in_place = true};
