/* SPDX-License-Identifier: MIT */
#include "par/guard.h"

#include <lockstep/context.h>

#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

struct lsi_guard {
  const char *what;
  double seconds;
  bool over;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
};

static void *watch(void *argument) {
  lsi_guard *guard = argument;
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)guard->seconds + 1;
  pthread_mutex_lock(&guard->mutex);
  int code = 0;
  while (!guard->over && code != ETIMEDOUT)
    code = pthread_cond_timedwait(&guard->ended, &guard->mutex, &end);
  bool over = guard->over;
  pthread_mutex_unlock(&guard->mutex);
  if (over)
    return NULL;
  char host[64] = "?", text[256];
  (void)gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text,
                   "lockstep: error: a rank on host %s gave up: %s has not ended for %g s\n", host,
                   guard->what, guard->seconds);
  ssize_t written = write(STDERR_FILENO, text, (size_t)n);
  (void)written;
  _exit(LS_EXIT_DEADLINE); /* which makes the launcher end the others */
}

ls_status lsi_guard_begin(const char *what, double seconds, lsi_guard **out) {
  *out = NULL;
  if (seconds <= 0)
    return LS_OK;
  lsi_guard *guard = NULL;
  LSI_TRY(LSI_ALLOC("guard", 1, &guard));
  guard->what = what;
  guard->seconds = seconds;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&guard->ended, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&guard->mutex, NULL);
  int code = pthread_create(&guard->thread, NULL, watch, guard);
  if (code != 0) { /* no thread to be had: then without */
    lsi_free(guard);
    return LS_OK;
  }
  *out = guard;
  return LS_OK;
}

void lsi_guard_end(lsi_guard **guard) {
  lsi_guard *g = *guard;
  if (!g)
    return;
  pthread_mutex_lock(&g->mutex);
  g->over = true;
  pthread_cond_signal(&g->ended);
  pthread_mutex_unlock(&g->mutex);
  pthread_join(g->thread, NULL);
  pthread_cond_destroy(&g->ended);
  pthread_mutex_destroy(&g->mutex);
  lsi_free(g);
  *guard = NULL;
}

static void leave(int number) {
  (void)number;
  _exit(LS_EXIT_DEADLINE);
}

void lsi_guard_abandon(bool speaks) {
  enum { LISTENED_S = 1, OTHERS_S = 5 };
  struct sigaction action = {.sa_handler = leave};
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL); /* MPI_Abort may hang, too, when the launcher is cut off */
  alarm(speaks ? 2 * LISTENED_S : OTHERS_S);
  fflush(NULL);
  if (speaks)
    MPI_Abort(MPI_COMM_WORLD, LS_EXIT_DEADLINE);
  for (;;)
    pause();
}
