/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_LOG_H
#define LSI_BASE_LOG_H
/* Notes to the user. Only the rank that owns the sink prints (rank 0 of the context); others are mute. */
#include <stdio.h>

typedef enum lsi_log_level { LSI_LOG_QUIET = 0, LSI_LOG_WARN = 1, LSI_LOG_INFO = 2 } lsi_log_level;

void lsi_log_configure(lsi_log_level level, FILE *sink); /* NULL sink: mute */
void lsi_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void lsi_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
