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

static void read_holder(int fd, char *holder, size_t size) {
  ssize_t n = pread(fd, holder, size - 1, 0);
  holder[n > 0 ? n : 0] = '\0';
  holder[strcspn(holder, "\n")] = '\0';
  if (!holder[0]) snprintf(holder, size, "another process");
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

static ls_status take(int fd, const char *dir) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    write_holder(fd);
    return LS_OK;
  }
  if (errno == EWOULDBLOCK) {
    char holder[320];
    read_holder(fd, holder, sizeof holder);
    LSI_FAIL(LS_ERR_BUSY, "wait for it, stop it, or choose another folder", "%s: in use by %s", dir,
             holder);
  }
  if (errno == ENOLCK || errno == ENOTSUP || errno == ENOSYS || errno == EINVAL) {
    lsi_log_warn(
        "%s: this file system has no locks (%s); make sure that no other run uses the folder", dir,
        strerror(errno));
    return LS_OK;
  }
  LSI_FAIL(LS_ERR_IO, NULL, "%s: cannot lock the folder: %s", dir, strerror(errno));
}

ls_status lsi_lock_acquire(const char *dir, lsi_lock **out) {
  char path[LSI_PATH_BYTES];
  int n = snprintf(path, sizeof path, "%s/.lock", dir);
  LSI_CHECK(n > 0 && n < LSI_PATH_BYTES, LS_ERR_ARG, "use a shorter path",
            "%.80s...: the path is too long", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  LSI_CHECK(fd >= 0, errno == ENOSPC || errno == EDQUOT ? LS_ERR_NO_SPACE : LS_ERR_IO, NULL,
            "%s: cannot open: %s", path, strerror(errno));
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
