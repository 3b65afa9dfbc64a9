/* SPDX-License-Identifier: MIT */
/* CSV to HDF5, with errors that name file, line and column; and what all conversions share. */
#include "unit/data/convert_support.h"

#include <dirent.h>
#include <math.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "store/h5.h"

/* ---- CSV ---- */

static void test_csv_values(void **state) {
  (void)state;
  const char *path =
      text_file("a.csv", "\xEF\xBB\xBF"
                         "height,\"weight, kg\",age\r\n1.5, 2e1 ,30\r\n-.5,\"40\",5\r\n\r\n");
  assert_ok(ls_convert(&(ls_convert_spec){.x = path, .out = out_path()}, NULL));
  ls_dataset *d = open_out();
  float x[4], y[2];
  assert_int_equal(d->info.n_samples, 2);
  assert_int_equal(d->info.x_shape[0], 2);
  assert_false(d->info.y_is_label);
  assert_int_equal(d->info.y_rank, 1);
  assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1}, 2, x, y, NULL));
  assert_true(x[0] == 1.5f && x[1] == 20 && x[2] == -.5f && x[3] == 40 && y[0] == 30 && y[1] == 5);
  ls_dataset_destroy(&d);
  ls_convert_spec spec = {.x = path, .out = out_path(), .y_columns = "weight, kg"};
  assert_error(ls_convert(&spec, NULL), LS_ERR_NOT_FOUND,
               "'weight'"); /* names with commas go by number */
  spec.y_columns = "2,height";
  assert_ok(ls_convert(&spec, NULL));
  d = open_out();
  assert_int_equal(d->info.n_targets, 2);
  assert_ok(lsi_dataset_read(d, (int64_t[]){1}, 1, x, y, NULL));
  assert_true(x[0] == 5 && y[0] == -.5f && y[1] == 40); /* in the order of the table */
  ls_dataset_destroy(&d);
  spec.y_columns = NULL, spec.no_y = true;
  assert_ok(ls_convert(&spec, NULL));
  d = open_out();
  assert_false(d->info.has_y);
  assert_int_equal(d->info.x_shape[0], 3);
  ls_dataset_destroy(&d);
}

/* A first line without commas is cut at its semicolons or tabs; commas inside quotes do not count. */
static void test_csv_separators(void **state) {
  (void)state;
  static const char *const texts[] = {"a;\"b, c\";d\n1;2;3\n", "a\t\"b, c\"\td\n1\t2\t3\n", "a,b;c,d\n1,2,3\n"};
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    float x[2], y;
    assert_ok(ls_convert(&(ls_convert_spec){.x = text_file("a.csv", texts[k]), .out = out_path()}, NULL));
    ls_dataset *d = open_out();
    assert_ok(lsi_dataset_read(d, (int64_t[]){0}, 1, x, &y, NULL));
    assert_true(x[0] == 1 && x[1] == 2 && y == 3);
    ls_dataset_destroy(&d);
  }
  ls_convert_spec decimals = {.x = text_file("a.csv", "a;b\n1,5;2\n"), .out = out_path()};
  assert_error(ls_convert(&decimals, NULL), LS_ERR_FORMAT, "column 1 'a' is '1,5', not a finite number");
}

static void test_csv_classes(void **state) {
  (void)state;
  const char *path =
      text_file("iris.csv", "5.1,setosa\n7.0,\"versi\"\"color\"\"\"\n6.3,setosa\n1,a,\n");
  ls_convert_spec spec = {.x = path, .out = out_path(), .y_is_label = true};
  assert_error(ls_convert(&spec, NULL), LS_ERR_FORMAT,
               "iris.csv:4:3: the line has more than 2 cells");
  path = text_file(
      "iris.csv",
      "5.1,setosa\n7.0,\"versi\"\"color\"\"\"\n6.3,setosa\n"); /* no header: 5.1 is a number */
  assert_ok(ls_convert(&spec, NULL));
  ls_dataset *d = open_out();
  int32_t y[3];
  float x[3];
  hid_t file;
  char **classes;
  size_t n;
  assert_int_equal(d->info.n_samples, 3);
  assert_true(d->info.y_is_label);
  assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1, 2}, 3, x, y, NULL));
  assert_true(y[0] == 0 && y[1] == 1 && y[2] == 0);
  ls_dataset_destroy(&d);
  assert_ok(lsi_h5_open(out_path(), &file));
  assert_ok(lsi_h5_attr_strings(file, "y", "classes", &classes, &n));
  assert_int_equal(n, 2);
  assert_string_equal(classes[0], "setosa");
  assert_string_equal(classes[1], "versi\"color\"");
  lsi_free(classes);
  lsi_h5_close(file);
  text_file("iris.csv", "x,class\n1,7\n2,-1\n");
  assert_ok(ls_convert(&spec, NULL));
  d = open_out();
  assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1}, 2, x, y, NULL));
  assert_true(y[0] == 7 && y[1] == -1); /* integers stay */
  ls_dataset_destroy(&d);
  text_file("iris.csv", "x,class\n1,7\n2,0.5\n");
  assert_error(ls_convert(&spec, NULL), LS_ERR_FORMAT, "iris.csv:3:3: the class is 0.5");
}

/* Targets in a table of their own, with and without a header. */
static void test_csv_targets_apart(void **state) {
  (void)state;
  text_file("x.csv", "1\n2\n3\n");
  ls_convert_spec spec = {
      .x = temp_path("x.csv"), .y = temp_path("y.csv"), .out = out_path(), .y_is_label = true};
  struct {
    const char *text;
    int32_t expected[3];
  } cases[] = {{"animal\ncat\ndog\ncat", {0, 1, 0}},
               {"cat\ndog\ncat\n", {0, 1, 0}},
               {"class\n4\n5\n6\n", {4, 5, 6}},
               {"4\n5\n6\n", {4, 5, 6}}};
  for (int k = 0; k < 4; k++) {
    int32_t y[3];
    float x[3];
    text_file("y.csv", cases[k].text);
    assert_ok(ls_convert(&spec, NULL));
    ls_dataset *d = open_out();
    assert_int_equal(d->info.n_samples, 3);
    assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1, 2}, 3, x, y, NULL));
    for (int i = 0; i < 3; i++) assert_int_equal(y[i], cases[k].expected[i]);
    ls_dataset_destroy(&d);
  }
  text_file("y.csv", "1\n2\n");
  assert_error(ls_convert(&spec, NULL), LS_ERR_SHAPE, "x.csv has 3 rows, but");
}

static const struct {
  const char *text, *y_columns, *words;
  ls_status status;
} bad_tables[] = {
    {"a,b\n1,2\n3,\n", NULL, "a.csv:3:3: the cell of column 2 'b' is empty", LS_ERR_FORMAT},
    {"a,b\n1,2\n,3\n", NULL, "a.csv:3:1: the cell of column 1 'a' is empty", LS_ERR_FORMAT},
    {"1,2\n3,four\n", NULL, "a.csv:2:3: the cell of column 2 is 'four', not a finite number",
     LS_ERR_FORMAT},
    {"1,2\n3,nan\n", NULL, "'nan', not a finite number", LS_ERR_FORMAT},
    {"1,2\n3,0x10\n", NULL, "'0x10', not a finite number", LS_ERR_FORMAT},
    {"1,2\n3,1e999\n", NULL, "'1e999', not a finite number", LS_ERR_FORMAT},
    {"1,2\n3,1e39\n", NULL, "'1e39', more than float32 holds", LS_ERR_FORMAT},
    {"1,2\n3\n", NULL, "a.csv:2:1: the line has 1 cells, the first has 2", LS_ERR_FORMAT},
    {"1,2\n\n3,4\n", NULL, "a.csv:2:1: the line is empty", LS_ERR_FORMAT},
    {"1,2\n\"3,4\n", NULL, "a.csv:2:1: the quoted cell never ends", LS_ERR_FORMAT},
    {"1,2\n\"3\"x,4\n", NULL, "a.csv:2:4: a comma or line end was expected", LS_ERR_FORMAT},
    {"1,2\n3\"3,4\n", NULL, "a.csv:2:2: a quote inside an unquoted cell", LS_ERR_FORMAT},
    {"a,b\n", NULL, "(0 rows)", LS_ERR_SHAPE},
    {"\n\n", NULL, "empty", LS_ERR_SHAPE},
    {"1 2\n3 4\n", NULL, "one column", LS_ERR_SHAPE},
    {"age,sex\n1,2\n", "agee", "no column 'agee'", LS_ERR_NOT_FOUND},
    {"1,2\n3,4\n", "3", "no column '3'", LS_ERR_NOT_FOUND},
    {"1,2\n3,4\n", "0", "no column '0'", LS_ERR_NOT_FOUND},
    {"1,2\n3,4\n", "1,2", "2 of 2 columns", LS_ERR_ARG},
    {"1,2\n3,4\n", ",", "0 of 2 columns", LS_ERR_ARG}};

static void test_csv_errors(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof bad_tables / sizeof *bad_tables; k++) {
    const char *path = text_file("a.csv", bad_tables[k].text);
    assert_error(
        ls_convert(
            &(ls_convert_spec){.x = path, .out = out_path(), .y_columns = bad_tables[k].y_columns},
            NULL),
        bad_tables[k].status, bad_tables[k].words);
  }
  assert_non_null(strstr((ls_convert(&(ls_convert_spec){.x = text_file("a.csv", "age,sex\n1,2\n"),
                                                        .out = out_path(),
                                                        .y_columns = "agee"},
                                     NULL),
                          ls_last_error()->advice),
                         "did you mean 'age'"));
}

/* ---- the whole ---- */

static void test_large_path_gives_the_same(void **state) {
  (void)state;
  enum { N = 3000 };
  static float values[N * 50];
  static char file[sizeof values + 128];
  for (int i = 0; i < N * 50; i++) values[i] = sinf((float)i);
  size_t n = npy_bytes(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3000, 50), }",
                       values, sizeof values);
  temp_file(temp_path("large.npy"), file, n);
  char identity[33] = "";
  struct {
    int64_t chunk_rows;
    int deflate;
  } layouts[] = {{0, 0}, {100, 0}, {700, 3}};
  for (int k = 0; k < 3; k++)
    for (uint64_t limit = 0; limit <= 1 << 30; limit += 1 << 30) {
      ls_convert_spec spec = {.x = temp_path("large.npy"),
                              .y = temp_path("large.npy"),
                              .out = out_path(),
                              .chunk_rows = layouts[k].chunk_rows,
                              .deflate = layouts[k].deflate,
                              .first_row = 11,
                              .n_rows = 2000};
      assert_ok(lsi_convert(&spec, limit, NULL));
      ls_dataset *d = open_out();
      if (!identity[0]) strcpy(identity, d->info.identity);
      assert_string_equal(d->info.identity, identity);
      ls_dataset_destroy(&d);
    }
}

static int left_overs(const char *dir) {
  DIR *folder = opendir(dir);
  int n = 0;
  for (struct dirent *entry; (entry = readdir(folder));)
    n += strstr(entry->d_name, "lockstep-tmp") != NULL;
  closedir(folder);
  return n;
}

/* On a full disk both ways of writing fail, keep the old file and leave nothing behind. */
static void test_full_disk(void **state) {
  (void)state;
  const char *dir = temp_path("small");
  static float values[100000];
  static char file[sizeof values + 128];
  size_t n = npy_bytes(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 100), }",
                       values, sizeof values);
  temp_file(temp_path("zeros.npy"), file, n);
  assert_int_equal(mkdir(dir, 0755), 0);
  if (mount("tmpfs", dir, "tmpfs", 0, "size=128k") != 0) skip();
  const char *path = temp_path("small/out.h5");
  temp_file(path, "old", 3);
  ls_status status[2];
  for (int k = 0; k < 2; k++)
    status[k] = lsi_convert(&(ls_convert_spec){.x = temp_path("zeros.npy"), .out = path},
                            k ? 1 << 30 : 0, NULL);
  int behind = left_overs(dir);
  char old[4] = "";
  FILE *f = fopen(path, "rb");
  size_t got = fread(old, 1, 3, f);
  fclose(f);
  assert_int_equal(umount(dir), 0);
  assert_true(status[0] == LS_ERR_IO || status[0] == LS_ERR_NO_SPACE ||
              status[0] == LS_ERR_CORRUPT);
  assert_int_equal(status[1], LS_ERR_NO_SPACE);
  assert_int_equal(got, 3);
  assert_string_equal(old, "old");
  assert_int_equal(behind, 0);
}

static void test_spec_errors(void **state) {
  (void)state;
  const char *path = text_file("ok.csv", "1,2\n3,4\n");
  ls_convert_spec base = {.x = path, .out = out_path()}, spec;
  assert_ok(ls_convert(&base, NULL));
  spec = base, spec.deflate = 3;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "needs chunks");
  spec = base, spec.deflate = 10, spec.chunk_rows = 1;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "deflate is 10");
  spec = base, spec.chunk_rows = INT64_MAX;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "64 MiB");
  spec = base, spec.scale = NAN;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "finite");
  spec = base, spec.first_row = -1;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "first_row is -1");
  spec = base, spec.y = path, spec.no_y = true;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "no targets");
  spec = base, spec.x = temp_path("missing.csv");
  assert_error(ls_convert(&spec, NULL), LS_ERR_NOT_FOUND, "missing.csv");
  spec = base, spec.x = temp_dir;
  assert_error(ls_convert(&spec, NULL), LS_ERR_FORMAT, "is a folder");
  spec = base, spec.out = temp_path("no/such/folder.h5");
  assert_error(ls_convert(&spec, NULL), LS_ERR_NOT_FOUND, "no/such/folder.h5");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_csv_values),
      cmocka_unit_test(test_csv_separators),
      cmocka_unit_test(test_csv_classes),
      cmocka_unit_test(test_csv_targets_apart),
      cmocka_unit_test(test_csv_errors),
      cmocka_unit_test(test_large_path_gives_the_same),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_spec_errors),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
