/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_TIME_LIMIT_H
#define LSI_TRAIN_TIME_LIMIT_H
/*
 * Stop in time for a checkpoint: before the Slurm job ends, and before run.time_limit is over. Rank 0 watches its clock and
 * asks for a stop as a signal would (par/signals.h); the ranks agree on it at a step boundary. How long before the end is
 * learnt from the checkpoints and steps so far. When the run stops depends on the clock; its results do not.
 */
#include <stdbool.h>

struct ls_trainer;

typedef struct lsi_time_limit {
  double begin_s, end_s; /* on lsi_clock_s(); end_s INFINITY: no end */
  bool job;              /* the end is the job's, and may be moved */
  double asked_s;        /* when Slurm was last asked for it */
  double save_s, step_s; /* the longest of each so far */
  bool saved;            /* save_s is measured, no estimate */
  double last_step_s;
} lsi_time_limit;

/* Find the end and say so; on rank 0, the others never ask for a stop. */
void lsi_time_limit_start(struct ls_trainer *trainer);
/* Before each step, `first` of an epoch or not. Asks Slurm again when the end is near. */
void lsi_time_limit_step(struct ls_trainer *trainer, bool first);
/* A checkpoint took this long to reach the disk, `blocked` of it between two steps. */
void lsi_time_limit_saved(struct ls_trainer *trainer, double seconds, double blocked);
void lsi_time_limit_end(void);

/* Seconds before the end at which a run of `length_s` stops: a checkpoint, twice as slow as any so far, a step likewise, and
   some time for the way out: a twentieth of the run, 1 to 15 s. Pure. */
double lsi_time_limit_margin(double length_s, double save_s, double step_s);
#endif
