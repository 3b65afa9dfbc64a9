/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_CREW_H
#define LSI_DATA_CREW_H
/*
 * A few threads that work off jobs 0 .. n - 1 together with the thread that asks. Not OpenMP: its
 * teams belong to the arithmetic, and reading goes on beside it.
 */
#include <pthread.h>
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_crew lsi_crew;

/* One job, by worker 0 .. n_workers - 1. */
typedef ls_status (*lsi_crew_job)(void *context, int worker, int64_t job);

ls_status lsi_crew_create(int n_workers, lsi_crew **out); /* 1: the caller alone */
void lsi_crew_destroy(lsi_crew **crew);
/* Do all jobs; after a failure no new ones are begun. The error is that of the lowest job that failed. */
ls_status lsi_crew_run(lsi_crew *crew, int64_t n_jobs, lsi_crew_job job, void *context);
#endif
