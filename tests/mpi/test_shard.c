//RANKS 1 2 3 4
/* SPDX-License-Identifier: MIT */
/* The sharded optimizer: the same bits, the same files, and no memory for other ranks' slots. */
#include "cmocka_group.h"

#include <stdbool.h>
#include <sys/mman.h>

#include <lockstep/lockstep.h>
#include "base/memory.h"
#include "par/shares.h"
#include "train/model.h"

enum { FEATURES = 700, UNITS = 300, N = 40 };

static ls_status read_samples(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight) {
  (void)user, (void)weight;
  for (int64_t i = 0; i < n; i++) {
    for (int f = 0; f < FEATURES; f++) x[i * FEATURES + f] = (float)((rows[i] * (f + 3)) % 11) / 11 - 0.4f;
    ((float *)y)[i] = x[i * FEATURES] - 0.5f;
  }
  return LS_OK;
}

static ls_model *make_model(const char *optimizer) {
  ls_model *model = NULL;
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){FEATURES}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = UNITS, .activation = "relu"}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 1}));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.optimizer = optimizer, .loss = "mse"}));
  return model;
}

static ls_dataset *make_data(void) {
  ls_dataset *data = NULL;
  const ls_callback_spec spec = {.n_samples = N, .x_rank = 1, .x_shape = {FEATURES}, .n_targets = 1, .read = read_samples};
  assert_ok(ls_dataset_from_callback(context, &spec, &data));
  return data;
}

/* Fits differ in what must not matter. */
static void fit(ls_model *model, ls_dataset *data, bool sharded, const char *exchange, int64_t bucket_bytes, const char *dir,
                int writers) {
  const ls_fit_spec spec = {.batch_size = 8, .epochs = 2, .shard_optimizer = sharded, .exchange = exchange, .bucket_bytes = bucket_bytes,
                            .run = {.dir = dir, .checkpoint_steps = 3, .checkpoint_blocking = writers != 2, .checkpoint_writers = writers,
                                    .checkpoint_verify = writers == 3}};
  assert_ok(ls_model_fit(model, data, NULL, &spec, NULL));
}

static const char *in_dir(const char *name) {
  static char paths[8][160];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", shared_dir, name);
  return path;
}

/* Pages of a slot's arena that hold memory. */
static double resident(const float *slot, size_t n) {
  static unsigned char pages[4096];
  char *begin = (char *)(((uintptr_t)slot + 4095) & ~(uintptr_t)4095);
  size_t n_pages = (size_t)((const char *)(slot + n) - begin) / 4096, held = 0;
  assert_true(n_pages < sizeof pages);
  assert_int_equal(mincore(begin, n_pages * 4096, pages), 0);
  for (size_t i = 0; i < n_pages; i++) held += pages[i] & 1;
  return (double)held / (double)n_pages;
}

static const char *const optimizers[] = {
    "AdamW(0.01, global_clipnorm=0.7)",
    "Adam(0.01, amsgrad=True)",
    "SGD(0.01, momentum=0.9, nesterov=True)",
    "RMSprop(0.01, momentum=0.5, centered=True)",
    "Adagrad(0.01)",
    "Adamax(0.01)",
    "Nadam(0.01)",
    "Adadelta(0.5)",
    "Ftrl(0.01)",
    "Lion(0.001)",
    "ScheduleFreeAdamW(0.01)",
    "Adam(0.01, use_ema=True, ema_momentum=0.6, ema_overwrite_frequency=3)",
    "SGD(0.01, gradient_accumulation_steps=3, clipnorm=0.5, use_ema=True)",
    "SGD(0.01)", /* no slots */
};

/* Fits in a row, sharded or not and cut in other ranges, go on from each other; files are the same bytes. */
static void run_fits(const char *optimizer, ls_dataset *data, bool sharded, char hex[33]) {
  ls_model *model = make_model(optimizer);
  fit(model, data, sharded, NULL, 0, in_dir(sharded ? "sharded" : "plain"), 0);
  assert_ok(ls_model_save(model, in_dir(sharded ? "sharded.keras" : "plain.keras")));
  fit(model, data, !sharded, NULL, 0, NULL, 0);
  fit(model, data, sharded, "mpi", 256, NULL, 0);
  fit(model, data, sharded, NULL, 1 << 16, NULL, 0);
  assert_ok(ls_model_digest(model, hex));
  ls_model_destroy(&model);
}

static void same_bits(void **state) {
  (void)state;
  ls_dataset *data = make_data();
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    char hex[2][33], command[600];
    for (int sharded = 0; sharded < 2; sharded++) run_fits(optimizers[i], data, sharded, hex[sharded]);
    if (strcmp(hex[0], hex[1]) != 0) fail_msg("%s: %s plain, %s sharded", optimizers[i], hex[0], hex[1]);
    int same = 1;
    snprintf(command, sizeof command, "cd %s && cmp plain.keras sharded.keras && diff -r -x .lock plain sharded && rm -r *", shared_dir);
    if (ls_context_rank(context) == 0) same = system(command) == 0;
    MPI_Bcast(&same, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (!same) fail_msg("%s: other files when sharded", optimizers[i]);
  }
  ls_dataset_destroy(&data);
}

/* Several ranks write a file together, sharded or not, within the step or beside it: the same bytes as one rank writes. */
static void several_writers(void **state) {
  (void)state;
  ls_dataset *data = make_data();
  char command[600];
  for (int k = 0; k < 8; k++) {
    int writers = 1 + k % 4;
    ls_model *model = make_model("Adam(0.01)");
    char name[16];
    snprintf(name, sizeof name, "run%d", k);
    fit(model, data, k >= 4, NULL, k >= 4 ? 1 << 16 : 0, in_dir(name), writers);
    ls_model_destroy(&model);
  }
  int same = 1;
  snprintf(command, sizeof command,
           "cd %s && for k in 2 3 4 6 7; do diff -r -x .lock run0 run$k || exit 1; done && "
           "for k in 1 5; do cmp run0/checkpoints/*10.h5 run$k/checkpoints/*10.h5 && cmp run0/model.h5 run$k/model.h5 || exit 1; done && "
           "test -z \"$(find . -name '*tmp')\" && rm -r *", /* beside the training, which ones are written is a matter of time */
           shared_dir);
  if (ls_context_rank(context) == 0) same = system(command) == 0;
  MPI_Bcast(&same, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (!same) fail_msg("other files, or something left, by several writers");
  ls_dataset_destroy(&data);
}

/* What measures whole tensors has no shares; one rank has them all. */
static void refused(void **state) {
  (void)state;
  ls_dataset *data = make_data();
  ls_model *model = make_model("Lamb(0.01)");
  const ls_fit_spec spec = {.batch_size = 8, .shard_optimizer = true};
  ls_status status = ls_model_fit(model, data, NULL, &spec, NULL);
  assert_int_equal(status, ls_context_size(context) > 1 ? LS_ERR_UNSUPPORTED : LS_OK);
  if (status != LS_OK) assert_non_null(strstr(ls_last_error()->message, "Lamb"));
  ls_model_destroy(&model);
  ls_dataset_destroy(&data);
}

static void memory_of_a_share(void **state) {
  (void)state;
  ls_dataset *data = make_data();
  ls_model *model = make_model("AdamW(0.01)");
  fit(model, data, true, NULL, 0, in_dir("memory"), 0);
  int size = ls_context_size(context);
  const lsi_optimizer *o = model->optimizer;
  for (int s = 0; s < o->n_slots; s++) {
    double held = resident(o->slots[s], o->n);
    if (held > 1.0 / size + 0.02 || held < 1.0 / size - 0.02) fail_msg("slot %d: %g of its pages are held by one of %d ranks", s, held, size);
  }
  ls_model_destroy(&model);
  ls_dataset_destroy(&data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(several_writers), cmocka_unit_test(refused), cmocka_unit_test(memory_of_a_share)};
  if (!group_begin()) return 1;
  return group_end(cmocka_run_group_tests(tests, NULL, NULL));
}
