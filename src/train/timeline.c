/* SPDX-License-Identifier: MIT */
#include "par/wait.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "par/context.h"
#include "store/durable.h"

enum { TAG = 71, ROUND_TRIPS = 16, MAX_STEPS = 10000 };

/* ---- when ---- */
static ls_status check_file(const char *path) {
  char folder[LSI_PATH_BYTES];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) *(slash == folder ? slash + 1 : slash) = '\0';
  else strcpy(folder, ".");
  LSI_CHECK(*path && access(folder, W_OK) == 0, LS_ERR_IO, "give a file in a folder that exists and may be written",
            "profile: cannot write the timeline '%s'", path);
  return LS_OK;
}

ls_status lsi_timeline_create(ls_trainer *t) {
  const ls_profile_spec *spec = &t->spec.profile;
  LSI_CHECK(spec->timeline_start >= 0 && spec->timeline_steps >= 0 && spec->timeline_steps <= MAX_STEPS, LS_ERR_ARG, NULL,
            "profile: timeline_start must not be negative, and timeline_steps lie between 0 and %d", MAX_STEPS);
  if (!spec->timeline) return LS_OK;
  if (t->comm->rank == 0) LSI_TRY(check_file(spec->timeline));
  int64_t steps = spec->timeline_steps ? spec->timeline_steps : 10, layers = t->model->net->n_layers;
  t->timeline = (lsi_timeline){.wanted = true, .begin = spec->timeline_start, .end = spec->timeline_start + steps};
  return lsi_trace_reserve((size_t)(steps * (16 + 4 * layers + 8 * t->n_buckets)));
}

/* A training that ends before the window begins has it earlier. */
static void fit_window(ls_trainer *t) {
  lsi_timeline *line = &t->timeline;
  int64_t left = (t->spec.epochs - t->epoch) * t->steps_per_epoch - t->step, length = line->end - line->begin;
  if (left >= line->end) return;
  line->begin = left > length ? left - length : 0;
  line->end = line->begin + length;
}

/* ---- gathering ---- */
/*
 * What to add to this rank's clock to get rank 0's. Of some round trips the quickest tells: rank 0's time at its middle
 * against ours. One machine has one clock: what may be zero is zero.
 */
static ls_status measure_shift(const lsi_comm *comm, int rank, double *shift_s) {
  double quickest = 1e9;
  for (int i = 0; i < ROUND_TRIPS; i++) {
    double remote = 0, begin = lsi_clock_s();
    LSI_TRY(lsi_send(comm, &remote, sizeof remote, rank, TAG));
    LSI_TRY(lsi_receive(comm, &remote, sizeof remote, rank, TAG));
    double end = lsi_clock_s();
    if (end - begin >= quickest) continue;
    quickest = end - begin;
    double shift = (begin + end) / 2 - remote;
    *shift_s = shift < quickest && shift > -quickest ? 0 : shift;
  }
  return LS_OK;
}

static ls_status answer_clock(const lsi_comm *comm) {
  for (int i = 0; i < ROUND_TRIPS; i++) {
    double now;
    LSI_TRY(lsi_receive(comm, &now, sizeof now, 0, TAG));
    now = lsi_clock_s();
    LSI_TRY(lsi_send(comm, &now, sizeof now, 0, TAG));
  }
  return LS_OK;
}

static lsi_timeline_rank describe_rank(const ls_trainer *t) {
  lsi_timeline_rank self = {.launch_s = lsi_process_start_s(), .mpi_init_s = lsi_context_mpi_init_s(), .first_step_s = t->first_step_s};
  gethostname(self.host, sizeof self.host - 1);
  for (int track = 0; track < LSI_N_TRACKS; track++) {
    size_t n, dropped;
    lsi_trace_events((lsi_trace_track)track, &n, &dropped);
    self.n_events += (int)n;
    self.n_dropped += (int)dropped;
  }
  return self;
}

static void collect_events(int n_events, lsi_trace_event *out) {
  for (int track = 0; track < LSI_N_TRACKS; track++) {
    size_t n, dropped;
    const lsi_trace_event *events = lsi_trace_events((lsi_trace_track)track, &n, &dropped);
    if ((int)n > n_events) n = (size_t)n_events; /* a thread may have gone on meanwhile */
    if (n) memcpy(out, events, n * sizeof *out);
    out += n;
    n_events -= (int)n;
  }
}

/* Room for all ranks' events on rank 0, and for the own ones. */
typedef struct gathered {
  lsi_timeline_rank *ranks;  /* [size] */
  int *counts, *places;      /* [size] */
  lsi_trace_event *own, *all;
} gathered;

static ls_status allocate(const lsi_comm *comm, const lsi_timeline_rank *self, gathered *g) {
  LSI_TRY(LSI_ALLOC("timeline", self->n_events, &g->own));
  if (comm->rank != 0) return LS_OK;
  int total = 0;
  LSI_TRY(LSI_ALLOC("timeline", comm->size, &g->counts));
  LSI_TRY(LSI_ALLOC("timeline", comm->size, &g->places));
  for (int r = 0; r < comm->size; r++) {
    g->counts[r] = g->ranks[r].n_events;
    g->places[r] = total;
    LSI_CHECK(!__builtin_add_overflow(total, g->counts[r], &total), LS_ERR_ARG, "lower profile.timeline_steps",
              "the timeline has too many events");
  }
  return LSI_ALLOC("timeline", total, &g->all);
}

static ls_status gather(const ls_trainer *t, gathered *g) {
  const lsi_comm *comm = t->comm;
  lsi_timeline_rank self = describe_rank(t);
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("timeline", comm->size, &g->ranks)));
  LSI_TRY(lsi_allgather(comm, &self, g->ranks, sizeof self));
  for (int r = 1; r < comm->size && comm->rank == 0; r++) LSI_TRY(measure_shift(comm, r, &g->ranks[r].shift_s));
  if (comm->rank != 0) LSI_TRY(answer_clock(comm));
  LSI_TRY(lsi_agree(comm, allocate(comm, &self, g)));
  collect_events(self.n_events, g->own);
  MPI_Datatype event;
  LSI_TRY_MPI(MPI_Type_contiguous((int)sizeof(lsi_trace_event), MPI_BYTE, &event));
  LSI_TRY_MPI(MPI_Type_commit(&event));
  MPI_Request request;
  int code = MPI_Igatherv(g->own, self.n_events, event, g->all, g->counts, g->places, event, 0, comm->comm, &request);
  MPI_Type_free(&event);
  return code == MPI_SUCCESS ? lsi_wait_one(comm, &request) : lsi_mpi_status(code, "MPI_Igatherv");
}

static ls_status write_file(const ls_trainer *t, const gathered *g) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  LSI_CHECK(out, LS_ERR_MEMORY, NULL, "no memory for the timeline's text");
  lsi_timeline_print(out, t, g->ranks, g->all);
  bool whole = !ferror(out);
  whole = fclose(out) == 0 && whole;
  ls_status status = whole ? lsi_durable_write(t->spec.profile.timeline, text, n)
                           : lsi_error_set(LS_ERR_MEMORY, NULL, "no memory for the timeline's text");
  free(text);
  return status;
}

/* A training shall not end for its timeline: what concerns the file alone is a warning. */
static ls_status write_timeline(ls_trainer *t) {
  gathered g = {0};
  t->timeline.wanted = false;
  lsi_trace_switch(false);
  ls_status status = gather(t, &g);
  if (status == LS_OK && t->comm->rank == 0 && write_file(t, &g) != LS_OK) {
    lsi_log_warn("no timeline: %s", ls_last_error()->message);
    lsi_error_clear();
  }
  lsi_free(g.ranks);
  lsi_free(g.counts);
  lsi_free(g.places);
  lsi_free(g.own);
  lsi_free(g.all);
  return status;
}

ls_status lsi_timeline_step(ls_trainer *t) {
  lsi_timeline *line = &t->timeline;
  if (t->first_step_s == 0) {
    t->first_step_s = lsi_clock_s();
    fit_window(t);
  }
  if (!line->wanted) return LS_OK;
  if (line->n == line->begin) lsi_trace_switch(true);
  if (line->n == line->end) return write_timeline(t);
  line->n++;
  return LS_OK;
}

ls_status lsi_timeline_finish(ls_trainer *t) {
  if (!t->timeline.wanted) return LS_OK;
  if (t->timeline.n <= t->timeline.begin) {
    lsi_log_warn("no timeline: training ended after %" PRId64 " steps, before step %" PRId64 " of this start", t->timeline.n,
                 t->timeline.begin);
    t->timeline.wanted = false;
    return LS_OK;
  }
  return write_timeline(t);
}
