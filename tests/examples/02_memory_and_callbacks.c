/* SPDX-License-Identifier: MIT */
/*
 * Data without files: the training set comes from a function, the validation set from an array. A callback of
 * our own watches the epochs and ends the training when the fit is good; then the model predicts.
 *
 * The net learns y = sin(x) on [-3, 3].
 */
#include <lockstep/lockstep.h>
#include <math.h>
#include <string.h>

enum { N_TRAIN = 4096, N_CHECK = 64, MAX_EPOCHS = 200 };

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((status = (call)) != LS_OK) goto done;                                                     \
  } while (0)

/* A pure function of the row numbers: any rank may ask for any row, and gets the same. */
static ls_status read_sine(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight) {
  float *target = y;
  (void)user;
  (void)weight; /* this set has no weights: NULL */
  for (int64_t i = 0; i < n; i++) {
    x[i] = -3.0f + 6.0f * (float)rows[i] / (N_TRAIN - 1);
    target[i] = sinf(x[i]);
  }
  return LS_OK;
}

typedef struct watch {
  int64_t epochs_seen;
  double goal;
} watch;

/* Called on every rank with equal logs, so every rank takes the same decision. */
static ls_status stop_when_good(void *user, ls_trainer *trainer, int64_t epoch, const ls_logs *logs) {
  watch *w = user;
  w->epochs_seen = epoch + 1;
  for (int i = 0; i < logs->n; i++)
    if (strcmp(logs->names[i], "val_loss") == 0 && logs->values[i] < w->goal) ls_trainer_stop(trainer);
  return LS_OK;
}

static ls_status build(ls_context *context, ls_model **model) {
  ls_status status = ls_model_create(context, "sine", model);
  if (status == LS_OK) status = ls_model_add_input(*model, 1, (int64_t[]){1});
  if (status == LS_OK) status = ls_model_add_dense(*model, &(ls_dense_spec){.units = 32, .activation = "tanh"});
  if (status == LS_OK) status = ls_model_add_dense(*model, &(ls_dense_spec){.units = 1});
  if (status != LS_OK) return status;
  return ls_model_compile(*model, &(ls_compile_spec){.optimizer = "Adam(0.01)", .loss = "mse"});
}

/* Largest distance of the predictions from the sine. */
static double largest_error(const float *x, const float *predicted) {
  double largest = 0;
  for (int i = 0; i < N_CHECK; i++) largest = fmax(largest, fabs(predicted[i] - sin(x[i])));
  return largest;
}

int main(void) {
  ls_status status;
  ls_context *context = NULL;
  ls_dataset *train = NULL, *check = NULL;
  ls_model *model = NULL;
  watch w = {.goal = 1e-3};
  ls_callback callback = {.user = &w, .on_epoch_end = stop_when_good};
  float x[N_CHECK], y[N_CHECK], predicted[N_CHECK];
  double error = INFINITY;
  for (int i = 0; i < N_CHECK; i++) {
    x[i] = -2.9f + 5.8f * (float)i / (N_CHECK - 1);
    y[i] = sinf(x[i]);
  }

  TRY(ls_context_create(NULL, &context));
  TRY(ls_dataset_from_callback(context,
                               &(ls_callback_spec){.n_samples = N_TRAIN,
                                                   .x_rank = 1,
                                                   .x_shape = {1},
                                                   .n_targets = 1,
                                                   .read = read_sine},
                               &train));
  TRY(ls_dataset_from_memory(context,
                             &(ls_memory_spec){.n_samples = N_CHECK,
                                               .x_rank = 1,
                                               .x_shape = {1},
                                               .x_dtype = LS_FLOAT32,
                                               .x = x,
                                               .y_dtype = LS_FLOAT32,
                                               .y = y,
                                               .n_targets = 1},
                             &check));
  TRY(build(context, &model));
  ls_fit_spec fit = {.epochs = MAX_EPOCHS, .batch_size = 64, .seed = 7};
  fit.user_callbacks = &callback;
  fit.n_user_callbacks = 1;
  TRY(ls_model_fit(model, train, check, &fit, NULL));
  TRY(ls_model_predict(model, check, 32, predicted, N_CHECK));
  error = largest_error(x, predicted);
  if (ls_context_rank(context) == 0)
    printf("stopped after %lld epochs, largest error %.4f\n", (long long)w.epochs_seen, error);

done:
  if (status != LS_OK) fprintf(stderr, "%s\n%s\n", ls_last_error()->message, ls_last_error()->advice);
  ls_model_destroy(&model);
  ls_dataset_destroy(&check);
  ls_dataset_destroy(&train);
  ls_context_destroy(&context);
  return status == LS_OK && error < 0.2 && w.epochs_seen < MAX_EPOCHS ? 0 : 1;
}
