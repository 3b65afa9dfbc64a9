/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CKPT_MODEL_CASE_H
#define TESTS_UNIT_CKPT_MODEL_CASE_H
/* Nets with every kind of layer, for the tests of Keras's formats. Include after cmocka.h. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "ckpt/keras_config.h"
#include "nn/initializer.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "nn/regularizer.h"
#include "optim/optimizer.h"

#ifndef assert_ok /* temp_dir.h has one too */
#define assert_ok(call)                                                                            \
  do {                                                                                             \
    ls_status case_status_ = (call);                                                               \
    if (case_status_ != LS_OK) print_error("%s\n", ls_last_error()->message);                      \
    assert_int_equal(case_status_, LS_OK);                                                         \
  } while (0)
#endif

static inline void case_parse(const lsi_family *family, const char *text, lsi_object *out) {
  assert_ok(lsi_object_parse(family, text, out));
}

static inline void case_init(lsi_layer *layer, lsi_layer_kind kind, const char *name) {
  assert_ok(lsi_layer_init(layer, kind, name));
}

static inline void case_fill_normalization(lsi_layer *layer, int64_t n) {
  layer->normalization.n = n;
  assert_ok(LSI_ALLOC("mean", n, &layer->normalization.mean));
  assert_ok(LSI_ALLOC("variance", n, &layer->normalization.variance));
  for (int64_t i = 0; i < n; i++) {
    layer->normalization.mean[i] = 0.1 * (double)i - 0.3;
    layer->normalization.variance[i] = 1.0 / (double)(i + 3);
  }
}

/* Every kind of layer, with arguments away from the defaults. */
static inline lsi_net *case_net(bool adapted) {
  lsi_net *net;
  lsi_layer layer;
  assert_ok(lsi_net_create("everything", &net));
  case_init(&layer, LSI_LAYER_INPUT, NULL);
  layer.in = (lsi_shape){.rank = 2, .dims = {3, 4}};
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_RESCALING, NULL);
  layer.rescaling.scale = 1.0 / 255;
  layer.rescaling.offset = -0.1;
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_NORMALIZATION, "standardise");
  if (!adapted) case_fill_normalization(&layer, 4);
  layer.normalization.invert = !adapted;
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_FLATTEN, NULL);
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_DENSE, NULL);
  layer.dense.units = 7;
  layer.dense.activation = LSI_ACT_LEAKY_RELU;
  case_parse(&lsi_initializers, "RandomNormal(mean=0.5, stddev=0.02, seed=3)", &layer.dense.kernel_initializer);
  case_parse(&lsi_initializers, "Constant(0.25)", &layer.dense.bias_initializer);
  case_parse(&lsi_regularizers, "L1L2(l1=1e-05, l2=0.001)", &layer.dense.kernel_regularizer);
  case_parse(&lsi_regularizers, "l2", &layer.activity_regularizer);
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_BATCH_NORMALIZATION, NULL);
  layer.norm.momentum = 0.9;
  layer.norm.scale = false;
  case_parse(&lsi_regularizers, "L1(0.5)", &layer.norm.beta_regularizer);
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_ACTIVATION, NULL);
  layer.activation = LSI_ACT_HARD_SILU;
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_DROPOUT, NULL);
  layer.dropout.rate = 0.3;
  layer.dropout.seed = 12345;
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_LAYER_NORMALIZATION, NULL);
  layer.norm.epsilon = 1e-5;
  layer.frozen = true;
  assert_ok(lsi_net_add(net, &layer));
  case_init(&layer, LSI_LAYER_DENSE, "out");
  layer.dense.units = 3;
  layer.dense.activation = LSI_ACT_SOFTMAX;
  layer.dense.use_bias = false;
  assert_ok(lsi_net_add(net, &layer));
  assert_ok(lsi_net_build(net));
  return net;
}

/* Bits that a lossy path would change: every value another, none of them round. */
static inline void case_fill(lsi_net *net) {
  lsi_rng rng = lsi_rng_make(99, LSI_RNG_TEST, 0, 0);
  for (int t = 0; t < net->layout.n; t++) {
    const lsi_tensor *tensor = &net->layout.tensors[t];
    for (size_t i = 0; i < tensor->count; i++)
      net->params[tensor->offset + i] = tensor->is_integer ? 60000.0f : (float)lsi_rng_double(rng, (uint64_t)t, i);
  }
  net->has_weights = true;
}

static inline void case_compile(lsi_compile *compile, const char *optimizer, const char *loss) {
  memset(compile, 0, sizeof *compile);
  case_parse(&lsi_optimizers, optimizer, &compile->optimizer);
  if (!loss) return;
  case_parse(&lsi_losses, loss, &compile->loss);
  snprintf(compile->loss_text, sizeof compile->loss_text, "%s", loss);
}

static inline void case_metric(lsi_compile *compile, const char *text, bool weighted) {
  snprintf(compile->metrics[compile->n_metrics], LSI_MAX_TEXT, "%s", text);
  compile->weighted[compile->n_metrics++] = weighted;
}
#endif
