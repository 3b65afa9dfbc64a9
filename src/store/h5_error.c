/* SPDX-License-Identifier: MIT */
#include "store/h5_error.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

static herr_t keep_description(unsigned n, const H5E_error2_t *entry, void *buffer) {
  (void)n;
  if (entry->desc && entry->desc[0]) snprintf(buffer, 160, "%s", entry->desc);
  return 0;
}

const char *lsi_h5_reason(void) {
  static _Thread_local char reason[160];
  snprintf(reason, sizeof reason, "no reason given");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, reason);
  return reason;
}

typedef struct search {
  const char *words;
  bool found;
} search;

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
