/* SPDX-License-Identifier: MIT */
#include "par/watchdog.h"

#include <lockstep/context.h>

#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

struct lsi_watchdog {
  const char *what;
  double seconds;
  bool over;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
};

_Noreturn void lsi_watchdog_leave(const char *what, double seconds) {
  char host[64] = "?", text[256];
  (void)gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text, "lockstep: error: a rank on host %s gave up: %s has not ended for %.3g s\n", host, what, seconds);
  ssize_t written = write(STDERR_FILENO, text, (size_t)n);
  (void)written;
  _exit(LS_EXIT_DEADLINE); /* which makes the launcher end the others */
}

static void *watch(void *argument) {
  lsi_watchdog *watchdog = argument;
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)watchdog->seconds + 1;
  pthread_mutex_lock(&watchdog->mutex);
  int code = 0;
  while (!watchdog->over && code != ETIMEDOUT)
    code = pthread_cond_timedwait(&watchdog->ended, &watchdog->mutex, &end);
  bool over = watchdog->over;
  pthread_mutex_unlock(&watchdog->mutex);
  if (!over)
    lsi_watchdog_leave(watchdog->what, watchdog->seconds);
  return NULL;
}

ls_status lsi_watchdog_begin(const char *what, double seconds, lsi_watchdog **out) {
  *out = NULL;
  if (seconds <= 0)
    return LS_OK;
  lsi_watchdog *watchdog = NULL;
  LSI_TRY(LSI_ALLOC("watchdog", 1, &watchdog));
  watchdog->what = what;
  watchdog->seconds = seconds;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&watchdog->ended, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&watchdog->mutex, NULL);
  int code = pthread_create(&watchdog->thread, NULL, watch, watchdog);
  if (code != 0) { /* no thread to be had: then without */
    lsi_free(watchdog);
    return LS_OK;
  }
  *out = watchdog;
  return LS_OK;
}

void lsi_watchdog_end(lsi_watchdog **watchdog) {
  lsi_watchdog *g = *watchdog;
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
  *watchdog = NULL;
}

static void leave(int number) {
  (void)number;
  _exit(LS_EXIT_DEADLINE);
}

void lsi_watchdog_abandon(bool speaks) {
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
