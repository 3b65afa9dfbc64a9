/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>

static FILE *log_sink;
static lsi_log_level log_level = LSI_LOG_WARN;

void lsi_log_configure(lsi_log_level level, FILE *sink) {
  log_level = level;
  log_sink = sink;
}

/* In one piece: stderr has no buffer, and other output goes to the same file. */
static void write_line(const char *tag, const char *format, va_list args) {
  char text[2048];
  vsnprintf(text, sizeof text, format, args);
  fprintf(log_sink, "lockstep: %s%s\n", tag, text);
  fflush(log_sink);
}

void lsi_log_warn(const char *format, ...) {
  if (!log_sink || log_level < LSI_LOG_WARN) return;
  va_list args;
  va_start(args, format);
  write_line("warning: ", format, args);
  va_end(args);
}

void lsi_log_info(const char *format, ...) {
  if (!log_sink || log_level < LSI_LOG_INFO) return;
  va_list args;
  va_start(args, format);
  write_line("", format, args);
  va_end(args);
}
