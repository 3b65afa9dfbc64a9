/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_TRACE_H
#define LSI_BASE_TRACE_H
/*
 * Spans of time, recorded while a timeline is wanted (train/timeline.h) into memory reserved beforehand. When it is not, a span
 * costs one load and a branch. Each track belongs to one thread at a time; nothing computed ever depends on any of it.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/status.h"

typedef enum lsi_trace_track {
  LSI_TRACK_TRAINING, /* the thread that trains */
  LSI_TRACK_EXCHANGE, /* a thread that moves gradients */
  LSI_TRACK_DATA,     /* a thread that reads samples */
  LSI_TRACK_FILES,    /* a thread that writes checkpoints */
  LSI_N_TRACKS
} lsi_trace_track;

/* What a span's index counts stands beside it. */
typedef enum lsi_trace_kind {
  LSI_TRACE_STEP,          /* the optimizer's iteration */
  LSI_TRACE_FORWARD,       /* - */
  LSI_TRACE_FORWARD_LAYER, /* layer */
  LSI_TRACE_LOSS,
  LSI_TRACE_BACKWARD,      /* bucket */
  LSI_TRACE_BACKWARD_LAYER, /* layer */
  LSI_TRACE_EXCHANGE_POST, /* bucket */
  LSI_TRACE_EXCHANGE,      /* piece of the gradient under way */
  LSI_TRACE_EXCHANGE_WAIT,
  LSI_TRACE_FETCH,
  LSI_TRACE_REDUCE,
  LSI_TRACE_UPDATE,
  LSI_TRACE_GATHER,        /* of the weights that others have updated */
  LSI_TRACE_CALLBACKS,
  LSI_TRACE_CHECKPOINT,
  LSI_TRACE_WRITE,         /* of a checkpoint: the optimizer's iteration */
  LSI_TRACE_VALIDATION,
  LSI_N_TRACE_KINDS
} lsi_trace_kind;

typedef struct lsi_trace_event {
  double begin_s, end_s; /* lsi_clock_s */
  int64_t index;
  int32_t kind, track;
} lsi_trace_event;

extern bool lsi_trace_on;

/* Room for `capacity` events on each track; recording is off. Freed by lsi_trace_release. */
ls_status lsi_trace_reserve(size_t capacity);
void lsi_trace_release(void);
void lsi_trace_switch(bool on);
/* The events of a track so far, in the order of their ends, and how many more there was no room for. */
const lsi_trace_event *lsi_trace_events(lsi_trace_track track, size_t *n, size_t *dropped);

void lsi_trace_record(lsi_trace_track track, lsi_trace_kind kind, int64_t index, double begin_s, double end_s);

/* Now, when spans are recorded; else 0. */
static inline double lsi_trace_begin(void) {
  return __atomic_load_n(&lsi_trace_on, __ATOMIC_RELAXED) ? lsi_clock_s() : 0;
}

/* A span that ends now. One that began before recording did is left out. */
static inline void lsi_trace_end(lsi_trace_track track, lsi_trace_kind kind, int64_t index, double begin_s) {
  if (__atomic_load_n(&lsi_trace_on, __ATOMIC_RELAXED) && begin_s > 0)
    lsi_trace_record(track, kind, index, begin_s, lsi_clock_s());
}

/* A span between two looks at the clock that were taken anyway. */
static inline void lsi_trace_span(lsi_trace_track track, lsi_trace_kind kind, int64_t index, double begin_s, double end_s) {
  if (__atomic_load_n(&lsi_trace_on, __ATOMIC_RELAXED)) lsi_trace_record(track, kind, index, begin_s, end_s);
}
#endif
