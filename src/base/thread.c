/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>
#include <string.h>

/* What a thread itself brings about: blocked, it would end the process whatever handler there is. */
static const int of_itself[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};

ls_status lsi_thread_start(const char *what, size_t stack_bytes, void *(*body)(void *), void *self,
                           pthread_t *thread) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (stack_bytes)
    pthread_attr_setstacksize(&attributes, stack_bytes);
  sigfillset(&all);
  for (size_t i = 0; i < sizeof of_itself / sizeof *of_itself; i++)
    sigdelset(&all, of_itself[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(thread, &attributes, body, self);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  LSI_CHECK(code == 0, LS_ERR_MEMORY, "raise the limit on processes (ulimit -u) or on memory (ulimit -v)",
            "%s: cannot start a thread: %s", what, strerror(code));
  return LS_OK;
}
