/* SPDX-License-Identifier: MIT */
#include "store/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"

/* A temporary is ".<name>.<pid>-<number>.lockstep-tmp". */
static const char temporary_suffix[] = ".lockstep-tmp";

static ls_status io_error(const char *path, const char *doing) {
  int code = errno;
  if (code == ENOSPC || code == EDQUOT)
    LSI_FAIL(LS_ERR_NO_SPACE,
             "free some space, or choose another folder; the old file is untouched", "%s: %s: %s",
             path, doing, strerror(code));
  const char *advice = code == ENOENT    ? "check the path; folders on the way must exist"
                       : code == ENOTDIR ? "a part of the path is a file, not a folder"
                       : code == EACCES || code == EPERM || code == EROFS
                           ? "check the permissions, or choose another folder"
                       : code == EIO ? "the disk, or the server it is on, fails; the old file is untouched"
                                     : NULL;
  LSI_FAIL(code == ENOENT ? LS_ERR_NOT_FOUND : LS_ERR_IO, advice, "%s: %s: %s", path, doing,
           strerror(code));
}

static ls_status folder_of(const char *path, char *folder, size_t size) {
  const char *slash = strrchr(path, '/');
  int n = !slash ? snprintf(folder, size, ".")
                 : snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  LSI_CHECK(n > 0 && (size_t)n < size, LS_ERR_ARG, "use a shorter path",
            "%.80s...: the path is too long", path);
  return LS_OK;
}

/* Some file systems cannot sync a folder (EINVAL); there is nothing better to do there. */
static ls_status sync_folder_of(const char *path) {
  char folder[LSI_PATH_BYTES];
  LSI_TRY(folder_of(path, folder, sizeof folder));
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(folder, "cannot open the folder");
  ls_status status = LS_OK;
  if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
    status = io_error(folder, "cannot sync the folder");
  close(fd);
  return status;
}

ls_status lsi_durable_temporary(const char *path, char temporary[LSI_PATH_BYTES]) {
  static atomic_ulong counter;
  char folder[LSI_PATH_BYTES];
  LSI_TRY(folder_of(path, folder, sizeof folder));
  const char *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  LSI_CHECK(*base, LS_ERR_ARG, "name a file", "'%s' does not name a file", path);
  int n = snprintf(temporary, LSI_PATH_BYTES, "%s/.%s.%ld-%lu%s", folder, base, (long)getpid(),
                   atomic_fetch_add(&counter, 1), temporary_suffix);
  LSI_CHECK(n > 0 && n < LSI_PATH_BYTES, LS_ERR_ARG, "use a shorter path",
            "%.80s...: the path is too long", path);
  return LS_OK;
}

static ls_status sync_file(const char *temporary, const char *path) {
  int fd = open(temporary, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(path, "cannot open the temporary file");
  ls_status status = fsync(fd) == 0 ? LS_OK : io_error(path, "cannot sync");
  close(fd);
  return status;
}

static ls_status move_into_place(const char *temporary, const char *path) {
  if (rename(temporary, path) != 0) return io_error(path, "cannot put the new file in its place");
  return sync_folder_of(path);
}

/* What has been written under the temporary name, with this outcome, takes its name or goes. */
static ls_status conclude(const char *temporary, const char *path, ls_status status) {
  if (status == LS_OK) status = move_into_place(temporary, path);
  if (status != LS_OK) unlink(temporary);
  return status;
}

ls_status lsi_durable_move(const char *temporary, const char *path) {
  return conclude(temporary, path, LS_OK);
}

/* ---- a file in parts ---- */

ls_status lsi_durable_open_part(const char *temporary, const char *path, bool create, int *fd) {
  *fd = open(temporary, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0666);
  if (*fd >= 0) return LS_OK;
  return io_error(path, create ? "cannot create a temporary file in the same folder" : "cannot open what has been begun to write");
}

/* Drop the first `wrote` bytes of a vector; what is left of it. */
static int advance(struct iovec **vector, int n, size_t wrote) {
  for (; n > 0 && wrote >= (*vector)->iov_len; n--) wrote -= (*vector)++->iov_len;
  if (n > 0) **vector = (struct iovec){(char *)(*vector)->iov_base + wrote, (*vector)->iov_len - wrote};
  return n;
}

static ls_status write_vector(int fd, const char *path, uint64_t at, struct iovec *vector, int n) {
  while ((n = advance(&vector, n, 0)) > 0) {
    ssize_t wrote = pwritev(fd, vector, n, (off_t)at); /* Linux takes at most 2 GiB a call */
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return io_error(path, "cannot write");
    at += (uint64_t)wrote;
    n = advance(&vector, n, (size_t)wrote);
  }
  return LS_OK;
}

ls_status lsi_durable_write_pieces(int fd, const char *path, const lsi_durable_piece *pieces, size_t n) {
  enum { MOST = 128 };
  for (size_t i = 0; i < n;) {
    struct iovec vector[MOST];
    uint64_t begin = pieces[i].at, end = begin;
    int used = 0;
    for (; i < n && used < MOST && pieces[i].at == end; end += pieces[i++].n)
      vector[used++] = (struct iovec){(void *)pieces[i].bytes, pieces[i].n};
    LSI_TRY(write_vector(fd, path, begin, vector, used));
  }
  return LS_OK;
}

ls_status lsi_durable_sync_part(int fd, const char *path) {
  return fsync(fd) == 0 ? LS_OK : io_error(path, "cannot sync");
}

static ls_status check_piece(int fd, const char *path, const lsi_durable_piece *piece, char *block, size_t room) {
  for (size_t done = 0; done < piece->n;) {
    size_t left = piece->n - done;
    ssize_t got = pread(fd, block, left < room ? left : room, (off_t)(piece->at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot read back what was written");
    LSI_CHECK(got > 0 && memcmp(block, (const char *)piece->bytes + done, (size_t)got) == 0, LS_ERR_CORRUPT,
              "the disk or its cable may be failing; the old file is untouched", "%s: reads back other than it was written, after byte %llu",
              path, (unsigned long long)(piece->at + done));
    done += (size_t)got;
  }
  return LS_OK;
}

ls_status lsi_durable_check_pieces(int fd, const char *path, const lsi_durable_piece *pieces, size_t n) {
  enum { BLOCK = 1 << 20 };
  char *block = NULL;
  LSI_TRY(lsi_alloc("block of a file", BLOCK, 1, &block));
  ls_status status = LS_OK;
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* so that it is read from the disk, as far as the system lets us say so */
  for (size_t i = 0; status == LS_OK && i < n; i++) status = check_piece(fd, path, &pieces[i], block, BLOCK);
  lsi_free(block);
  return status;
}

bool lsi_same_file(const char *a, const char *b) {
  struct stat first, second;
  return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

ls_status lsi_durable_commit(const char *temporary, const char *path) {
  return conclude(temporary, path, sync_file(temporary, path));
}

ls_status lsi_durable_close_part(int fd, const char *path, ls_status status) {
  int code = close(fd);
  if (status == LS_OK && code != 0) return io_error(path, "cannot write"); /* NFS reports a full disk at close */
  return status;
}

static ls_status write_temporary(const char *temporary, const char *path, const void *bytes, size_t n) {
  int fd;
  LSI_TRY(lsi_durable_open_part(temporary, path, true, &fd));
  ls_status status = lsi_durable_write_pieces(fd, path, &(lsi_durable_piece){0, bytes, n}, 1);
  if (status == LS_OK) status = lsi_durable_sync_part(fd, path);
  return lsi_durable_close_part(fd, path, status);
}

ls_status lsi_durable_write(const char *path, const void *bytes, size_t n) {
  char temporary[LSI_PATH_BYTES];
  LSI_TRY(lsi_durable_temporary(path, temporary));
  return conclude(temporary, path, write_temporary(temporary, path, bytes, n));
}

ls_status lsi_durable_remove(const char *path) {
  if (unlink(path) != 0) {
    if (errno == ENOENT) return LS_OK;
    return io_error(path, "cannot remove");
  }
  return sync_folder_of(path);
}

static ls_status make_dir(const char *path) {
  if (mkdir(path, 0777) == 0) return sync_folder_of(path);
  struct stat info;
  int code = errno;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return LS_OK;
  errno = code == EEXIST ? ENOTDIR : code;
  return io_error(path, "cannot make the folder");
}

ls_status lsi_make_dirs(const char *path) {
  char part[LSI_PATH_BYTES];
  size_t n = strlen(path);
  LSI_CHECK(n > 0 && n < sizeof part, LS_ERR_ARG, NULL, "'%.80s': not a usable folder name", path);
  for (size_t i = 1; i <= n; i++) {
    if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    LSI_TRY(make_dir(part));
  }
  return LS_OK;
}

static ls_status read_all(int fd, const char *path, size_t limit, char **bytes, size_t *n) {
  struct stat info;
  if (fstat(fd, &info) != 0) return io_error(path, "cannot read");
  size_t room = info.st_size > 0 ? (size_t)info.st_size + 1 : 4096, used = 0;
  LSI_CHECK(!S_ISREG(info.st_mode) || (size_t)info.st_size <= limit, LS_ERR_UNSUPPORTED, NULL,
            "%s: has %lld bytes; at most %zu are read", path, (long long)info.st_size, limit);
  char *buffer = NULL;
  LSI_TRY(lsi_alloc(path, room + 1, 1, &buffer));
  ls_status status = LS_OK;
  for (;;) {
    if (used == room) { /* a pipe, or a file that grew */
      char *larger = NULL;
      if ((status = lsi_alloc(path, 2 * room + 1, 1, &larger)) != LS_OK) break;
      memcpy(larger, buffer, used);
      lsi_free(buffer);
      buffer = larger;
      room *= 2;
    }
    ssize_t done = read(fd, buffer + used, room - used);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) status = io_error(path, "cannot read");
    if (done <= 0) break;
    used += (size_t)done;
    if (used > limit) {
      status = lsi_error_set(LS_ERR_UNSUPPORTED, NULL, "%s: has more than %zu bytes", path, limit);
      break;
    }
  }
  if (status != LS_OK) {
    lsi_free(buffer);
    return status;
  }
  buffer[used] = '\0';
  *bytes = buffer;
  *n = used;
  return LS_OK;
}

ls_status lsi_read_file(const char *path, size_t limit, char **bytes, size_t *n) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error(path, "cannot open");
  ls_status status = read_all(fd, path, limit, bytes, n);
  close(fd);
  return status;
}

/* The process that wrote `name`, or 0 when it is no temporary of ours. */
static long writer_of(const char *name) {
  size_t n = strlen(name), suffix = sizeof temporary_suffix - 1;
  if (name[0] != '.' || n <= suffix || strcmp(name + n - suffix, temporary_suffix) != 0) return 0;
  const char *end = name + n - suffix, *digits = end;
  while (digits > name && digits[-1] != '.') digits--;
  long pid, number;
  int used = 0;
  if (sscanf(digits, "%ld-%ld%n", &pid, &number, &used) != 2 || digits + used != end) return 0;
  return pid > 0 ? pid : 0;
}

/* Of another process; one that has ended may be listed as long as nobody asks how, in a container without an init even for ever. */
static bool lives(long pid) {
  if (kill((pid_t)pid, 0) != 0 && errno != EPERM) return false;
  char state = lsi_process_state(pid);
  return state != 'Z' && state != 'X';
}

void lsi_durable_sweep(const char *dir) {
  DIR *folder = opendir(dir);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));) {
    long pid = writer_of(entry->d_name);
    /* One of a live process of this machine may still be in use. */
    if (pid == 0 || pid == (long)getpid() || lives(pid)) continue;
    unlinkat(dirfd(folder), entry->d_name, 0);
  }
  closedir(folder);
}
