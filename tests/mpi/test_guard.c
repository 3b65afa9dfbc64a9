//RANKS 1 2 3 4
/* SPDX-License-Identifier: MIT */
/* Replicas that differ are found and named before anything is kept; values that are not finite stop the run or are left out. */
#include "cmocka_group.h"

#include <math.h>
#include <stdbool.h>

#include <lockstep/lockstep.h>

enum { FEATURES = 3, N = 48, BATCH = 8, BAD = 19 };

/* What is wrong with sample BAD, and whether batches like its own are there at all. */
typedef struct samples {
  float x;    /* its first feature, when not 0 */
  float y;    /* its target, when not 0 */
  bool without;
} samples;

static ls_status read_samples(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight) {
  const samples *s = user;
  (void)weight;
  for (int64_t i = 0; i < n; i++) {
    int64_t row = rows[i];
    if (s->without && row >= BAD / BATCH * BATCH) row += BATCH;
    for (int f = 0; f < FEATURES; f++) x[i * FEATURES + f] = (float)((row * (f + 3)) % 7) / 7 - 0.4f;
    float *target = (float *)y + i;
    *target = x[i * FEATURES] - 0.5f * x[i * FEATURES + 1];
    if (row != BAD || s->without) continue;
    if (s->x != 0) x[i * FEATURES] = s->x;
    if (s->y != 0) *target = s->y;
  }
  return LS_OK;
}

static ls_dataset *make_data(samples *s) {
  ls_dataset *data = NULL;
  const ls_callback_spec spec = {.n_samples = s->without ? N - BATCH : N, .x_rank = 1, .x_shape = {FEATURES}, .n_targets = 1,
                                 .read = read_samples, .user = s};
  assert_ok(ls_dataset_from_callback(context, &spec, &data));
  return data;
}

/* BatchNormalization: its moving statistics are weights that forward changes. */
static ls_model *make_model(const char *activation, bool normalize) {
  ls_model *model = NULL;
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){FEATURES}));
  if (normalize) assert_ok(ls_model_add_batch_normalization(model, &(ls_batch_normalization_spec){.momentum = 0.5}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 5, .activation = activation}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 1}));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.optimizer = "Adam(0.01)", .loss = "mse"}));
  return model;
}

/* Fit; gives the digest, or "" after an error. */
static ls_status fit(samples *s, const char *activation, bool normalize, const ls_fit_spec *spec, char hex[33]) {
  ls_model *model = make_model(activation, normalize);
  ls_dataset *data = make_data(s);
  ls_status status = ls_model_fit(model, data, NULL, spec, NULL);
  hex[0] = 0;
  if (status == LS_OK) assert_ok(ls_model_digest(model, hex));
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
  return status;
}

/* ---- replicas ---- */

static const int FLIP_AFTER = 9;

/* One bit of one weight of the last rank. */
static ls_status flip(void *user, ls_trainer *trainer, int64_t batch, const ls_logs *logs) {
  int *calls = user;
  (void)batch, (void)logs;
  if (++*calls != FLIP_AFTER || ls_context_rank(context) != ls_context_size(context) - 1) return LS_OK;
  float kernel[5];
  ls_model *model = ls_trainer_model(trainer);
  ls_status get = ls_model_get_weights(model, "dense_1/kernel", kernel, 5);
  if (get != LS_OK) return get;
  uint32_t bits;
  memcpy(&bits, &kernel[3], sizeof bits);
  bits ^= 1;
  memcpy(&kernel[3], &bits, sizeof bits);
  return ls_model_set_weights(model, "dense_1/kernel", kernel, 5);
}

static void expect_named(ls_status status, const char *place) {
  int size = ls_context_size(context);
  char host[64] = "", culprit[100];
  gethostname(host, sizeof host - 1);
  snprintf(culprit, sizeof culprit, "rank %d on %s", size - 1, host);
  assert_int_equal(status, LS_ERR_NOT_SAME);
  const char *message = ls_last_error()->message;
  bool good = strstr(message, place) && strstr(message, culprit) && strstr(message, "'dense_1/kernel'") &&
              strstr(message, size == 2 ? "do not agree" : "differ from all others");
  if (!good) fail_msg("'%s' does not name '%s' and '%s'", message, place, culprit);
  if (size > 2) assert_null(strstr(message, "rank 0"));
}

static void flipped_bit(void **state) {
  (void)state;
  samples all_good = {0};
  char hex[33];
  int calls = 0;
  ls_callback callback = {.user = &calls, .on_train_batch_end = flip};
  ls_fit_spec spec = {.epochs = 4, .batch_size = BATCH, .user_callbacks = &callback, .n_user_callbacks = 1, .check_every_steps = 4};
  ls_status status = fit(&all_good, "relu", false, &spec, hex);
  if (ls_context_size(context) == 1) {
    assert_int_equal(status, LS_OK);
    return;
  }
  expect_named(status, "epoch 2, step 6"); /* the 12th; flipped after the 9th */
  spec.check_every_steps = -1;
  calls = 0;
  assert_ok(fit(&all_good, "relu", false, &spec, hex)); /* nobody looks */
}

/* No checkpoint is made of what the flip spoiled, and the one before leads to the right bits. */
static void good_checkpoint_stays(void **state) {
  (void)state;
  if (ls_context_size(context) == 1) return;
  samples all_good = {0};
  char hex[33], expected[33], dir[100];
  int calls = 0;
  snprintf(dir, sizeof dir, "%s/flip", shared_dir);
  ls_callback callback = {.user = &calls, .on_train_batch_end = flip};
  ls_fit_spec spec = {.epochs = 4, .batch_size = BATCH};
  assert_ok(fit(&all_good, "relu", false, &spec, expected));
  spec.run = (ls_run_spec){.dir = dir, .checkpoint_steps = 3};
  spec.user_callbacks = &callback, spec.n_user_callbacks = 1;
  expect_named(fit(&all_good, "relu", false, &spec, hex), "epoch 2"); /* at the next checkpoint */
  spec.n_user_callbacks = 0;
  assert_ok(fit(&all_good, "relu", false, &spec, hex));
  assert_string_equal(hex, expected);
}

/* ---- values that are not finite ---- */

static ls_status count_skipped(void *user, ls_trainer *trainer) {
  *(int64_t *)user = ls_trainer_skipped_steps(trainer);
  return LS_OK;
}

/* A step that is left out changes nothing: as if its batch were not in the data. */
static void left_out(samples bad, bool normalize) {
  samples without = {.without = true};
  int64_t skipped = -1;
  char hex[33], expected[33];
  ls_callback callback = {.user = &skipped, .on_train_end = count_skipped};
  ls_fit_spec spec = {.epochs = 3, .batch_size = BATCH, .no_shuffle = true, .user_callbacks = &callback, .n_user_callbacks = 1};
  assert_ok(fit(&without, "relu", normalize, &spec, expected));
  assert_int_equal(skipped, 0);
  spec.on_nonfinite = "skip";
  assert_ok(fit(&bad, "relu", normalize, &spec, hex));
  assert_int_equal(skipped, 3);
  assert_string_equal(hex, expected);
}

static void bad_input(void **state) {
  (void)state;
  char hex[33];
  samples bad = {.x = NAN}, target = {.y = -INFINITY};
  assert_error(fit(&bad, "relu", true, &(ls_fit_spec){.batch_size = BATCH}, hex), LS_ERR_NUMERIC, "sample 19: value 0 of x is nan");
  assert_error(fit(&target, "relu", true, &(ls_fit_spec){.batch_size = BATCH}, hex), LS_ERR_NUMERIC, "sample 19: value 0 of y is -inf");
  left_out(bad, true);
  left_out(target, true);
  assert_ok(fit(&bad, "tanh", true, &(ls_fit_spec){.batch_size = BATCH, .on_nonfinite = "ignore"}, hex));
}

/* Finite inputs, but what is made of them is not. */
static void bad_loss(void **state) {
  (void)state;
  char hex[33];
  samples bad = {.x = 3e38f};
  ls_fit_spec spec = {.batch_size = BATCH, .no_shuffle = true};
  assert_error(fit(&bad, "exponential", false, &spec, hex), LS_ERR_NUMERIC, "epoch 1, step 3: ");
  const char *message = ls_last_error()->message;
  if (!strstr(message, "sample 19: the loss is ") || !strstr(message, "first go wrong in layer 'dense'")) fail_msg("%s", message);
  left_out(bad, false);
  spec.callbacks = (const char *[]){"TerminateOnNaN"};
  spec.n_callbacks = 1;
  assert_ok(fit(&bad, "exponential", false, &spec, hex)); /* Keras's way: it ends, without an error */
}

/* A finite loss whose gradient is not. */
static void bad_gradient(void **state) {
  (void)state;
  char hex[33];
  samples bad = {.x = 1e25f};
  ls_fit_spec spec = {.batch_size = BATCH, .no_shuffle = true};
  assert_error(fit(&bad, "linear", false, &spec, hex), LS_ERR_NUMERIC, "epoch 1, step 3: the gradient of 'dense_1/kernel' (and 1 more) is not finite");
}

static ls_status spoil(void *user, ls_trainer *trainer, int64_t batch, const ls_logs *logs) {
  float bias[1] = {NAN};
  (void)user, (void)logs;
  return batch == 1 ? ls_model_set_weights(ls_trainer_model(trainer), "dense_1/bias", bias, 1) : LS_OK;
}

/* There is nothing left to save; leaving steps out would go on for ever. */
static void bad_weights(void **state) {
  (void)state;
  char hex[33];
  samples all_good = {0};
  ls_callback callback = {.on_train_batch_end = spoil};
  ls_fit_spec spec = {.batch_size = BATCH, .user_callbacks = &callback, .n_user_callbacks = 1, .on_nonfinite = "skip"};
  assert_error(fit(&all_good, "relu", false, &spec, hex), LS_ERR_NUMERIC, "step 3: the weights 'dense_1/bias' are no longer finite");
  spec.batch_size = N / 2; /* after the last step */
  assert_error(fit(&all_good, "relu", false, &spec, hex), LS_ERR_NUMERIC, "the weights 'dense_1/bias' are no longer finite");
}

static void unknown_policy(void **state) {
  (void)state;
  char hex[33];
  samples all_good = {0};
  assert_error(fit(&all_good, "relu", false, &(ls_fit_spec){.on_nonfinite = "skp"}, hex), LS_ERR_ARG, "on_nonfinite is 'skp'");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flipped_bit), cmocka_unit_test(good_checkpoint_stays), cmocka_unit_test(bad_input),
      cmocka_unit_test(bad_loss),    cmocka_unit_test(bad_gradient),          cmocka_unit_test(bad_weights),
      cmocka_unit_test(unknown_policy),
  };
  if (!group_begin()) return 1;
  return group_end(cmocka_run_group_tests(tests, NULL, NULL));
}
