//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/* The public API as a stranger uses it: wrong arguments, wrong order, callbacks that fail, repeated fits. */
#include "unit/store/temp_dir.h"

#include <math.h>
#include <stdbool.h>

#include <lockstep/lockstep.h>

static ls_context *context;

enum { N = 48 };

/* Two features of 0 and 1; the label is their exclusive or. */
static ls_status read_xor(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight) {
  (void)user;
  (void)weight;
  for (int64_t i = 0; i < n; i++) {
    x[2 * i] = (float)(rows[i] % 2);
    x[2 * i + 1] = (float)(rows[i] / 2 % 2);
    if (y) ((int32_t *)y)[i] = (int32_t)(rows[i] % 2 ^ rows[i] / 2 % 2);
  }
  return LS_OK;
}

static ls_dataset *xor_data(void) {
  ls_dataset *data = NULL;
  assert_ok(ls_dataset_from_callback(
      context,
      &(ls_callback_spec){.n_samples = N, .x_rank = 1, .x_shape = {2}, .y_is_label = true, .n_targets = 1, .read = read_xor},
      &data));
  return data;
}

static ls_model *small_model(bool compiled) {
  ls_model *model = NULL;
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){2}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 4, .activation = "tanh"}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 2, .activation = "softmax"}));
  if (compiled)
    assert_ok(ls_model_compile(model, &(ls_compile_spec){.optimizer = "SGD(0.5, momentum=0.9)",
                                                         .loss = "sparse_categorical_crossentropy",
                                                         .metrics = (const char *[]){"accuracy"},
                                                         .n_metrics = 1}));
  return model;
}

static void null_is_an_error(void **state) {
  (void)state;
  ls_model *model = small_model(true);
  ls_dataset *data = xor_data();
  double values[2];
  float out[2];
  assert_error(ls_context_create(NULL, NULL), LS_ERR_ARG, "out must not be NULL");
  assert_error(ls_model_create(NULL, NULL, &model), LS_ERR_ARG, "context must not be NULL");
  assert_error(ls_model_load(context, NULL, &model), LS_ERR_ARG, "path must not be NULL");
  assert_error(ls_model_save(NULL, "m.h5"), LS_ERR_ARG, "model must not be NULL");
  assert_error(ls_model_add_input(model, 1, NULL), LS_ERR_ARG, "shape must not be NULL");
  assert_error(ls_model_add_dense(model, NULL), LS_ERR_ARG, "spec must not be NULL");
  assert_error(ls_model_fit(model, NULL, NULL, NULL, NULL), LS_ERR_ARG, "train_data must not be NULL");
  assert_error(ls_model_evaluate(model, data, 0, 0, NULL), LS_ERR_ARG, "values must not be NULL");
  assert_error(ls_model_predict(model, data, 0, NULL, 2 * N), LS_ERR_ARG, "out must not be NULL");
  assert_error(ls_model_predict_to(model, data, 0, NULL, NULL), LS_ERR_ARG, "sink must not be NULL");
  assert_error(ls_model_predict_file(model, data, 0, false, NULL), LS_ERR_ARG, "path must not be NULL");
  assert_error(ls_model_get_weights(model, NULL, out, 2), LS_ERR_ARG, "name must not be NULL");
  assert_error(ls_history_get(NULL, "loss", 0, values), LS_ERR_ARG, "history must not be NULL");
  assert_error(ls_doctor(NULL, stdout), LS_ERR_ARG, "context must not be NULL");
  ls_trainer_stop(NULL);
  assert_int_equal(ls_model_output_size(NULL), 0);
  assert_int_equal(ls_model_weight_count(NULL), 0);
  assert_string_equal(ls_model_metric_name(NULL, 0), "");
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

static void order_matters(void **state) {
  (void)state;
  ls_model *model = NULL;
  ls_context *second = NULL;
  ls_dataset *data = xor_data();
  char hex[33];
  float bias[4];
  assert_error(ls_context_create(NULL, &second), LS_ERR_STATE, "exists already");
  assert_ok(ls_model_create(context, NULL, &model));
  assert_error(ls_model_summary(model, stdout), LS_ERR_STATE, "no layers");
  assert_error(ls_model_compile(model, NULL), LS_ERR_STATE, "no layers");
  assert_int_equal(ls_model_output_size(model), 0);
  ls_model_destroy(&model);
  model = small_model(false);
  assert_error(ls_model_digest(model, hex), LS_ERR_STATE, "no weights");
  assert_error(ls_model_get_weights(model, "dense/bias", bias, 4), LS_ERR_STATE, "no weights");
  assert_error(ls_model_fit(model, data, NULL, NULL, NULL), LS_ERR_STATE, "no loss");
  assert_error(ls_model_add_dense(model, &(ls_dense_spec){.units = 2}), LS_ERR_STATE, "already built");
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* Each is refused before anything is trained. */
static void settings_out_of_range(void **state) {
  (void)state;
  static const char *const none[] = {"ModelCheckpoint('a.h5', save_freq=None)"}, *const null[] = {NULL};
  static const double weights[] = {1, NAN};
  const struct {
    ls_fit_spec spec;
    const char *text;
  } cases[] = {
      {{.batch_size = -1}, "must not be negative"},
      {{.batch_size = INT64_MAX}, "at most"},
      {{.steps_per_epoch = INT64_MAX}, "at most"},
      {{.validation_split = NAN}, "validation_split"},
      {{.n_class_weight = 2}, "no array"},
      {{.n_class_weight = 2, .class_weight = weights}, "class_weight[1] is nan"},
      {{.n_callbacks = 1}, "no array"},
      {{.n_callbacks = 1, .callbacks = null}, "callback 0 is NULL"},
      {{.n_callbacks = 1, .callbacks = none}, "'save_freq' is None"},
      {{.run = {.checkpoint_seconds = NAN}}, "checkpoint_seconds nan"},
      {{.exchange = "x"}, "exchange"},
  };
  ls_model *model = small_model(true);
  ls_dataset *data = xor_data();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_error(ls_model_fit(model, data, NULL, &cases[i].spec, NULL), LS_ERR_ARG, cases[i].text);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

static ls_status fail_at_last_rank(void *user, ls_trainer *trainer, int64_t epoch, const ls_logs *logs) {
  (void)user;
  (void)trainer;
  (void)epoch;
  (void)logs;
  return ls_context_rank(context) == ls_context_size(context) - 1 ? LS_ERR_NUMERIC : LS_OK;
}

static void a_callback_fails_at_one_rank(void **state) {
  (void)state;
  ls_model *model = small_model(true);
  ls_dataset *data = xor_data();
  ls_callback callback = {.on_epoch_end = fail_at_last_rank};
  ls_fit_spec fit = {.user_callbacks = &callback, .n_user_callbacks = 1};
  assert_error(ls_model_fit(model, data, NULL, &fit, NULL), LS_ERR_NUMERIC, "on_epoch_end returned");
  assert_int_equal(ls_last_error()->rank, ls_context_size(context) - 1);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

typedef struct watch {
  int batches;
  double rate;
} watch;

static ls_status stop_at_third(void *user, ls_trainer *trainer, int64_t batch, const ls_logs *logs) {
  watch *w = user;
  w->batches++;
  assert_true(logs->n == 2); /* accuracy, loss */
  w->rate = ls_trainer_learning_rate(trainer);
  if (batch == 2) ls_trainer_stop(trainer);
  return ls_trainer_set_learning_rate(trainer, 0.25);
}

static void callbacks_steer(void **state) {
  (void)state;
  ls_model *model = small_model(true);
  ls_dataset *data = xor_data();
  ls_history *history = NULL;
  watch w = {0};
  ls_callback callback = {.user = &w, .on_train_batch_end = stop_at_third};
  ls_fit_spec fit = {.epochs = 9, .batch_size = 4, .user_callbacks = &callback, .n_user_callbacks = 1};
  assert_ok(ls_model_fit(model, data, NULL, &fit, &history));
  assert_int_equal(w.batches, 3);
  assert_true(w.rate == 0.25);
  assert_int_equal(ls_history_epochs(history), 1);
  ls_history_destroy(&history);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* Weights and optimizer go on; evaluate changes nothing; what was saved is what is loaded. */
static void fits_in_a_row(void **state) {
  (void)state;
  ls_model *model = small_model(true), *loaded = NULL;
  ls_dataset *data = xor_data();
  double before[2], between[2], after[2], again[2];
  float out[2 * N];
  char hex[33], other[33];
  ls_fit_spec fit = {.epochs = 30, .batch_size = 8};
  assert_ok(ls_model_evaluate(model, data, 0, 0, before));
  assert_ok(ls_model_fit(model, data, NULL, &fit, NULL));
  assert_ok(ls_model_evaluate(model, data, 7, 0, between));
  assert_ok(ls_model_fit(model, data, NULL, &fit, NULL));
  assert_ok(ls_model_evaluate(model, data, 0, 0, after));
  assert_string_equal(ls_model_metric_name(model, 1), "accuracy");
  if (!(between[0] < before[0] && after[0] < between[0])) fail_msg("%g, %g, %g", before[0], between[0], after[0]);
  assert_ok(ls_model_predict(model, data, 5, out, 2 * N));
  assert_true(fabs(out[0] + out[1] - 1) < 1e-6);
  char path[300]; /* rank 0's, as it alone writes and reads */
  snprintf(path, sizeof path, "%s", temp_path("model.h5"));
  assert_ok(ls_model_save(model, path));
  assert_ok(ls_model_load(context, path, &loaded));
  assert_ok(ls_model_digest(model, hex));
  assert_ok(ls_model_digest(loaded, other));
  assert_string_equal(hex, other);
  assert_ok(ls_model_evaluate(loaded, data, 48, 0, again));
  assert_memory_equal(after, again, sizeof after);
  ls_model_destroy(&loaded);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* momentum 0 is a momentum: the moving mean is the last batch's. */
static void no_momentum(void **state) {
  (void)state;
  ls_model *model = NULL;
  ls_dataset *data = xor_data();
  float mean[2];
  ls_batch_normalization_spec both = {.momentum = 0.5, .no_momentum = true};
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){2}));
  assert_error(ls_model_add_batch_normalization(model, &both), LS_ERR_ARG, "no_momentum");
  assert_ok(ls_model_add_batch_normalization(model, &(ls_batch_normalization_spec){.no_momentum = true}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 2, .activation = "softmax"}));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.loss = "sparse_categorical_crossentropy"}));
  assert_ok(ls_model_fit(model, data, NULL, &(ls_fit_spec){.batch_size = N}, NULL));
  assert_ok(ls_model_get_weights(model, "batch_normalization/moving_mean", mean, 2));
  assert_true(mean[0] == 0.5f && mean[1] == 0.5f);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* The shape counts, not only the number of values: as Keras has it. */
static void shapes_of_samples(void **state) {
  (void)state;
  static const float x[8] = {0}, target[4] = {0, 0.5f, 1, 2};
  static const int32_t y[4] = {0, 1, 2, 0};
  ls_model *model = small_model(true);
  ls_dataset *data = NULL;
  ls_memory_spec spec = {.n_samples = 4, .x_rank = 2, .x_shape = {2, 1}, .x_dtype = LS_FLOAT32, .x = x, .y_dtype = LS_INT32, .y = y};
  assert_ok(ls_dataset_from_memory(context, &spec, &data));
  assert_error(ls_model_fit(model, data, NULL, NULL, NULL), LS_ERR_SHAPE, "shape [2, 1], the model's input is [2]");
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);

  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){2}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 1, .activation = "sigmoid"}));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.loss = "binary_crossentropy"}));
  spec.x_rank = 1;
  assert_ok(ls_dataset_from_memory(context, &spec, &data));
  assert_error(ls_model_fit(model, data, NULL, NULL, NULL), LS_ERR_SHAPE, "sample 2 has target 2");
  ls_dataset_destroy(&data);
  spec.y = target;
  spec.y_dtype = LS_FLOAT32;
  assert_ok(ls_dataset_from_memory(context, &spec, &data));
  assert_error(ls_model_evaluate(model, data, 0, 0, (double[1]){0}), LS_ERR_SHAPE, "sample 3 has target 2");
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* Every layer that has no function of its own, by Keras's words. */
static void layers_as_keras_writes_them(void **state) {
  (void)state;
  static const char *const layers[] = {
      "Reshape([2, 1], name='rows')", "Identity", "ReLU(max_value=2)", "LeakyReLU(negative_slope=0.1)", "ELU(0.5)", "PReLU", "UnitNormalization",
      "RMSNormalization(epsilon=0.01)", "GaussianNoise(0.1)", "GaussianDropout(0.1)", "AlphaDropout(0.1)", "ActivityRegularization(l2=0.01)",
      "Permute([2, 1])", "PReLU(shared_axes=[1])", "GroupNormalization(groups=2, activity_regularizer='l2')", "Reshape([2])", "RepeatVector(3)", "Reshape([-1])"};
  ls_model *model = NULL;
  ls_dataset *data = xor_data();
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){2}));
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) assert_ok(ls_model_add(model, layers[i]));
  assert_error(ls_model_add(model, "LeekyReLU"), LS_ERR_ARG, "LeakyReLU");
  assert_error(ls_model_add(model, "ReLU(slope=1)"), LS_ERR_ARG, "slope");
  assert_error(ls_model_add(model, "Reshape([4])"), LS_ERR_SHAPE, "6 values");
  assert_error(ls_model_add(model, "ELU(name='rows')"), LS_ERR_ARG, "rows");
  assert_error(ls_model_add(model, "PReLU(shared_axes=[2])"), LS_ERR_ARG, "shared_axes has 2");
  assert_error(ls_model_add(model, "GroupNormalization(4)"), LS_ERR_SHAPE, "4 groups");
  assert_error(ls_model_add(model, "Permute([2])"), LS_ERR_ARG, "dims");
  assert_ok(ls_model_set_activity_regularizer(model, "L1(0.01)"));
  assert_error(ls_model_set_activity_regularizer(model, "OrthogonalRegularizer"), LS_ERR_UNSUPPORTED, "samples");
  assert_error(ls_model_set_activity_regularizer(model, "l3"), LS_ERR_ARG, "activity_regularizer");
  assert_error(ls_model_add(model, NULL), LS_ERR_ARG, "NULL");
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 2}));
  assert_ok(ls_model_add(model, "Softmax"));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.loss = "sparse_categorical_crossentropy"}));
  assert_ok(ls_model_fit(model, data, NULL, &(ls_fit_spec){.batch_size = N}, NULL));
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
}

/* Powers of two are exact: half the loss with twice the rate takes the same steps. */
static void the_loss_is_weighed(void **state) {
  (void)state;
  static const double weights[2] = {0.5, 1};
  char digests[2][33];
  double loss[2][1];
  ls_dataset *data = xor_data();
  for (int i = 0; i < 2; i++) {
    ls_model *model = small_model(false);
    ls_compile_spec spec = {.optimizer = i ? "SGD(0.5)" : "SGD(0.25)", .loss = "sparse_categorical_crossentropy"};
    spec.loss_weights = weights;
    spec.n_loss_weights = 2;
    if (i) assert_error(ls_model_compile(model, &spec), LS_ERR_ARG, "2 values");
    spec.n_loss_weights = i;
    assert_ok(ls_model_compile(model, &spec));
    assert_ok(ls_model_fit(model, data, NULL, &(ls_fit_spec){.batch_size = 8, .epochs = 2}, NULL));
    assert_ok(ls_model_evaluate(model, data, 0, 0, loss[i]));
    assert_ok(ls_model_digest(model, digests[i]));
    ls_model_destroy(&model);
  }
  assert_string_equal(digests[0], digests[1]);
  assert_true(loss[0][0] == 2 * loss[1][0]);
  ls_dataset_destroy(&data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(null_is_an_error),   cmocka_unit_test(order_matters),
      cmocka_unit_test(settings_out_of_range), cmocka_unit_test(a_callback_fails_at_one_rank),
      cmocka_unit_test(callbacks_steer),    cmocka_unit_test(fits_in_a_row),
      cmocka_unit_test(no_momentum),        cmocka_unit_test(shapes_of_samples),
      cmocka_unit_test(layers_as_keras_writes_them), cmocka_unit_test(the_loss_is_weighed),
  };
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = 1;
  if (ls_context_create(&spec, &context) != LS_OK) return 1;
  int failures = cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
  ls_context_destroy(&context);
  return failures;
}
