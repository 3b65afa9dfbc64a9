/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_TRIAL_H
#define LSI_STORE_TRIAL_H
/*
 * HDF5 1.10 crashes, loops or asks for absurd memory on some damaged or hostile files, whatever its caller checks. So a file from elsewhere
 * is read once in a child process with bounded memory and time, and which writes nothing; what survives there is read again here, where the
 * same bytes take the same path.
 */
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_trial_limits {
  uint64_t memory; /* bytes more than the process has now */
  unsigned seconds; /* of CPU time */
} lsi_trial_limits;

/* For a file of this many bytes. */
lsi_trial_limits lsi_trial_limits_for(uint64_t file_bytes);

/* Run read(argument) in a child. What it returns does not matter (it will be said again here): LS_OK unless it did not come back, then
   LS_ERR_CORRUPT. Within a trial, and in builds with sanitizers (which shall see for themselves), it does nothing. No thread of this process
   may be inside HDF5; `read` starts no threads. */
ls_status lsi_trial_run(const char *path, lsi_trial_limits limits, ls_status (*read)(void *argument), void *argument);
#endif
