/* SPDX-License-Identifier: MIT */
/* A crew does every job once, and rows reach their places, however many work at it; the error is that of the lowest job. */
#include "unit/store/temp_dir.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/log.h"
#include "data/fetch.h"
#include "data/sort.h"
#include "store/h5.h"

enum { JOBS = 300, ROUNDS = 200, WORKERS = 5, ROWS = 411, WIDE = 9, WANTS = 700 };

typedef struct tally {
  _Atomic int done[JOBS];
  int64_t bad; /* this job and some above it fail; JOBS: none */
} tally;

static ls_status tick(void *context, int worker, int64_t job) {
  tally *t = context;
  if (worker < 0 || worker >= WORKERS) abort();
  atomic_fetch_add(&t->done[job], 1);
  if (job >= t->bad && job % 7 == t->bad % 7) LSI_FAIL(LS_ERR_IO, NULL, "job %lld", (long long)job);
  return LS_OK;
}

static void test_every_job_once(void **state) {
  (void)state;
  lsi_crew *crew;
  assert_ok(lsi_crew_create(WORKERS, &crew));
  for (int round = 0; round < ROUNDS; round++) {
    tally t = {.bad = JOBS};
    int n = round * 31 % JOBS;
    assert_ok(lsi_crew_run(crew, n, tick, &t));
    for (int i = 0; i < JOBS; i++) assert_int_equal(t.done[i], i < n);
  }
  lsi_crew_destroy(&crew);
}

static void test_lowest_failure(void **state) {
  (void)state;
  lsi_crew *crew;
  assert_ok(lsi_crew_create(WORKERS, &crew));
  for (int round = 0; round < ROUNDS; round++) {
    char expected[32];
    tally t = {.bad = round};
    snprintf(expected, sizeof expected, "job %d", round);
    assert_int_equal(lsi_crew_run(crew, JOBS, tick, &t), LS_ERR_IO);
    assert_string_equal(ls_last_error()->message, expected);
    for (int i = 0; i <= round; i++) assert_int_equal(t.done[i], 1);
  }
  lsi_crew_destroy(&crew);
}

/* ---- rows ---- */

static int16_t value(int64_t row, int j) {
  return (int16_t)(row * 37 + j * 11);
}

/* Chunks of 10 rows x 4 values, compressed and with checksums, or contiguous. */
static void write_file(const char *path, bool chunked) {
  static int16_t values[ROWS][WIDE];
  for (int i = 0; i < ROWS * WIDE; i++) values[i / WIDE][i % WIDE] = value(i / WIDE, i % WIDE);
  lsi_h5_init();
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE);
  if (chunked) H5Pset_chunk(list, 2, (hsize_t[]){10, 4}), H5Pset_deflate(list, 1), H5Pset_fletcher32(list);
  hid_t space = H5Screate_simple(2, (hsize_t[]){ROWS, WIDE}, NULL);
  hid_t dataset = H5Dcreate2(file, "x", H5T_NATIVE_INT16, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(dataset, H5T_NATIVE_INT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
}

static ls_status fetch_some(const char *path, int n_workers, uint64_t seed, int16_t (*out)[WIDE], int64_t *rows) {
  static lsi_want wants[2 * WANTS];
  lsi_files *files;
  lsi_fetcher *fetcher;
  LSI_TRY(lsi_files_describe(&(lsi_comm){0}, (char *[]){(char *)path}, 1, &(ls_hdf5_spec){0}, &files));
  assert_ok(lsi_fetcher_create(files, n_workers, NULL, &fetcher));
  for (int i = 0; i < WANTS; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    rows[i] = (int64_t)((seed >> 33) % ROWS);
    wants[i] = (lsi_want){rows[i], (char *)out[i]};
  }
  lsi_sort_wants(wants, wants + WANTS, WANTS);
  ls_status status = lsi_fetch(fetcher, 0, wants, WANTS);
  lsi_fetcher_destroy(&fetcher);
  lsi_files_destroy(&files);
  return status;
}

static void test_rows_reach_their_places(void **state) {
  (void)state;
  static int16_t out[WANTS][WIDE];
  static int64_t rows[WANTS];
  for (int chunked = 0; chunked < 2; chunked++) {
    const char *path = temp_path("rows.h5");
    write_file(path, chunked);
    for (int workers = 1; workers <= WORKERS; workers++) {
      memset(out, 0, sizeof out);
      assert_ok(fetch_some(path, workers, (uint64_t)workers, out, rows));
      for (int i = 0; i < WANTS; i++)
        for (int j = 0; j < WIDE; j++) assert_int_equal(out[i][j], value(rows[i], j));
    }
  }
}

static void spoil(const char *path) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  long end = ftell(file);
  for (long at = end * 2 / 5; at < end / 2; at += 97) { /* several chunks, not what leads to them */
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 0x20, file);
  }
  fclose(file);
}

/* Any number of workers names the same chunk. */
static void test_damage_has_one_name(void **state) {
  (void)state;
  static int16_t out[WANTS][WIDE];
  static int64_t rows[WANTS];
  char first[sizeof ls_last_error()->message] = "";
  const char *path = temp_path("damaged.h5");
  write_file(path, true);
  spoil(path);
  for (int round = 0; round < 40; round++) {
    assert_int_equal(fetch_some(path, 1 + round % WORKERS, 3, out, rows), LS_ERR_CORRUPT);
    if (!first[0]) strcpy(first, ls_last_error()->message);
    assert_string_equal(ls_last_error()->message, first);
    assert_non_null(strstr(first, "damaged.h5: dataset 'x', rows "));
  }
}

/* ---- files that change ---- */

static void touch(const char *path, int64_t seconds) {
  const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static size_t watched(lsi_files *files, char text[400]) {
  FILE *log = tmpfile();
  lsi_log_configure(LSI_LOG_WARN, log);
  lsi_files_watch(files);
  lsi_log_configure(LSI_LOG_QUIET, NULL);
  rewind(log);
  size_t n = fread(text, 1, 399, log);
  text[n] = 0;
  fclose(log);
  return n;
}

static void test_modified_file_is_said_once(void **state) {
  (void)state;
  char text[400], *paths[2] = {strdup(temp_path("a.h5")), strdup(temp_path("b.h5"))};
  lsi_files *files;
  lsi_part *part;
  for (int i = 0; i < 2; i++) write_file(paths[i], false), touch(paths[i], 1000000);
  assert_ok(lsi_files_describe(&(lsi_comm){0}, paths, 2, &(ls_hdf5_spec){0}, &files));
  for (int64_t row = 0; row < 2 * ROWS; row += ROWS) assert_ok(lsi_files_at(files, row, &part));
  assert_int_equal(watched(files, text), 0);
  touch(paths[1], 1000001);
  assert_true(watched(files, text) > 0);
  assert_non_null(strstr(text, "b.h5: was modified"));
  assert_null(strstr(text, "a.h5"));
  assert_int_equal(watched(files, text), 0);
  lsi_files_destroy(&files);
  free(paths[0]);
  free(paths[1]);
}

/* Whoever opens it later would read other samples than who has it open. */
static void test_replaced_file_is_refused(void **state) {
  (void)state;
  lsi_files *files;
  lsi_part *part;
  char path[400], other[400];
  snprintf(path, sizeof path, "%s", temp_path("one.h5"));
  snprintf(other, sizeof other, "%s", temp_path("other.h5"));
  write_file(path, true);
  write_file(other, true);
  assert_ok(lsi_files_describe(&(lsi_comm){0}, (char *[]){path}, 1, &(ls_hdf5_spec){0}, &files));
  assert_int_equal(rename(other, path), 0);
  assert_int_equal(lsi_files_at(files, 0, &part), LS_ERR_NOT_SAME);
  assert_non_null(strstr(ls_last_error()->message, "one.h5: is another file here"));
  lsi_files_destroy(&files);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_job_once),
      cmocka_unit_test(test_lowest_failure),
      cmocka_unit_test(test_rows_reach_their_places),
      cmocka_unit_test(test_damage_has_one_name),
      cmocka_unit_test(test_modified_file_is_said_once),
      cmocka_unit_test(test_replaced_file_is_refused),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
