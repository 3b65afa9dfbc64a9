/* SPDX-License-Identifier: MIT */
/* Files are whole or not there: replacing, full disks, folders that cannot be written, left-overs,
 * locks. */
#include "unit/store/temp_dir.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "store/durable.h"

static void assert_content(const char *path, const char *expected) {
  char *bytes;
  size_t n;
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  assert_int_equal(n, strlen(expected));
  assert_string_equal(bytes, expected);
  lsi_free(bytes);
}

static int count_entries(const char *dir) {
  DIR *folder = opendir(dir);
  assert_non_null(folder);
  int n = 0;
  for (struct dirent *entry; (entry = readdir(folder));)
    n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  closedir(folder);
  return n;
}

static void test_write_replaces(void **state) {
  (void)state;
  const char *path = temp_path("plain/a.txt");
  assert_ok(lsi_make_dirs(temp_path("plain")));
  assert_ok(lsi_durable_write(path, "one", 3));
  assert_content(path, "one");
  assert_ok(lsi_durable_write(path, "second", 6));
  assert_content(path, "second");
  assert_ok(lsi_durable_write(path, "", 0));
  assert_content(path, "");
  assert_int_equal(count_entries(temp_path("plain")), 1);
  assert_ok(lsi_durable_remove(path));
  assert_ok(lsi_durable_remove(path));
  assert_int_equal(count_entries(temp_path("plain")), 0);
}

static void test_write_in_the_working_directory(void **state) {
  (void)state;
  char old[4096];
  assert_non_null(getcwd(old, sizeof old));
  assert_int_equal(chdir(temp_dir), 0);
  ls_status status = lsi_durable_write("bare-name", "x", 1);
  assert_int_equal(chdir(old), 0);
  assert_ok(status);
  assert_content(temp_path("bare-name"), "x");
}

static void test_write_errors(void **state) {
  (void)state;
  assert_error(lsi_durable_write(temp_path("no/such/a.txt"), "x", 1), LS_ERR_NOT_FOUND,
               "no/such/a.txt");
  assert_ok(lsi_make_dirs(temp_path("folder")));
  assert_error(lsi_durable_write(temp_path("folder"), "x", 1), LS_ERR_IO, "folder");
  assert_error(lsi_durable_write(temp_path("folder/"), "x", 1), LS_ERR_ARG, "does not name a file");
  assert_int_equal(count_entries(temp_path("folder")), 0);
  DIR *folder = opendir(temp_dir); /* a failed rename leaves no temporary */
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));)
    assert_null(strstr(entry->d_name, "lockstep-tmp"));
  closedir(folder);
}

static void test_make_dirs(void **state) {
  (void)state;
  assert_ok(lsi_make_dirs(temp_path("a/b//c/")));
  assert_ok(lsi_make_dirs(temp_path("a/b/c")));
  temp_file(temp_path("a/file"), "x", 1);
  assert_error(lsi_make_dirs(temp_path("a/file/d")), LS_ERR_IO, "a/file");
  assert_error(lsi_make_dirs(""), LS_ERR_ARG, "folder name");
}

static void test_read_file(void **state) {
  (void)state;
  char *bytes;
  size_t n;
  const char *path = temp_path("read.txt");
  temp_file(path, "0123456789", 10);
  assert_ok(lsi_read_file(path, 10, &bytes, &n));
  assert_int_equal(n, 10);
  lsi_free(bytes);
  assert_error(lsi_read_file(path, 9, &bytes, &n), LS_ERR_UNSUPPORTED, "read.txt");
  assert_error(lsi_read_file(temp_path("none"), 9, &bytes, &n), LS_ERR_NOT_FOUND, "none");
  assert_error(lsi_read_file(temp_dir, 1 << 20, &bytes, &n), LS_ERR_IO, temp_dir);
}

static void test_read_pipe(void **state) {
  (void)state;
  int ends[2];
  char path[64], *bytes;
  size_t n;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) { /* more than the first buffer */
    close(ends[0]);
    for (int i = 0; i < 10000; i++)
      if (write(ends[1], "abc", 3) != 3) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  assert_ok(lsi_read_file(path, 1 << 20, &bytes, &n));
  assert_int_equal(n, 30000);
  assert_memory_equal(bytes + 29997, "abc", 4);
  lsi_free(bytes);
  close(ends[0]);
  assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_full_disk(void **state) {
  (void)state;
  const char *mount_point = temp_path("small");
  assert_ok(lsi_make_dirs(mount_point));
  if (mount("tmpfs", mount_point, "tmpfs", 0, "size=64k") != 0) {
    print_message("mounting a small tmpfs is not possible here (%s)\n", strerror(errno));
    skip();
  }
  const char *path = temp_path("small/ckpt.h5");
  static char large[1 << 20];
  ls_status first = lsi_durable_write(path, "old", 3);
  ls_status status = lsi_durable_write(path, large, sizeof large);
  int entries = count_entries(mount_point);
  char *bytes = NULL;
  size_t n = 0;
  ls_status read_back = lsi_read_file(path, 100, &bytes, &n);
  assert_int_equal(umount(mount_point), 0);
  assert_int_equal(first, LS_OK);
  assert_int_equal(status, LS_ERR_NO_SPACE);
  assert_int_equal(read_back, LS_OK);
  assert_string_equal(bytes, "old"); /* untouched */
  assert_int_equal(entries, 1);      /* no temporary left */
  lsi_free(bytes);
}

static void test_read_only_folder(void **state) {
  (void)state;
  const char *dir = temp_path("locked");
  assert_ok(lsi_make_dirs(dir));
  bool mounted = mount("tmpfs", dir, "tmpfs", MS_RDONLY, "size=64k") == 0; /* root ignores modes */
  if (!mounted && geteuid() == 0) skip();
  assert_int_equal(chmod(dir, 0555) == 0 || mounted, 1);
  ls_status status = lsi_durable_write(temp_path("locked/a"), "x", 1);
  lsi_lock *lock = NULL;
  ls_status locked = lsi_lock_acquire(dir, &lock);
  if (mounted) assert_int_equal(umount(dir), 0);
  assert_int_equal(status, LS_ERR_IO);
  assert_int_equal(locked, LS_ERR_IO);
  assert_null(lock);
}

static void test_sweep(void **state) {
  (void)state;
  assert_ok(lsi_make_dirs(temp_path("sweep")));
  pid_t child = fork(); /* a writer that is gone */
  assert_true(child >= 0);
  if (child == 0) _exit(0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  pid_t zombie = fork(); /* one that has ended, but is still listed */
  assert_true(zombie >= 0);
  if (zombie == 0) _exit(0);
  siginfo_t ended;
  assert_int_equal(waitid(P_PID, (id_t)zombie, &ended, WEXITED | WNOWAIT), 0);
  char name[128];
  snprintf(name, sizeof name, "sweep/.b.h5.%d-3.lockstep-tmp", (int)zombie);
  temp_file(temp_path(name), "x", 1);
  snprintf(name, sizeof name, "sweep/.a.h5.%d-0.lockstep-tmp", (int)child);
  temp_file(temp_path(name), "x", 1);
  snprintf(name, sizeof name, "sweep/.a.h5.%d-0.lockstep-tmp", (int)getpid());
  temp_file(temp_path(name), "x", 1);
  const char *keep[] = {"sweep/a.h5", "sweep/.hidden", "sweep/.x.lockstep-tmp",
                        "sweep/a.1-2.lockstep-tmp"};
  for (int i = 0; i < 4; i++) temp_file(temp_path(keep[i]), "x", 1);
  lsi_durable_sweep(temp_path("sweep"));
  assert_int_equal(count_entries(temp_path("sweep")),
                   5); /* the dead writers' are gone, nothing else */
  assert_int_equal(waitpid(zombie, NULL, 0), zombie);
  for (int i = 0; i < 4; i++) assert_int_equal(access(temp_path(keep[i]), F_OK), 0);
  lsi_durable_sweep(temp_path("no-such-folder"));
}

static void test_temporary_and_commit(void **state) {
  (void)state;
  char temporary[LSI_PATH_BYTES];
  const char *path = temp_path("committed");
  assert_ok(lsi_durable_temporary(path, temporary));
  assert_string_not_equal(temporary, path);
  temp_file(temporary, "new", 3);
  assert_ok(lsi_durable_commit(temporary, path));
  assert_content(path, "new");
  assert_int_equal(access(temporary, F_OK), -1);
  assert_error(lsi_durable_commit(temporary, path), LS_ERR_NOT_FOUND, "committed");
  assert_content(path, "new");
}

/* Calls that wrote, of this process so far. */
static long count_writes(void) {
  char *text;
  size_t n;
  assert_ok(lsi_read_file("/proc/self/io", 1 << 16, &text, &n));
  const char *line = strstr(text, "syscw: ");
  assert_non_null(line);
  long count = strtol(line + 7, NULL, 10);
  lsi_free(text);
  return count;
}

/* Neighbours go in one call, whatever their sizes; a hole parts them. */
static void test_pieces(void **state) {
  (void)state;
  enum { N = 200, ROOM = 40000, HOLE = 100 };
  static char expected[ROOM], big[20000];
  lsi_durable_piece pieces[N];
  char temporary[LSI_PATH_BYTES], *bytes;
  const char *path = temp_path("pieces");
  size_t end = 0, n;
  int fd;
  memset(big, 'b', sizeof big);
  for (int i = 0; i < N; i++) {
    if (i == HOLE) end += 5;
    pieces[i] = (lsi_durable_piece){end, i == 3 ? big : "0123456789" + i % 10, i == 3 ? sizeof big : (size_t)(10 - i % 10)};
    if (i == 7) pieces[i].n = 0;
    memcpy(expected + end, pieces[i].bytes, pieces[i].n);
    end += pieces[i].n;
  }
  assert_ok(lsi_durable_temporary(path, temporary));
  assert_ok(lsi_durable_open_part(temporary, path, true, &fd));
  long before = count_writes();
  assert_ok(lsi_durable_write_pieces(fd, path, pieces, N));
  assert_int_equal(count_writes() - before, 2);
  assert_ok(lsi_durable_check_pieces(fd, path, pieces, N));
  assert_int_equal(pwrite(fd, "x", 1, (off_t)pieces[150].at), 1);
  assert_int_equal(lsi_durable_check_pieces(fd, path, pieces, N), LS_ERR_CORRUPT);
  assert_int_equal(pwrite(fd, pieces[150].bytes, 1, (off_t)pieces[150].at), 1);
  assert_ok(lsi_durable_close_part(fd, path, LS_OK));
  assert_ok(lsi_durable_commit(temporary, path));
  assert_ok(lsi_read_file(path, ROOM, &bytes, &n));
  assert_int_equal(n, end);
  assert_memory_equal(bytes, expected, end);
  lsi_free(bytes);
}

static void test_lock(void **state) {
  (void)state;
  lsi_lock *first = NULL, *second = NULL;
  char pid[32];
  snprintf(pid, sizeof pid, "process %d on", (int)getpid());
  assert_ok(lsi_lock_acquire(temp_dir, &first));
  assert_error(lsi_lock_acquire(temp_dir, &second), LS_ERR_BUSY, pid);
  assert_null(second);
  lsi_lock_release(&first);
  assert_null(first);
  lsi_lock_release(&first);
  assert_ok(lsi_lock_acquire(temp_dir, &second));
  lsi_lock_release(&second);
}

/* The kernel frees the lock of a process that is killed. */
static void test_lock_of_a_killed_process(void **state) {
  (void)state;
  int ends[2];
  char byte;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    lsi_lock *held = NULL;
    byte = lsi_lock_acquire(temp_dir, &held) == LS_OK ? 'y' : 'n';
    if (write(ends[1], &byte, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  assert_int_equal(read(ends[0], &byte, 1), 1);
  assert_int_equal(byte, 'y');
  lsi_lock *lock = NULL;
  char pid[32];
  snprintf(pid, sizeof pid, "process %d on", (int)child);
  assert_error(lsi_lock_acquire(temp_dir, &lock), LS_ERR_BUSY, pid);
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_ok(lsi_lock_acquire(temp_dir, &lock));
  lsi_lock_release(&lock);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_write_replaces), cmocka_unit_test(test_write_in_the_working_directory),
      cmocka_unit_test(test_write_errors),   cmocka_unit_test(test_make_dirs),
      cmocka_unit_test(test_read_file),      cmocka_unit_test(test_read_pipe),
      cmocka_unit_test(test_full_disk),      cmocka_unit_test(test_read_only_folder),
      cmocka_unit_test(test_sweep),          cmocka_unit_test(test_temporary_and_commit),
      cmocka_unit_test(test_pieces),
      cmocka_unit_test(test_lock),           cmocka_unit_test(test_lock_of_a_killed_process),
  };
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
