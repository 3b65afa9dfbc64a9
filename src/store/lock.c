/* SPDX-License-Identifier: MIT */
/* The lock of a run folder. flock, so the kernel frees it when the holder dies in whatever way. */
#include "store/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct lsi_lock {
  int fd;
};

static bool read_holder(int fd, char *holder, size_t size) {
  ssize_t n = pread(fd, holder, size - 1, 0);
  holder[n > 0 ? n : 0] = '\0';
  holder[strcspn(holder, "\n")] = '\0';
  bool named = holder[0] != '\0';
  if (!named) snprintf(holder, size, "another process");
  return named;
}

static void write_holder(int fd) {
  char host[256] = "?", text[320];
  gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
  /* The text only helps a reader of the error message; the lock is the kernel's. */
  errno = ENOSPC; /* what a short write means */
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
    lsi_log_warn("the run folder's lock file cannot be written: %s", strerror(errno));
}

static ls_status refuse(const char *dir, const char *holder) {
  LSI_FAIL(LS_ERR_BUSY, "wait for it, stop it, or choose another folder", "%s: in use by %s", dir, holder);
}

/* Does the process that the lock file names live, as far as this host can tell? Process numbers come again, program names seldom. */
static bool lives_here(const char *holder) {
  char host[256] = "?", theirs[256], path[64], mine[4096], its[4096];
  long pid;
  gethostname(host, sizeof host - 1);
  if (sscanf(holder, "process %ld on %255s", &pid, theirs) != 2 || strcmp(host, theirs) != 0) return false;
  snprintf(path, sizeof path, "/proc/%ld/exe", pid);
  ssize_t n = readlink("/proc/self/exe", mine, sizeof mine), m = readlink(path, its, sizeof its);
  return n > 0 && n == m && memcmp(mine, its, (size_t)n) == 0 && pid != getpid();
}

/* Without locks the file's text must do: a run of this host is seen, of another host it may have ended without saying so. */
static ls_status take_by_name(int fd, const char *dir, int error) {
  char holder[320];
  bool named = read_holder(fd, holder, sizeof holder);
  if (named && lives_here(holder)) return refuse(dir, holder);
  lsi_log_warn("%s: this file system has no locks (%s), so a run on another host would not be noticed%s%s", dir, strerror(error),
               named ? "; the last one did not end by itself: " : "", named ? holder : "");
  write_holder(fd);
  return LS_OK;
}

static ls_status take(int fd, const char *dir) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    write_holder(fd);
    return LS_OK;
  }
  if (errno == EWOULDBLOCK) {
    char holder[320];
    read_holder(fd, holder, sizeof holder);
    return refuse(dir, holder);
  }
  if (errno == ENOLCK || errno == ENOTSUP || errno == ENOSYS || errno == EINVAL)
    return take_by_name(fd, dir, errno);
  LSI_FAIL(LS_ERR_IO, NULL, "%s: cannot lock the folder: %s", dir, strerror(errno));
}

ls_status lsi_lock_acquire(const char *dir, lsi_lock **out) {
  char path[LSI_PATH_BYTES];
  int n = snprintf(path, sizeof path, "%s/.lock", dir);
  LSI_CHECK(n > 0 && n < LSI_PATH_BYTES, LS_ERR_ARG, "use a shorter path",
            "%.80s...: the path is too long", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  bool full = errno == ENOSPC || errno == EDQUOT, barred = errno == EACCES || errno == EROFS;
  LSI_CHECK(fd >= 0, full ? LS_ERR_NO_SPACE : LS_ERR_IO, barred ? "check the permissions, or choose another folder" : NULL, "%s: cannot open: %s", path, strerror(errno));
  lsi_lock *lock = NULL;
  ls_status status = take(fd, dir);
  if (status == LS_OK) status = LSI_ALLOC("lock", 1, &lock);
  if (status != LS_OK) {
    close(fd);
    return status;
  }
  lock->fd = fd;
  *out = lock;
  return LS_OK;
}

/* The file stays: removing it would let two processes lock two files of one name. */
void lsi_lock_release(lsi_lock **lock) {
  if (!*lock) return;
  if (ftruncate((*lock)->fd, 0) != 0)
    lsi_log_warn("the run folder's lock file cannot be cleared: %s", strerror(errno));
  close((*lock)->fd);
  lsi_free(*lock);
  *lock = NULL;
}
