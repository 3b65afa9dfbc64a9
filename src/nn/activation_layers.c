/* SPDX-License-Identifier: MIT */
/* Activations with arguments as layers of their own: ReLU, LeakyReLU, ELU, Softmax (keras/src/layers/activations). */
#include <math.h>
#include <string.h>

#include "math/elementary.h"
#include "math/team.h"
#include "nn/activation_maps.h"
#include "nn/layers.h"

static ls_status build_same(lsi_layer *layer, int index, lsi_layout *layout) {
  (void)index, (void)layout;
  lsi_layer_keep_shape(layer);
  return LS_OK;
}

static size_t pass_values(const lsi_layer *layer, const lsi_pass *pass) {
  return lsi_pass_rows(pass) * layer->out_size;
}

/* ---- ReLU: x above the threshold up to max_value; -negative_slope (threshold - x) below ---- */

typedef struct relu_constants {
  float slope, threshold, most;
} relu_constants;

static relu_constants relu_of(const lsi_layer *layer) {
  const lsi_relu *own = &layer->relu;
  return (relu_constants){(float)own->negative_slope, (float)own->threshold, isnan(own->max_value) ? INFINITY : (float)own->max_value};
}

LSI_CLONES static void relu_values(size_t n, relu_constants c, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) {
    float above = x[i] > c.threshold || x[i] != x[i] ? x[i] : 0.0f;
    float below = x[i] < c.threshold ? c.threshold - x[i] : 0.0f;
    y[i] = (above > c.most ? c.most : above) - c.slope * below;
  }
}

LSI_CLONES static void relu_slopes(size_t n, relu_constants c, const float *x, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) {
    float slope = x[i] > c.threshold ? (x[i] < c.most ? 1.0f : 0.0f) : x[i] < c.threshold ? c.slope : 0.0f;
    dx[i] = dy[i] * slope;
  }
}

static ls_status relu_build(lsi_layer *layer, int index, lsi_layout *layout) {
  const lsi_relu *own = &layer->relu;
  LSI_CHECK(!(own->max_value < 0) && own->negative_slope >= 0 && own->threshold >= 0, LS_ERR_ARG, NULL,
            "%s: max_value, negative_slope and threshold must not be negative", layer->name);
  return build_same(layer, index, layout);
}

static ls_status relu_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  relu_values(pass_values(layer, pass), relu_of(layer), io->x, io->y);
  return LS_OK;
}

static ls_status relu_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (io->dx) relu_slopes(pass_values(layer, pass), relu_of(layer), io->x, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_relu_ops = {.class_name = "ReLU", .base_name = "re_lu", .build = relu_build, .forward = relu_forward,
                                    .backward = relu_backward, .dx_in_place = true};
/* The same with Keras's other default: without a threshold or a maximum. */
const lsi_layer_ops lsi_leaky_relu_ops = {.class_name = "LeakyReLU", .base_name = "leaky_re_lu", .build = relu_build, .forward = relu_forward,
                                          .backward = relu_backward, .dx_in_place = true};

/* ---- ELU: alpha (exp(x) - 1) below 0 ---- */

LSI_INLINE float expm1_below_0(float z) {
  float t = lsi_tanhf(0.5f * z);
  return 2.0f * t / (1.0f - t);
}

LSI_CLONES static void elu_values(size_t n, float alpha, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) {
    const float z = x[i];
    y[i] = z > 0.0f ? z : alpha * expm1_below_0(z);
  }
}

LSI_CLONES static void elu_slopes(size_t n, float alpha, const float *x, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) {
    const float z = x[i];
    dx[i] = dy[i] * (z > 0.0f ? 1.0f : alpha * lsi_expf(z));
  }
}

static ls_status elu_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  elu_values(pass_values(layer, pass), (float)layer->elu_alpha, io->x, io->y);
  return LS_OK;
}

static ls_status elu_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (io->dx) elu_slopes(pass_values(layer, pass), (float)layer->elu_alpha, io->x, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_elu_ops = {.class_name = "ELU", .base_name = "elu", .build = build_same, .forward = elu_forward,
                                   .backward = elu_backward, .dx_in_place = true};

/* ---- Softmax on the last axis ---- */

static ls_status softmax_forward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  lsi_activation activation = io->skip_activation ? LSI_ACT_LINEAR : LSI_ACT_SOFTMAX;
  lsi_activation_forward(activation, lsi_pass_rows(pass) * layer->lead, lsi_layer_width(layer), io->x, NULL, io->y, NULL);
  return LS_OK;
}

static ls_status softmax_backward(const lsi_layer *layer, const lsi_pass *pass, const lsi_layer_io *io) {
  if (!io->dx || io->skip_activation) return LS_OK;
  lsi_activation_backward(LSI_ACT_SOFTMAX, lsi_pass_rows(pass) * layer->lead, lsi_layer_width(layer), io->x, io->y, io->dy, io->dx);
  return LS_OK;
}

const lsi_layer_ops lsi_softmax_ops = {.class_name = "Softmax", .base_name = "softmax", .build = build_same, .forward = softmax_forward,
                                       .backward = softmax_backward, .dx_in_place = true};
