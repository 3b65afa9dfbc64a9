/* SPDX-License-Identifier: MIT */
/* Chunks unpacked here are what HDF5 makes of them; damaged ones are refused, wherever the damage is. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>

#include "base/memory.h"
#include "store/h5_chunk.h"

enum { ROWS = 53, WIDE = 17, CHUNK_ROWS = 8, CHUNK_WIDE = 6 };

typedef struct pipeline {
  int n;
  H5Z_filter_t filter[4];
} pipeline;

static const pipeline pipelines[] = {
    {0, {0}},
    {1, {H5Z_FILTER_DEFLATE}},
    {1, {H5Z_FILTER_FLETCHER32}},
    {1, {H5Z_FILTER_SHUFFLE}},
    {3, {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32}}, /* h5py's order */
    {3, {H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32, H5Z_FILTER_DEFLATE}},
    {4, {H5Z_FILTER_FLETCHER32, H5Z_FILTER_FLETCHER32, H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE}},
    {2, {H5Z_FILTER_FLETCHER32, H5Z_FILTER_DEFLATE}},
    {4, {H5Z_FILTER_SHUFFLE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE}},
};
enum { N_PIPELINES = sizeof pipelines / sizeof *pipelines };

static void add_filter(hid_t list, H5Z_filter_t filter) {
  if (filter == H5Z_FILTER_DEFLATE) H5Pset_deflate(list, 6);
  if (filter == H5Z_FILTER_FLETCHER32) H5Pset_fletcher32(list);
  if (filter == H5Z_FILTER_SHUFFLE) H5Pset_shuffle(list);
}

/* Odd pipelines hold noise, for which deflate is skipped chunk by chunk. */
static void write_file(const char *path, const pipeline *p, hid_t type, bool noise) {
  static int64_t values[ROWS][WIDE];
  uint64_t seed = 1;
  for (int i = 0; i < ROWS * WIDE; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    values[i / WIDE][i % WIDE] = noise ? (int64_t)(seed >> 20) : i / 3;
  }
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 2, (hsize_t[]){CHUNK_ROWS, CHUNK_WIDE});
  for (int i = 0; i < p->n; i++) add_filter(list, p->filter[i]);
  hid_t space = H5Screate_simple(2, (hsize_t[]){ROWS, WIDE}, NULL);
  hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
}

static void check_chunk(const lsi_h5_array *a, lsi_h5_unpacker *u, const char *whole, uint64_t row, uint64_t column) {
  static char chunk[CHUNK_ROWS * CHUNK_WIDE * 8];
  bool found;
  assert_ok(lsi_h5_chunk_read(a, u, "x", (uint64_t[]){row, column}, chunk, &found));
  assert_true(found);
  for (uint64_t i = 0; i < CHUNK_ROWS && row + i < ROWS; i++)
    for (uint64_t j = 0; j < CHUNK_WIDE && column + j < WIDE; j++)
      assert_memory_equal(chunk + (i * CHUNK_WIDE + j) * a->type_size, whole + ((row + i) * WIDE + column + j) * a->type_size,
                          a->type_size);
}

static void check_file(const char *path) {
  static char whole[ROWS * WIDE * 8];
  hid_t file;
  lsi_h5_array a;
  lsi_h5_unpacker *u;
  assert_ok(lsi_h5_open(path, &file));
  assert_ok(lsi_h5_array_open(file, path, "x", &a));
  hid_t type = H5Dget_type(a.id);
  assert_ok(lsi_h5_array_read(&a, path, type, whole, a.count));
  H5Tclose(type);
  assert_ok(lsi_h5_unpacker_create((size_t)a.chunk_bytes, &u));
  for (uint64_t row = 0; row < ROWS; row += CHUNK_ROWS)
    for (uint64_t column = 0; column < WIDE; column += CHUNK_WIDE) check_chunk(&a, u, whole, row, column);
  lsi_h5_unpacker_destroy(&u);
  lsi_h5_array_close(&a);
  lsi_h5_close(file);
}

static void test_the_same_as_hdf5(void **state) {
  (void)state;
  lsi_h5_init();
  const hid_t types[] = {H5T_STD_U8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64LE};
  for (int p = 0; p < N_PIPELINES; p++)
    for (int t = 0; t < 4; t++)
      for (int noise = 0; noise < 2; noise++) {
        write_file(temp_path("chunks.h5"), &pipelines[p], types[t], noise);
        check_file(temp_path("chunks.h5"));
      }
}

/* What was never written has the fill value, and is told so. */
static void test_never_written(void **state) {
  (void)state;
  const char *path = temp_path("holes.h5");
  int32_t fill = -7, back = 0, one[ROWS] = {0};
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 1, (hsize_t[]){20});
  H5Pset_deflate(list, 1);
  H5Pset_fill_value(list, H5T_NATIVE_INT32, &fill);
  hid_t space = H5Screate_simple(1, (hsize_t[]){ROWS}, NULL);
  hid_t dataset = H5Dcreate2(file, "x", H5T_STD_I32BE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_ok(lsi_h5_write_rows(dataset, path, H5T_NATIVE_INT32, 20, 20, one));
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
  lsi_h5_array a;
  lsi_h5_unpacker *u;
  char chunk[80];
  bool found;
  assert_ok(lsi_h5_open(path, &file));
  assert_ok(lsi_h5_array_open(file, path, "x", &a));
  assert_ok(lsi_h5_unpacker_create(80, &u));
  assert_ok(lsi_h5_chunk_read(&a, u, "x", (uint64_t[]){20}, chunk, &found));
  assert_true(found);
  assert_ok(lsi_h5_chunk_read(&a, u, "x", (uint64_t[]){40}, chunk, &found));
  assert_false(found);
  assert_ok(lsi_h5_array_fill_value(&a, "x", H5T_NATIVE_INT32, &back));
  assert_int_equal(back, fill);
  lsi_h5_unpacker_destroy(&u);
  lsi_h5_array_close(&a);
  lsi_h5_close(file);
}

/* Every byte of the file in turn: an error that names the rows, or the very values. */
static void test_every_flipped_byte_is_seen(void **state) {
  (void)state;
  const char *path = temp_path("flip.h5");
  static unsigned char bytes[1 << 17];
  write_file(path, &pipelines[4], H5T_STD_I32LE, false);
  FILE *in = fopen(path, "rb");
  size_t n = fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  assert_true(n > 0 && n < sizeof bytes);
  int refused = 0;
  for (size_t at = 0; at < n; at++) {
    hid_t file;
    lsi_h5_array a;
    bytes[at] ^= 0x10;
    temp_file(path, bytes, n);
    bytes[at] ^= 0x10;
    if (lsi_h5_open(path, &file) != LS_OK) continue;
    if (lsi_h5_array_open(file, path, "x", &a) == LS_OK) {
      lsi_h5_unpacker *u;
      static char chunk[1 << 16];
      bool found = false;
      bool fits = a.rank == 2 && a.chunked && a.chunk_bytes <= sizeof chunk;
      if (fits) {
        assert_ok(lsi_h5_unpacker_create((size_t)a.chunk_bytes, &u));
        ls_status status = lsi_h5_chunk_read(&a, u, "flip: 'x'", (uint64_t[]){16, 6}, chunk, &found);
        if (status != LS_OK) {
          refused++;
          assert_non_null(strstr(ls_last_error()->message, "flip: 'x', rows 16 to "));
        }
        lsi_h5_unpacker_destroy(&u);
      }
      lsi_h5_array_close(&a);
    }
    lsi_h5_close(file);
  }
  assert_true(refused > 20); /* the chunk's own bytes among them */
}

/* A pipeline that claims more than there is, without a file around it. */
static void test_lies(void **state) {
  (void)state;
  lsi_h5_unpacker *u;
  char packed[64] = {0}, out[64];
  lsi_h5_filters sum = {.n = 1, .id = {H5Z_FILTER_FLETCHER32}}, deflate = {.n = 1, .id = {H5Z_FILTER_DEFLATE}},
                 shuffle = {.n = 1, .id = {H5Z_FILTER_SHUFFLE}, .element = {1u << 31}};
  assert_ok(lsi_h5_unpacker_create(64, &u));
  assert_error(lsi_h5_unpack(u, &sum, 0, packed, 3, out, 64), LS_ERR_CORRUPT, "too short for its checksum");
  assert_error(lsi_h5_unpack(u, &sum, 0, packed, 64, out, 64), LS_ERR_CORRUPT, "wrong size");
  assert_error(lsi_h5_unpack(u, &deflate, 0, packed, 64, out, 64), LS_ERR_CORRUPT, "cannot be unpacked");
  assert_error(lsi_h5_unpack(u, &shuffle, 0, packed, 63, out, 64), LS_ERR_CORRUPT, "wrong size");
  assert_error(lsi_h5_unpack(u, &deflate, 1, packed, 63, out, 64), LS_ERR_CORRUPT, "wrong size");
  assert_ok(lsi_h5_unpack(u, &shuffle, 0, packed, 64, out, 64));
  assert_ok(lsi_h5_unpack(u, &deflate, 1, packed, 64, out, 64)); /* skipped when it was written */
  lsi_h5_unpacker_destroy(&u);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_same_as_hdf5),           cmocka_unit_test(test_never_written),
      cmocka_unit_test(test_every_flipped_byte_is_seen), cmocka_unit_test(test_lies),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
