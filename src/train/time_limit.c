/* SPDX-License-Identifier: MIT */
#include "train/time_limit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "par/job_end.h"
#include "par/signals.h"
#include "train/trainer.h"

static const double patience_s = 3;       /* for squeue's answer */
static const double longest_s = 300 * 86400.0; /* jobs without a limit end "in a year" */
static const double pessimistic_rate = 5e7; /* bytes/s to disk, before one checkpoint was timed */

static const char *process_getenv(void *user, const char *name) {
  (void)user;
  return getenv(name);
}

double lsi_time_limit_margin(double length_s, double save_s, double step_s) {
  double way_out = fmin(15, fmax(1, length_s / 20));
  return 2 * save_s + 2 * step_s + way_out;
}

static double margin(const ls_trainer *t) {
  const lsi_time_limit *limit = &t->limit;
  double given = t->spec.run.before_end_seconds;
  return given > 0 ? given : lsi_time_limit_margin(limit->end_s - limit->begin_s, limit->save_s, limit->step_s);
}

static void arm(const ls_trainer *t) {
  lsi_signals_stop_at(t->limit.end_s - margin(t));
}

/* The job's time left, first as the environment has it; a clock that says it is over cannot be right. */
static double job_seconds_left(void) {
  double left = lsi_job_end_environment(process_getenv, NULL);
  return isfinite(left) && left > 0 ? left : lsi_job_end_ask(process_getenv, NULL, patience_s);
}

static const char *clock_text(double seconds, char text[32]) {
  int64_t s = (int64_t)seconds;
  snprintf(text, 32, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
  return text;
}

static void announce(const ls_trainer *t, double left) {
  char end[32], stop[32];
  const char *whose = t->limit.job ? "Slurm ends this job" : "the time limit is over";
  double until = left - margin(t);
  if (until <= 0)
    lsi_log_warn("%s in %s, too soon for more than one step and a checkpoint: give it more time", whose, clock_text(left, end));
  else if (t->spec.verbose)
    lsi_log_info("%s in %s; training stops with a checkpoint after about %s", whose, clock_text(left, end), clock_text(until, stop));
}

/* run.time_limit counts from the beginning. */
static double own_end(const ls_trainer *t) {
  return t->spec.run.time_limit > 0 ? t->limit.begin_s + t->spec.run.time_limit : INFINITY;
}

void lsi_time_limit_start(ls_trainer *t) {
  lsi_time_limit *limit = &t->limit;
  double now = lsi_clock_s(), own;
  *limit = (lsi_time_limit){.begin_s = now, .end_s = INFINITY, .last_step_s = now};
  if (t->comm->rank != 0) return;
  own = own_end(t);
  double job = t->spec.run.dir ? now + job_seconds_left() : INFINITY;
  limit->job = job < own;
  limit->end_s = fmin(job, own);
  if (limit->end_s - now > longest_s) limit->end_s = INFINITY;
  if (!isfinite(limit->end_s)) return;
  size_t arenas = 1 + (size_t)t->optimizer->n_slots;
  limit->save_s = (double)(arenas * t->model->net->layout.size * sizeof(float)) / pessimistic_rate;
  announce(t, limit->end_s - now);
  arm(t);
}

/* An administrator may have given the job more time, or less. */
static void ask_again(ls_trainer *t, double now) {
  lsi_time_limit *limit = &t->limit;
  double left = lsi_job_end_ask(process_getenv, NULL, patience_s);
  limit->asked_s = now;
  if (!isfinite(left) || fabs(now + left - limit->end_s) < 5) return;
  char text[32];
  lsi_log_info("the end of the Slurm job has moved: it is %s away", clock_text(left, text));
  limit->end_s = fmin(now + left, own_end(t));
}

void lsi_time_limit_step(ls_trainer *t, bool first) {
  lsi_time_limit *limit = &t->limit;
  if (!isfinite(limit->end_s)) return;
  double now = lsi_clock_s();
  if (!first) limit->step_s = fmax(limit->step_s, now - limit->last_step_s);
  limit->last_step_s = now;
  double stop = limit->end_s - margin(t), lead = patience_s + 2 + 2 * limit->step_s;
  if (limit->job && now >= stop - lead && limit->asked_s < stop - lead) {
    ask_again(t, now);
    limit->last_step_s = lsi_clock_s();
  }
  arm(t);
}

void lsi_time_limit_saved(ls_trainer *t, double seconds, double blocked) {
  lsi_time_limit *limit = &t->limit;
  limit->last_step_s += blocked; /* no step's time */
  if (!(seconds > 0)) return;
  /* The first measure replaces the estimate. */
  limit->save_s = limit->saved ? fmax(limit->save_s, seconds) : seconds;
  limit->saved = true;
}

void lsi_time_limit_end(void) {
  lsi_signals_stop_at(INFINITY);
}
