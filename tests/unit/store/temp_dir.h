/* SPDX-License-Identifier: MIT */
#ifndef LST_TEMP_DIR_H
#define LST_TEMP_DIR_H
/* cmocka group set-up: a folder of the test's own, removed at the end; and checks that print the
 * error record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <lockstep/status.h>

static char temp_dir[64];

static inline int temp_dir_create(void **state) {
  (void)state;
  strcpy(temp_dir, "/tmp/lockstep-test-XXXXXX");
  return mkdtemp(temp_dir) ? 0 : -1;
}

static inline int temp_dir_remove(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", temp_dir);
  return system(command) == 0 ? 0 : -1;
}

/* One of a ring of static buffers: valid for the next 63 calls. */
static inline const char *temp_path(const char *name) {
  static char paths[64][256];
  static int next;
  char *path = paths[next++ % 64];
  snprintf(path, sizeof paths[0], "%s/%s", temp_dir, name);
  return path;
}

static inline void temp_file(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

#define assert_ok(call)                                                                            \
  do {                                                                                             \
    ls_status status_ = (call);                                                                    \
    if (status_ != LS_OK)                                                                          \
      fail_msg("%s: %s: %s (%s)", #call, ls_status_name(status_), ls_last_error()->message,        \
               ls_last_error()->advice);                                                           \
  } while (0)

/* The call fails with `expected` and a message that contains `words`. */
#define assert_error(call, expected, words)                                                        \
  do {                                                                                             \
    ls_status status_ = (call);                                                                    \
    if (status_ != (expected) || !strstr(ls_last_error()->message, (words)))                       \
      fail_msg("%s: %s, expected %s with '%s': %s", #call, ls_status_name(status_),                \
               ls_status_name(expected), (words), ls_last_error()->message);                       \
  } while (0)
#endif
