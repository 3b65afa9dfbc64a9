/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { TEXT = 1024 };

/* From the end of field 2 on, the name, which may hold blanks; NULL: there is nothing to read. `who`: a number, or "self". */
static const char *after_name(const char *who, char text[TEXT]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/stat", who);
  FILE *file = fopen(path, "r");
  if (!file)
    return NULL;
  size_t n = fread(text, 1, TEXT - 1, file);
  fclose(file);
  text[n] = '\0';
  const char *name_end = strrchr(text, ')');
  return name_end ? name_end + 1 : text + n;
}

char lsi_process_state(long pid) {
  char who[32], text[TEXT];
  snprintf(who, sizeof who, "%ld", pid);
  const char *at = after_name(who, text);
  if (!at)
    return '-';
  return at[0] ? at[1] : '?';
}

/* Field 22: ticks from the machine's start to the process's. */
double lsi_process_start_s(void) {
  char text[TEXT];
  unsigned long long ticks = 0;
  const char *at = after_name("self", text);
  for (int field = 3; at && field <= 22; field++) { /* a blank before each */
    at = strchr(at, ' ');
    if (at) at++;
  }
  if (!at || sscanf(at, "%llu", &ticks) != 1) return 0;
  struct timespec boot;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  double age = (double)boot.tv_sec + 1e-9 * (double)boot.tv_nsec - (double)ticks / (double)sysconf(_SC_CLK_TCK);
  return lsi_clock_s() - age;
}
