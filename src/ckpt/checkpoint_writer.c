/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_writer.h"

#include <omp.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/trace.h"
#include "ckpt/checkpoint_index.h"
#include "math/team.h"
#include "store/h5.h"

/* Who has the snapshot. */
typedef enum writer_state { IDLE, SUBMITTED, STOPPING } writer_state;

struct lsi_ckpt_writer {
  bool background;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  writer_state state;  /* guarded by mutex, as are the three below */
  ls_status status;    /* of the last job, until it is told */
  ls_error error;
  double seconds;
  lsi_ckpt_job job;    /* of the thread while SUBMITTED, else of the owner; points into the snapshot */
  char *snapshot;
  size_t n_bytes;
};

/* ---- the thread ---- */

static ls_status write_job(const lsi_ckpt_job *job) {
  return lsi_checkpoint_write(job->dir, job->iteration, job->arrays, job->n_arrays, job->texts,
                              job->n_texts, job->keep, job->verify);
}

static void *run(void *user) {
  lsi_ckpt_writer *w = user;
  pthread_mutex_lock(&w->mutex);
  while (w->state != STOPPING) {
    if (w->state == IDLE) {
      pthread_cond_wait(&w->changed, &w->mutex);
      continue;
    }
    pthread_mutex_unlock(&w->mutex);
    double begin_s = lsi_clock_s();
    ls_status status = write_job(&w->job);
    lsi_trace_span(LSI_TRACK_FILES, LSI_TRACE_WRITE, w->job.iteration, begin_s, lsi_clock_s());
    pthread_mutex_lock(&w->mutex);
    w->seconds = lsi_clock_s() - begin_s;
    w->status = status;
    w->error = *ls_last_error();
    w->state = IDLE;
    pthread_cond_broadcast(&w->changed);
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

/* Without a thread to be had, it writes at once. */
static bool start_thread(lsi_ckpt_writer *w) {
  bool started = lsi_thread_start("checkpoint writer", LSI_DEFAULT_STACK, run, w, &w->thread) == LS_OK;
  if (!started) lsi_error_clear();
  return started;
}

ls_status lsi_ckpt_writer_create(bool background, lsi_ckpt_writer **out) {
  lsi_ckpt_writer *w = NULL;
  hbool_t safe = false;
  LSI_TRY(LSI_ALLOC("checkpoint writer", 1, &w));
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->changed, NULL);
  lsi_h5_init();
  w->background = background && H5is_library_threadsafe(&safe) >= 0 && safe && start_thread(w);
  *out = w;
  return LS_OK;
}

static void stop_thread(lsi_ckpt_writer *w) {
  pthread_mutex_lock(&w->mutex);
  while (w->state == SUBMITTED) pthread_cond_wait(&w->changed, &w->mutex);
  w->state = STOPPING;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  pthread_join(w->thread, NULL);
}

void lsi_ckpt_writer_destroy(lsi_ckpt_writer **writer) {
  lsi_ckpt_writer *w = *writer;
  if (!w) return;
  if (w->background) stop_thread(w);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  lsi_free(w->snapshot);
  lsi_free(w);
  *writer = NULL;
}

/* ---- the snapshot: [arrays][texts][folder | names | data and values], each on its own cache lines ---- */

typedef struct cursor {
  char *base; /* NULL: only measure */
  size_t used;
} cursor;

/* Copy on all threads: a large model is there to be trained, not to be copied. */
static void copy(char *to, const char *from, size_t n) {
  int threads = lsi_team_for((double)n / 8);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t begin, end;
    lsi_team_slice(n, LSI_ALIGN, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    memcpy(to + begin, from + begin, end - begin);
  }
}

static const void *put(cursor *c, const void *from, size_t n) {
  char *to = c->base ? c->base + c->used : NULL;
  c->used += lsi_round_up(n, LSI_ALIGN);
  if (to && n) copy(to, from, n);
  return to;
}

/* Lay the job out at the cursor; `out` (may be NULL) becomes the copy. */
static void lay_out(cursor *c, const lsi_ckpt_job *job, lsi_ckpt_job *out) {
  lsi_ckpt_array *arrays = (void *)put(c, job->arrays, (size_t)job->n_arrays * sizeof *arrays);
  lsi_ckpt_text *texts = (void *)put(c, job->texts, (size_t)job->n_texts * sizeof *texts);
  const char *dir = put(c, job->dir, strlen(job->dir) + 1);
  for (int i = 0; i < job->n_arrays; i++) {
    const lsi_ckpt_array *a = &job->arrays[i];
    const char *name = put(c, a->name, strlen(a->name) + 1);
    const void *data = put(c, a->data, lsi_ckpt_array_bytes(a));
    if (arrays) arrays[i].name = name, arrays[i].data = data;
  }
  for (int i = 0; i < job->n_texts; i++) {
    const char *name = put(c, job->texts[i].name, strlen(job->texts[i].name) + 1);
    const char *value = put(c, job->texts[i].value, strlen(job->texts[i].value) + 1);
    if (texts) texts[i] = (lsi_ckpt_text){name, value};
  }
  if (!out) return;
  *out = *job;
  out->dir = dir, out->arrays = arrays, out->texts = texts;
}

ls_status lsi_ckpt_writer_reserve(lsi_ckpt_writer *w, const lsi_ckpt_job *job) {
  cursor size = {0};
  if (!w->background) return LS_OK;
  lay_out(&size, job, NULL);
  if (size.used <= w->n_bytes) return LS_OK;
  lsi_free(w->snapshot);
  w->snapshot = NULL;
  w->n_bytes = 0;
  size_t room = size.used + size.used / 64 + 4096; /* the history grows with every epoch */
  LSI_TRY(lsi_alloc("snapshot for checkpoints (checkpoint.background: false does without)", room, 1, &w->snapshot));
  w->n_bytes = room;
  return LS_OK;
}

/* ---- the owner ---- */

bool lsi_ckpt_writer_busy(lsi_ckpt_writer *w) {
  pthread_mutex_lock(&w->mutex);
  bool busy = w->state == SUBMITTED;
  pthread_mutex_unlock(&w->mutex);
  return busy;
}

double lsi_ckpt_writer_seconds(lsi_ckpt_writer *w) {
  pthread_mutex_lock(&w->mutex);
  double seconds = w->seconds;
  pthread_mutex_unlock(&w->mutex);
  return seconds;
}

bool lsi_ckpt_writer_failed(lsi_ckpt_writer *w) {
  pthread_mutex_lock(&w->mutex);
  bool failed = w->state == IDLE && w->status != LS_OK;
  pthread_mutex_unlock(&w->mutex);
  return failed;
}

ls_status lsi_ckpt_writer_wait(lsi_ckpt_writer *w) {
  pthread_mutex_lock(&w->mutex);
  while (w->state == SUBMITTED) pthread_cond_wait(&w->changed, &w->mutex);
  ls_status status = w->status;
  w->status = LS_OK;
  pthread_mutex_unlock(&w->mutex);
  if (status != LS_OK) lsi_error_copy(&w->error);
  return status;
}

ls_status lsi_ckpt_writer_submit(lsi_ckpt_writer *w, const lsi_ckpt_job *job) {
  if (!w->background) {
    double begin_s = lsi_clock_s();
    ls_status status = write_job(job);
    w->seconds = lsi_clock_s() - begin_s;
    return status;
  }
  LSI_TRY(lsi_ckpt_writer_wait(w));
  LSI_TRY(lsi_ckpt_writer_reserve(w, job));
  cursor c = {w->snapshot, 0};
  lay_out(&c, job, &w->job);
  pthread_mutex_lock(&w->mutex);
  w->state = SUBMITTED;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  return LS_OK;
}
