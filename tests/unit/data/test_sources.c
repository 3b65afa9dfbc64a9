/* SPDX-License-Identifier: MIT */
/* Data sets from memory and from a function. */
#include "unit/store/temp_dir.h"

#include <math.h>
#include <stdbool.h>

#include "data/dataset.h"
#include "store/h5.h"

static const uint8_t pixels[4][2][3] = {
    {{1, 2, 3}, {4, 5, 6}}, {{7, 8, 9}, {10, 11, 12}}, {{13}, {14}}, {{15}, {16, 17, 255}}};
static const int64_t labels[4] = {3, 1, 2, 0};
static const float weights[4] = {1, 0.5f, 0, 2};

static ls_memory_spec pixel_spec(void) {
  return (ls_memory_spec){.n_samples = 4,
                          .x_rank = 2,
                          .x_shape = {2, 3},
                          .x_dtype = LS_UINT8,
                          .x = pixels,
                          .y_dtype = LS_INT64,
                          .y = labels,
                          .sample_weight = weights,
                          .scale = 0.5,
                          .offset = 1};
}

static void test_memory(void **state) {
  (void)state;
  ls_memory_spec spec = pixel_spec();
  ls_dataset *d;
  float x[3][6], w[3];
  int32_t y[3];
  assert_ok(lsi_dataset_from_memory_local(&spec, &d));
  assert_true(d->info.has_y && d->info.y_is_label && d->info.has_weight);
  assert_int_equal(d->info.n_targets, 1);
  assert_int_equal(d->info.y_rank, 1);
  assert_int_equal(lsi_dataset_features(d), 6);
  int64_t rows[3] = {3, 0, 3};
  assert_ok(lsi_dataset_read(d, rows, 3, x[0], y, w));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(y[i], labels[rows[i]]);
    assert_true(w[i] == weights[rows[i]]);
    for (int j = 0; j < 6; j++) assert_true(x[i][j] == 0.5f * pixels[rows[i]][j / 3][j % 3] + 1);
  }
  ls_dataset_destroy(&d);
}

/* The same values, in memory and in a file, are the same data set. */
static void test_identity(void **state) {
  (void)state;
  ls_memory_spec spec = pixel_spec();
  ls_dataset *d, *other;
  assert_ok(lsi_dataset_from_memory_local(&spec, &d));
  const char *path = temp_path("same.h5");
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_ok(
      lsi_h5_write(file, "x", 3, (uint64_t[]){4, 2, 3}, H5T_STD_U8LE, H5T_NATIVE_UINT8, pixels));
  assert_ok(lsi_h5_write(file, "y", 1, (uint64_t[]){4}, H5T_STD_I64LE, H5T_NATIVE_INT64, labels));
  assert_ok(lsi_h5_write(file, "sample_weight", 1, (uint64_t[]){4}, H5T_IEEE_F32LE,
                         H5T_NATIVE_FLOAT, weights));
  assert_ok(lsi_h5_write_attr_double(file, "x", "scale_factor", 0.5));
  assert_ok(lsi_h5_write_attr_double(file, "x", "add_offset", 1));
  H5Fclose(file);
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path}, &other));
  assert_string_equal(d->info.identity, other->info.identity);
  ls_dataset_destroy(&other);
  int64_t changed[4] = {3, 1, 2, 1};
  ls_memory_spec variants[4] = {spec, spec, spec, spec};
  variants[0].y = changed;
  variants[1].scale = 0.25;
  variants[2].x_rank = 1, variants[2].x_shape[0] = 6;
  variants[3].sample_weight = NULL;
  for (int i = 0; i < 4; i++) {
    assert_ok(lsi_dataset_from_memory_local(&variants[i], &other));
    assert_string_not_equal(d->info.identity, other->info.identity);
    ls_dataset_destroy(&other);
  }
  ls_dataset_destroy(&d);
}

static void test_memory_targets(void **state) {
  (void)state;
  double targets[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  ls_memory_spec spec = pixel_spec();
  spec.y = targets, spec.y_dtype = LS_FLOAT64, spec.n_targets = 2, spec.scale = 0, spec.offset = 0;
  ls_dataset *d;
  float x[6], y[2];
  assert_ok(lsi_dataset_from_memory_local(&spec, &d));
  assert_false(d->info.y_is_label);
  assert_int_equal(d->info.y_rank, 2);
  assert_true(d->info.scale == 1);
  assert_ok(lsi_dataset_read(d, (int64_t[]){2}, 1, x, y, NULL));
  assert_true(y[0] == 5 && y[1] == 6 && x[0] == 13);
  ls_dataset_destroy(&d);
}

static void test_memory_errors(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  ls_memory_spec spec = pixel_spec();
  spec.n_samples = 0;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_SHAPE, "empty");
  spec = pixel_spec(), spec.x = NULL;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_ARG, "x is NULL");
  spec = pixel_spec(), spec.x_shape[1] = -3;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_SHAPE, "dimension 2");
  spec = pixel_spec(), spec.x_shape[0] = spec.x_shape[1] = INT64_C(1) << 40;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_SHAPE, "dimension 1");
  spec = pixel_spec(), spec.x_rank = 9;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_SHAPE, "9 dimensions");
  spec = pixel_spec(), spec.x_dtype = (ls_dtype)77;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_ARG, "77");
  spec = pixel_spec(), spec.scale = INFINITY;
  assert_error(lsi_dataset_from_memory_local(&spec, &d), LS_ERR_ARG, "finite");
  assert_error(lsi_dataset_from_memory_local(NULL, &d), LS_ERR_ARG, "NULL");
  assert_null(d);
}

typedef struct maker {
  int calls;
  bool fail, fail_silently;
} maker;

static ls_status make_samples(void *user, const int64_t *rows, int64_t n, float *x, void *y,
                              float *weight) {
  maker *m = user;
  m->calls++;
  if (m->fail_silently) return LS_ERR_IO;
  if (m->fail) return lsi_error_set(LS_ERR_NUMERIC, NULL, "sensor %d", 7);
  for (int64_t i = 0; i < n; i++) {
    x[2 * i] = (float)rows[i], x[2 * i + 1] = -1;
    ((float *)y)[3 * i] = (float)rows[i] * 2; /* y and weight are never NULL here */
    ((float *)y)[3 * i + 1] = ((float *)y)[3 * i + 2] = 0;
    weight[i] = 1;
  }
  return LS_OK;
}

static void test_callback(void **state) {
  (void)state;
  maker m = {0};
  ls_callback_spec spec = {.n_samples = 1000,
                           .x_rank = 1,
                           .x_shape = {2},
                           .n_targets = 3,
                           .has_weight = true,
                           .read = make_samples,
                           .user = &m};
  ls_dataset *d, *again;
  float x[4][2], y[4][3], w[4];
  assert_ok(lsi_dataset_from_callback_local(&spec, &d));
  assert_int_equal(m.calls, 64); /* the sampled identity */
  assert_int_equal(d->info.y_rank, 2);
  assert_ok(lsi_dataset_read(d, (int64_t[]){999, 5, 0, 5}, 4, x[0], y[0], w));
  assert_true(x[0][0] == 999 && y[3][0] == 10 && w[2] == 1);
  assert_ok(lsi_dataset_read(d, (int64_t[]){1, 2, 3, 4}, 4, x[0], NULL, NULL));
  assert_ok(lsi_dataset_read(d, (int64_t[]){1, 2}, 2, x[0], y[0], NULL));
  assert_true(x[1][0] == 2 && y[1][0] == 4);
  assert_ok(lsi_dataset_from_callback_local(&spec, &again));
  assert_string_equal(d->info.identity, again->info.identity);
  ls_dataset_destroy(&again);
  m.fail = true;
  assert_error(lsi_dataset_read(d, (int64_t[]){1}, 1, x[0], y[0], w), LS_ERR_NUMERIC, "sensor 7");
  m.fail_silently = true;
  assert_error(lsi_dataset_read(d, (int64_t[]){8}, 1, x[0], y[0], w), LS_ERR_IO, "from row 8");
  assert_error(lsi_dataset_from_callback_local(&spec, &again), LS_ERR_IO, "callback");
  spec.y_is_label = true;
  assert_error(lsi_dataset_from_callback_local(&spec, &again), LS_ERR_ARG, "n_targets is 3");
  spec.read = NULL;
  assert_error(lsi_dataset_from_callback_local(&spec, &again), LS_ERR_ARG, "read is NULL");
  ls_dataset_destroy(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory),         cmocka_unit_test(test_identity),
      cmocka_unit_test(test_memory_targets), cmocka_unit_test(test_memory_errors),
      cmocka_unit_test(test_callback),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
