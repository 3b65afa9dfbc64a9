/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_writer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/trace.h"
#include "ckpt/checkpoint_snapshot.h"
#include "par/peers.h"
#include "par/reading.h"

/* Who has the snapshot. */
typedef enum writer_state { IDLE, SUBMITTED, STOPPING } writer_state;
/* What is done with it: all of the file, this rank's part of it, or its end. */
typedef enum writer_task { WHOLE, PART, END } writer_task;

struct lsi_ckpt_writer {
  lsi_ckpt_snapshot snapshot; /* of the thread while SUBMITTED, else of the owner */
  bool background;
  lsi_reading writing; /* while the owner waits for the thread */
  bool parts; /* other writers have parts of it, and it has no end yet */
  bool threaded;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  writer_state state; /* guarded by mutex, as are those below */
  writer_task task;
  ls_status status;   /* of the last job, until it is told */
  ls_error error;
  double begin_s, seconds;
};

/* ---- the thread ---- */

static ls_status write_whole(lsi_ckpt_snapshot *s) {
  LSI_TRY(lsi_ckpt_file_begin(&s->file));
  return lsi_ckpt_file_write(&s->file, s->layout, s->runs, s->index, s->digests);
}

static ls_status work(lsi_ckpt_snapshot *s, writer_task task) {
  if (task == WHOLE) return write_whole(s);
  return task == PART ? lsi_ckpt_part_write(&s->file, s->layout, s->writer, s->runs, s->digests)
                      : lsi_ckpt_file_finish(&s->file, s->layout, s->index, s->digests);
}

static void record(lsi_ckpt_writer *w, ls_status status) {
  w->seconds = lsi_clock_s() - w->begin_s;
  w->status = status;
  w->error = *ls_last_error();
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
    ls_status status = work(&w->snapshot, w->task);
    lsi_trace_span(LSI_TRACK_FILES, LSI_TRACE_WRITE, w->snapshot.file.iteration, begin_s, lsi_clock_s());
    pthread_mutex_lock(&w->mutex);
    record(w, status);
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

ls_status lsi_ckpt_writer_create(const lsi_comm *comm, bool background, int most, lsi_ckpt_writer **out) {
  lsi_ckpt_writer *w = NULL;
  LSI_TRY(LSI_ALLOC("checkpoint writer", 1, &w));
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->changed, NULL);
  w->background = background;
  w->writing = (lsi_reading)LSI_WRITING;
  w->snapshot = (lsi_ckpt_snapshot){.comm = comm, .copies = background, .most = most};
  *out = w;
  return LS_OK;
}

ls_status lsi_ckpt_writer_find_others(lsi_ckpt_writer *w, const char *dir) {
  bool matters = w->snapshot.most != 1 || w->snapshot.comm->n_nodes > 1;
  return matters ? lsi_ckpt_snapshot_find_writers(&w->snapshot, dir) : LS_OK;
}

bool lsi_ckpt_writer_reaches(const lsi_ckpt_writer *w, int rank) {
  for (int i = 0; i < w->snapshot.n_ranks; i++)
    if (w->snapshot.ranks[i] == rank) return true;
  return false;
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
  if (w->threaded) stop_thread(w);
  if (w->parts && w->snapshot.writer == 0) lsi_ckpt_file_drop(&w->snapshot.file);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  lsi_ckpt_snapshot_clear(&w->snapshot);
  lsi_free(w);
  *writer = NULL;
}

/* ---- the owner ---- */

ls_status lsi_ckpt_writer_reserve(lsi_ckpt_writer *w, const lsi_ckpt_job *job) {
  return lsi_ckpt_snapshot_prepare(&w->snapshot, job);
}

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

bool lsi_ckpt_writer_parts(const lsi_ckpt_writer *w) {
  return w->parts;
}

static bool is_idle(void *self) {
  return !lsi_ckpt_writer_busy(self);
}

/* Of this rank's thread. Others hear that this takes its time. */
static ls_status wait_here(lsi_ckpt_writer *w) {
  const lsi_comm *comm = w->snapshot.comm;
  if (comm && comm->peers && comm->size > 1 && w->threaded) LSI_TRY(lsi_reading_wait(comm, &w->writing, is_idle, w));
  pthread_mutex_lock(&w->mutex);
  while (w->state == SUBMITTED) pthread_cond_wait(&w->changed, &w->mutex);
  ls_status status = w->status;
  w->status = LS_OK;
  pthread_mutex_unlock(&w->mutex);
  if (status != LS_OK) lsi_error_copy(&w->error);
  return status;
}

static ls_status work_now(void *self) {
  lsi_ckpt_writer *w = self;
  return work(&w->snapshot, w->task);
}

/* By the thread, or now; how it went, wait_here() tells. */
static void begin(lsi_ckpt_writer *w, writer_task task) {
  const lsi_comm *comm = w->snapshot.comm;
  if (w->background && !w->threaded) w->threaded = start_thread(w);
  if (!w->threaded) {
    w->task = task;
    record(w, comm ? lsi_files_aside(comm, &w->writing, work_now, w) : work_now(w));
    return;
  }
  pthread_mutex_lock(&w->mutex);
  w->task = task;
  w->state = SUBMITTED;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
}

ls_status lsi_ckpt_writer_join(lsi_ckpt_writer *w) {
  ls_status status = lsi_ckpt_snapshot_agree(&w->snapshot, wait_here(w));
  bool root = w->snapshot.writer == 0;
  w->parts = false;
  if (status == LS_OK) status = lsi_ckpt_snapshot_gather_digests(&w->snapshot);
  if (status != LS_OK && root) lsi_ckpt_file_drop(&w->snapshot.file);
  if (status == LS_OK && root) begin(w, END);
  return status;
}

ls_status lsi_ckpt_writer_wait(lsi_ckpt_writer *w) {
  ls_status status = w->parts ? lsi_ckpt_writer_join(w) : LS_OK;
  if (status == LS_OK) status = wait_here(w);
  return lsi_ckpt_snapshot_agree(&w->snapshot, status);
}

ls_status lsi_ckpt_writer_submit(lsi_ckpt_writer *w, const lsi_ckpt_job *job) {
  lsi_ckpt_snapshot *s = &w->snapshot;
  LSI_TRY(lsi_ckpt_writer_wait(w));
  w->begin_s = lsi_clock_s();
  LSI_TRY(lsi_ckpt_snapshot_take(s, job));
  bool parts = s->file.n_writers > 1;
  if (parts) LSI_TRY(lsi_ckpt_snapshot_agree(s, s->writer == 0 ? lsi_ckpt_file_begin(&s->file) : LS_OK)); /* before others open it */
  w->parts = parts;
  if (s->writer >= 0) begin(w, parts ? PART : WHOLE);
  return w->background ? LS_OK : lsi_ckpt_writer_wait(w);
}
