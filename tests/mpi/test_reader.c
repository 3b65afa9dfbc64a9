//RANKS 1 2 3 5
/* SPDX-License-Identifier: MIT */
/* Streamed batches hold what batches in memory hold, whatever the layout, the limit, the ranks and where one begins. */
#include "unit/store/temp_dir.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "data/fields.h"
#include "data/reader_parts.h"
#include "par/comm.h"
#include "store/h5.h"

enum { ROWS = 533, WIDE = 12, BATCH = 24, LEAF = 4 };

static ls_context *context;
static const lsi_comm *comm;

typedef struct layout {
  const char *name;
  hsize_t chunk[3]; /* 0: contiguous */
  bool deflate;
} layout;

static const layout layouts[] = {{"plain", {0, 0, 0}, false}, {"packed", {10, 3, 4}, true}, {"cut", {37, 2, 3}, true}};
static const int64_t cuts[] = {0, 0, 200, 201, ROWS}; /* of four files, one of them empty */

static int value(int64_t row, int j) {
  return (int)(row * 31 + j * 7) % 30000 - 15000;
}

static void put(hid_t file, const char *name, hid_t type, hid_t mem_type, int rank, const hsize_t *dims, const layout *l, const void *values) {
  hid_t space = H5Screate_simple(rank, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  if (l->chunk[0]) {
    H5Pset_chunk(list, rank, l->chunk);
    if (l->deflate) H5Pset_shuffle(list), H5Pset_deflate(list, 4), H5Pset_fletcher32(list);
  }
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(dataset, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dataset);
  H5Pclose(list);
  H5Sclose(space);
}

static void write_part(const char *path, const layout *l, hid_t type, int64_t first, int64_t n) {
  static int x[ROWS][WIDE], y[ROWS];
  for (int64_t i = 0; i < n; i++) {
    for (int j = 0; j < WIDE; j++) x[i][j] = value(first + i, j);
    y[i] = (int)((first + i) % 7);
  }
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put(file, "x", type, H5T_NATIVE_INT, 3, (hsize_t[]){(hsize_t)n, 3, 4}, l, x);
  put(file, "y", H5T_STD_U8LE, H5T_NATIVE_INT, 1, (hsize_t[]){(hsize_t)n}, l, y);
  H5Fclose(file);
}

/* Rank 0 writes one file and the same in four; all see them. */
static void write_all(void) {
  for (int l = 0; comm->rank == 0 && l < 3; l++) {
    char name[64];
    hid_t type = l == 1 ? H5T_STD_I16BE : H5T_STD_I16LE;
    snprintf(name, sizeof name, "%s.h5", layouts[l].name);
    write_part(temp_path(name), &layouts[l], type, 0, ROWS);
    for (int p = 0; p < 4; p++) {
      snprintf(name, sizeof name, "%s-%d.h5", layouts[l].name, p);
      write_part(temp_path(name), &layouts[p % 2 == 0 ? 0 : l], type, cuts[p], cuts[p + 1] - cuts[p]);
    }
  }
  assert_ok(lsi_agree(comm, LS_OK));
}

static lsi_course course_of(lsi_shuffle shuffle, int64_t first, int64_t n) {
  return (lsi_course){.first = first, .n_rows = n, .batch_size = BATCH, .leaf_rows = LEAF, .batches_per_pass = (n + BATCH - 1) / BATCH,
                      .n_ranks = comm->size, .order = lsi_order_make(shuffle, n, 5, shuffle == LSI_SHUFFLE_BATCH ? BATCH : 20, 3)};
}

static void check_batch(lsi_reader *reader, lsi_course *c, int64_t p) {
  static int64_t rows[BATCH], expected[BATCH];
  static float x[BATCH][WIDE];
  static int32_t y[BATCH];
  lsi_stretch share = lsi_course_share(c, p, comm->rank);
  lsi_course_rows(c, share, expected);
  assert_ok(lsi_reader_take(reader, p, rows, x[0], y, NULL));
  for (int64_t i = 0; i < share.end - share.begin; i++) {
    assert_int_equal(rows[i], expected[i]);
    assert_int_equal(y[i], rows[i] % 7);
    for (int j = 0; j < WIDE; j++) assert_true(x[i][j] == (float)value(rows[i], j));
  }
}

static void check_reader(ls_dataset *d, lsi_shuffle shuffle, int64_t first, int64_t n) {
  lsi_course c = course_of(shuffle, first, n);
  lsi_reader *reader;
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)));
  assert_non_null(reader);
  int64_t pass = c.batches_per_pass;
  for (int64_t p = 3; p < 2 * pass + 2; p++) check_batch(reader, &c, p); /* resumed in the middle, over the ends of passes */
  for (int64_t p = 0; p < 4; p++) check_batch(reader, &c, p);            /* and again from the start */
  check_batch(reader, &c, pass - 1);
  lsi_reader_destroy(&reader);
}

/* However it is stored, split and held. */
static void test_one_identity(void **state) {
  (void)state;
  char identity[33] = "";
  for (int l = 0; l < 3; l++)
    for (int parts = 0; parts < 2; parts++)
      for (int64_t limit = 0; limit < 2; limit++) {
        char name[64];
        ls_dataset *d;
        snprintf(name, sizeof name, parts ? "%s-?.h5" : "%s.h5", layouts[l].name);
        assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path(name), .memory_limit = limit}, &d));
        if (!identity[0]) strcpy(identity, d->info.identity);
        assert_string_equal(d->info.identity, identity);
        ls_dataset_destroy(&d);
      }
}

/* Buffers a rank may have, in bytes: a few rows and a chunk; some batches; nearly all. Returns what there was. */
static int64_t set_budget(ls_dataset *d, int64_t bytes) {
  lsi_fields *f = lsi_fields_of(d);
  int64_t before = f->budget;
  f->budget = bytes;
  return before;
}

static void test_orders(void **state) {
  (void)state;
  for (int l = 0; l < 3; l++)
    for (int parts = 0; parts < 2; parts++)
      for (int64_t budget = 230 << 10; budget <= 1 << 20; budget *= 2)
        for (int shuffle = 0; shuffle < 4; shuffle++) {
          char name[64];
          ls_dataset *d;
          snprintf(name, sizeof name, parts ? "%s-?.h5" : "%s.h5", layouts[l].name);
          assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path(name), .memory_limit = 1}, &d));
          set_budget(d, budget);
          check_reader(d, (lsi_shuffle)shuffle, 0, ROWS);
          check_reader(d, (lsi_shuffle)shuffle, 30, 480);
          assert_int_equal(set_budget(d, budget), budget); /* all was given back */
          ls_dataset_destroy(&d);
        }
}

/* Chunks of the largest array that the ranks unpack in `passes` passes, the last group or two of which belong to the next. */
static double reads_of_a_chunk(lsi_shuffle shuffle, int64_t block, int64_t window, int64_t budget, int64_t passes, double *expected) {
  static int64_t rows[BATCH];
  static float x[BATCH * WIDE];
  ls_dataset *d;
  lsi_reader *reader;
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path("packed.h5"), .memory_limit = 1}, &d));
  set_budget(d, budget);
  lsi_course c = course_of(shuffle, 0, ROWS);
  c.order = lsi_order_make(shuffle, ROWS, 5, block, window);
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)));
  for (int64_t p = 0; p < passes * c.batches_per_pass; p++) assert_ok(lsi_reader_take(reader, p, rows, x, NULL, NULL));
  *expected = lsi_reader_repeats(&reader->plan, reader->fields, &c);
  int64_t mine = lsi_fetcher_unpacked(reader->fetcher), all[8] = {0};
  all[comm->rank] = mine;
  assert_ok(lsi_unite(comm, all, sizeof all));
  for (int r = 0; r < comm->size; r++) mine += r == comm->rank ? 0 : all[r];
  lsi_reader_destroy(&reader);
  ls_dataset_destroy(&d);
  return (double)mine / (double)passes / ((ROWS + 9) / 10 * 2); /* x of [rows, 3, 4] in chunks of [10, 3, 4], y of [rows] in chunks of 10 */
}

/* In order and by blocks that fit the buffers each chunk is read once a pass, on any ranks; a full shuffle reads it as often as is foretold. */
static void test_reads_of_a_chunk(void **state) {
  (void)state;
  double expected, once = reads_of_a_chunk(LSI_SHUFFLE_NONE, 1, 1, 1 << 20, 20, &expected);
  assert_true(expected == 1 && once >= 1 && once < 1.15);
  once = reads_of_a_chunk(LSI_SHUFFLE_BLOCKS, 20, 3, 1 << 20, 20, &expected);
  assert_true(expected == 1 && once >= 1 && once < 1.15);
  double often = reads_of_a_chunk(LSI_SHUFFLE_FULL, 1, 1, 240 << 10, 20, &expected);
  assert_true(expected > 1.2);
  if (often < 0.85 * expected || often > 1.25 * expected) fail_msg("a chunk is read %g times a pass, %g foretold", often, expected);
}

/* Readers of one set side by side, as training and its validation split have them. */
static void test_two_readers(void **state) {
  (void)state;
  ls_dataset *d;
  lsi_reader *train, *validation;
  lsi_course a = course_of(LSI_SHUFFLE_BLOCKS, 0, 480), b = course_of(LSI_SHUFFLE_NONE, 480, ROWS - 480);
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path("packed.h5"), .memory_limit = 1}, &d));
  set_budget(d, 1 << 20);
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &a, comm->rank, &train)));
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &b, comm->rank, &validation)));
  for (int64_t p = 0; p < 50; p++) {
    check_batch(train, &a, p);
    if (p % 10 == 9)
      for (int64_t q = 0; q < b.batches_per_pass; q++) check_batch(validation, &b, q);
  }
  lsi_reader_destroy(&train);
  lsi_reader_destroy(&validation);
  ls_dataset_destroy(&d);
}

/* Training in order and its validation split, each with buffers of its own, where there is hardly room for both. */
static void test_two_readers_in_order(void **state) {
  (void)state;
  lsi_reader *train, *validation;
  lsi_course a = course_of(LSI_SHUFFLE_NONE, 0, 480), b = course_of(LSI_SHUFFLE_NONE, 480, ROWS - 480);
  ls_dataset *d;
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path("packed.h5"), .memory_limit = 1}, &d));
  set_budget(d, 480 << 10);
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &a, comm->rank, &train)));
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &b, comm->rank, &validation)));
  for (int64_t p = 0; p < b.batches_per_pass; p++) check_batch(train, &a, p), check_batch(validation, &b, p);
  lsi_reader_destroy(&train);
  lsi_reader_destroy(&validation);
  ls_dataset_destroy(&d);
}

static void test_too_little_memory(void **state) {
  (void)state;
  ls_dataset *d;
  lsi_reader *reader = NULL;
  lsi_course c = course_of(LSI_SHUFFLE_FULL, 0, ROWS);
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path("packed.h5"), .memory_limit = 1}, &d));
  assert_error(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)), LS_ERR_MEMORY, "MiB a rank; the memory limit");
  assert_null(reader);
  ls_dataset_destroy(&d);
}

static void allow_mapping(ls_dataset *d, bool map) {
  lsi_files *files = lsi_fields_of(d)->files;
  pthread_mutex_lock(&files->mutex);
  files->map = map;
  pthread_mutex_unlock(&files->mutex);
}

/* Can this system tell what is in the page cache? */
static bool can_tell(const char *path) {
  int file = open(path, O_RDONLY);
  char byte;
  bool can = read(file, &byte, 1) == 1 && lsi_file_is_cached(file, 0);
  close(file);
  return can;
}

static ls_dataset *open_streamed(const char *path) {
  ls_dataset *d;
  assert_ok(ls_dataset_open(context, &(ls_hdf5_spec){.path = path, .memory_limit = 1}, &d));
  set_budget(d, 1 << 20);
  allow_mapping(d, true);
  return d;
}

/* From the mapping to the thread and back, in the middle of passes: the batches are the same. */
static void test_mapping_and_thread_take_turns(void **state) {
  (void)state;
  enum { STRETCH = 700 };
  lsi_reader *reader;
  lsi_course c = course_of(LSI_SHUFFLE_FULL, 0, ROWS);
  ls_dataset *d = open_streamed(temp_path("plain-?.h5"));
  bool maps = can_tell(temp_path("plain-0.h5"));
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)));
  for (int64_t p = 0; p < 4 * STRETCH; p++) {
    bool map = p / STRETCH % 2 == 0;
    if (p % STRETCH == 0) allow_mapping(d, map);
    check_batch(reader, &c, p);
    if (p % STRETCH == STRETCH - 1) {
      assert_int_equal(reader->resting, map && maps);
      assert_int_equal(reader->running, !(map && maps));
    }
  }
  lsi_reader_destroy(&reader);
  ls_dataset_destroy(&d);
}

/* Rows that were there a moment ago: an error, not a signal, and the rest is still read. */
static void test_cut_while_mapped(void **state) {
  (void)state;
  static int64_t rows[BATCH];
  static float x[BATCH * WIDE];
  ls_status status = LS_OK;
  lsi_reader *reader;
  lsi_course c = course_of(LSI_SHUFFLE_NONE, 0, ROWS);
  if (comm->rank == 0) write_part(temp_path("short.h5"), &layouts[0], H5T_STD_I16LE, 0, ROWS);
  assert_ok(lsi_agree(comm, LS_OK));
  ls_dataset *d = open_streamed(temp_path("short.h5"));
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)));
  check_batch(reader, &c, 0);
  assert_ok(lsi_agree(comm, LS_OK));
  if (comm->rank == 0) assert_int_equal(truncate(temp_path("short.h5"), 4096), 0);
  assert_ok(lsi_agree(comm, LS_OK));
  for (int64_t p = 1; status == LS_OK && p < c.batches_per_pass; p++)
    status = lsi_agree(comm, lsi_reader_take(reader, p, rows, x, NULL, NULL));
  assert_int_equal(status, LS_ERR_CORRUPT);
  const char *message = ls_last_error()->message;
  if (!strstr(message, "short.h5: dataset 'x', rows ") || !strstr(message, "the file has become shorter")) fail_msg("%s", message);
  lsi_reader_destroy(&reader);
  ls_dataset_destroy(&d);
}

/* Overwrite some bytes in the last third of a file. */
static void spoil(const char *path) {
  if (comm->rank != 0) return;
  FILE *file = fopen(path, "r+b");
  fseek(file, 0, SEEK_END);
  fseek(file, ftell(file) / 3, SEEK_SET);
  for (int i = 0; i < 64; i++) fputc(0x5a, file);
  fclose(file);
}

/* A damaged chunk ends all ranks with one message: file, array, rows. */
static void test_damage_is_named_by_all(void **state) {
  (void)state;
  static int64_t rows[BATCH];
  static float x[BATCH * WIDE];
  ls_dataset *d;
  lsi_reader *reader;
  lsi_course c = course_of(LSI_SHUFFLE_NONE, 0, ROWS);
  if (comm->rank == 0) write_part(temp_path("bad.h5"), &layouts[1], H5T_STD_I16LE, 0, ROWS);
  assert_ok(lsi_agree(comm, LS_OK));
  ls_status status = ls_dataset_open(context, &(ls_hdf5_spec){.path = temp_path("bad.h5"), .memory_limit = 1}, &d);
  assert_ok(status);
  spoil(temp_path("bad.h5"));
  assert_ok(lsi_agree(comm, LS_OK));
  set_budget(d, 200 << 10);
  assert_ok(lsi_agree(comm, lsi_reader_create(d, &c, comm->rank, &reader)));
  for (int64_t p = 0; status == LS_OK && p < c.batches_per_pass; p++)
    status = lsi_agree(comm, lsi_reader_take(reader, p, rows, x, NULL, NULL));
  assert_int_equal(status, LS_ERR_CORRUPT);
  const char *message = ls_last_error()->message;
  if (!strstr(message, "bad.h5: dataset 'x', rows ") || !strstr(message, "damaged")) fail_msg("%s", message);
  lsi_reader_destroy(&reader);
  ls_dataset_destroy(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_identity), cmocka_unit_test(test_orders),
      cmocka_unit_test(test_reads_of_a_chunk), cmocka_unit_test(test_two_readers), cmocka_unit_test(test_two_readers_in_order),
      cmocka_unit_test(test_too_little_memory),
      cmocka_unit_test(test_damage_is_named_by_all), cmocka_unit_test(test_mapping_and_thread_take_turns),
      cmocka_unit_test(test_cut_while_mapped),
  };
  if (ls_context_create(NULL, &context) != LS_OK) return 1;
  comm = lsi_context_comm(context);
  if (comm->rank == 0 && temp_dir_create(NULL) != 0) return 1;
  if (lsi_bcast(comm, temp_dir, sizeof temp_dir) != LS_OK) return 1;
  write_all();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (lsi_agree(comm, LS_OK) == LS_OK && comm->rank == 0) temp_dir_remove(NULL);
  ls_context_destroy(&context);
  return failed;
}
