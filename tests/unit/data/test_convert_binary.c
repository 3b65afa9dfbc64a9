/* SPDX-License-Identifier: MIT */
/* IDX and NPY, plain and gzipped: every type comes out right, and a header that lies is refused. */
#include "unit/data/convert_support.h"

#include <math.h>
#include <zlib.h>

static void gz_file(const char *path, const void *bytes, size_t n) {
  gzFile file = gzopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, bytes, (unsigned)n), n);
  assert_int_equal(gzclose(file), Z_OK);
}

static void assert_bytes_refused(const void *bytes, size_t n, bool packed, ls_status expected,
                                 const char *words) {
  const char *path = temp_path("hostile");
  if (packed) gz_file(path, bytes, n);
  else temp_file(path, bytes, n);
  unlink(out_path());
  assert_error(ls_convert(&(ls_convert_spec){.x = path, .out = out_path()}, NULL), expected, words);
  assert_non_null(strstr(ls_last_error()->message, "hostile"));
  assert_int_equal(access(out_path(), F_OK), -1);
}

/* ---- IDX ---- */

static size_t idx_bytes(unsigned char *out, int type, int rank, const uint32_t *dims,
                        const void *values, size_t n) {
  unsigned char *at = out;
  *at++ = 0, *at++ = 0, *at++ = (unsigned char)type, *at++ = (unsigned char)rank;
  for (int i = 0; i < rank; i++)
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(dims[i] >> shift);
  memcpy(at, values, n);
  return (size_t)(at - out) + n;
}

static void test_idx(void **state) {
  (void)state;
  enum { N = 50 };
  static unsigned char x[N * 12], file[4096], y[N];
  for (int i = 0; i < N * 12; i++) x[i] = (unsigned char)(i * 7);
  for (int i = 0; i < N; i++) y[i] = (unsigned char)(i % 10);
  size_t n = idx_bytes(file, 8, 3, (uint32_t[]){N, 3, 4}, x, sizeof x);
  gz_file(temp_path("x-idx3-ubyte.gz"), file, n);
  n = idx_bytes(file, 8, 1, (uint32_t[]){N}, y, sizeof y);
  temp_file(temp_path("y-idx1-ubyte"), file, n);
  ls_convert_spec spec = {.x = temp_path("x-idx3-ubyte.gz"),
                          .y = temp_path("y-idx1-ubyte"),
                          .out = out_path(),
                          .scale = 1.0 / 255};
  char *log_text = NULL;
  size_t log_size;
  FILE *log = open_memstream(&log_text, &log_size);
  assert_ok(ls_convert(&spec, log));
  fclose(log);
  assert_non_null(
      strstr(log_text, "x uint8 [50, 3, 4] from IDX, scale 0.00392157; y uint8 [50] from IDX\n"));
  free(log_text);
  ls_dataset *d = open_out();
  float values[12];
  int32_t label;
  assert_int_equal(d->info.x_rank, 2);
  assert_int_equal(d->info.x_dtype, LS_UINT8);
  assert_true(d->info.y_is_label && d->info.scale == 1.0 / 255);
  assert_ok(lsi_dataset_read(d, (int64_t[]){49}, 1, values, &label, NULL));
  assert_int_equal(label, 9);
  for (int i = 0; i < 12; i++) assert_true(values[i] == (float)x[49 * 12 + i] / 255.0f);
  ls_dataset_destroy(&d);
  spec.first_row = 10, spec.n_rows = 5, spec.chunk_rows = 2, spec.deflate = 4, spec.scale = 0;
  assert_ok(ls_convert(&spec, NULL));
  d = open_out();
  assert_int_equal(d->info.n_samples, 5);
  assert_ok(lsi_dataset_read(d, (int64_t[]){4}, 1, values, &label, NULL));
  assert_true(label == 4 && values[0] == x[14 * 12]);
  ls_dataset_destroy(&d);
  spec.n_rows = 41;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "rows 10 to 51 are asked for, the file has 50");
  assert_error(ls_convert(&(ls_convert_spec){.x = spec.x, .out = spec.x}, NULL), LS_ERR_ARG, "is a source");
  spec.n_rows = 0, spec.first_row = 50;
  assert_error(ls_convert(&spec, NULL), LS_ERR_ARG, "the file has 50");
}

static void test_idx_types(void **state) {
  (void)state;
  struct {
    int type;
    size_t n;
    const char *bytes;
    ls_dtype dtype;
    float expected[2];
  } cases[] = {{0x08, 2, "\x80\x01", LS_UINT8, {128, 1}},
               {0x09, 2, "\x80\x01", LS_INT8, {-128, 1}},
               {0x0B, 4, "\xff\xfe\x01\x02", LS_INT16, {-2, 258}},
               {0x0C, 8, "\xff\xff\xff\xff\x00\x01\x00\x00", LS_INT32, {-1, 65536}},
               {0x0D, 8, "\x3f\xc0\x00\x00\xc0\x00\x00\x00", LS_FLOAT32, {1.5f, -2}},
               {0x0E,
                16,
                "\x3f\xf8\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x00",
                LS_FLOAT64,
                {1.5f, -2}}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    unsigned char file[64];
    float x[2];
    size_t n = idx_bytes(file, cases[k].type, 1, (uint32_t[]){2}, cases[k].bytes, cases[k].n);
    temp_file(temp_path("typed"), file, n);
    assert_ok(ls_convert(&(ls_convert_spec){.x = temp_path("typed"), .out = out_path()}, NULL));
    ls_dataset *d = open_out();
    assert_int_equal(d->info.x_dtype, cases[k].dtype);
    assert_false(d->info.has_y);
    assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1}, 2, x, NULL, NULL));
    assert_true(x[0] == cases[k].expected[0] && x[1] == cases[k].expected[1]);
    ls_dataset_destroy(&d);
  }
}

static void test_hostile_idx(void **state) {
  (void)state;
  static unsigned char file[8192], zeros[4096];
  size_t n = idx_bytes(file, 8, 3, (uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff}, zeros, 10);
  assert_bytes_refused(file, n, false, LS_ERR_CORRUPT, "more values than can be counted");
  n = idx_bytes(file, 8, 2, (uint32_t[]){0x7fffffff, 1024}, zeros, 10);
  assert_bytes_refused(file, n, false, LS_ERR_CORRUPT, "claims 2199023254528 bytes");
  assert_bytes_refused(file, n, true, LS_ERR_CORRUPT, "(compressed)");
  n = idx_bytes(file, 8, 2, (uint32_t[]){10, 10}, zeros, 99);
  assert_bytes_refused(file, n, false, LS_ERR_CORRUPT,
                       "claims 100 bytes of values, but the file has 99");
  assert_bytes_refused(file, n, true, LS_ERR_CORRUPT, "ends after 111 bytes");
  n = idx_bytes(file, 8, 2, (uint32_t[]){10, 10}, zeros, 101);
  assert_bytes_refused(file, n, false, LS_ERR_CORRUPT, "but the file has 101");
  assert_bytes_refused(file, n, true, LS_ERR_CORRUPT, "there is more after");
  n = idx_bytes(file, 8, 2, (uint32_t[]){0, 10}, zeros, 0);
  assert_bytes_refused(file, n, false, LS_ERR_SHAPE, "empty (0 rows)");
  n = idx_bytes(file, 7, 1, (uint32_t[]){4}, zeros, 4);
  assert_bytes_refused(file, n, false, LS_ERR_FORMAT, "type code 07");
  n = idx_bytes(file, 8, 0, NULL, zeros, 4);
  assert_bytes_refused(file, n, false, LS_ERR_UNSUPPORTED, "0 dimensions");
  file[3] = 200;
  assert_bytes_refused(file, n, false, LS_ERR_UNSUPPORTED, "200 dimensions");
  n = idx_bytes(file, 8, 3, (uint32_t[]){1, 1, 1}, zeros, 0);
  assert_bytes_refused(file, 9, false, LS_ERR_CORRUPT, "ends after 9 bytes");
  assert_bytes_refused("", 0, false, LS_ERR_FORMAT, "empty");
  assert_bytes_refused("abc\0def", 7, false, LS_ERR_FORMAT, "neither IDX, NPY nor CSV");
  assert_bytes_refused("PK\3\4xxxx", 8, false, LS_ERR_UNSUPPORTED, "zip");
  assert_bytes_refused("\x89HDF\r\n\x1a\nxxx", 11, false, LS_ERR_FORMAT, "HDF5 file already");
}

static void test_damaged_gzip(void **state) {
  (void)state;
  static unsigned char file[8192], values[4096];
  for (int i = 0; i < 4096; i++) values[i] = (unsigned char)(i * i >> 3);
  size_t n = idx_bytes(file, 8, 2, (uint32_t[]){64, 64}, values, 4096);
  const char *path = temp_path("whole.gz");
  gz_file(path, file, n);
  FILE *f = fopen(path, "rb");
  size_t packed = fread(file, 1, sizeof file, f);
  fclose(f);
  temp_file(temp_path("hostile"), file, packed);
  assert_ok(ls_convert(&(ls_convert_spec){.x = temp_path("hostile"), .out = out_path()}, NULL));
  for (size_t cut = 20; cut < packed; cut += 97) {
    temp_file(temp_path("hostile"), file, cut);
    ls_status status =
        ls_convert(&(ls_convert_spec){.x = temp_path("hostile"), .out = out_path()}, NULL);
    if (status != LS_ERR_CORRUPT) fail_msg("cut at %zu: %s", cut, ls_status_name(status));
  }
  file[packed / 2] ^= 0x55;
  assert_bytes_refused(file, packed, false, LS_ERR_CORRUPT, "hostile");
}

/* ---- NPY ---- */

static const struct {
  int version;
  const char *dict;
  size_t n;
  const void *bytes;
  ls_dtype dtype;
  int rank;
  float expected[2];
} good_headers[] = {{1,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n",
                     8,
                     (float[]){1.5f, -3},
                     LS_FLOAT32,
                     1,
                     {1.5f, -3}},
                    {2,
                     "{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": (2, 1, 1)}",
                     16,
                     (double[]){0.25, 7},
                     LS_FLOAT64,
                     2,
                     {0.25f, 7}},
                    {3,
                     "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}\n",
                     2,
                     (uint8_t[]){200, 1},
                     LS_UINT8,
                     1,
                     {200, 1}},
                    {1,
                     "{'descr': '|b1', 'fortran_order': True, 'shape': (2L,), }",
                     2,
                     (uint8_t[]){1, 0},
                     LS_UINT8,
                     1,
                     {1, 0}},
                    {1,
                     "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }",
                     2,
                     (int8_t[]){-7, 0},
                     LS_INT8,
                     1,
                     {-7, 0}},
                    {1,
                     "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }",
                     4,
                     (uint16_t[]){40000, 2},
                     LS_UINT16,
                     1,
                     {40000, 2}},
                    {1,
                     "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }",
                     4,
                     (int16_t[]){-4000, 2},
                     LS_INT16,
                     1,
                     {-4000, 2}},
                    {1,
                     "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }",
                     8,
                     (uint32_t[]){1u << 31, 2},
                     LS_UINT32,
                     1,
                     {2147483648.0f, 2}},
                    {1,
                     "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
                     8,
                     (int32_t[]){-5, 2},
                     LS_INT32,
                     1,
                     {-5, 2}},
                    {1,
                     "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }",
                     16,
                     (uint64_t[]){1ull << 40, 2},
                     LS_UINT64,
                     1,
                     {1099511627776.0f, 2}},
                    {1,
                     "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }",
                     16,
                     (int64_t[]){-9, 2},
                     LS_INT64,
                     1,
                     {-9, 2}},
                    {1,
                     "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }",
                     4,
                     (uint16_t[]){0x3e00, 0x8001},
                     LS_FLOAT32,
                     1,
                     {1.5f, -0x1p-24f}}};

static void test_npy(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof good_headers / sizeof *good_headers; k++) {
    char file[512];
    float x[2];
    size_t n = npy_bytes(file, good_headers[k].version, good_headers[k].dict, good_headers[k].bytes,
                         good_headers[k].n);
    temp_file(temp_path("a.npy"), file, n);
    assert_ok(ls_convert(&(ls_convert_spec){.x = temp_path("a.npy"), .out = out_path()}, NULL));
    ls_dataset *d = open_out();
    assert_int_equal(d->info.n_samples, 2);
    assert_int_equal(d->info.x_dtype, good_headers[k].dtype);
    assert_int_equal(d->info.x_rank, good_headers[k].rank);
    assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1}, 2, x, NULL, NULL));
    if (x[0] != good_headers[k].expected[0] || x[1] != good_headers[k].expected[1])
      fail_msg("%s: %g %g", good_headers[k].dict, x[0], x[1]);
    ls_dataset_destroy(&d);
  }
}

static void test_half_values(void **state) {
  (void)state;
  uint16_t halves[6] = {0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x0400, 0x03ff};
  float expected[6] = {INFINITY, -INFINITY, NAN, 65504, 0x1p-14f, 1023 * 0x1p-24f}, x[6];
  char file[256];
  size_t n = npy_bytes(file, 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 6), }",
                       halves, sizeof halves);
  temp_file(temp_path("half.npy"), file, n);
  assert_ok(ls_convert(&(ls_convert_spec){.x = temp_path("half.npy"), .out = out_path()}, NULL));
  ls_dataset *d = open_out();
  assert_ok(lsi_dataset_read(d, (int64_t[]){0}, 1, x, NULL, NULL));
  for (int i = 0; i < 6; i++)
    assert_true(x[i] == expected[i] || (isnan(x[i]) && isnan(expected[i])));
  ls_dataset_destroy(&d);
}

static const struct {
  int version;
  const char *dict;
  ls_status status;
  const char *words;
} bad_headers[] = {
    {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", LS_ERR_UNSUPPORTED,
     "Fortran order"},
    {1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }", LS_ERR_UNSUPPORTED,
     "big-endian"},
    {1, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", LS_ERR_UNSUPPORTED,
     "Python objects"},
    {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", LS_ERR_UNSUPPORTED,
     "records"},
    {1, "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", LS_ERR_UNSUPPORTED,
     "type '<c8'"},
    {1, "{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }", LS_ERR_UNSUPPORTED,
     "type '<U3'"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", LS_ERR_UNSUPPORTED,
     "0 dimensions"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", LS_ERR_SHAPE, "empty"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }", LS_ERR_CORRUPT,
     "claims 60 bytes"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
     LS_ERR_CORRUPT, "too large"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }",
     LS_ERR_CORRUPT, "counted"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", LS_ERR_CORRUPT,
     "a size expected"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
     LS_ERR_UNSUPPORTED, "more than 8"},
    {1, "{'descr': '<f4', 'fortran_order': maybe, 'shape': (1,), }", LS_ERR_CORRUPT,
     "True or False"},
    {1, "{'descr': '<f4', 'shape': (4,), }", LS_ERR_CORRUPT, "missing"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'extra': 1}", LS_ERR_CORRUPT,
     "unknown key 'extra'"},
    {1, "{'descr': '<f4444444444444444', 'fortran_order': False, 'shape': (4,)}", LS_ERR_CORRUPT,
     "quoted name"},
    {1, "{'descr': '<f4", LS_ERR_CORRUPT, "quoted name"},
    {1, "{", LS_ERR_CORRUPT, "quoted name"},
    {1, "", LS_ERR_CORRUPT, "'{' expected"},
    {9, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", LS_ERR_UNSUPPORTED,
     "version 9"}};

static void test_hostile_npy(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof bad_headers / sizeof *bad_headers; k++) {
    char file[512];
    size_t n =
        npy_bytes(file, bad_headers[k].version, bad_headers[k].dict, (float[]){1, 2, 3, 4}, 16);
    assert_bytes_refused(file, n, false, bad_headers[k].status, bad_headers[k].words);
  }
  assert_bytes_refused("\x93NUMPY\2\0\xff\xff\xff\xff{", 13, false, LS_ERR_CORRUPT,
                       "header of 4294967295 bytes");
  assert_bytes_refused("\x93NUMPY\1\0\xff\x0f{}", 12, false, LS_ERR_CORRUPT, "ends after 12 bytes");
}

/* numpy.loadtxt gives classes as floats: asked for labels, they are, or the row that is none is named. */
static void test_labels_stored_as_floats(void **state) {
  (void)state;
  char file[512];
  const char *dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }";
  temp_file(temp_path("x.npy"), file, npy_bytes(file, 1, dict, (double[]){7, 8, 9}, 24));
  temp_file(temp_path("y.npy"), file, npy_bytes(file, 1, dict, (double[]){2, 0, 1}, 24));
  ls_convert_spec spec = {.x = temp_path("x.npy"), .y = temp_path("y.npy"), .out = out_path(), .y_is_label = true};
  assert_ok(ls_convert(&spec, NULL));
  ls_dataset *d = open_out();
  float x[3];
  int32_t y[3];
  assert_true(d->info.y_is_label);
  assert_ok(lsi_dataset_read(d, (int64_t[]){0, 1, 2}, 3, x, y, NULL));
  assert_true(y[0] == 2 && y[1] == 0 && y[2] == 1);
  ls_dataset_destroy(&d);
  temp_file(temp_path("y.npy"), file, npy_bytes(file, 1, dict, (double[]){2, 0, 0.5}, 24));
  assert_error(ls_convert(&spec, NULL), LS_ERR_FORMAT, "row 2: the class is 0.5");
  dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }";
  temp_file(temp_path("y.npy"), file, npy_bytes(file, 1, dict, (double[]){0, 1, 0, 1, 0, 1}, 48));
  assert_error(ls_convert(&spec, NULL), LS_ERR_SHAPE, "2 values a row");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_idx),         cmocka_unit_test(test_idx_types),
      cmocka_unit_test(test_hostile_idx), cmocka_unit_test(test_damaged_gzip),
      cmocka_unit_test(test_npy),         cmocka_unit_test(test_half_values),
      cmocka_unit_test(test_hostile_npy), cmocka_unit_test(test_labels_stored_as_floats),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
