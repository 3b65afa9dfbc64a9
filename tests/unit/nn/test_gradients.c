/* SPDX-License-Identifier: MIT */
/*
 * Every layer x every loss: the gradient of each weight tensor against central differences of the
 * loss, along random directions and for single elements, in training mode (dropout's mask and the
 * batch's statistics included).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "nn/initializer.h"
#include "nn/loss.h"
#include "nn/net.h"
#include "nn/regularizer.h"

enum { ROWS = 12, LEAF_ROWS = 5, FEATURES = 6, MAX_CLASSES = 4 };

typedef struct problem {
  lsi_net *net;
  lsi_workspace *ws;
  lsi_leaf_plan plan;
  lsi_loss loss;
  bool fused;
  int32_t label[ROWS];
  float target[ROWS * MAX_CLASSES];
  float weight[ROWS];
  float *grad;
} problem;

static double uniform(uint64_t i) {
  return lsi_rng_double(lsi_rng_make(7, LSI_RNG_TEST, 0, 0), 0, i);
}

static void must(ls_status status) {
  if (status != LS_OK) fail_msg("%s: %s", ls_status_name(status), ls_last_error()->message);
}

static void add(lsi_net *net, lsi_layer_kind kind, void (*tune)(lsi_layer *)) {
  lsi_layer layer;
  must(lsi_layer_init(&layer, kind, NULL));
  if (kind == LSI_LAYER_INPUT) layer.in = (lsi_shape){.rank = 2, .dims = {2, FEATURES / 2}};
  if (tune) tune(&layer);
  must(lsi_net_add(net, &layer));
}

static void small_dense(lsi_layer *layer) {
  layer->dense.units = 5;
  layer->dense.activation = LSI_ACT_TANH;
}

static int64_t n_outputs;
static lsi_activation last_activation;
static void last_dense(lsi_layer *layer) {
  layer->dense.units = n_outputs;
  layer->dense.activation = last_activation;
  must(lsi_object_parse(&lsi_initializers, "RandomNormal(stddev=0.5)", &layer->dense.kernel_initializer));
}
static void mid_gelu(lsi_layer *layer) {
  layer->activation = LSI_ACT_GELU;
}
static void dropout_half(lsi_layer *layer) {
  layer->dropout.rate = 0.4;
}
static void rescale(lsi_layer *layer) {
  layer->rescaling = (lsi_rescaling){.scale = 0.7, .offset = 0.2};
}
static void relu_without_corner(lsi_layer *layer) {
  layer->relu = (lsi_relu){NAN, 1.0, 0.0}; /* corners and steps have no difference quotient */
}
static void prelu_slopes(lsi_layer *layer) {
  must(lsi_object_parse(&lsi_initializers, "ones", &layer->prelu.alpha_initializer));
}
static void noise_rate(lsi_layer *layer) {
  layer->dropout.rate = 0.2;
}
static void activity(lsi_layer *layer) {
  layer->activity = (lsi_activity){0, 0.05};
}
static void regularized_dense(lsi_layer *layer) {
  small_dense(layer);
  must(lsi_object_parse(&lsi_regularizers, "L2(0.05)", &layer->activity_regularizer));
}

/* Loss of the batch with the activity penalty; delta when `grad` is wanted. */
static double batch_loss(problem *p, bool gradient) {
  lsi_pass pass;
  float *outputs, *delta = p->ws->deltas[0];
  double value[ROWS * 2], loss = 0;
  int64_t bad;
  lsi_pass_begin(&pass, p->net, p->ws, &p->plan, &lsi_reducer_local, true);
  pass.logits = p->fused;
  pass.seed = 3;
  pass.iteration = 11;
  size_t width = lsi_net_output_width(p->net);
  must(lsi_net_forward(p->net, &pass, p->ws, &outputs));
  bool labels = lsi_loss_target_form(&p->loss) == LSI_TARGET_LABEL;
  must(lsi_loss_rows(&p->loss, ROWS, width, outputs, labels ? p->label : NULL, labels ? NULL : p->target, p->weight,
                     1.0 / ROWS, value, NULL, gradient ? delta : NULL, &bad));
  for (int r = 0; r < ROWS; r++) loss += value[r] / ROWS;
  for (int l = 0; l < p->plan.n_leaves; l++) loss += pass.leaf_penalty[l];
  if (gradient) must(lsi_net_backward(p->net, &pass, p->ws, p->net->n_layers - 1, 0, &p->grad, &delta));
  return loss;
}

static double loss_along(problem *p, const float *base, const float *direction, double step) {
  for (size_t i = 0; i < p->net->layout.n_trainable; i++)
    p->net->params[i] = (float)((double)base[i] + step * (double)direction[i]);
  return batch_loss(p, false);
}

/* The derivative along random directions inside one tensor, by a five-point difference. */
static void check_tensor(problem *p, const lsi_tensor *t, const float *base, float *direction, const char *what) {
  size_t n = p->net->layout.n_trainable;
  const double h = 8e-3;
  for (uint64_t trial = 0; trial < 4; trial++) {
    double expected = 0, scale = 0;
    memset(direction, 0, n * sizeof *direction);
    for (size_t i = 0; i < t->count; i++) {
      bool one = trial == 3 && i != (size_t)(uniform(91) * (double)t->count);
      double d = one ? 0 : 2 * uniform(1000 * trial + i) - 1;
      direction[t->offset + i] = (float)d;
      expected += d * (double)p->grad[t->offset + i];
      scale += fabs(d * (double)p->grad[t->offset + i]);
    }
    double measured = (8 * (loss_along(p, base, direction, h) - loss_along(p, base, direction, -h)) -
                       (loss_along(p, base, direction, 2 * h) - loss_along(p, base, direction, -2 * h))) / (12 * h);
    double tolerance = 2e-3 * scale + 1e-4;
    if (!(fabs(measured - expected) <= tolerance))
      fail_msg("%s, %s, trial %d: measured %.8g, backward gives %.8g (tolerance %.2g)", what, t->name, (int)trial,
               measured, expected, tolerance);
  }
  memcpy(p->net->params, base, n * sizeof *base);
}

static void check_net(problem *p, const char *loss_text, const char *what) {
  lsi_object object;
  must(lsi_net_initialize(p->net, 5));
  must(lsi_object_parse(&lsi_losses, loss_text, &object));
  must(lsi_loss_init(&p->loss, &object, lsi_net_last_activation(p->net), (int64_t)lsi_net_output_width(p->net)));
  p->fused = p->loss.on_logits && lsi_net_last_activation(p->net) != LSI_ACT_LINEAR;
  lsi_leaf_plan_init(&p->plan, ROWS, LEAF_ROWS, 1, 0);
  must(lsi_workspace_create(p->net, ROWS, p->plan.n_leaves, true, &p->ws));
  for (int i = 0; i < ROWS * FEATURES; i++) p->ws->x[i] = (float)(2 * uniform(5000 + (uint64_t)i) - 1);
  for (int r = 0; r < ROWS; r++) {
    p->label[r] = r % (int)n_outputs;
    p->weight[r] = (float)(0.5 + uniform(7000 + (uint64_t)r));
    for (int64_t c = 0; c < n_outputs; c++) {
      float value = (float)uniform(8000 + (uint64_t)(r * n_outputs + c));
      if (object.info->kind == LSI_LOSS_CATEGORICAL_CROSSENTROPY) value = (float)(c == r % n_outputs);
      if (object.info->kind == LSI_LOSS_MEAN_ABSOLUTE_ERROR) value = r % 2 ? 9.0f : -9.0f; /* away from |x|'s corner */
      p->target[r * n_outputs + c] = value;
    }
  }
  float *base, *direction;
  size_t n = p->net->layout.n_trainable;
  must(LSI_ALLOC("gradients", n, &p->grad));
  must(LSI_ALLOC("base", n, &base));
  must(LSI_ALLOC("direction", n, &direction));
  memcpy(base, p->net->params, n * sizeof *base);
  batch_loss(p, true);
  for (int t = 0; t < p->net->layout.n; t++)
    if (p->net->layout.tensors[t].trainable) check_tensor(p, &p->net->layout.tensors[t], base, direction, what);
  lsi_free(base);
  lsi_free(direction);
  lsi_free(p->grad);
  lsi_workspace_destroy(&p->ws);
}

typedef struct middle {
  const char *name;
  lsi_layer_kind kind;
  void (*tune)(lsi_layer *);
} middle;

static const middle middles[] = {
    {"Dense tanh", LSI_LAYER_DENSE, small_dense},          {"Dense with activity L2", LSI_LAYER_DENSE, regularized_dense},
    {"Activation gelu", LSI_LAYER_ACTIVATION, mid_gelu},   {"Dropout", LSI_LAYER_DROPOUT, dropout_half},
    {"BatchNormalization", LSI_LAYER_BATCH_NORMALIZATION, NULL},
    {"LayerNormalization", LSI_LAYER_LAYER_NORMALIZATION, NULL}, {"Rescaling", LSI_LAYER_RESCALING, rescale},
    {"Flatten", LSI_LAYER_FLATTEN, NULL},
    {"ReLU", LSI_LAYER_RELU, relu_without_corner}, {"LeakyReLU", LSI_LAYER_LEAKY_RELU, relu_without_corner}, {"ELU", LSI_LAYER_ELU, NULL},
    {"PReLU", LSI_LAYER_PRELU, prelu_slopes}, {"Softmax", LSI_LAYER_SOFTMAX, NULL}, {"GaussianNoise", LSI_LAYER_GAUSSIAN_NOISE, noise_rate},
    {"GaussianDropout", LSI_LAYER_GAUSSIAN_DROPOUT, noise_rate}, {"AlphaDropout", LSI_LAYER_ALPHA_DROPOUT, noise_rate},
    {"Identity", LSI_LAYER_IDENTITY, NULL}, {"ActivityRegularization", LSI_LAYER_ACTIVITY_REGULARIZATION, activity},
    {"UnitNormalization", LSI_LAYER_UNIT_NORMALIZATION, NULL}, {"RMSNormalization", LSI_LAYER_RMS_NORMALIZATION, NULL},
};

typedef struct ending {
  const char *loss;
  lsi_activation activation;
  int outputs;
} ending;

static const ending endings[] = {
    {"categorical_crossentropy", LSI_ACT_SOFTMAX, 4},
    {"CategoricalCrossentropy(label_smoothing=0.1)", LSI_ACT_SOFTMAX, 3},
    {"CategoricalCrossentropy(from_logits=true)", LSI_ACT_LINEAR, 3},
    {"categorical_crossentropy", LSI_ACT_SIGMOID, 3},
    {"sparse_categorical_crossentropy", LSI_ACT_SOFTMAX, 4},
    {"SparseCategoricalCrossentropy(from_logits=true)", LSI_ACT_LINEAR, 4},
    {"binary_crossentropy", LSI_ACT_SIGMOID, 1},
    {"binary_crossentropy", LSI_ACT_SIGMOID, 3},
    {"BinaryCrossentropy(from_logits=true)", LSI_ACT_LINEAR, 2},
    {"mse", LSI_ACT_LINEAR, 2},
    {"mse", LSI_ACT_SOFTMAX, 3},
    {"mae", LSI_ACT_LINEAR, 2},
    {"Huber(delta=0.3)", LSI_ACT_TANH, 2},
    {"msle", LSI_ACT_SOFTPLUS, 2},
    {"cosine_similarity", LSI_ACT_LINEAR, 3},
    {"log_cosh", LSI_ACT_LINEAR, 2},
    {"squared_hinge", LSI_ACT_TANH, 2},
    {"kl_divergence", LSI_ACT_SOFTMAX, 3},
    {"poisson", LSI_ACT_SOFTPLUS, 2},
    {"binary_focal_crossentropy", LSI_ACT_SIGMOID, 2},
    {"BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True)", LSI_ACT_LINEAR, 2},
    {"categorical_focal_crossentropy", LSI_ACT_SOFTMAX, 3},
    {"CategoricalFocalCrossentropy(from_logits=True, label_smoothing=0.1)", LSI_ACT_LINEAR, 3},
    {"CategoricalGeneralizedCrossEntropy(q=0.6)", LSI_ACT_SOFTMAX, 3},
    {"Dice(axis=-1)", LSI_ACT_SIGMOID, 3},
    {"Tversky(alpha=0.3, beta=0.9, axis=-1)", LSI_ACT_SIGMOID, 3},
};

static void every_layer_with_every_loss(void **state) {
  (void)state;
  for (size_t m = 0; m < sizeof middles / sizeof *middles; m++)
    for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
      problem p = {0};
      char what[160];
      /* Where all outputs are dropped the direction of nothing is asked for. */
      if (middles[m].kind == LSI_LAYER_DROPOUT && strcmp(endings[e].loss, "cosine_similarity") == 0) continue;
      snprintf(what, sizeof what, "%s, %s", middles[m].name, endings[e].loss);
      n_outputs = endings[e].outputs;
      last_activation = endings[e].activation;
      must(lsi_net_create("t", &p.net));
      add(p.net, LSI_LAYER_INPUT, NULL);
      add(p.net, LSI_LAYER_FLATTEN, NULL);
      add(p.net, LSI_LAYER_DENSE, small_dense);
      add(p.net, middles[m].kind, middles[m].tune);
      add(p.net, LSI_LAYER_DENSE, last_dense);
      check_net(&p, endings[e].loss, what);
      lsi_net_destroy(&p.net);
    }
}

/* Dense, BatchNormalization and LayerNormalization on the last axis of a two-dimensional sample. */
static void layers_on_the_last_axis(void **state) {
  (void)state;
  for (size_t m = 0; m < sizeof middles / sizeof *middles; m++) {
    problem p = {0};
    n_outputs = 3;
    last_activation = LSI_ACT_SOFTMAX;
    must(lsi_net_create("t", &p.net));
    add(p.net, LSI_LAYER_INPUT, NULL);
    add(p.net, LSI_LAYER_DENSE, small_dense);
    add(p.net, middles[m].kind, middles[m].tune);
    if (middles[m].kind != LSI_LAYER_FLATTEN) add(p.net, LSI_LAYER_FLATTEN, NULL);
    add(p.net, LSI_LAYER_DENSE, last_dense);
    check_net(&p, "sparse_categorical_crossentropy", middles[m].name);
    lsi_net_destroy(&p.net);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_layer_with_every_loss),
      cmocka_unit_test(layers_on_the_last_axis),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
