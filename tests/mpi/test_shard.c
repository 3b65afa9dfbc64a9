//RANKS 1 2 3 4
/* SPDX-License-Identifier: MIT */
/* The sharded optimizer: the same bits, the same files, and no memory for other ranks' slots. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>
#include <sys/mman.h>

#include <lockstep/lockstep.h>
#include "base/memory.h"
#include "par/shares.h"
#include "train/model.h"

static ls_context *context;
static char shared_dir[64]; /* rank 0's temp_dir, on all ranks */

enum { FEATURES = 700, UNITS = 300, N = 40 };

static ls_status read_samples(void *user, const int64_t *rows, int64_t n, float *x, void *y, float *weight) {
  (void)user, (void)weight;
  for (int64_t i = 0; i < n; i++) {
    for (int f = 0; f < FEATURES; f++) x[i * FEATURES + f] = (float)((rows[i] * (f + 3)) % 11) / 11 - 0.4f;
    ((float *)y)[i] = x[i * FEATURES] - 0.5f;
  }
  return LS_OK;
}

static ls_model *make_model(void) {
  ls_model *model = NULL;
  assert_ok(ls_model_create(context, NULL, &model));
  assert_ok(ls_model_add_input(model, 1, (int64_t[]){FEATURES}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = UNITS, .activation = "relu"}));
  assert_ok(ls_model_add_dense(model, &(ls_dense_spec){.units = 1}));
  assert_ok(ls_model_compile(model, &(ls_compile_spec){.optimizer = "AdamW(0.01, global_clipnorm=0.7)", .loss = "mse"}));
  return model;
}

static ls_dataset *make_data(void) {
  ls_dataset *data = NULL;
  const ls_callback_spec spec = {.n_samples = N, .x_rank = 1, .x_shape = {FEATURES}, .n_targets = 1, .read = read_samples};
  assert_ok(ls_dataset_from_callback(context, &spec, &data));
  return data;
}

static void fit(ls_model *model, ls_dataset *data, bool sharded, const char *dir) {
  const ls_fit_spec spec = {.batch_size = 8, .epochs = 2, .shard_optimizer = sharded, .run = {.dir = dir, .checkpoint_steps = 3}};
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

/* Fits in a row, sharded or not, go on from each other; files are the same bytes. */
static void same_bits(void **state) {
  (void)state;
  char hex[2][33];
  ls_dataset *data = make_data();
  for (int sharded = 0; sharded < 2; sharded++) {
    ls_model *model = make_model();
    fit(model, data, sharded, in_dir(sharded ? "sharded" : "plain"));
    assert_ok(ls_model_save(model, in_dir(sharded ? "sharded.keras" : "plain.keras")));
    fit(model, data, !sharded, NULL);
    fit(model, data, sharded, NULL);
    assert_ok(ls_model_digest(model, hex[sharded]));
    ls_model_destroy(&model);
  }
  assert_string_equal(hex[0], hex[1]);
  ls_dataset_destroy(&data);
  if (ls_context_rank(context) != 0) return;
  char command[600];
  snprintf(command, sizeof command, "cd %s && cmp plain.keras sharded.keras && diff -r -x .lock plain sharded", shared_dir);
  assert_int_equal(system(command), 0);
}

static void memory_of_a_share(void **state) {
  (void)state;
  ls_dataset *data = make_data();
  ls_model *model = make_model();
  fit(model, data, true, in_dir("memory"));
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(memory_of_a_share)};
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = 1;
  if (ls_context_create(&spec, &context) != LS_OK || temp_dir_create(NULL) != 0) return 1;
  memcpy(shared_dir, temp_dir, sizeof shared_dir);
  MPI_Bcast(shared_dir, sizeof shared_dir, MPI_CHAR, 0, MPI_COMM_WORLD);
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Barrier(MPI_COMM_WORLD);
  temp_dir_remove(NULL);
  ls_context_destroy(&context);
  return failures;
}
