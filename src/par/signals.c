/* SPDX-License-Identifier: MIT */
#include "par/signals.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"

static const struct {
  int number;
  uint32_t bit;
  const char *name;
} stop_signals[] = {
    {SIGINT, LSI_STOP_INT, "SIGINT"},
    {SIGTERM, LSI_STOP_TERM, "SIGTERM"},
    {SIGUSR1, LSI_STOP_USR1, "SIGUSR1"},
};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

static struct sigaction previous[N_STOP_SIGNALS];
static bool installed;
static _Atomic uint32_t pending; /* lock-free, hence safe in a handler */
static double stop_at = INFINITY;

/* Only async-signal-safe calls: a second Ctrl-C means now, so it gets the default effect. */
static void on_signal(int number) {
  for (int i = 0; i < N_STOP_SIGNALS; i++) {
    if (stop_signals[i].number != number)
      continue;
    uint32_t seen = atomic_fetch_or(&pending, stop_signals[i].bit);
    if (number == SIGINT && (seen & LSI_STOP_INT)) {
      signal(SIGINT, SIG_DFL);
      raise(SIGINT);
    }
  }
}

bool lsi_signals_install(void) {
  if (installed)
    return false;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < N_STOP_SIGNALS; i++)
    sigaction(stop_signals[i].number, &action, &previous[i]);
  return installed = true;
}

void lsi_signals_restore(void) {
  if (!installed)
    return;
  for (int i = 0; i < N_STOP_SIGNALS; i++)
    sigaction(stop_signals[i].number, &previous[i], NULL);
  installed = false;
}

uint32_t lsi_signals_pending(void) {
  uint32_t time = isfinite(stop_at) && lsi_clock_s() >= stop_at ? LSI_STOP_TIME : 0;
  return atomic_load(&pending) | time;
}

void lsi_signals_stop_at(double clock_s) {
  stop_at = clock_s;
}

void lsi_signals_clear(void) {
  atomic_store(&pending, 0);
}

const char *lsi_signals_name(uint32_t bits) {
  for (int i = 0; i < N_STOP_SIGNALS; i++)
    if (bits & stop_signals[i].bit)
      return stop_signals[i].name;
  return bits & LSI_STOP_TIME ? "the time limit" : "no signal";
}
