/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_TIMELINE_H
#define LSI_TRAIN_TIMELINE_H
/*
 * A timeline of some steps: what every rank and thread did when (base/trace.h), gathered into one file in Chrome's trace
 * format as soon as the steps are over. Ranks are its processes. Without spec.profile.timeline nothing happens.
 */
#include <stdio.h>
#include "base/trace.h"
#include "par/comm.h"

typedef struct lsi_timeline {
  bool wanted;        /* still to be recorded or written */
  int64_t begin, end; /* steps of this fit, counted from 0 */
  int64_t n;          /* steps begun */
} lsi_timeline;

/* Reserve memory; refuse a file that cannot be written. `steps_left` bounds the window. Not collective. */
ls_status lsi_timeline_create(ls_trainer *trainer);
/* Before each step: begin or end recording; at its end the file is written, and trouble with it is a warning. Collective. */
ls_status lsi_timeline_step(ls_trainer *trainer);
/* Training is over, though perhaps not the window. Collective. */
ls_status lsi_timeline_finish(ls_trainer *trainer);

/* What a rank adds to the file. */
typedef struct lsi_timeline_rank {
  char host[64];
  double shift_s;    /* to add to its clock to get rank 0's */
  double launch_s, mpi_init_s, first_step_s; /* process started, seconds in MPI_Init, first step began; its clock */
  int n_events, n_dropped;
} lsi_timeline_rank;

/* The file's text; events [sum of n_events] stand rank by rank. (timeline_file.c) */
void lsi_timeline_print(FILE *out, const ls_trainer *trainer, const lsi_timeline_rank *ranks, const lsi_trace_event *events);
#endif
