/* SPDX-License-Identifier: MIT */
#include "base/status.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static _Thread_local ls_error last_error;
static int this_rank = -1;

const ls_error *ls_last_error(void) {
  return &last_error;
}

bool ls_error_is_mine(void) {
  return last_error.status == LS_ERR_DEADLINE ? last_error.rank == this_rank : this_rank <= 0;
}

const char *ls_status_name(ls_status status) {
  switch (status) {
  case LS_OK: return "LS_OK";
#define LS_NAME(name, text)                                                                        \
  case LS_##name: return "LS_" #name;
    LS_STATUS_MAP(LS_NAME)
#undef LS_NAME
  default: return "LS_ERR_?";
  }
}

const char *ls_status_message(ls_status status) {
  switch (status) {
  case LS_OK: return "success";
#define LS_TEXT(name, text)                                                                        \
  case LS_##name: return text;
    LS_STATUS_MAP(LS_TEXT)
#undef LS_TEXT
  default: return "unknown status";
  }
}

ls_status lsi_error_set(ls_status status, const char *advice, const char *format, ...) {
  ls_error error = {.status = status, .rank = this_rank}; /* arguments may point into last_error */
  va_list args;
  va_start(args, format);
  vsnprintf(error.message, sizeof error.message, format, args);
  va_end(args);
  if (advice) snprintf(error.advice, sizeof error.advice, "%s", advice);
  last_error = error;
  return status;
}

void lsi_error_prefix(const char *format, ...) {
  if (last_error.status == LS_ERR_DEADLINE) return; /* the others did not come, wherever this rank was */
  char joined[sizeof last_error.message];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(joined, sizeof joined, format, args);
  va_end(args);
  if (n < 0) return;
  size_t used = (size_t)n < sizeof joined ? (size_t)n : sizeof joined - 1;
  snprintf(joined + used, sizeof joined - used, ": %s", last_error.message);
  memcpy(last_error.message, joined, sizeof joined);
}

void lsi_error_copy(const ls_error *error) {
  last_error = *error;
}

void lsi_error_clear(void) {
  memset(&last_error, 0, sizeof last_error);
}

void lsi_error_set_rank(int rank) {
  this_rank = rank;
}

/* Damerau-Levenshtein distance (optimal string alignment), case-folded; words over 63 characters never match. */
static int edit_distance(const char *a, const char *b) {
  enum { MAX = 64 };
  int la = (int)strlen(a), lb = (int)strlen(b);
  if (la >= MAX || lb >= MAX) return MAX;
  int d[MAX][MAX];
  for (int i = 0; i <= la; i++) d[i][0] = i;
  for (int j = 0; j <= lb; j++) d[0][j] = j;
  for (int i = 1; i <= la; i++) {
    for (int j = 1; j <= lb; j++) {
      int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
      int best = d[i - 1][j - 1] + (ca != cb);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
          cb == tolower((unsigned char)a[i - 2]) && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  }
  return d[la][lb];
}

const char *lsi_nearest_name(const char *word, const char *const *names, int n) {
  const char *best = NULL;
  int best_distance = (int)strlen(word) / 2 + 1; /* farther than half the word is no suggestion */
  for (int i = 0; i < n; i++) {
    int distance = edit_distance(word, names[i]);
    size_t prefix = strlen(word);
    if (prefix >= 3 && strncmp(word, names[i], prefix) == 0) distance = 1; /* a truncated name */
    if (distance < best_distance) {
      best_distance = distance;
      best = names[i];
    }
  }
  return best;
}
