/* SPDX-License-Identifier: MIT */
/* Data sets in HDF5: every stored type and layout gives the same samples in memory and streamed;
 * bad sets are named. */
#include "unit/store/temp_dir.h"

#include <math.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/decode.h"
#include "store/h5.h"

enum { ROWS = 211, COLUMNS = 12, READS = 300 };

typedef struct layout {
  const char *name;
  hsize_t chunk[2]; /* 0: contiguous */
  bool deflate, shuffle, fletcher;
} layout;

static const layout layouts[] = {
    {"contiguous", {0, 0}, false, false, false},   {"chunks", {16, COLUMNS}, false, false, false},
    {"deflate", {32, COLUMNS}, true, true, false}, {"one row", {1, COLUMNS}, true, false, false},
    {"columns", {ROWS, 5}, true, true, true},      {"blocks", {50, 7}, false, false, true}};
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

static hid_t creation_list(const layout *l, int rank) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  if (l->chunk[0] == 0) return list;
  H5Pset_chunk(list, rank, l->chunk);
  if (l->shuffle) H5Pset_shuffle(list);
  if (l->deflate) H5Pset_deflate(list, 5);
  if (l->fletcher) H5Pset_fletcher32(list);
  return list;
}

static void put(hid_t file, const char *name, hid_t type, hid_t mem_type, int rank,
                const hsize_t *dims, const layout *l, const void *values) {
  hid_t space = H5Screate_simple(rank, dims, NULL), list = creation_list(l, rank);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(dataset >= 0);
  if (values) assert_true(H5Dwrite(dataset, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dataset);
  H5Pclose(list);
  H5Sclose(space);
}

static double stored_value(int i, bool is_signed) {
  int v = (i * 7919) % 256;
  return is_signed ? v - 128 : v;
}

typedef struct type_case {
  ls_dtype dtype;
  hid_t type; /* in the file */
  bool is_signed;
} type_case;

/* x [ROWS, COLUMNS], integer labels and weights, all of one layout. */
static void write_set(const char *path, const type_case *t, const layout *l) {
  static double x[ROWS][COLUMNS], weight[ROWS];
  static int64_t y[ROWS];
  for (int i = 0; i < ROWS * COLUMNS; i++)
    x[i / COLUMNS][i % COLUMNS] = stored_value(i, t->is_signed);
  for (int i = 0; i < ROWS; i++) y[i] = i % 10, weight[i] = 0.25 * i;
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put(file, "x", t->type, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){ROWS, COLUMNS}, l, x);
  put(file, "y", t->is_signed ? H5T_STD_I64BE : H5T_STD_U16LE, H5T_NATIVE_INT64, 1,
      (hsize_t[]){ROWS}, l, y);
  put(file, "sample_weight", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){ROWS}, l, weight);
  assert_ok(lsi_h5_write_attr_double(file, "x", "scale_factor", 1.0 / 255));
  assert_ok(lsi_h5_write_attr_double(file, "x", "add_offset", -0.5));
  H5Fclose(file);
}

static void make_rows(int64_t *rows, int order) {
  for (int i = 0; i < READS; i++)
    rows[i] = order == 0 ? i % ROWS : order == 1 ? (i * 101 + 7) % ROWS : ROWS - 1 - (i / 3) % ROWS;
}

static void check_reads(const ls_dataset *d, bool is_signed) {
  static float x[READS][COLUMNS], weight[READS];
  static int32_t y[READS];
  int64_t rows[READS];
  for (int order = 0; order < 3; order++) {
    make_rows(rows, order);
    memset(x, 0xff, sizeof x);
    assert_ok(lsi_dataset_read(d, rows, READS, x[0], y, weight));
    for (int i = 0; i < READS; i++) {
      assert_int_equal(y[i], rows[i] % 10);
      assert_true(weight[i] == 0.25f * (float)rows[i]);
      for (int j = 0; j < COLUMNS; j++) {
        float expected =
            (float)(stored_value((int)rows[i] * COLUMNS + j, is_signed) * (1.0 / 255) + -0.5);
        if (x[i][j] != expected)
          fail_msg("row %d column %d: %a, expected %a", (int)rows[i], j, x[i][j], expected);
      }
    }
  }
  assert_ok(lsi_dataset_read(d, rows, 1, x[0], NULL, NULL));
  assert_ok(lsi_dataset_read(d, rows, 0, x[0], y, weight));
  assert_error(lsi_dataset_read(d, (int64_t[]){ROWS}, 1, x[0], NULL, NULL), LS_ERR_ARG,
               "row 211 of 211");
  assert_error(lsi_dataset_read(d, (int64_t[]){-1}, 1, x[0], NULL, NULL), LS_ERR_ARG, "row -1");
}

static void check_set(const char *path, const type_case *t, char identity[33]) {
  ls_hdf5_spec whole = {.path = path}, streamed = {.path = path, .memory_limit = 1},
               forced = streamed;
  forced.load = true;
  const ls_hdf5_spec *specs[] = {&whole, &streamed, &forced};
  for (int k = 0; k < 3; k++) {
    ls_dataset *d;
    ls_dataset_info info;
    assert_ok(lsi_dataset_open_local(specs[k], &d));
    ls_dataset_describe(d, &info);
    assert_int_equal(info.n_samples, ROWS);
    assert_int_equal(info.x_rank, 1);
    assert_int_equal(info.x_shape[0], COLUMNS);
    assert_int_equal(info.x_dtype, t->dtype);
    assert_true(info.has_y && info.y_is_label && info.has_weight);
    assert_int_equal(info.n_targets, 1);
    assert_int_equal(info.y_rank, 1);
    assert_int_equal(strlen(info.identity), 32);
    if (!identity[0]) strcpy(identity, info.identity);
    assert_string_equal(info.identity, identity); /* whatever the layout, in memory or not */
    check_reads(d, t->is_signed);
    ls_dataset_destroy(&d);
    assert_null(d);
  }
}

static void test_every_type_and_layout(void **state) {
  (void)state;
  lsi_h5_init();
  type_case types[] = {{LS_UINT8, H5T_STD_U8LE, false},    {LS_INT8, H5T_STD_I8LE, true},
                       {LS_UINT16, H5T_STD_U16BE, false},  {LS_INT16, H5T_STD_I16LE, true},
                       {LS_UINT32, H5T_STD_U32LE, false},  {LS_INT32, H5T_STD_I32BE, true},
                       {LS_UINT64, H5T_STD_U64LE, false},  {LS_INT64, H5T_STD_I64LE, true},
                       {LS_FLOAT32, H5T_IEEE_F32LE, true}, {LS_FLOAT64, H5T_IEEE_F64BE, true}};
  char last[33] = "";
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    char identity[33] = "";
    for (int l = 0; l < N_LAYOUTS; l++) {
      write_set(temp_path("set.h5"), &types[t], &layouts[l]);
      check_set(temp_path("set.h5"), &types[t], identity);
    }
    assert_string_not_equal(identity, last); /* the type is part of it */
    strcpy(last, identity);
  }
}

static void test_half_and_odd_integers(void **state) {
  (void)state;
  lsi_h5_init();
  hid_t half = H5Tcopy(H5T_IEEE_F32LE), three = H5Tcopy(H5T_STD_I32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  H5Tset_precision(three, 24);
  H5Tset_size(three, 3);
  const char *path = temp_path("half.h5");
  double values[4] = {1.5, -2, 0.25, 100}, labels[4] = {3, -1, 0, 70000};
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put(file, "x", half, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, &layouts[0], values);
  put(file, "y", three, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 1}, &layouts[0], labels);
  H5Fclose(file);
  H5Tclose(half);
  H5Tclose(three);
  ls_dataset *d;
  float x[4];
  int32_t y[4];
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path}, &d));
  assert_int_equal(d->info.x_dtype, LS_FLOAT32);
  assert_int_equal(d->info.x_rank, 1); /* [N] is one feature a sample */
  assert_int_equal(d->info.x_shape[0], 1);
  assert_int_equal(d->info.y_rank, 2);
  assert_true(d->info.y_is_label);
  assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1, 2, 3}, 4, x, y, NULL));
  for (int i = 0; i < 4; i++) assert_true(x[i] == (float)values[i] && y[i] == (int32_t)labels[i]);
  ls_dataset_destroy(&d);
}

/* NaN and infinity pass through: the trainer decides what to do. */
static void test_target_kinds(void **state) {
  (void)state;
  const char *path = temp_path("targets.h5");
  float x[3][2] = {{1, 2}, {NAN, 4}, {5, INFINITY}};
  float values[3] = {0.5f, 1.5f, 2.5f};
  int32_t one_hot[3][2] = {{1, 0}, {0, 1}, {1, 0}};
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (hsize_t[]){3, 2}, &layouts[0], x);
  put(file, "values", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){3}, &layouts[0], values);
  put(file, "one_hot", H5T_STD_I32LE, H5T_NATIVE_INT, 2, (hsize_t[]){3, 2}, &layouts[0], one_hot);
  H5Fclose(file);
  ls_dataset *d;
  float out[6], y[6];
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path, .y = "values"}, &d));
  assert_false(d->info.y_is_label);
  assert_int_equal(d->info.y_rank, 1);
  assert_ok(lsi_dataset_read(d, (int64_t[]){2, 1}, 2, out, y, NULL));
  assert_true(isinf(out[1]) && isnan(out[2]) && y[0] == 2.5f && y[1] == 1.5f);
  ls_dataset_destroy(&d);
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path, .y = "one_hot"}, &d));
  assert_false(d->info.y_is_label);
  assert_int_equal(d->info.n_targets, 2);
  assert_ok(lsi_dataset_read(d, (int64_t[]){1}, 1, out, y, NULL));
  assert_true(y[0] == 0 && y[1] == 1);
  ls_dataset_destroy(&d);
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path}, &d)); /* no "y": for predict */
  assert_false(d->info.has_y);
  ls_dataset_destroy(&d);
  ls_dataset_destroy(&d);
  ls_dataset_destroy(NULL);
}

static void test_labels_beyond_int32(void **state) {
  (void)state;
  const char *path = temp_path("labels.h5");
  float x[3] = {0};
  int64_t y[3] = {1, INT32_MIN, 5000000000};
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put(file, "x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (hsize_t[]){3, 1}, &layouts[0], x);
  put(file, "y", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, (hsize_t[]){3}, &layouts[0], y);
  H5Fclose(file);
  for (int streamed = 0; streamed < 2; streamed++) {
    ls_dataset *d;
    int32_t labels[3];
    assert_ok(lsi_dataset_open_local(
        &(ls_hdf5_spec){.path = path, .memory_limit = streamed ? 1 : 0}, &d));
    assert_ok(lsi_dataset_read(d, (int64_t[]){1, 0}, 2, x, labels, NULL));
    assert_int_equal(labels[0], INT32_MIN);
    assert_error(lsi_dataset_read(d, (int64_t[]){0, 2}, 2, x, labels, NULL), LS_ERR_SHAPE,
                 "labels.h5: sample 2: dataset 'y': label 5000000000");
    ls_dataset_destroy(&d);
  }
}

static void test_images_of_three_dimensions(void **state) {
  (void)state;
  enum { N = 40 };
  static uint8_t x[N][5][6];
  for (int i = 0; i < N * 30; i++) x[i / 30][i / 6 % 5][i % 6] = (uint8_t)(i * 31);
  const char *path = temp_path("images.h5");
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
        list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 3, (hsize_t[]){7, 3, 4});
  H5Pset_deflate(list, 1);
  hid_t space = H5Screate_simple(3, (hsize_t[]){N, 5, 6}, NULL);
  assert_ok(lsi_h5_make_group(file, "images"));
  hid_t dataset = H5Dcreate2(file, "images/x", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
  ls_dataset *d;
  float out[3][30];
  assert_ok(lsi_dataset_open_local(
      &(ls_hdf5_spec){.path = path, .x = "images/x", .memory_limit = 1}, &d));
  assert_int_equal(d->info.x_rank, 2);
  assert_int_equal(lsi_dataset_features(d), 30);
  int64_t rows[3] = {39, 0, 17};
  assert_ok(lsi_dataset_read(d, rows, 3, out[0], NULL, NULL));
  for (int i = 0; i < 90; i++)
    assert_true(out[i / 30][i % 30] == (float)((uint8_t *)x[rows[i / 30]])[i % 30]);
  ls_dataset_destroy(&d);
}

static void assert_open_error(const char *path, const ls_hdf5_spec *names, ls_status expected,
                              const char *words) {
  ls_hdf5_spec spec = names ? *names : (ls_hdf5_spec){0};
  ls_dataset *d = NULL;
  spec.path = path;
  assert_error(lsi_dataset_open_local(&spec, &d), expected, words);
  if (path) assert_non_null(strstr(ls_last_error()->message, path));
  assert_null(d);
}

static void test_errors(void **state) {
  (void)state;
  const char *path = temp_path("bad.h5");
  static float zeros[100];
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  struct {
    const char *name;
    int rank;
    hsize_t dims[3];
  } sets[] = {{"ten", 2, {10, 2, 0}},    {"nine", 1, {9, 0, 0}},  {"empty", 2, {0, 2, 0}},
              {"narrow", 2, {10, 0, 0}}, {"cube", 3, {10, 2, 2}}, {"wide", 2, {10, 3, 0}}};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    put(file, sets[i].name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, sets[i].rank, sets[i].dims,
        &layouts[0], zeros);
  hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 4);
  put(file, "text", text, text, 1, (hsize_t[]){10}, &layouts[0], NULL);
  H5Tclose(text);
  put(file, "scaled", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){10}, &layouts[0], zeros);
  assert_ok(lsi_h5_write_attr_double(file, "scaled", "scale_factor", NAN));
  put(file, "flat", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){10}, &layouts[0], zeros);
  assert_ok(lsi_h5_write_attr_double(file, "flat", "scale_factor", 0));
  put(file, "named", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){10}, &layouts[0], zeros);
  assert_ok(lsi_h5_write_attr_string(file, "named", "add_offset", "one"));
  H5Fclose(file);
  assert_open_error(path, NULL, LS_ERR_NOT_FOUND,
                    "there is no dataset 'x'");
  assert_non_null(strstr(ls_last_error()->advice, "the file holds: "));
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .y = "labels"}, LS_ERR_NOT_FOUND, "'labels'");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .sample_weight = "w"}, LS_ERR_NOT_FOUND,
                    "'w'");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .y = "nine"}, LS_ERR_SHAPE,
                    "'ten' has 10 rows, but 'nine' has 9");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .sample_weight = "nine"}, LS_ERR_SHAPE,
                    "'nine' has 9");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .sample_weight = "wide"}, LS_ERR_SHAPE,
                    "30 values for 10 rows");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .y = "cube"}, LS_ERR_SHAPE, "3 dimensions");
  assert_open_error(path, &(ls_hdf5_spec){.x = "ten", .y = "text"}, LS_ERR_UNSUPPORTED,
                    "string type");
  assert_open_error(path, &(ls_hdf5_spec){.x = "empty"}, LS_ERR_SHAPE, "is empty (0 rows)");
  assert_open_error(path, &(ls_hdf5_spec){.x = "narrow"}, LS_ERR_SHAPE, "0 values a sample");
  assert_open_error(path, &(ls_hdf5_spec){.x = "scaled"}, LS_ERR_FORMAT, "scale_factor");
  assert_open_error(path, &(ls_hdf5_spec){.x = "flat"}, LS_ERR_FORMAT,
                    "'scale_factor' of 'flat' is 0");
  assert_open_error(path, &(ls_hdf5_spec){.x = "named"}, LS_ERR_FORMAT, "add_offset");
  assert_open_error(temp_path("missing.h5"), NULL, LS_ERR_NOT_FOUND, "no such file");
  assert_open_error(NULL, NULL, LS_ERR_ARG, "no path");
  temp_file(temp_path("text.h5"), "hello", 5);
  assert_open_error(temp_path("text.h5"), NULL, LS_ERR_FORMAT, "not an HDF5 file");
}

/* A set above 256 MiB is identified by 1,024 rows: the first and the last count, unread storage
 * costs nothing. */
static void test_identity_of_a_large_set(void **state) {
  (void)state;
  enum { LARGE_ROWS = 300000, WIDTH = 1024 };
  char identity[3][33];
  for (int k = 0; k < 3; k++) {
    const char *path = temp_path("large.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
          list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER); /* a sparse file */
    hid_t space = H5Screate_simple(2, (hsize_t[]){LARGE_ROWS, WIDTH}, NULL);
    hid_t dataset = H5Dcreate2(file, "x", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    static uint8_t row[WIDTH];
    memset(row, k == 1, sizeof row);
    assert_ok(lsi_h5_write_rows(dataset, path, H5T_NATIVE_UINT8, LARGE_ROWS - 1, 1, row));
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(list);
    H5Fclose(file);
    ls_dataset *d;
    assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = path, .memory_limit = 1 << 20}, &d));
    strcpy(identity[k], d->info.identity);
    ls_dataset_destroy(&d);
  }
  assert_string_not_equal(identity[0], identity[1]);
  assert_string_equal(identity[0], identity[2]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_type_and_layout),
      cmocka_unit_test(test_half_and_odd_integers),
      cmocka_unit_test(test_target_kinds),
      cmocka_unit_test(test_labels_beyond_int32),
      cmocka_unit_test(test_images_of_three_dimensions),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_identity_of_a_large_set),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
