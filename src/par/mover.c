/* SPDX-License-Identifier: MIT */
#include "par/mover.h"

#include <sys/prctl.h>
#include <time.h>

#include "base/memory.h"
#include "base/thread.h"
#include "math/team.h"
#include "par/cores.h"
#include "par/peers.h"
#include "par/wait.h"

/* Between two polls in vain. A socket holds some ms of a fast link; a poll of TCP takes about 2 us. */
enum { PAUSE_FREE_NS = 5000, PAUSE_CROWDED_NS = 50000, TIMER_SLACK_NS = 1000 };

struct lsi_mover {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool left, stopping; /* guarded by mutex, as are the two below and all that work.poll looks at */
  ls_status status;
  ls_error error;
  lsi_mover_work work;
  lsi_peers *peers;
  long pause_ns;
};

/* With the lock held: one poll, and time for the others when it was in vain. */
static void poll_once(lsi_mover *m) {
  bool moved = false;
  m->status = m->work.poll(m->work.user, &moved, &m->left);
  if (m->status != LS_OK)
    m->error = *ls_last_error();
  if (moved || m->status != LS_OK)
    return;
  pthread_mutex_unlock(&m->mutex);
  nanosleep(&(struct timespec){.tv_nsec = m->pause_ns}, NULL);
  pthread_mutex_lock(&m->mutex);
}

static void *run(void *user) {
  lsi_mover *m = user;
  prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
  lsi_team_alone();
  lsi_wait_aside();
  pthread_mutex_lock(&m->mutex);
  while (!m->stopping) {
    if (m->left && m->status == LS_OK)
      poll_once(m);
    else
      pthread_cond_wait(&m->changed, &m->mutex);
  }
  pthread_mutex_unlock(&m->mutex);
  return NULL;
}

ls_status lsi_mover_create(const lsi_comm *comm, lsi_mover_work work, lsi_mover **out) {
  int level;
  lsi_cores cores;
  lsi_mover *m;
  *out = NULL;
  LSI_TRY(lsi_cores_find(comm, &cores));
  LSI_TRY_MPI(MPI_Query_thread(&level));
  if (level < MPI_THREAD_SERIALIZED || !comm->peers)
    return LS_OK;
  LSI_TRY(LSI_ALLOC("mover", 1, &m));
  m->work = work;
  m->peers = comm->peers;
  bool free_core = (int64_t)cores.n_sharers * (lsi_team_size() + 1) <= cores.n_cores;
  m->pause_ns = free_core ? PAUSE_FREE_NS : PAUSE_CROWDED_NS;
  pthread_mutex_init(&m->mutex, NULL);
  pthread_cond_init(&m->changed, NULL);
  comm->peers->threaded = true; /* before there is a second thread */
  if (lsi_thread_start("mover", LSI_DEFAULT_STACK, run, m, &m->thread) != LS_OK) {
    lsi_error_clear(); /* slower, but nothing is lost */
    comm->peers->threaded = false;
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->mutex);
    lsi_free(m);
    return LS_OK;
  }
  *out = m;
  return LS_OK;
}

void lsi_mover_destroy(lsi_mover **mover) {
  lsi_mover *m = *mover;
  if (!m)
    return;
  pthread_mutex_lock(&m->mutex);
  m->stopping = true;
  pthread_cond_signal(&m->changed);
  pthread_mutex_unlock(&m->mutex);
  pthread_join(m->thread, NULL);
  m->peers->threaded = false;
  pthread_cond_destroy(&m->changed);
  pthread_mutex_destroy(&m->mutex);
  lsi_free(m);
  *mover = NULL;
}

ls_status lsi_mover_enter(lsi_mover *m) {
  if (!m)
    return LS_OK;
  pthread_mutex_lock(&m->mutex);
  if (m->status != LS_OK)
    lsi_error_copy(&m->error);
  return m->status;
}

void lsi_mover_leave(lsi_mover *m, bool left) {
  if (!m)
    return;
  m->left = left;
  if (left)
    pthread_cond_signal(&m->changed);
  pthread_mutex_unlock(&m->mutex);
}
