/* SPDX-License-Identifier: MIT */
#include "base/trace.h"

#include "base/memory.h"

bool lsi_trace_on;

typedef struct track {
  lsi_trace_event *events; /* [capacity] */
  size_t n, dropped;
} track;

static struct {
  size_t capacity;
  track tracks[LSI_N_TRACKS];
} trace;

ls_status lsi_trace_reserve(size_t capacity) {
  lsi_trace_release();
  ls_status status = LS_OK;
  for (int i = 0; i < LSI_N_TRACKS && status == LS_OK; i++)
    status = LSI_ALLOC("timeline", capacity, &trace.tracks[i].events);
  if (status != LS_OK) {
    lsi_trace_release();
    return status;
  }
  trace.capacity = capacity;
  return LS_OK;
}

void lsi_trace_release(void) {
  lsi_trace_switch(false);
  for (int i = 0; i < LSI_N_TRACKS; i++) {
    lsi_free(trace.tracks[i].events);
    trace.tracks[i] = (track){NULL, 0, 0};
  }
  trace.capacity = 0;
}

void lsi_trace_switch(bool on) {
  __atomic_store_n(&lsi_trace_on, on, __ATOMIC_RELEASE);
}

void lsi_trace_record(lsi_trace_track where, lsi_trace_kind kind, int64_t index, double begin_s, double end_s) {
  track *t = &trace.tracks[where];
  size_t n = __atomic_load_n(&t->n, __ATOMIC_RELAXED);
  if (n >= trace.capacity) {
    t->dropped++;
    return;
  }
  t->events[n] = (lsi_trace_event){begin_s, end_s, index, (int32_t)kind, (int32_t)where};
  __atomic_store_n(&t->n, n + 1, __ATOMIC_RELEASE);
}

const lsi_trace_event *lsi_trace_events(lsi_trace_track where, size_t *n, size_t *dropped) {
  const track *t = &trace.tracks[where];
  *n = __atomic_load_n(&t->n, __ATOMIC_ACQUIRE);
  *dropped = t->dropped;
  return t->events;
}
