/* SPDX-License-Identifier: MIT */
#include "train/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR = 20 };

void lsi_progress_begin(lsi_progress *p, int verbose, int64_t total, int64_t done) {
  *p = (lsi_progress){.verbose = verbose, .total = total, .done = done, .start_s = lsi_clock_s()};
  p->terminal = verbose == 1 && isatty(STDOUT_FILENO);
}

bool lsi_progress_due(const lsi_progress *p) {
  return p->terminal && lsi_clock_s() - p->shown_s >= 0.05;
}

/* " 5ms/step", averaged without the first step, as Keras does. */
static void step_time(const lsi_progress *p, double now, char *text, size_t size) {
  double seconds = p->done > 1 && p->first_step_s > 0 ? (now - p->first_step_s) / (double)(p->done - 1)
                                                      : (now - p->start_s) / (double)(p->done ? p->done : 1);
  if (seconds >= 1 || seconds == 0) snprintf(text, size, "%.0fs/step", seconds);
  else if (seconds >= 1e-3) snprintf(text, size, "%.0fms/step", seconds * 1e3);
  else snprintf(text, size, "%.0fus/step", seconds * 1e6);
}

static void eta(double seconds, char *text, size_t size) {
  int s = (int)seconds;
  if (s > 3600) snprintf(text, size, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  else if (s > 60) snprintf(text, size, "%d:%02d", s / 60, s % 60);
  else snprintf(text, size, "%ds", s);
}

static int print_logs(const lsi_logs *logs) {
  int width = 0;
  for (int i = 0; i < logs->n; i++) {
    double value = isnan(logs->values[i]) ? (double)NAN : logs->values[i]; /* printf shows the sign of a NaN */
    width += printf(fabs(value) > 1e-3 ? " - %s: %.4f" : " - %s: %.4e", logs->names[i], value);
  }
  return width;
}

static void show_bar(lsi_progress *p, const lsi_logs *logs, bool finished) {
  char time_text[32], per_step[32], total[24];
  double now = lsi_clock_s();
  int digits = snprintf(total, sizeof total, "%" PRId64, p->total), filled = (int)(BAR * p->done / p->total);
  step_time(p, now, per_step, sizeof per_step);
  if (finished) snprintf(time_text, sizeof time_text, "%.0fs", now - p->start_s);
  else eta((now - p->start_s) / (double)(p->done ? p->done : 1) * (double)(p->total - p->done), time_text, sizeof time_text);
  if (p->terminal) putchar('\r');
  int width = printf("%*" PRId64 "/%s ", digits, p->done, total);
  if (p->terminal && filled) fputs("\033[32m", stdout);
  for (int i = 0; i < BAR; i++) {
    if (p->terminal && i == filled) fputs("\033[37m", stdout);
    fputs("━", stdout);
  }
  if (p->terminal) fputs("\033[0m", stdout);
  width += BAR + printf(" %s %s", time_text, per_step) + print_logs(logs);
  for (int i = width; i < p->width; i++) putchar(' ');
  p->width = width;
  p->shown_s = now;
  if (finished) putchar('\n');
  fflush(stdout);
}

void lsi_progress_step(lsi_progress *p, int64_t done, const lsi_logs *logs) {
  p->done = done;
  if (p->first_step_s == 0) p->first_step_s = lsi_clock_s();
  if (logs && lsi_progress_due(p)) show_bar(p, logs, false);
}

void lsi_progress_end(lsi_progress *p, const lsi_logs *logs) {
  if (p->verbose == 1) show_bar(p, logs, true);
  if (p->verbose != 2) return;
  char per_step[32];
  double now = lsi_clock_s();
  step_time(p, now, per_step, sizeof per_step);
  printf("%" PRId64 "/%" PRId64 " - %.0fs - %s", p->done, p->total, now - p->start_s, per_step);
  print_logs(logs);
  putchar('\n');
  fflush(stdout);
}
