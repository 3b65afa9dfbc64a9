/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <stdio.h>
#include <string.h>

char lsi_process_state(long pid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file)
    return '-';
  size_t n = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[n] = '\0';
  const char *name_end = strrchr(line, ')');
  return name_end && name_end[1] ? name_end[2] : '?';
}
