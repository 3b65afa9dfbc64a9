/* SPDX-License-Identifier: MIT */
/* Checkpoints beside the training: the state of the moment is written, failures are told once, nothing is lost at the end. */
#include "unit/store/temp_dir.h"

#include <sys/stat.h>

#include "base/memory.h"
#include "ckpt/checkpoint_writer.h"

enum { ROWS = 3000, COLUMNS = 1000 }; /* more than HDF5 is given at a time */

static float *values;
static char name[32] = "params/dense/kernel", text[32] = "as it was";

static ls_status submit(lsi_ckpt_writer *writer, const char *dir, int64_t iteration) {
  const lsi_ckpt_array arrays[] = {{name, LSI_CKPT_F32, 2, {ROWS, COLUMNS}, values},
                                   {"empty", LSI_CKPT_I64, 1, {0}, values}};
  const lsi_ckpt_text texts[] = {{"config", text}};
  const lsi_ckpt_job job = {.dir = temp_path(dir), .iteration = iteration, .arrays = arrays, .n_arrays = 2, .texts = texts,
                            .n_texts = 1, .keep = 2, .verify = iteration % 2};
  return lsi_ckpt_writer_submit(writer, &job);
}

static void fill(float value) {
  for (int i = 0; i < ROWS * COLUMNS; i++) values[i] = value + (float)i;
}

static void expect(const char *path, float value) {
  lsi_checkpoint *c = NULL;
  assert_ok(lsi_checkpoint_read(temp_path(path), &c));
  const lsi_ckpt_array *array = lsi_checkpoint_array(c, "params/dense/kernel");
  assert_non_null(array);
  for (int i = 0; i < ROWS * COLUMNS; i++)
    if (((const float *)array->data)[i] != value + (float)i) fail_msg("element %d is %g", i, (double)((const float *)array->data)[i]);
  assert_string_equal(lsi_checkpoint_text(c, "config"), "as it was");
  lsi_checkpoint_destroy(&c);
}

/* What is submitted may change at once: the file has the state of the moment. */
static void takes_a_copy(bool background) {
  lsi_ckpt_writer *writer = NULL;
  assert_ok(lsi_ckpt_writer_create(NULL, background, 0, &writer));
  for (int k = 1; k <= 4; k++) {
    fill((float)k);
    assert_ok(submit(writer, "copy", k));
    fill(-1);
    strcpy(name, "overwritten");
    strcpy(text, "overwritten");
    assert_ok(lsi_ckpt_writer_wait(writer));
    assert_false(lsi_ckpt_writer_busy(writer));
    strcpy(name, "params/dense/kernel");
    strcpy(text, "as it was");
  }
  lsi_ckpt_writer_destroy(&writer);
  assert_null(writer);
  expect("copy/ckpt-000000000004.h5", 4);
  expect("copy/ckpt-000000000003.h5", 3);
  assert_int_equal(access(temp_path("copy/ckpt-000000000002.h5"), F_OK), -1); /* keep 2 */
}

static void beside(void **state) {
  (void)state;
  takes_a_copy(true);
}

static void within(void **state) {
  (void)state;
  takes_a_copy(false);
}

/* The last one is finished, not dropped. */
static void destroy_finishes(void **state) {
  (void)state;
  lsi_ckpt_writer *writer = NULL;
  fill(7);
  assert_ok(lsi_ckpt_writer_create(NULL, true, 0, &writer));
  assert_ok(submit(writer, "last", 7));
  lsi_ckpt_writer_destroy(&writer);
  expect("last/ckpt-000000000007.h5", 7);
  lsi_ckpt_writer_destroy(&writer);
}

/* A failure is told once, by the next call that can; then the writer works again. */
static void failures_are_told(void **state) {
  (void)state;
  lsi_ckpt_writer *writer = NULL;
  fill(1);
  temp_file(temp_path("file"), "x", 1);
  assert_ok(lsi_ckpt_writer_create(NULL, true, 0, &writer));
  assert_ok(submit(writer, "file", 1));
  while (lsi_ckpt_writer_busy(writer)) usleep(1000);
  assert_true(lsi_ckpt_writer_failed(writer));
  assert_error(lsi_ckpt_writer_wait(writer), LS_ERR_IO, "file");
  assert_false(lsi_ckpt_writer_failed(writer));
  assert_ok(lsi_ckpt_writer_wait(writer));
  assert_ok(submit(writer, "file", 2));
  assert_error(submit(writer, "good", 3), LS_ERR_IO, "file");
  assert_ok(submit(writer, "good", 4));
  lsi_ckpt_writer_destroy(&writer);
  expect("good/ckpt-000000000004.h5", 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(beside), cmocka_unit_test(within), cmocka_unit_test(destroy_finishes),
                                     cmocka_unit_test(failures_are_told)};
  if (lsi_alloc("values", (size_t)ROWS * COLUMNS, sizeof *values, &values) != LS_OK) return 1;
  int failed = cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
  lsi_free(values);
  return failed;
}
