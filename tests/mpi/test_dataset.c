//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/* Opening is collective: one status and one identity for all ranks. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>

#include <lockstep/dataset.h>
#include "store/h5.h"

static ls_context *context;

/* Every rank has its own file. */
static const char *write_set(float last) {
  const char *path = temp_path("rank.h5");
  float x[4] = {1, 2, 3, last};
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_ok(lsi_h5_write(file, "x", 2, (uint64_t[]){2, 2}, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, x));
  H5Fclose(file);
  return path;
}

static bool is_last(void) {
  return ls_context_size(context) > 1 && ls_context_rank(context) == ls_context_size(context) - 1;
}

static void test_equal_sets(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  ls_dataset_info info;
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = write_set(4)}, &d));
  ls_dataset_describe(d, &info);
  assert_int_equal(info.n_samples, 2);
  ls_dataset_destroy(&d);
}

static void test_missing_on_one_rank(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  const char *path = write_set(4);
  if (is_last() || ls_context_size(context) == 1) unlink(path);
  assert_error(ls_dataset_open(context, &(ls_hdf5_spec){.path = path}, &d), LS_ERR_NOT_FOUND,
               "no such file");
  assert_int_equal(ls_last_error()->rank, ls_context_size(context) - 1);
  assert_null(d);
}

static void test_other_values_on_one_rank(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  ls_status status =
      ls_dataset_open(context, &(ls_hdf5_spec){.path = write_set(is_last() ? 5 : 4)}, &d);
  if (ls_context_size(context) == 1) {
    assert_int_equal(status, LS_OK);
  } else {
    assert_int_equal(status, LS_ERR_NOT_SAME);
    assert_non_null(strstr(ls_last_error()->message, "rank.h5"));
    assert_null(d);
  }
  ls_dataset_destroy(&d);
}

static void test_memory_differs(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  float x[2] = {1, is_last() ? 3 : 2};
  ls_memory_spec spec = {
      .n_samples = 2, .x_rank = 1, .x_shape = {1}, .x_dtype = LS_FLOAT32, .x = x};
  ls_status status = ls_dataset_from_memory(context, &spec, &d);
  assert_int_equal(status, ls_context_size(context) > 1 ? LS_ERR_NOT_SAME : LS_OK);
  ls_dataset_destroy(&d);
}

static ls_status count_rows(void *user, const int64_t *rows, int64_t n, float *x, void *y,
                            float *weight) {
  (void)user, (void)y, (void)weight;
  for (int64_t i = 0; i < n; i++) x[i] = (float)rows[i];
  return LS_OK;
}

static void test_callback(void **state) {
  (void)state;
  ls_dataset *d = NULL;
  ls_callback_spec spec = {.n_samples = 100, .x_rank = 1, .x_shape = {1}, .read = count_rows};
  assert_ok(ls_dataset_from_callback(context, &spec, &d));
  ls_dataset_destroy(&d);
  spec.n_samples = is_last() ? 101 : 100;
  ls_status status = ls_dataset_from_callback(context, &spec, &d);
  assert_int_equal(status, ls_context_size(context) > 1 ? LS_ERR_NOT_SAME : LS_OK);
  ls_dataset_destroy(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equal_sets),
      cmocka_unit_test(test_missing_on_one_rank),
      cmocka_unit_test(test_other_values_on_one_rank),
      cmocka_unit_test(test_memory_differs),
      cmocka_unit_test(test_callback),
  };
  if (ls_context_create(NULL, &context) != LS_OK) return 1;
  int failed = cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
  ls_context_destroy(&context);
  return failed;
}
