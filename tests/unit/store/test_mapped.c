/* SPDX-License-Identifier: MIT */
/* A file seen as memory never ends the process, however it is cut, and says when it cannot be trusted. */
#include "unit/store/temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/thread.h"
#include "store/mapped.h"

enum { PAGE = 4096, PAGES = 5, BYTES = PAGES * PAGE - 100 };

static int make_file(const char *path) {
  static char bytes[BYTES];
  for (int i = 0; i < BYTES; i++) bytes[i] = (char)(i % 251 + 1);
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(file >= 0);
  assert_int_equal(write(file, bytes, BYTES), BYTES);
  return file;
}

static char byte_at(const lsi_mapped *m, int i) {
  return *(const volatile char *)(lsi_mapped_bytes(m) + i);
}

static void test_whole(void **state) {
  (void)state;
  int file = make_file(temp_path("whole"));
  lsi_mapped *m = lsi_mapped_create(file, BYTES);
  assert_non_null(m);
  for (int i = 0; i < BYTES; i++) assert_int_equal(byte_at(m, i), (char)(i % 251 + 1));
  assert_false(lsi_mapped_is_broken(m));
  lsi_mapped_destroy(&m);
  assert_null(m);
  assert_null(lsi_mapped_create(file, 0));
  assert_null(lsi_mapped_create(-1, BYTES));
  assert_false(lsi_file_is_cached(-1, 0));
  assert_false(lsi_file_is_cached(file, BYTES));
  close(file);
}

/* Pages that are gone are zeros; what is left stays; the other file is none the worse. */
static void test_cut(void **state) {
  (void)state;
  int file = make_file(temp_path("cut")), other = make_file(temp_path("other"));
  lsi_mapped *m = lsi_mapped_create(file, BYTES), *n = lsi_mapped_create(other, BYTES);
  assert_int_equal(ftruncate(file, PAGE), 0);
  for (int page = 1; page < PAGES; page++) assert_int_equal(byte_at(m, page * PAGE + 7), 0);
  assert_int_equal(byte_at(m, 7), 8);
  assert_true(lsi_mapped_is_broken(m));
  assert_int_equal(byte_at(n, 7), 8);
  assert_false(lsi_mapped_is_broken(n));
  assert_int_equal(ftruncate(file, BYTES), 0);
  assert_true(lsi_mapped_is_broken(m)); /* once and for all */
  lsi_mapped_destroy(&m);
  lsi_mapped_destroy(&n);
  close(file);
  close(other);
}

/* No page is missing then. */
static void test_cut_in_the_last_page(void **state) {
  (void)state;
  int file = make_file(temp_path("last"));
  lsi_mapped *m = lsi_mapped_create(file, BYTES);
  assert_int_equal(ftruncate(file, BYTES - 1), 0);
  assert_int_equal(byte_at(m, BYTES - 1), 0);
  assert_true(lsi_mapped_is_broken(m));
  lsi_mapped_destroy(&m);
  close(file);
}

static void *touch(void *m) {
  (void)byte_at(m, 2 * PAGE);
  return NULL;
}

/* A thread that is asked for nothing by signals still gets its own. */
static void test_cut_under_a_thread(void **state) {
  (void)state;
  int file = make_file(temp_path("thread"));
  lsi_mapped *m = lsi_mapped_create(file, BYTES);
  pthread_t thread;
  assert_int_equal(ftruncate(file, 0), 0);
  assert_ok(lsi_thread_start("test", LSI_SMALL_STACK, touch, m, &thread));
  pthread_join(thread, NULL);
  assert_true(lsi_mapped_is_broken(m));
  lsi_mapped_destroy(&m);
  close(file);
}

static sigjmp_buf back;
static int n_theirs;

static void theirs(int number) {
  n_theirs += number == SIGBUS;
  siglongjmp(back, 1);
}

static void touch_beyond(int file) {
  char *bytes = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, file, 0);
  assert_ptr_not_equal(bytes, MAP_FAILED);
  if (sigsetjmp(back, 1) == 0) (void)*(volatile char *)(bytes + PAGE);
  munmap(bytes, 2 * PAGE);
}

/* Somebody else's handler gets what is not about ours, and is there again when ours is gone. */
static void test_other_handlers(void **state) {
  (void)state;
  int file = make_file(temp_path("theirs")), own = make_file(temp_path("own"));
  struct sigaction before, now;
  sigaction(SIGBUS, &(struct sigaction){.sa_handler = theirs}, &before);
  assert_int_equal(ftruncate(file, 1), 0);
  lsi_mapped *m = lsi_mapped_create(own, BYTES);
  n_theirs = 0;
  touch_beyond(file);
  assert_int_equal(n_theirs, 1);
  assert_false(lsi_mapped_is_broken(m));
  lsi_mapped_destroy(&m);
  sigaction(SIGBUS, NULL, &now);
  assert_ptr_equal(now.sa_handler, theirs);
  sigaction(SIGBUS, &before, NULL);
  close(file);
  close(own);
}

/* There is an end to the number; what is given back may be taken again. */
static void test_many(void **state) {
  (void)state;
  enum { MANY = 300 };
  lsi_mapped *all[MANY];
  int file = make_file(temp_path("many")), n = 0;
  for (int i = 0; i < MANY; i++) n += (all[i] = lsi_mapped_create(file, BYTES)) != NULL;
  assert_in_range(n, 100, MANY - 1);
  for (int i = 0; i < MANY; i++) lsi_mapped_destroy(&all[i]);
  lsi_mapped *m = lsi_mapped_create(file, BYTES);
  assert_non_null(m);
  lsi_mapped_destroy(&m);
  close(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole), cmocka_unit_test(test_cut), cmocka_unit_test(test_cut_in_the_last_page),
      cmocka_unit_test(test_cut_under_a_thread), cmocka_unit_test(test_other_handlers), cmocka_unit_test(test_many),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
