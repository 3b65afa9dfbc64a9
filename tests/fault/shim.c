/* SPDX-License-Identifier: MIT */
/*
 * Faults to order, for LD_PRELOAD. LS_FAULT says what shall go wrong, LS_FAULT_RANK on which rank alone:
 *   read TEXT N          after N reads, reading a file with TEXT in its path fails with EIO
 *   slow-read TEXT MS N M  M preads of such a file after the first N take so many milliseconds longer
 *   count TEXT           at the end, says how many bytes of such files were read
 *   write TEXT N ERROR   after N bytes, writing to such files fails: ENOSPC, EIO, EROFS, ...; by stdio: EFBIG
 *   open TEXT N ERROR    after N times, opening such a file for writing fails
 *   kill TEXT N          after N bytes, the process is killed within such a write, which is cut
 *   hello -              the process is killed when it has said its first word to the launcher, before the answer
 *   halt -               the process is stopped (SIGSTOP) at the same place
 *   lock - N             the process is killed while it holds the Nth lock in memory it shares with other processes
 *   finalize -           MPI_Finalize never ends
  *   flock TEXT 0 ERROR   such files cannot be locked
 *   slow TEXT MS         each write to such a file takes so many milliseconds longer
 *   lag - MS             each look at the clock takes so many milliseconds, and so every step
 *   fsync TEXT           fsync of such a file fails with EIO
 *   malloc N             the Nth allocation that liblockstep.so makes itself fails
 *   malloc-all N         the Nth allocation of the process fails, whoever makes it
 *   wall SECONDS 1       the time of day is SECONDS apart
 *   clock SECONDS RATE   all clocks are SECONDS apart and run RATE times as fast
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static char kind[16], text[200];
static char last_word[16] = "EIO";
static long long number, skipped, most;
static double offset_s, rate = 1;
static int error = EIO;
static atomic_llong done;
static uintptr_t library_begin, library_end;

static int find_library(struct dl_phdr_info *info, size_t size, void *user) {
  (void)size;
  (void)user;
  if (!strstr(info->dlpi_name, "liblockstep.so")) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    if (p->p_type != PT_LOAD) continue;
    uintptr_t begin = info->dlpi_addr + p->p_vaddr, end = begin + p->p_memsz;
    if (!library_begin || begin < library_begin) library_begin = begin;
    if (end > library_end) library_end = end;
  }
  return 1;
}

static int error_number(const char *name) {
  static const struct {
    const char *name;
    int number;
  } all[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}, {"ENOLCK", ENOLCK}, {"ENOTSUP", ENOTSUP}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(name, all[i].name) == 0) return all[i].number;
  return EIO;
}

__attribute__((constructor)) static void configure(void) {
  const char *what = getenv("LS_FAULT"), *where = getenv("LS_FAULT_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (!what || (where && (!rank || strcmp(where, rank) != 0))) return;
  dl_iterate_phdr(find_library, NULL);
  if (strncmp(what, "clock ", 6) == 0 || strncmp(what, "wall ", 5) == 0)
    sscanf(what, "%15s %lf %lf", kind, &offset_s, &rate);
  else if (strncmp(what, "malloc", 6) == 0)
    sscanf(what, "%15s %lld", kind, &number);
  else if (strncmp(what, "slow-read", 9) == 0)
    sscanf(what, "%15s %199s %lld %lld %lld", kind, text, &number, &skipped, &most);
  else
    sscanf(what, "%15s %199s %lld %15s", kind, text, &number, last_word);
  error = error_number(last_word);
}

static bool is(const char *what) {
  return strcmp(kind, what) == 0;
}

static bool concerns(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n > 0 ? n : 0] = '\0';
  return strstr(path, text) != NULL;
}

/* ---- reading ---- */

static bool read_fails(int fd) {
  if (!is("read") || !concerns(fd) || atomic_fetch_add(&done, 1) < number) return false;
  errno = EIO;
  return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t counted(int fd, ssize_t n) {
  if (n > 0 && is("count") && concerns(fd)) atomic_fetch_add(&done, n);
  return n;
}

__attribute__((destructor)) static void say_count(void) {
  if (is("count")) dprintf(STDERR_FILENO, "shim: %lld bytes read\n", (long long)done);
}

ssize_t read(int fd, void *to, size_t n) {
  return read_fails(fd) ? -1 : counted(fd, REAL(read)(fd, to, n));
}

static void linger(int fd) {
  if (!is("slow-read") || !concerns(fd)) return;
  long long before = atomic_fetch_add(&done, 1);
  if (before >= skipped && before < skipped + most) dprintf(STDERR_FILENO, "shim: a slow read\n"), usleep((useconds_t)(1000 * number));
}

/* A slow file is not in the page cache; what is counted must be read. */
ssize_t preadv2(int fd, const struct iovec *to, int n, off_t at, int flags) {
  if (read_fails(fd)) return -1;
  errno = EAGAIN;
  return (is("slow-read") || is("count")) && concerns(fd) ? -1 : REAL(preadv2)(fd, to, n, at, flags);
}

ssize_t pread(int fd, void *to, size_t n, off_t at) {
  linger(fd);
  return read_fails(fd) ? -1 : counted(fd, REAL(pread)(fd, to, n, at));
}

ssize_t pread64(int fd, void *to, size_t n, off64_t at) {
  linger(fd);
  return read_fails(fd) ? -1 : counted(fd, REAL(pread64)(fd, to, n, at));
}

/* ---- writing ---- */

static bool open_fails(const char *path, int flags) {
  bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!is("open") || !writes || !strstr(path, text) || atomic_fetch_add(&done, 1) < number) return false;
  errno = error;
  return true;
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_fails(path, flags) ? -1 : REAL(open)(path, flags, mode);
}

/* What stdio writes passes by write(); a limit on the size of files it meets, as EFBIG. */
FILE *fopen(const char *path, const char *mode) {
  FILE *stream = REAL(fopen)(path, mode);
  if (stream && is("write") && mode[0] != 'r' && strstr(path, text)) {
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)number, RLIM_INFINITY});
  }
  return stream;
}

/* How many of n bytes go through; then errno is set, or the process is gone after them. */
static size_t allowed(int fd, size_t n) {
  if (!(is("write") || is("kill")) || !concerns(fd)) return n;
  long long before = atomic_fetch_add(&done, (long long)n);
  if (before + (long long)n <= number) return n;
  return before >= number ? 0 : (size_t)(number - before);
}

/* After a write that is to be cut has put `written` of its bytes. */
static ssize_t cut(ssize_t written) {
  if (is("kill")) raise(SIGKILL);
  if (written > 0) return written;
  errno = error;
  return -1;
}

static void be_slow(int fd) {
  if (is("slow") && concerns(fd)) usleep((useconds_t)(1000 * number));
}

ssize_t write(int fd, const void *from, size_t n) {
  be_slow(fd);
  size_t part = allowed(fd, n);
  return part == n ? REAL(write)(fd, from, n) : cut(part ? REAL(write)(fd, from, part) : 0);
}

/* HDF5's way; and ours. */
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
  be_slow(fd);
  size_t part = allowed(fd, n);
  return part == n ? REAL(pwrite)(fd, from, n, at) : cut(part ? REAL(pwrite)(fd, from, part, at) : 0);
}

static ssize_t write_part(int fd, const struct iovec *from, int n, off_t at, size_t part) {
  ssize_t wrote = 0;
  for (int i = 0; i < n && part > 0; i++) {
    size_t some = from[i].iov_len < part ? from[i].iov_len : part;
    wrote += REAL(pwrite)(fd, from[i].iov_base, some, at + wrote);
    part -= some;
  }
  return wrote;
}

ssize_t pwritev(int fd, const struct iovec *from, int n, off_t at) {
  size_t all = 0;
  for (int i = 0; i < n; i++) all += from[i].iov_len;
  be_slow(fd);
  size_t part = allowed(fd, all);
  return part == all ? REAL(pwritev)(fd, from, n, at) : cut(write_part(fd, from, n, at, part));
}

int fsync(int fd) {
  if (!is("fsync") || !concerns(fd)) return REAL(fsync)(fd);
  errno = EIO;
  return -1;
}

int flock(int fd, int operation) {
  if (!is("flock") || !concerns(fd)) return REAL(flock)(fd, operation);
  errno = error;
  return -1;
}

/* ---- the launcher ---- */

int MPI_Finalize(void); /* of a process that has MPI */

int MPI_Finalize(void) {
  while (is("finalize")) pause();
  return REAL(MPI_Finalize)();
}

static bool within(const void *caller, const char *library) {
  Dl_info where;
  return dladdr(caller, &where) && where.dli_fname && strstr(where.dli_fname, library);
}

ssize_t send(int fd, const void *from, size_t n, int flags) {
  ssize_t sent = REAL(send)(fd, from, n, flags);
  if ((is("hello") || is("halt")) && within(__builtin_return_address(0), "libpmix")) raise(is("halt") ? SIGSTOP : SIGKILL);
  return sent;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  static __typeof__(&pthread_mutex_unlock) real;
  enum { SHARED = 128 }; /* PTHREAD_MUTEX_PSHARED_BIT of glibc's pthreadP.h */
  if (is("lock") && (mutex->__data.__kind & SHARED) && atomic_fetch_add(&done, 1) + 1 == number) raise(SIGKILL);
  if (!real) real = REAL(pthread_mutex_unlock);
  return real(mutex);
}

/* ---- memory ---- */

static bool allocation_fails(const void *caller) {
  bool ours = (uintptr_t)caller >= library_begin && (uintptr_t)caller < library_end;
  if (!number || !((is("malloc") && ours) || is("malloc-all"))) return false;
  if (atomic_fetch_add(&done, 1) + 1 != number) return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t n) {
  return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
  return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n) {
  return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, n);
}

void *aligned_alloc(size_t alignment, size_t n) {
  return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n) {
  if (allocation_fails(__builtin_return_address(0))) return ENOMEM;
  *out = __libc_memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}

/* ---- clocks ---- */

static double shifted(double now, double start) {
  return start + offset_s + (now - start) * rate;
}

int clock_gettime(clockid_t which, struct timespec *t) {
  static _Atomic double starts[2];
  if (is("lag")) usleep((useconds_t)(1000 * number));
  int code = REAL(clock_gettime)(which, t);
  bool shifts = is("clock") ? which <= CLOCK_MONOTONIC : is("wall") && which == CLOCK_REALTIME;
  if (!shifts || code != 0) return code;
  double now = (double)t->tv_sec + 1e-9 * (double)t->tv_nsec;
  if (starts[which] == 0) starts[which] = now;
  double then = shifted(now, starts[which]);
  t->tv_sec = (time_t)then;
  t->tv_nsec = (long)(1e9 * (then - (double)t->tv_sec));
  return 0;
}

int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now;
  (void)zone;
  int code = clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return code;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
