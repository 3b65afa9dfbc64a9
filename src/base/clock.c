/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Field 22 of /proc/self/stat: ticks from the machine's start to the process's. The name, field 2, may hold blanks. */
double lsi_process_start_s(void) {
  char text[1024];
  unsigned long long ticks = 0;
  FILE *file = fopen("/proc/self/stat", "r");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file) fclose(file);
  text[n] = '\0';
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  if (!at || sscanf(at, "%llu", &ticks) != 1) return 0;
  struct timespec boot;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  double age = (double)boot.tv_sec + 1e-9 * (double)boot.tv_nsec - (double)ticks / (double)sysconf(_SC_CLK_TCK);
  return lsi_clock_s() - age;
}
