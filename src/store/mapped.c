/* SPDX-License-Identifier: MIT */
#include "store/mapped.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A handler can only look into what is always there. */
enum { MOST = 256, PAGE = 4096 };

struct lsi_mapped {
  _Atomic uintptr_t begin, end; /* begin 0: free */
  _Atomic int broken;
  int descriptor;
  size_t n_bytes;
};

static lsi_mapped all[MOST];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int n_mapped;
static struct sigaction previous;

/* ---- the handler: async-signal-safe calls only ---- */

static lsi_mapped *mapped_at(uintptr_t address) {
  for (int i = 0; i < MOST; i++) {
    uintptr_t begin = atomic_load(&all[i].begin);
    if (begin && address >= begin && address < atomic_load(&all[i].end)) return &all[i];
  }
  return NULL;
}

/* As if there were no handler of ours; by default the access is made again, and is the end. */
static void pass_on(int number, siginfo_t *info, void *context) {
  if (previous.sa_flags & SA_SIGINFO) previous.sa_sigaction(number, info, context);
  else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) previous.sa_handler(number);
  else {
    signal(number, SIG_DFL);
    if (info->si_code <= 0) raise(number); /* somebody sent it */
  }
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
  uintptr_t address = (uintptr_t)info->si_addr;
  lsi_mapped *m = info->si_code > 0 ? mapped_at(address) : NULL;
  void *page = (void *)(address & ~(uintptr_t)(PAGE - 1));
  if (m && mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) atomic_store(&m->broken, 1);
  else pass_on(number, info, context);
}

static bool install(void) {
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous) == 0;
}

/* Unless somebody has taken it over since, who may call ours. */
static void uninstall(void) {
  struct sigaction now;
  if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error)
    sigaction(SIGBUS, &previous, NULL);
}

/* ---- mappings ---- */

static lsi_mapped *free_entry(void) {
  for (int i = 0; i < MOST; i++)
    if (!atomic_load(&all[i].begin)) return &all[i];
  return NULL;
}

static lsi_mapped *enter(int descriptor, void *base, size_t n_bytes) {
  lsi_mapped *m = free_entry();
  if (!m || (n_mapped == 0 && !install())) return NULL;
  n_mapped++;
  m->descriptor = descriptor;
  m->n_bytes = n_bytes;
  atomic_store(&m->broken, 0);
  atomic_store(&m->end, (uintptr_t)base + n_bytes);
  atomic_store(&m->begin, (uintptr_t)base);
  return m;
}

lsi_mapped *lsi_mapped_create(int descriptor, size_t n_bytes) {
  if (descriptor < 0 || n_bytes == 0 || sysconf(_SC_PAGESIZE) != PAGE) return NULL;
  void *base = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (base == MAP_FAILED) return NULL;
  pthread_mutex_lock(&mutex);
  lsi_mapped *m = enter(descriptor, base, n_bytes);
  pthread_mutex_unlock(&mutex);
  if (!m) munmap(base, n_bytes);
  else madvise(base, n_bytes, MADV_RANDOM); /* what is not there is not worth its neighbours */
  return m;
}

void lsi_mapped_destroy(lsi_mapped **mapped) {
  lsi_mapped *m = *mapped;
  if (!m) return;
  pthread_mutex_lock(&mutex);
  munmap((void *)atomic_load(&m->begin), m->n_bytes);
  atomic_store(&m->begin, 0);
  if (--n_mapped == 0) uninstall();
  pthread_mutex_unlock(&mutex);
  *mapped = NULL;
}

const char *lsi_mapped_bytes(const lsi_mapped *mapped) {
  return (const char *)atomic_load(&mapped->begin);
}

/* The last page of a file that was cut has zeros and no signal. */
bool lsi_mapped_is_broken(lsi_mapped *m) {
  struct stat now;
  if (fstat(m->descriptor, &now) != 0 || now.st_size < (off_t)m->n_bytes) atomic_store(&m->broken, 1);
  return atomic_load(&m->broken);
}

bool lsi_file_is_cached(int descriptor, uint64_t at) {
  char byte;
  struct iovec to = {&byte, 1};
  return preadv2(descriptor, &to, 1, (off_t)at, RWF_NOWAIT) == 1;
}
