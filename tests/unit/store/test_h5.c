/* SPDX-License-Identifier: MIT */
/* HDF5 round trips: arrays of every type and layout, attributes, lists of names, images, and errors
 * of opening. */
#include "unit/store/temp_dir.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "store/durable.h"
#include "store/h5.h"

static void put_image(hid_t file, const char *path) {
  void *bytes;
  size_t n;
  assert_ok(lsi_h5_image_finish(file, &bytes, &n));
  assert_ok(lsi_durable_write(path, bytes, n));
  lsi_free(bytes);
}

static void write_small(const char *path) {
  hid_t file;
  float values[6] = {1, 2, 3, 4, 5, 6};
  assert_ok(lsi_h5_image_create(&file));
  assert_ok(lsi_h5_write(file, "group/sub/w", 2, (uint64_t[]){2, 3}, H5T_IEEE_F32LE,
                         H5T_NATIVE_FLOAT, values));
  assert_ok(lsi_h5_write(file, "scalar", 0, NULL, H5T_STD_I64LE, H5T_NATIVE_INT64, &(int64_t){-7}));
  assert_ok(
      lsi_h5_write(file, "empty", 2, (uint64_t[]){0, 3}, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values));
  put_image(file, path);
}

static void test_round_trip(void **state) {
  (void)state;
  const char *path = temp_path("small.h5");
  write_small(path);
  hid_t file;
  lsi_h5_array a;
  float out[6] = {0};
  assert_ok(lsi_h5_open(path, &file));
  assert_true(lsi_h5_has(file, "group/sub/w"));
  assert_true(lsi_h5_has(file, "/group/sub"));
  assert_false(lsi_h5_has(file, "group/none/w"));
  assert_false(lsi_h5_has(file, ""));
  assert_ok(lsi_h5_array_open(file, path, "group/sub/w", &a));
  assert_int_equal(a.rank, 2);
  assert_int_equal(a.count, 6);
  assert_int_equal(a.type_class, H5T_FLOAT);
  assert_int_equal(a.type_size, 4);
  assert_false(a.chunked);
  assert_ok(lsi_h5_array_read(&a, path, H5T_NATIVE_FLOAT, out, 6));
  for (int i = 0; i < 6; i++) assert_true(out[i] == (float)(i + 1));
  assert_error(lsi_h5_array_read(&a, path, H5T_NATIVE_FLOAT, out, 5), LS_ERR_SHAPE,
               "holds 6 values, 5 expected");
  assert_ok(lsi_h5_array_read_rows(&a, path, H5T_NATIVE_FLOAT, 1, 1, out));
  assert_true(out[0] == 4 && out[2] == 6);
  assert_error(lsi_h5_array_read_rows(&a, path, H5T_NATIVE_FLOAT, 2, 1, out), LS_ERR_ARG, "of 2");
  assert_error(lsi_h5_array_read_rows(&a, path, H5T_NATIVE_FLOAT, UINT64_MAX, 2, out), LS_ERR_ARG,
               "of 2");
  lsi_h5_array_close(&a);
  int64_t scalar = 0;
  assert_ok(lsi_h5_array_open(file, path, "scalar", &a));
  assert_ok(lsi_h5_array_read(&a, path, H5T_NATIVE_INT64, &scalar, 1));
  assert_int_equal(scalar, -7);
  lsi_h5_array_close(&a);
  assert_ok(lsi_h5_array_open(file, path, "empty", &a));
  assert_int_equal(a.count, 0);
  assert_ok(lsi_h5_array_read(&a, path, H5T_NATIVE_FLOAT, out, 0));
  lsi_h5_array_close(&a);
  assert_error(lsi_h5_array_open(file, path, "none", &a), LS_ERR_NOT_FOUND,
               "there is no dataset 'none'");
  assert_error(lsi_h5_array_open(file, path, "group", &a), LS_ERR_FORMAT, "'group'");
  lsi_h5_close(file);
}

static void test_equal_contents_give_equal_bytes(void **state) {
  (void)state;
  char *a, *b;
  size_t n_a, n_b;
  write_small(temp_path("one.h5"));
  sleep(1); /* time stamps of HDF5 have seconds */
  write_small(temp_path("two.h5"));
  assert_ok(lsi_read_file(temp_path("one.h5"), 1 << 20, &a, &n_a));
  assert_ok(lsi_read_file(temp_path("two.h5"), 1 << 20, &b, &n_b));
  assert_int_equal(n_a, n_b);
  assert_memory_equal(a, b, n_a);
  lsi_free(a);
  lsi_free(b);
}

static void test_images(void **state) {
  (void)state;
  char *bytes;
  size_t n;
  hid_t first, second;
  write_small(temp_path("image.h5"));
  assert_ok(lsi_read_file(temp_path("image.h5"), 1 << 20, &bytes, &n));
  assert_ok(lsi_h5_open_image(bytes, n, "image one", &first));
  assert_ok(lsi_h5_open_image(bytes, n, "image one", &second)); /* two of one name are two files */
  lsi_h5_close(first);
  assert_true(lsi_h5_has(second, "group/sub/w"));
  lsi_h5_close(second);
  assert_error(lsi_h5_open_image("abc", 3, "image three", &first), LS_ERR_FORMAT, "image three");
  assert_error(lsi_h5_open_image(bytes, n / 2, "image four", &first), LS_ERR_CORRUPT, "image four");
  lsi_free(bytes);
}

/* Train and test sets may be the same file. */
static void test_closing_one_of_two(void **state) {
  (void)state;
  const char *path = temp_path("twice.h5");
  hid_t first, second;
  lsi_h5_array a, b;
  float out[6];
  write_small(path);
  assert_ok(lsi_h5_open(path, &first));
  assert_ok(lsi_h5_open(path, &second));
  assert_ok(lsi_h5_array_open(first, path, "group/sub/w", &a));
  assert_ok(lsi_h5_array_open(second, path, "group/sub/w", &b));
  lsi_h5_array_close(&a);
  lsi_h5_close(first);
  assert_ok(lsi_h5_array_read(&b, path, H5T_NATIVE_FLOAT, out, 6));
  assert_true(out[5] == 6);
  lsi_h5_array_close(&b);
  lsi_h5_close(second);
}

static void test_layouts(void **state) {
  (void)state;
  enum { ROWS = 1000, COLUMNS = 30 };
  static int16_t values[ROWS][COLUMNS], out[ROWS][COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; i++) values[i / COLUMNS][i % COLUMNS] = (int16_t)(i * 37);
  struct {
    uint64_t chunk_rows;
    int deflate;
  } layouts[] = {{0, 0}, {1, 0}, {64, 0}, {64, 6}, {5000, 9}, {333, 1}};
  for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
    hid_t file, dataset;
    const char *path = temp_path("layout.h5");
    assert_ok(lsi_h5_image_create(&file));
    assert_ok(lsi_h5_create_array(file, "a/b", 2, (uint64_t[]){ROWS, COLUMNS}, H5T_STD_I16LE,
                                  layouts[k].chunk_rows, layouts[k].deflate, &dataset));
    for (int row = 0; row < ROWS; row += 300) {
      int n = ROWS - row < 300 ? ROWS - row : 300;
      assert_ok(lsi_h5_write_rows(dataset, path, H5T_NATIVE_INT16, (uint64_t)row, (uint64_t)n,
                                  values[row]));
    }
    assert_error(lsi_h5_write_rows(dataset, path, H5T_NATIVE_INT16, ROWS, 1, values), LS_ERR_IO,
                 "rows 1000 to 1001");
    assert_true(H5Dclose(dataset) >= 0);
    put_image(file, path);
    lsi_h5_array a;
    assert_ok(lsi_h5_open(path, &file));
    assert_ok(lsi_h5_array_open(file, path, "a/b", &a));
    assert_int_equal(a.chunked, layouts[k].chunk_rows > 0);
    assert_true(a.is_signed);
    memset(out, 0, sizeof out);
    assert_ok(lsi_h5_array_read(&a, path, H5T_NATIVE_INT16, out, ROWS * COLUMNS));
    assert_memory_equal(out, values, sizeof out);
    assert_ok(lsi_h5_array_read_rows(&a, path, H5T_NATIVE_INT16, 61, 10, out));
    assert_memory_equal(out, values[61], 10 * sizeof values[0]);
    lsi_h5_array_close(&a);
    lsi_h5_close(file);
  }
}

static void test_attributes(void **state) {
  (void)state;
  hid_t file;
  const char *path = temp_path("attributes.h5");
  static char large[1 << 20];
  memset(large, 'j', sizeof large - 1);
  assert_ok(lsi_h5_image_create(&file));
  assert_ok(lsi_h5_make_group(file, "g/h"));
  assert_ok(lsi_h5_make_group(file, "g/h"));
  assert_ok(lsi_h5_write_attr_double(file, "g/h", "d", 0.1));
  assert_ok(lsi_h5_write_attr_i64(file, ".", "i", INT64_MIN));
  assert_ok(lsi_h5_write_attr_string(file, ".", "text", "Grüße"));
  assert_ok(lsi_h5_write_attr_string(file, ".", "nothing", ""));
  assert_ok(
      lsi_h5_write_attr_string(file, "g", "large", large)); /* beyond the 64 KiB of fixed ones */
  put_image(file, path);
  double d;
  int64_t i;
  char *text;
  assert_ok(lsi_h5_open(path, &file));
  assert_true(lsi_h5_has_attr(file, "g/h", "d"));
  assert_false(lsi_h5_has_attr(file, "g/h", "none"));
  assert_false(lsi_h5_has_attr(file, "none", "d"));
  assert_ok(lsi_h5_attr_double(file, "g/h", "d", &d));
  assert_true(d == 0.1);
  assert_ok(lsi_h5_attr_i64(file, ".", "i", &i));
  assert_true(i == INT64_MIN);
  assert_ok(lsi_h5_attr_double(file, ".", "i", &d));
  assert_error(lsi_h5_attr_i64(file, "g/h", "d", &i), LS_ERR_FORMAT, "not one integer");
  assert_error(lsi_h5_attr_double(file, ".", "text", &d), LS_ERR_FORMAT, "not one number");
  assert_error(lsi_h5_attr_string(file, "g/h", "d", &text), LS_ERR_FORMAT, "not one text");
  assert_error(lsi_h5_attr_string(file, "g/h", "none", &text), LS_ERR_NOT_FOUND, "'none'");
  const char *names[] = {"text", "nothing"}, *expected[] = {"Grüße", ""};
  for (int k = 0; k < 2; k++) {
    assert_ok(lsi_h5_attr_string(file, ".", names[k], &text));
    assert_string_equal(text, expected[k]);
    lsi_free(text);
  }
  assert_ok(lsi_h5_attr_string(file, "g", "large", &text));
  assert_string_equal(text, large);
  lsi_free(text);
  lsi_h5_close(file);
}

/* Text as h5py 2, h5py 3 and C programs write it. */
static void test_foreign_strings(void **state) {
  (void)state;
  hid_t file;
  assert_ok(lsi_h5_image_create(&file));
  struct {
    const char *name;
    size_t size;
    H5T_str_t pad;
    H5T_cset_t set;
    const char *bytes;
  } fixed[] = {{"nullpad", 4, H5T_STR_NULLPAD, H5T_CSET_ASCII, "full"},
               {"utf8", 8, H5T_STR_NULLTERM, H5T_CSET_UTF8, "a\xc3\xa9\0\0\0\0\0"}};
  for (int k = 0; k < 2; k++) {
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, fixed[k].size);
    H5Tset_strpad(type, fixed[k].pad);
    H5Tset_cset(type, fixed[k].set);
    hid_t attr = H5Acreate2(file, fixed[k].name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attr, type, fixed[k].bytes) >= 0);
    H5Aclose(attr);
    H5Sclose(space);
    H5Tclose(type);
  }
  const char *list[] = {"dense", "dense_1", ""};
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, (hsize_t[]){3}, NULL);
  H5Tset_size(type, H5T_VARIABLE);
  hid_t attr = H5Acreate2(file, "vlen", type, space, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Awrite(attr, type, list) >= 0);
  H5Aclose(attr);
  H5Sclose(space);
  space = H5Screate_simple(1, (hsize_t[]){0}, NULL); /* Keras's empty list */
  attr = H5Acreate2(file, "floats", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Aclose(attr);
  H5Sclose(space);
  H5Tclose(type);
  char *text, **strings;
  size_t n;
  assert_ok(lsi_h5_attr_string(file, ".", "nullpad", &text));
  assert_string_equal(text, "full");
  lsi_free(text);
  assert_ok(lsi_h5_attr_string(file, ".", "utf8", &text));
  assert_string_equal(text, "a\xc3\xa9");
  lsi_free(text);
  assert_error(lsi_h5_attr_string(file, ".", "vlen", &text), LS_ERR_FORMAT, "not one text");
  assert_ok(lsi_h5_attr_strings(file, ".", "vlen", &strings, &n));
  assert_int_equal(n, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(strings[i], list[i]);
  lsi_free(strings);
  assert_ok(lsi_h5_attr_strings(file, ".", "floats", &strings, &n));
  assert_int_equal(n, 0);
  lsi_free(strings);
  lsi_h5_close(file);
}

static void check_names(size_t n, size_t width, const char *expect_attr,
                        const char *expect_absent) {
  hid_t file;
  char *block, **names, **read;
  size_t n_read;
  assert_ok(lsi_alloc("names", n, width + 1, &block));
  assert_ok(LSI_ALLOC("names", n, &names));
  for (size_t i = 0; i < n; i++) {
    names[i] = block + i * (width + 1);
    memset(names[i], 'a' + (int)(i % 26), i % 2 ? width : width / 2);
  }
  assert_ok(lsi_h5_image_create(&file));
  assert_ok(lsi_h5_write_attr_strings(file, ".", "names", (const char *const *)names, n));
  assert_true(lsi_h5_has_attr(file, ".", expect_attr));
  assert_false(lsi_h5_has_attr(file, ".", expect_absent));
  assert_ok(lsi_h5_attr_strings(file, ".", "names", &read, &n_read));
  assert_int_equal(n_read, n);
  for (size_t i = 0; i < n; i++) assert_string_equal(read[i], names[i]);
  lsi_free(read);
  assert_error(lsi_h5_attr_strings(file, ".", "other", &read, &n_read), LS_ERR_NOT_FOUND,
               "'other'");
  lsi_h5_close(file);
  lsi_free(names);
  lsi_free(block);
}

static void test_lists_of_names(void **state) {
  (void)state;
  check_names(0, 4, "names", "names0");
  check_names(3, 10, "names", "names0");
  check_names(401, 160, "names", "names0");  /* 64,160 bytes fit */
  check_names(401, 195, "names1", "names2"); /* Keras's rule: parts of 201 and 200 */
  check_names(1001, 500, "names7", "names8");
}

static void test_open_errors(void **state) {
  (void)state;
  hid_t file = -1;
  assert_error(lsi_h5_open(temp_path("missing.h5"), &file), LS_ERR_NOT_FOUND, "missing.h5");
  assert_error(lsi_h5_open(temp_dir, &file), LS_ERR_FORMAT, "is a folder");
  assert_error(lsi_h5_open("/dev/null", &file), LS_ERR_FORMAT, "not a regular file");
  temp_file(temp_path("empty.h5"), "", 0);
  assert_error(lsi_h5_open(temp_path("empty.h5"), &file), LS_ERR_FORMAT, "empty");
  temp_file(temp_path("text.h5"), "x,y\n1,2\n", 8);
  assert_error(lsi_h5_open(temp_path("text.h5"), &file), LS_ERR_FORMAT, "not an HDF5 file");
  write_small(temp_path("cut.h5"));
  struct stat info;
  assert_int_equal(stat(temp_path("cut.h5"), &info), 0);
  assert_int_equal(truncate(temp_path("cut.h5"), info.st_size - 100), 0);
  assert_error(lsi_h5_open(temp_path("cut.h5"), &file), LS_ERR_CORRUPT, "truncated file");
  assert_true(file == -1);
}

static void test_open_locked(void **state) {
  (void)state;
  const char *path = temp_path("held.h5");
  hid_t file;
  write_small(path);
  int fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_error(lsi_h5_open(path, &file), LS_ERR_IO, "lock");
  assert_non_null(strstr(ls_last_error()->advice, "HDF5_USE_FILE_LOCKING"));
  close(fd);
  assert_ok(lsi_h5_open(path, &file));
  lsi_h5_close(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_equal_contents_give_equal_bytes),
      cmocka_unit_test(test_images),
      cmocka_unit_test(test_closing_one_of_two),
      cmocka_unit_test(test_layouts),
      cmocka_unit_test(test_attributes),
      cmocka_unit_test(test_foreign_strings),
      cmocka_unit_test(test_lists_of_names),
      cmocka_unit_test(test_open_errors),
      cmocka_unit_test(test_open_locked),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
