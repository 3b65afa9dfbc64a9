/* SPDX-License-Identifier: MIT */
/* Building nets: names, shapes, arena layout, Keras's summary, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/net.h"

static void must(ls_status status) {
  if (status != LS_OK) fail_msg("%s: %s", ls_status_name(status), ls_last_error()->message);
}

static lsi_net *image_net(void) {
  lsi_net *net;
  lsi_layer input;
  must(lsi_net_create(NULL, &net));
  must(lsi_layer_init(&input, LSI_LAYER_INPUT, NULL));
  input.in = (lsi_shape){.rank = 2, .dims = {28, 28}};
  must(lsi_net_add(net, &input));
  return net;
}

static void add(lsi_net *net, lsi_layer_kind kind, const char *name, int64_t units, bool frozen) {
  lsi_layer layer;
  must(lsi_layer_init(&layer, kind, name));
  if (kind == LSI_LAYER_DENSE) layer.dense.units = units;
  layer.frozen = frozen;
  must(lsi_net_add(net, &layer));
}

/* What Keras 3.15 printed for the same model. */
static const char keras_summary[] =
    "Model: \"sequential\"\n"
    "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n"
    "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"
    "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩\n"
    "│ flatten (Flatten)               │ (None, 784)            │             0 │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ dense (Dense)                   │ (None, 100)            │        78,500 │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ batch_normalization             │ (None, 100)            │           400 │\n"
    "│ (BatchNormalization)            │                        │               │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ dropout (Dropout)               │ (None, 100)            │             0 │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ layer_normalization             │ (None, 100)            │           200 │\n"
    "│ (LayerNormalization)            │                        │               │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ a_very_long_layer_name_that_wi… │ (None, 10)             │         1,010 │\n"
    "│ (Dense)                         │                        │               │\n"
    "└─────────────────────────────────┴────────────────────────┴───────────────┘\n"
    " Total params: 80,110 (312.93 KB)\n"
    " Trainable params: 79,910 (312.15 KB)\n"
    " Non-trainable params: 200 (800.00 B)\n";

static void summary_is_kerass(void **state) {
  (void)state;
  lsi_net *net = image_net();
  char *text;
  size_t size;
  add(net, LSI_LAYER_FLATTEN, NULL, 0, false);
  add(net, LSI_LAYER_DENSE, NULL, 100, false);
  add(net, LSI_LAYER_BATCH_NORMALIZATION, NULL, 0, false);
  add(net, LSI_LAYER_DROPOUT, NULL, 0, false);
  add(net, LSI_LAYER_LAYER_NORMALIZATION, NULL, 0, false);
  add(net, LSI_LAYER_DENSE, "a_very_long_layer_name_that_will_not_fit", 10, false);
  must(lsi_net_build(net));
  FILE *out = open_memstream(&text, &size);
  must(lsi_net_summary(net, false, -1, out));
  fclose(out);
  assert_string_equal(text, keras_summary);
  free(text);
  lsi_net_destroy(&net);
}

static void arena_holds_trainable_tensors_first(void **state) {
  (void)state;
  lsi_net *net = image_net();
  add(net, LSI_LAYER_FLATTEN, NULL, 0, false);
  add(net, LSI_LAYER_DENSE, NULL, 3, true);
  add(net, LSI_LAYER_BATCH_NORMALIZATION, NULL, 0, false);
  add(net, LSI_LAYER_DENSE, NULL, 2, false);
  must(lsi_net_initialize(net, 1));
  const char *order[] = {"dense/kernel", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta",
                         "batch_normalization/moving_mean", "batch_normalization/moving_variance", "dense_1/kernel",
                         "dense_1/bias"};
  assert_int_equal(net->layout.n, 8);
  for (int i = 0; i < 8; i++) {
    const lsi_tensor *t = &net->layout.tensors[i];
    assert_string_equal(t->name, order[i]);
    assert_int_equal(t->offset % 16, 0);
    assert_true(t->trainable == (t->offset < net->layout.n_trainable));
  }
  assert_int_equal(lsi_net_lowest_trainable(net), 3);
  lsi_net_destroy(&net);
}

static void digest_sees_every_bit(void **state) {
  (void)state;
  lsi_net *net = image_net();
  char before[33], after[33];
  add(net, LSI_LAYER_DENSE, NULL, 5, false);
  must(lsi_net_initialize(net, 1));
  must(lsi_net_digest(net, net->params, before));
  net->params[net->layout.tensors[1].offset + 4] = -0.0f;
  must(lsi_net_digest(net, net->params, after));
  assert_string_not_equal(before, after);
  lsi_net_destroy(&net);
}

static void refuses_what_cannot_be(void **state) {
  (void)state;
  lsi_net *net = image_net();
  lsi_layer layer;
  add(net, LSI_LAYER_DENSE, "a", 5, false);
  must(lsi_layer_init(&layer, LSI_LAYER_DENSE, "a"));
  layer.dense.units = 2;
  assert_int_equal(lsi_net_add(net, &layer), LS_ERR_ARG);
  assert_non_null(strstr(ls_last_error()->message, "'a'"));
  must(lsi_layer_init(&layer, LSI_LAYER_DENSE, NULL));
  assert_int_equal(lsi_net_add(net, &layer), LS_ERR_ARG); /* no units */
  must(lsi_layer_init(&layer, LSI_LAYER_DROPOUT, NULL));
  layer.dropout.rate = 1.5;
  assert_int_equal(lsi_net_add(net, &layer), LS_ERR_ARG);
  must(lsi_layer_init(&layer, LSI_LAYER_DENSE, NULL));
  layer.dense.units = INT64_MAX / 2;
  assert_int_equal(lsi_net_add(net, &layer), LS_ERR_SHAPE);
  assert_int_equal(net->n_layers, 2);
  assert_int_equal(net->layout.n, 2);
  lsi_net_destroy(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(summary_is_kerass),
      cmocka_unit_test(arena_holds_trainable_tensors_first),
      cmocka_unit_test(digest_sees_every_bit),
      cmocka_unit_test(refuses_what_cannot_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
