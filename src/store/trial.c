/* SPDX-License-Identifier: MIT */
#include "store/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static _Thread_local bool inside;

lsi_trial_limits lsi_trial_limits_for(uint64_t file_bytes) {
  const uint64_t gib = UINT64_C(1) << 30;
  return (lsi_trial_limits){.memory = 2 * gib + 8 * (file_bytes < 1024 * gib ? file_bytes : 1024 * gib),
                            .seconds = 60 + (unsigned)(file_bytes / (UINT64_C(10) << 20))};
}

/* Pages of this process as it is: the limit counts all of its address space. */
static uint64_t address_space(void) {
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%llu", &pages) != 1) pages = 0;
  if (file) fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, uint64_t value) {
  struct rlimit old;
  if (getrlimit(resource, &old) != 0) return;
  rlim_t wanted = old.rlim_max == RLIM_INFINITY || value < old.rlim_max ? (rlim_t)value : old.rlim_max;
  setrlimit(resource, &(struct rlimit){wanted, wanted});
}

/* MPI's handlers would print a page about a crash that is expected. */
static void die_quietly(void) {
  static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU};
  static const int polite[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
  for (size_t i = 0; i < sizeof polite / sizeof *polite; i++) signal(polite[i], SIG_IGN); /* they are the parent's to obey */
  if (!freopen("/dev/null", "w", stderr)) close(STDERR_FILENO);                          /* glibc's words on a smashed heap */
}

static void child(uint64_t memory, unsigned seconds, ls_status (*read)(void *), void *argument) {
  die_quietly();
  limit(RLIMIT_AS, memory);
  limit(RLIMIT_CPU, seconds);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  inside = true;
  read(argument);
  _exit(0);
}

ls_status lsi_trial_run(const char *path, lsi_trial_limits limits, ls_status (*read)(void *argument), void *argument) {
  int how = 0;
  if (SANITIZED || inside) return LS_OK;
  uint64_t memory = address_space() + limits.memory;
  fflush(NULL);
  pid_t id = fork();
  if (id == 0) child(memory, limits.seconds, read, argument);
  if (id < 0) {
    lsi_log_warn("%s: no process to try it in (%s); it is read without that", path, strerror(errno));
    return LS_OK;
  }
  while (waitpid(id, &how, 0) < 0)
    if (errno != EINTR) return LS_OK; /* somebody else took its status: SIGCHLD is ignored in this program */
  LSI_CHECK(!WIFSIGNALED(how), LS_ERR_CORRUPT, "use another copy of the file; if that is what it was made like, do not trust it",
            "%s: the HDF5 library cannot read it: it ended with signal %d (%s)", path, WTERMSIG(how), strsignal(WTERMSIG(how)));
  return LS_OK;
}
