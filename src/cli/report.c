/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_is_first(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                      "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *rank = getenv(names[i]);
    if (rank)
      return strcmp(rank, "0") == 0;
  }
  return true;
}

static void say(const char *kind, const char *hint, const char *format, va_list args) {
  fflush(stdout); /* what was said before comes first */
  fprintf(stderr, "lockstep: %s", kind);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  if (hint && *hint)
    fprintf(stderr, "  hint: %s\n", hint);
}

void cli_error(const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (cli_is_first())
    say("error: ", hint, format, args);
  va_end(args);
}

void cli_note(const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (cli_is_first())
    say("", hint, format, args);
  va_end(args);
}

int cli_usage(const char *verb, const char *format, ...) {
  char message[1024], hint[128];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  snprintf(hint, sizeof hint, "lockstep %s%s--help", verb ? verb : "", verb ? " " : "");
  cli_error(hint, "%s%s%s", verb ? verb : "", verb ? ": " : "", message);
  return CLI_USAGE;
}

static void say_lost(const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("error: ", hint, format, args);
  va_end(args);
}

/* The first process may be the one that is missed: whoever holds the record tells. */
static int lost(const ls_error *error) {
  if (ls_error_is_mine())
    say_lost(error->advice, "%s", error->message);
  return CLI_LOST;
}

/* "(rank 1 on host b)" where that helps to find the cause: of rank 0 alone, what could be another matter on another host. */
static void where_text(const ls_error *error, char text[120]) {
  ls_status s = error->status;
  bool of_host = s == LS_ERR_NOT_FOUND || s == LS_ERR_IO || s == LS_ERR_NO_SPACE || s == LS_ERR_MEMORY || s == LS_ERR_CORRUPT;
  text[0] = '\0';
  if (error->rank > 0 || (error->host[0] && of_host))
    snprintf(text, 120, error->host[0] ? " (rank %d on host %s)" : " (rank %d)", error->rank, error->host);
}

int cli_fail(ls_status status) {
  const ls_error *error = ls_last_error();
  if (status == LS_ERR_DEADLINE && error->status == status)
    return lost(error);
  if (status == LS_ERR_INTERRUPTED) {
    cli_note(error->advice, "%s", error->message);
    return CLI_INTERRUPTED;
  }
  const char *message = error->status == status ? error->message : ls_status_message(status);
  const char *hint = error->status == status ? error->advice : NULL;
  char where[120] = "";
  if (error->status == status)
    where_text(error, where);
  cli_error(hint, "%s%s", message, where);
  return status == LS_ERR_CONFIG ? CLI_USAGE : CLI_FAILURE;
}

int cli_fail_config(ls_status status) {
  cli_fail(status);
  return status == LS_ERR_MEMORY ? CLI_FAILURE : CLI_USAGE;
}

void cli_print_value(const char *name, double value) {
  if (isnan(value))
    value = NAN; /* printf shows the sign of a NaN */
  printf(fabs(value) > 1e-3 || value == 0 || isnan(value) ? "%s: %.4f" : "%s: %.4e", name, value);
}
