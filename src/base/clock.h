/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_CLOCK_H
#define LSI_BASE_CLOCK_H
/* Monotonic time, for reports only: no result ever depends on it. */
#include <time.h>

static inline double lsi_clock_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
#endif
