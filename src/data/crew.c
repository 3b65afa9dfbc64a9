/* SPDX-License-Identifier: MIT */
#include "data/crew.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/thread.h"

typedef struct helper {
  pthread_t thread;
  lsi_crew *crew;
  int worker;
} helper;

struct lsi_crew {
  pthread_mutex_t mutex;
  pthread_cond_t wake, idle;
  int n_workers, n_helpers; /* helpers that run */
  helper *helpers;
  bool leave;
  uint64_t round; /* of work */
  int busy;       /* helpers still at it */
  lsi_crew_job job;
  void *context;
  int64_t n_jobs;
  _Atomic int64_t next;
  int64_t failed; /* lowest job that failed, n_jobs: none */
  ls_error error;
};

static void note_failure(lsi_crew *c, int64_t job) {
  pthread_mutex_lock(&c->mutex);
  if (job < c->failed) {
    c->failed = job;
    c->error = *ls_last_error();
  }
  pthread_mutex_unlock(&c->mutex);
  atomic_store(&c->next, c->n_jobs);
}

static void work(lsi_crew *c, int worker) {
  for (int64_t job; (job = atomic_fetch_add(&c->next, 1)) < c->n_jobs;)
    if (c->job(c->context, worker, job) != LS_OK) note_failure(c, job);
}

static void *help(void *self) {
  helper *h = self;
  lsi_crew *c = h->crew;
  uint64_t seen = 0;
  pthread_mutex_lock(&c->mutex);
  for (;;) {
    while (!c->leave && c->round == seen) pthread_cond_wait(&c->wake, &c->mutex);
    if (c->leave) break;
    seen = c->round;
    pthread_mutex_unlock(&c->mutex);
    work(c, h->worker);
    pthread_mutex_lock(&c->mutex);
    if (--c->busy == 0) pthread_cond_signal(&c->idle);
  }
  pthread_mutex_unlock(&c->mutex);
  return NULL;
}

ls_status lsi_crew_create(int n_workers, lsi_crew **out) {
  lsi_crew *c;
  LSI_TRY(LSI_ALLOC("data readers", 1, &c));
  pthread_mutex_init(&c->mutex, NULL);
  pthread_cond_init(&c->wake, NULL);
  pthread_cond_init(&c->idle, NULL);
  c->n_workers = n_workers;
  ls_status status = LSI_ALLOC("data readers", n_workers, &c->helpers);
  while (status == LS_OK && c->n_helpers < n_workers - 1) {
    helper *h = &c->helpers[c->n_helpers];
    *h = (helper){.crew = c, .worker = c->n_helpers + 1};
    status = lsi_thread_start("data readers", LSI_SMALL_STACK, help, h, &h->thread);
    if (status == LS_OK) c->n_helpers++;
  }
  if (status != LS_OK) {
    lsi_crew_destroy(&c);
    return status;
  }
  *out = c;
  return LS_OK;
}

void lsi_crew_destroy(lsi_crew **crew) {
  lsi_crew *c = *crew;
  if (!c) return;
  pthread_mutex_lock(&c->mutex);
  c->leave = true;
  pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->mutex);
  for (int i = 0; i < c->n_helpers; i++) pthread_join(c->helpers[i].thread, NULL);
  pthread_cond_destroy(&c->wake);
  pthread_cond_destroy(&c->idle);
  pthread_mutex_destroy(&c->mutex);
  lsi_free(c->helpers);
  lsi_free(c);
  *crew = NULL;
}

ls_status lsi_crew_run(lsi_crew *c, int64_t n_jobs, lsi_crew_job job, void *context) {
  if (n_jobs <= 0) return LS_OK;
  pthread_mutex_lock(&c->mutex);
  c->job = job;
  c->context = context;
  c->n_jobs = c->failed = n_jobs;
  atomic_store(&c->next, 0);
  bool together = n_jobs > 1 && c->n_helpers > 0;
  if (together) {
    c->busy = c->n_helpers;
    c->round++;
    pthread_cond_broadcast(&c->wake);
  }
  pthread_mutex_unlock(&c->mutex);
  work(c, 0);
  pthread_mutex_lock(&c->mutex);
  while (together && c->busy > 0) pthread_cond_wait(&c->idle, &c->mutex);
  pthread_mutex_unlock(&c->mutex);
  if (c->failed == n_jobs) return LS_OK;
  lsi_error_copy(&c->error);
  return c->error.status;
}
