/* SPDX-License-Identifier: MIT */
/* Files made to deceive: each is refused by name before a value is read, and none crashes. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>

#include "base/memory.h"
#include "store/durable.h"
#include "store/h5.h"

static hid_t create(const char *path) {
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/* A dataset that nobody writes to; closes the property list. */
static void make_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                         hid_t creation) {
  hid_t space = H5Screate_simple(rank, dims, NULL);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  assert_true(dataset >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
  if (creation != H5P_DEFAULT) H5Pclose(creation);
}

static hid_t chunked(int rank, const hsize_t *chunk) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, rank, chunk);
  return list;
}

static void assert_refused(const char *path, const char *name, ls_status expected,
                           const char *words) {
  hid_t file;
  lsi_h5_array array = {.id = -1};
  assert_ok(lsi_h5_open(path, &file));
  assert_error(lsi_h5_array_open(file, path, name, &array), expected, words);
  assert_non_null(strstr(ls_last_error()->message, name));
  assert_true(array.id == -1);
  lsi_h5_close(file);
}

static void test_external_storage(void **state) {
  (void)state;
  const char *path = temp_path("external.h5");
  hid_t file = create(path), list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(list, "/etc/passwd", 0, 200);
  make_dataset(file, "x", H5T_NATIVE_UINT8, 1, (hsize_t[]){200}, list);
  H5Fclose(file);
  assert_refused(path, "x", LS_ERR_UNSUPPORTED, "external file");
}

static void test_links(void **state) {
  (void)state;
  const char *path = temp_path("links.h5"), *other = temp_path("other.h5");
  hid_t file = create(other);
  make_dataset(file, "secret", H5T_NATIVE_UINT8, 1, (hsize_t[]){0}, H5P_DEFAULT);
  H5Fclose(file);
  file = create(path);
  make_dataset(file, "real", H5T_NATIVE_UINT8, 1, (hsize_t[]){0}, H5P_DEFAULT);
  H5Lcreate_external(other, "/secret", file, "external", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/real", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/loop", file, "loop", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/", file, "root", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", file, "cycle", H5P_DEFAULT, H5P_DEFAULT);
  assert_false(lsi_h5_has(file, "external"));
  assert_false(lsi_h5_has(file, "soft"));
  assert_false(lsi_h5_has(file, "loop"));
  assert_false(lsi_h5_has(file, "root/real"));
  assert_true(lsi_h5_has(file, "real"));
  assert_true(lsi_h5_has(file, "cycle/cycle/real"));
  assert_false(lsi_h5_has_attr(file, "root", "a"));
  H5Fclose(file);
  assert_refused(path, "external", LS_ERR_UNSUPPORTED, "an external link");
  assert_refused(path, "soft", LS_ERR_UNSUPPORTED, "a soft link");
  assert_refused(path, "loop", LS_ERR_UNSUPPORTED, "a soft link");
  assert_refused(path, "root/real", LS_ERR_NOT_FOUND, "no dataset");
}

static void test_virtual_dataset(void **state) {
  (void)state;
  const char *path = temp_path("virtual.h5");
  hid_t file = create(path), list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t dims[1] = {8};
  hid_t space = H5Screate_simple(1, dims, NULL);
  H5Pset_virtual(list, space, temp_path("other.h5"), "/secret", space);
  H5Sclose(space);
  make_dataset(file, "x", H5T_NATIVE_FLOAT, 1, dims, list);
  H5Fclose(file);
  assert_refused(path, "x", LS_ERR_UNSUPPORTED, "virtual");
}

static void test_extents(void **state) {
  (void)state;
  const char *path = temp_path("huge.h5");
  hid_t file = create(path);
  hid_t list = chunked(1, (hsize_t[]){1 << 20});
  H5Pset_deflate(list, 9);
  make_dataset(file, "huge", H5T_NATIVE_FLOAT, 1, (hsize_t[]){1ULL << 48}, list);
  make_dataset(file, "unwritten", H5T_NATIVE_FLOAT, 2, (hsize_t[]){60000, 784}, H5P_DEFAULT);
  make_dataset(file, "wrapping", H5T_NATIVE_FLOAT, 3,
               (hsize_t[]){1ULL << 31, 1ULL << 31, 1ULL << 31},
               chunked(3, (hsize_t[]){1, 1, 1024}));
  make_dataset(file, "wide chunk", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){100 << 20},
               chunked(1, (hsize_t[]){17 << 20}));
  hsize_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  make_dataset(file, "nine", H5T_NATIVE_FLOAT, 9, nine, H5P_DEFAULT);
  hid_t space = H5Screate(H5S_NULL);
  H5Dclose(
      H5Dcreate2(file, "null", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  H5Fclose(file);
  assert_refused(path, "huge", LS_ERR_CORRUPT, "only 0 bytes are stored");
  assert_refused(path, "unwritten", LS_ERR_CORRUPT, "claims 188160000 bytes");
  assert_refused(path, "wrapping", LS_ERR_CORRUPT, "more bytes than can be counted");
  assert_refused(path, "wide chunk", LS_ERR_UNSUPPORTED, "chunks of 142606336 bytes");
  assert_refused(path, "nine", LS_ERR_UNSUPPORTED, "9 dimensions");
  assert_refused(path, "null", LS_ERR_UNSUPPORTED, "no shape");
}

static void test_types(void **state) {
  (void)state;
  const char *path = temp_path("types.h5");
  hid_t file = create(path);
  hid_t text = H5Tcopy(H5T_C_S1), compound = H5Tcreate(H5T_COMPOUND, 8),
        vlen = H5Tvlen_create(H5T_NATIVE_INT);
  hid_t boolean = H5Tenum_create(H5T_NATIVE_INT8), opaque = H5Tcreate(H5T_OPAQUE, 2),
        wide = H5Tcopy(H5T_NATIVE_LDOUBLE);
  hid_t array = H5Tarray_create2(H5T_NATIVE_INT, 1, (hsize_t[]){2});
  H5Tset_size(text, H5T_VARIABLE);
  H5Tinsert(compound, "a", 0, H5T_NATIVE_DOUBLE);
  H5Tenum_insert(boolean, "TRUE", &(int8_t){1});
  struct {
    const char *name, *words;
    hid_t type;
  } cases[] = {{"text", "string type", text},          {"record", "compound type", compound},
               {"vlen", "variable-length type", vlen}, {"boolean", "enum (or bool)", boolean},
               {"opaque", "opaque type", opaque},      {"array", "array type", array},
               {"wide", "of 16 bytes", wide}};
  enum { N = sizeof cases / sizeof *cases };
  for (int i = 0; i < N; i++)
    make_dataset(file, cases[i].name, cases[i].type, 1, (hsize_t[]){0}, H5P_DEFAULT);
  for (int i = 0; i < N; i++) H5Tclose(cases[i].type);
  H5Fclose(file);
  for (int i = 0; i < N; i++)
    assert_refused(path, cases[i].name, LS_ERR_UNSUPPORTED, cases[i].words);
}

static size_t pass_through(unsigned flags, size_t n_values, const unsigned *values, size_t n,
                           size_t *size, void **buffer) {
  (void)flags, (void)n_values, (void)values, (void)size, (void)buffer;
  return n;
}

static void test_filters(void **state) {
  (void)state;
  const char *path = temp_path("filters.h5");
  hid_t file = create(path);
  const H5Z_class2_t plug_in = {H5Z_CLASS_T_VERS, 32123, 1, 1, "made up", NULL, NULL, pass_through};
  assert_true(H5Zregister(&plug_in) >= 0);
  hid_t list = chunked(1, (hsize_t[]){16});
  H5Pset_filter(list, 32123, 0, 0, NULL);
  make_dataset(file, "plug-in", H5T_NATIVE_INT, 1, (hsize_t[]){16}, list);
  list = chunked(1, (hsize_t[]){16});
  H5Pset_nbit(list);
  make_dataset(file, "nbit", H5T_NATIVE_INT, 1, (hsize_t[]){16}, list);
  list = chunked(1, (hsize_t[]){16});
  H5Pset_deflate(list, 9);
  H5Pset_deflate(list, 9);
  make_dataset(file, "twice", H5T_NATIVE_INT, 1, (hsize_t[]){16}, list);
  H5Fclose(file);
  H5Zunregister(32123); /* a reader has no such plug-in */
  assert_refused(path, "plug-in", LS_ERR_UNSUPPORTED, "filter 32123 made up");
  assert_refused(path, "nbit", LS_ERR_UNSUPPORTED, "needs filter 5");
  assert_refused(path, "twice", LS_ERR_UNSUPPORTED, "compressed twice");
}

static void write_checked_file(const char *path, size_t *n_bytes) {
  static int values[64 * 64];
  for (int i = 0; i < 64 * 64; i++) values[i] = i * i;
  hid_t file = create(path), list = chunked(2, (hsize_t[]){16, 64});
  H5Pset_shuffle(list);
  H5Pset_deflate(list, 6);
  H5Pset_fletcher32(list);
  hid_t space = H5Screate_simple(2, (hsize_t[]){64, 64}, NULL);
  hid_t dataset = H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  assert_ok(lsi_h5_write_attr_double(file, "x", "scale_factor", 0.5));
  assert_ok(lsi_h5_write_attr_string(file, "x", "note", "text"));
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
  char *bytes;
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, n_bytes));
  lsi_free(bytes);
}

/* Whatever a damaged file does, a reader gets a status; returns it. */
static ls_status read_everything(const char *path, int *out, size_t count) {
  hid_t file;
  lsi_h5_array array;
  double scale;
  char *note = NULL;
  LSI_TRY(lsi_h5_open(path, &file));
  ls_status status = lsi_h5_array_open(file, path, "x", &array);
  if (status == LS_OK) {
    if (array.count == count) status = lsi_h5_array_read(&array, path, H5T_NATIVE_INT, out, count);
    lsi_h5_array_close(&array);
  }
  if (lsi_h5_attr_double(file, "x", "scale_factor", &scale) != LS_OK) status = LS_ERR_CORRUPT;
  if (lsi_h5_attr_string(file, "x", "note", &note) == LS_OK) lsi_free(note);
  lsi_h5_close(file);
  return status;
}

static void test_truncated_anywhere(void **state) {
  (void)state;
  static int out[64 * 64];
  const char *path = temp_path("cut.h5");
  size_t n;
  char *bytes;
  write_checked_file(path, &n);
  assert_ok(read_everything(path, out, 64 * 64));
  assert_int_equal(out[100], 10000);
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : 37) {
    temp_file(temp_path("part.h5"), bytes, cut);
    ls_status status = read_everything(temp_path("part.h5"), out, 64 * 64);
    if (status != LS_ERR_FORMAT && status != LS_ERR_CORRUPT)
      fail_msg("cut at %zu of %zu: %s", cut, n, ls_status_name(status));
  }
  lsi_free(bytes);
}

/* fletcher32 guards the values: a flipped byte in a chunk is an error, never other numbers. */
static void test_flipped_values(void **state) {
  (void)state;
  static int good[64 * 64], out[64 * 64];
  const char *path = temp_path("flip.h5");
  size_t n;
  char *bytes;
  write_checked_file(path, &n);
  assert_ok(read_everything(path, good, 64 * 64));
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  int refused = 0;
  for (size_t at = 2048; at < n; at += 101) {
    bytes[at] ^= 0x10;
    temp_file(temp_path("part.h5"), bytes, n);
    bytes[at] ^= 0x10;
    memset(out, 0, sizeof out);
    if (read_everything(temp_path("part.h5"), out, 64 * 64) == LS_OK)
      assert_memory_equal(out, good, sizeof out);
    else refused++;
  }
  assert_true(refused > 0);
  lsi_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_external_storage),
      cmocka_unit_test(test_links),
      cmocka_unit_test(test_virtual_dataset),
      cmocka_unit_test(test_extents),
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_filters),
      cmocka_unit_test(test_truncated_anywhere),
      cmocka_unit_test(test_flipped_values),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
