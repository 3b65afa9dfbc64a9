/* SPDX-License-Identifier: MIT */
/* Checkpoints: what is written comes back, damage never does, and the newest good ones survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/checkpoint.h"
#include "ckpt/checkpoint_file.h"
#include "store/durable.h"

/* A damaged size makes HDF5 ask for terabytes: malloc says no, and so shall the sanitizer's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
/* HDF5 1.10 forgets some of its own memory when metadata is damaged. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

static char dir[64];

static const float kernel[6] = {1.5f, -0.0f, 3e38f, 1e-42f, 0.1f, -7};
static const double scalar[1] = {0.1};
static const int64_t position[3] = {INT64_MIN, -1, INT64_MAX};
static const lsi_ckpt_array arrays[] = {
    {"params/dense/kernel", LSI_CKPT_F32, 2, {2, 3}, kernel},
    {"slots/momentum/dense/kernel", LSI_CKPT_F32, 4, {1, 3, 2, 1}, kernel},
    {"learning rate", LSI_CKPT_F64, 0, {0}, scalar},
    {"position", LSI_CKPT_I64, 1, {3}, position},
    {"empty", LSI_CKPT_F64, 2, {0, 5}, scalar},
};
static const lsi_ckpt_text texts[] = {{"config", "model:\n  layers: [\"ä\"]\n"}, {"empty", ""}};
enum { N_ARRAYS = sizeof arrays / sizeof *arrays, N_TEXTS = sizeof texts / sizeof *texts };

static int make_dir(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/lockstep-ckpt-XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
  (void)state;
  char command[128];
  umount2(dir, MNT_DETACH); /* where a failed full_disk_... left its mount */
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  return system(command);
}

static const char *path_of(int64_t iteration) {
  static char path[4][128];
  static int next;
  next = (next + 1) % 4;
  snprintf(path[next], sizeof path[next], "%s/ckpt-%012lld.h5", dir, (long long)iteration);
  return path[next];
}

static ls_status write_at(int64_t iteration, int keep) {
  return lsi_checkpoint_write(dir, iteration, arrays, N_ARRAYS, texts, N_TEXTS, keep, false);
}

static int has_contents(const lsi_checkpoint *c) {
  if (lsi_checkpoint_array_count(c) != N_ARRAYS)
    return 0;
  for (int i = 0; i < N_ARRAYS; i++) {
    const lsi_ckpt_array *a = lsi_checkpoint_array_at(c, i), *b = &arrays[i];
    size_t n = b->type == LSI_CKPT_F32 ? 4 : 8;
    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->rank != b->rank)
      return 0;
    for (int d = 0; d < b->rank; d++) {
      if (a->dims[d] != b->dims[d])
        return 0;
      n *= b->dims[d];
    }
    if (memcmp(a->data, b->data, n) != 0 || lsi_checkpoint_array(c, b->name) != a)
      return 0;
  }
  for (int i = 0; i < N_TEXTS; i++) {
    const char *value = lsi_checkpoint_text(c, texts[i].name);
    if (!value || strcmp(value, texts[i].value) != 0)
      return 0;
  }
  return 1;
}

static void round_trip(void **state) {
  (void)state;
  lsi_checkpoint *c = NULL;
  assert_int_equal(write_at(1875, 3), LS_OK);
  assert_int_equal(lsi_checkpoint_read(path_of(1875), &c), LS_OK);
  assert_true(has_contents(c));
  assert_string_equal(lsi_checkpoint_path(c), path_of(1875));
  assert_int_equal(lsi_checkpoint_iteration(c), 1875);
  assert_null(lsi_checkpoint_array(c, "params/dense/bias"));
  assert_null(lsi_checkpoint_text(c, "params/dense/kernel"));
  int64_t out[3];
  assert_int_equal(lsi_checkpoint_copy(c, "position", LSI_CKPT_I64, 3, out), LS_OK);
  assert_memory_equal(out, position, sizeof out);
  assert_int_equal(lsi_checkpoint_copy(c, "position", LSI_CKPT_I64, 2, out), LS_ERR_SHAPE);
  assert_non_null(
      strstr(ls_last_error()->message, "\"position\" is i64 [3], but i64 [2] is needed"));
  assert_int_equal(lsi_checkpoint_copy(c, "position", LSI_CKPT_F64, 3, out), LS_ERR_SHAPE);
  assert_int_equal(lsi_checkpoint_copy(c, "positio", LSI_CKPT_I64, 3, out), LS_ERR_NOT_FOUND);
  lsi_checkpoint_destroy(&c);
  assert_null(c);
  lsi_checkpoint_destroy(&c);
}

static void long_texts_and_equal_bytes(void **state) {
  (void)state;
  enum { N = 5000000 };
  char *text = malloc(N + 1), *a, *b;
  for (int i = 0; i < N; i++)
    text[i] = (char)('a' + i % 23);
  text[N] = '\0';
  lsi_ckpt_text long_text = {"model", text};
  lsi_checkpoint *c = NULL;
  size_t n_a, n_b;
  assert_int_equal(lsi_checkpoint_write(dir, 1, arrays, N_ARRAYS, &long_text, 1, 2, false), LS_OK);
  assert_int_equal(lsi_checkpoint_read(path_of(1), &c), LS_OK);
  assert_string_equal(lsi_checkpoint_text(c, "model"), text);
  lsi_checkpoint_destroy(&c);
  assert_int_equal(lsi_read_file(path_of(1), SIZE_MAX / 4, &a, &n_a), LS_OK);
  assert_int_equal(lsi_checkpoint_write(dir, 1, arrays, N_ARRAYS, &long_text, 1, 2, false), LS_OK);
  assert_int_equal(lsi_read_file(path_of(1), SIZE_MAX / 4, &b, &n_b), LS_OK);
  assert_true(n_a == n_b && memcmp(a, b, n_a) == 0);
  lsi_free(a);
  lsi_free(b);
  free(text);
}

static void refuses_bad_names(void **state) {
  (void)state;
  static const char *const names[] = {"",       "/a",  "a/",   "a//b",    "..",
                                      "a/../b", "./a", "a\nb", "position"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lsi_ckpt_array pair[] = {{"position", LSI_CKPT_I64, 1, {3}, position},
                             {names[i], LSI_CKPT_I64, 1, {3}, position}};
    assert_int_equal(lsi_checkpoint_write(dir, 1, pair, 2, NULL, 0, 2, false), LS_ERR_ARG);
  }
  assert_int_equal(write_at(-1, 2), LS_ERR_ARG);
  assert_int_equal(write_at(1, 1), LS_ERR_ARG);
}

static void put(const char *path, const void *bytes, size_t n) {
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(bytes, 1, n, out), n);
  assert_int_equal(fclose(out), 0);
}

/* The bytes of a good file, and a scratch file to damage. */
static char *good_file(size_t *n, const char **victim) {
  char *bytes;
  assert_int_equal(write_at(5, 2), LS_OK);
  assert_int_equal(lsi_read_file(path_of(5), SIZE_MAX / 4, &bytes, n), LS_OK);
  *victim = path_of(6);
  return bytes;
}

static void every_flip_is_found(void **state) {
  (void)state;
  size_t n;
  const char *victim;
  char *bytes = good_file(&n, &victim);
  for (size_t i = 0; i < n; i++) {
    lsi_checkpoint *c = NULL;
    bytes[i] ^= (char)(1 << i % 8);
    put(victim, bytes, n);
    ls_status status = lsi_checkpoint_read(victim, &c);
    if (status != LS_ERR_CORRUPT && !(status == LS_ERR_FORMAT && i < 4))
      fail_msg("byte %zu: status %d", i, (int)status);
    assert_null(c);
    bytes[i] ^= (char)(1 << i % 8);
  }
  lsi_free(bytes);
}

/* Torn after any number of its bytes: refused by name, and the one before is used. */
static void every_truncation_is_found(void **state) {
  (void)state;
  size_t n;
  const char *victim;
  char *bytes = good_file(&n, &victim);
  FILE *nowhere = fopen("/dev/null", "w");
  lsi_log_configure(LSI_LOG_WARN, nowhere);
  for (size_t i = 0; i < n; i++) {
    lsi_checkpoint *c = NULL;
    put(victim, bytes, i);
    ls_status status = lsi_checkpoint_read(victim, &c);
    if (status != LS_ERR_CORRUPT && !(status == LS_ERR_FORMAT && i < 4))
      fail_msg("%zu bytes: status %d", i, (int)status);
    if (!strstr(ls_last_error()->message, victim))
      fail_msg("%zu bytes: the file is not named: %s", i, ls_last_error()->message);
    if (i % 16 == 0 && lsi_checkpoint_read_newest(dir, &c) != LS_OK)
      fail_msg("%zu bytes: the one before is not used", i);
    if (c && lsi_checkpoint_iteration(c) != 5)
      fail_msg("%zu bytes: another than the one before is used", i);
    lsi_checkpoint_destroy(&c);
  }
  lsi_log_configure(LSI_LOG_WARN, NULL);
  fclose(nowhere);
  put(victim, bytes, n - 1);
  assert_false(lsi_ckpt_looks_whole(victim));
  lsi_free(bytes);
}

/* A hostile writer seals its damage: what the index says of values and of HDF5's part is still checked. */
static void sealed_damage_is_never_wrong_data(void **state) {
  (void)state;
  size_t n;
  const char *victim;
  char *bytes = good_file(&n, &victim);
  int n_found = 0;
  const char *index = memmem(bytes, n, "lockstep checkpoint 2\n", 22);
  assert_non_null(index);
  size_t n_file = (size_t)(index - bytes);
  for (size_t i = 8; i < n - LSI_CKPT_SEAL; i += 5) {
    void *sealed;
    size_t n_sealed = n - LSI_CKPT_SEAL;
    lsi_checkpoint *c = NULL;
    assert_int_equal(lsi_alloc("copy", n, 1, &sealed), LS_OK);
    memcpy(sealed, bytes, n_sealed);
    ((char *)sealed)[i] ^= (char)(i % 3 ? 0xff : 0x10);
    assert_int_equal(lsi_ckpt_seal(&sealed, &n_sealed), LS_OK);
    put(victim, sealed, n_sealed);
    ls_status status = lsi_checkpoint_read(victim, &c);
    bool in_index = i >= n_file; /* another index is another checkpoint; it must only be read or refused */
    if (status == LS_OK && !has_contents(c) && !in_index) fail_msg("byte %zu gave wrong data", i);
    n_found += status != LS_OK;
    lsi_checkpoint_destroy(&c);
    lsi_free(sealed);
  }
  assert_true(n_found > 100);
  lsi_free(bytes);
}

static int exists(int64_t iteration) {
  return access(path_of(iteration), F_OK) == 0;
}

static void keeps_the_newest(void **state) {
  (void)state;
  for (int i = 1; i <= 5; i++)
    assert_int_equal(write_at(i * 10, 3), LS_OK);
  assert_false(exists(10) || exists(20));
  assert_true(exists(30) && exists(40) && exists(50));
  put(path_of(40), "torn", 4); /* does not count among the three */
  assert_int_equal(write_at(60, 3), LS_OK);
  assert_true(exists(30) && exists(40) && exists(50) && exists(60));
  assert_int_equal(write_at(25, 2),
                   LS_OK); /* the one just written stays, though it is the oldest */
  assert_true(exists(25) && exists(60));
  assert_false(exists(30) || exists(40) || exists(50));
}

static void falls_back_to_the_previous(void **state) {
  (void)state;
  lsi_checkpoint *c = NULL;
  char said[512] = "", folder[128];
  FILE *sink = fmemopen(said, sizeof said, "w");
  lsi_log_configure(LSI_LOG_WARN, sink);
  snprintf(folder, sizeof folder, "%s/none", dir);
  assert_int_equal(lsi_checkpoint_read_newest(folder, &c), LS_OK);
  assert_null(c);
  for (int i = 1; i <= 3; i++)
    assert_int_equal(write_at(i, 3), LS_OK);
  assert_int_equal(truncate(path_of(3), 2000), 0);
  put(path_of(999), "", 0);
  snprintf(folder, sizeof folder, "%s/ckpt-1.h5", dir); /* not a name of ours */
  put(folder, "x", 1);
  assert_int_equal(lsi_checkpoint_read_newest(dir, &c), LS_OK);
  assert_int_equal(lsi_checkpoint_iteration(c), 2);
  assert_true(has_contents(c));
  lsi_checkpoint_destroy(&c);
  fflush(sink);
  assert_non_null(strstr(said, "ckpt-000000000003.h5: is truncated"));
  assert_int_equal(truncate(path_of(2), 0) | truncate(path_of(1), 100), 0);
  assert_int_equal(lsi_checkpoint_read_newest(dir, &c), LS_ERR_CORRUPT); /* never a silent start from zero */
  assert_null(c);
  lsi_log_configure(LSI_LOG_WARN, NULL);
  fclose(sink);
}

static void refuses_other_files(void **state) {
  (void)state;
  lsi_checkpoint *c = NULL;
  assert_int_equal(lsi_checkpoint_read(path_of(1), &c), LS_ERR_NOT_FOUND);
  put(path_of(1), "epoch,loss\n", 11);
  assert_int_equal(lsi_checkpoint_read(path_of(1), &c), LS_ERR_FORMAT);
  assert_null(c);
}

static void full_disk_leaves_the_older(void **state) {
  (void)state;
  if (mount("tmpfs", dir, "tmpfs", 0, "size=256k") != 0)
    skip(); /* needs root */
  enum { N = 40000 };
  float *big = calloc(N, sizeof *big);
  lsi_ckpt_array array = {"params", LSI_CKPT_F32, 1, {N}, big};
  lsi_checkpoint *c = NULL;
  assert_int_equal(lsi_checkpoint_write(dir, 1, &array, 1, NULL, 0, 2, false), LS_OK);
  assert_int_equal(lsi_checkpoint_write(dir, 2, &array, 1, NULL, 0, 2, false), LS_ERR_NO_SPACE);
  assert_false(exists(2));
  assert_int_equal(lsi_checkpoint_read_newest(dir, &c), LS_OK);
  assert_int_equal(lsi_checkpoint_iteration(c), 1);
  lsi_checkpoint_destroy(&c);
  free(big);
  assert_int_equal(umount(dir), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
      CASE(round_trip),
      CASE(long_texts_and_equal_bytes),
      CASE(refuses_bad_names),
      CASE(every_flip_is_found),
      CASE(every_truncation_is_found),
      CASE(sealed_damage_is_never_wrong_data),
      CASE(keeps_the_newest),
      CASE(falls_back_to_the_previous),
      CASE(refuses_other_files),
      CASE(full_disk_leaves_the_older),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
