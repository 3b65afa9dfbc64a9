/* SPDX-License-Identifier: MIT */
#include "store/h5_error.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON = 160 };

/* HDF5 writes the system's error into a text of several lines: "..., errno = 5, error message = 'Input/output error', ...". */
static bool system_error(const char *text, char *reason) {
  static const char mark[] = "error message = '";
  const char *number = strstr(text, "errno = "), *message = strstr(text, mark);
  if (!number || !message || strtol(number + strlen("errno = "), NULL, 10) == 0) return false;
  message += strlen(mark);
  snprintf(reason, REASON, "%.*s", (int)strcspn(message, "'"), message);
  return true;
}

typedef struct search {
  const char *words;
  char *reason; /* [REASON] */
  bool found;
} search;

static herr_t keep_description(unsigned n, const H5E_error2_t *entry, void *data) {
  (void)n;
  search *s = data;
  if (!entry->desc || !entry->desc[0] || s->found) return 0;
  s->found = system_error(entry->desc, s->reason);
  if (!s->found) snprintf(s->reason, REASON, "%.*s", (int)strcspn(entry->desc, "\n"), entry->desc);
  return 0;
}

static const char *reason_of_stack(bool *from_system) {
  static _Thread_local char reason[REASON];
  search s = {.reason = reason};
  snprintf(reason, sizeof reason, "no reason given");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, &s);
  *from_system = s.found;
  return reason;
}

const char *lsi_h5_reason(void) {
  return reason_of_stack(&(bool){false});
}

const char *lsi_h5_system_error(void) {
  bool from_system;
  const char *reason = reason_of_stack(&from_system);
  return from_system ? reason : NULL;
}

static herr_t look_for(unsigned n, const H5E_error2_t *entry, void *data) {
  (void)n;
  search *s = data;
  if (entry->desc && strstr(entry->desc, s->words)) s->found = true;
  return 0;
}

bool lsi_h5_reason_has(const char *words) {
  search s = {.words = words};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, look_for, &s);
  return s.found;
}
