/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_PROGRESS_H
#define LSI_TRAIN_PROGRESS_H
/* Keras 3's progress bar (verbose 1) and line an epoch (verbose 2), on standard output of rank 0. */
#include <stdbool.h>
#include <stdint.h>
#include "train/history.h"

typedef struct lsi_progress {
  int verbose;          /* 0: mute */
  bool terminal;        /* rewrite the line in place; else only the finished one is printed */
  int64_t total, done;
  double start_s, first_step_s, shown_s;
  int width;            /* visible characters of the line on screen */
} lsi_progress;

void lsi_progress_begin(lsi_progress *progress, int verbose, int64_t total, int64_t done);
/* After a step; prints at most every 0.05 s. */
void lsi_progress_step(lsi_progress *progress, int64_t done, const lsi_logs *logs);
void lsi_progress_end(lsi_progress *progress, const lsi_logs *logs);
/* Is it time to gather logs for lsi_progress_step? */
bool lsi_progress_due(const lsi_progress *progress);
#endif
