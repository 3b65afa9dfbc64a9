/* SPDX-License-Identifier: MIT */
/*
 * Chrome's trace format ("Trace Event Format", JSON object form), which ui.perfetto.dev and chrome://tracing open: complete
 * events ("X") in microseconds, ranks as pids, tracks as tids.
 */
#include <inttypes.h>

#include "train/trainer.h"

static const char *const track_names[] = {[LSI_TRACK_TRAINING] = "training", [LSI_TRACK_EXCHANGE] = "exchange",
                                          [LSI_TRACK_DATA] = "data", [LSI_TRACK_FILES] = "files"};

typedef enum index_use { NO_INDEX, IS_NUMBER, IS_LAYER, IS_BUCKET } index_use;

static const struct {
  const char *name, *category;
  index_use use;
} kinds[] = {
    [LSI_TRACE_STEP] = {"step", "step", IS_NUMBER},
    [LSI_TRACE_FORWARD] = {"forward", "forward", NO_INDEX},
    [LSI_TRACE_FORWARD_LAYER] = {"forward", "forward", IS_LAYER},
    [LSI_TRACE_LOSS] = {"loss", "loss", NO_INDEX},
    [LSI_TRACE_BACKWARD] = {"backward, bucket", "backward", IS_BUCKET},
    [LSI_TRACE_BACKWARD_LAYER] = {"backward", "backward", IS_LAYER},
    [LSI_TRACE_EXCHANGE_POST] = {"post bucket", "exchange", IS_BUCKET},
    [LSI_TRACE_EXCHANGE] = {"exchange piece", "exchange", IS_NUMBER},
    [LSI_TRACE_EXCHANGE_WAIT] = {"wait for the exchange", "exchange", NO_INDEX},
    [LSI_TRACE_FETCH] = {"fetch", "fetch", NO_INDEX},
    [LSI_TRACE_GATHER] = {"gather weights", "exchange", NO_INDEX},
    [LSI_TRACE_REDUCE] = {"reduce loss and flags", "exchange", NO_INDEX},
    [LSI_TRACE_UPDATE] = {"update", "update", NO_INDEX},
    [LSI_TRACE_CALLBACKS] = {"callbacks", "observe", NO_INDEX},
    [LSI_TRACE_CHECKPOINT] = {"checkpoint", "checkpoint", NO_INDEX},
    [LSI_TRACE_WRITE] = {"write checkpoint", "checkpoint", IS_NUMBER},
    [LSI_TRACE_VALIDATION] = {"validation", "observe", NO_INDEX},
};
_Static_assert(sizeof kinds / sizeof *kinds == LSI_N_TRACE_KINDS, "a row for each kind");

/* The inside of a JSON string: names of layers and hosts are anybody's. */
static void print_text(FILE *out, const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
    else if (c < 32) fprintf(out, "\\u%04x", c);
    else fputc(c, out);
  }
}

static double earliest(int n_ranks, const lsi_timeline_rank *ranks, const lsi_trace_event *events) {
  double first = 0;
  for (int r = 0; r < n_ranks; r++)
    for (int i = 0; i < ranks[r].n_events; i++, events++) {
      double begin = events->begin_s + ranks[r].shift_s;
      if (first == 0 || begin < first) first = begin;
    }
  return first;
}

/* Bit k: track k has events. */
static unsigned used_tracks(int n_events, const lsi_trace_event *events) {
  unsigned used = 0;
  for (int i = 0; i < n_events; i++) used |= 1u << events[i].track;
  return used;
}

static void print_names(FILE *out, int rank, const char *host, unsigned tracks) {
  fprintf(out, "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"rank %d on ", rank, rank);
  print_text(out, host);
  fprintf(out, "\"}},\n{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":%d,\"args\":{\"sort_index\":%d}}", rank, rank);
  for (int track = 0; track < LSI_N_TRACKS; track++) {
    if (!(tracks & 1u << track)) continue;
    fprintf(out, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s\"}}", rank, track,
            track_names[track]);
  }
}

static void print_event(FILE *out, const ls_trainer *t, int rank, const lsi_trace_event *event, double shift_s) {
  const lsi_net *net = t->model->net;
  index_use use = kinds[event->kind].use;
  fprintf(out, ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"cat\":\"%s\",\"name\":\"%s", rank, event->track,
          (event->begin_s + shift_s) * 1e6, (event->end_s - event->begin_s) * 1e6, kinds[event->kind].category,
          kinds[event->kind].name);
  if (use == IS_LAYER && event->index < net->n_layers) {
    fputc(' ', out);
    print_text(out, net->layers[event->index]->name);
  } else if (use == IS_NUMBER || use == IS_BUCKET) {
    fprintf(out, " %" PRId64, event->index);
  }
  fputc('"', out);
  if (use == IS_BUCKET && event->index < t->n_buckets) {
    const lsi_bucket *bucket = &t->buckets[event->index];
    fprintf(out, ",\"args\":{\"bytes\":%zu}", (bucket->end - bucket->begin) * sizeof(float));
  }
  fputc('}', out);
}

/* How each rank came to its first step, in seconds on rank 0's clock. */
static void print_start(FILE *out, int n_ranks, const lsi_timeline_rank *ranks) {
  fprintf(out, "\"otherData\":{\"clock\":\"CLOCK_MONOTONIC of rank 0\",\"ranks\":[");
  for (int r = 0; r < n_ranks; r++)
    fprintf(out, "%s{\"launch_s\":%.6f,\"mpi_init_s\":%.6f,\"first_step_s\":%.6f,\"shift_s\":%.9f,\"dropped\":%d}", r ? "," : "",
            ranks[r].launch_s + ranks[r].shift_s, ranks[r].mpi_init_s, ranks[r].first_step_s + ranks[r].shift_s, ranks[r].shift_s,
            ranks[r].n_dropped);
  fprintf(out, "]}");
}

void lsi_timeline_print(FILE *out, const ls_trainer *t, const lsi_timeline_rank *ranks, const lsi_trace_event *events) {
  int n_ranks = t->comm->size;
  double origin = earliest(n_ranks, ranks, events);
  fprintf(out, "{\"displayTimeUnit\":\"ns\",\n\"traceEvents\":[\n");
  for (int r = 0; r < n_ranks; r++) {
    if (r) fprintf(out, ",\n");
    print_names(out, r, ranks[r].host, used_tracks(ranks[r].n_events, events));
    for (int i = 0; i < ranks[r].n_events; i++) print_event(out, t, r, events++, ranks[r].shift_s - origin);
  }
  fprintf(out, "\n],\n");
  print_start(out, n_ranks, ranks);
  fprintf(out, "}\n");
}
