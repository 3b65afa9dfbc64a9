/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_JOB_END_H
#define LSI_PAR_JOB_END_H
/*
 * When does the batch system end this job? Slurm ends it at its time limit, and nobody tells the
 * program when that is: the environment does (SLURM_JOB_END_TIME, from Slurm 22.05 on), or squeue.
 * Rank 0 asks for all.
 */
#include "par/launch.h"

/* Seconds until the end of this job, as its environment says; INFINITY: it says nothing. Negative
   when the clocks of the controller and this host are apart. */
double lsi_job_end_environment(lsi_getenv get, void *user);

/* The same as Slurm's controller says now, which knows of limits changed meanwhile. INFINITY: no
   job, no limit, or no answer within `patience` seconds. Runs squeue. */
double lsi_job_end_ask(lsi_getenv get, void *user, double patience);

/* squeue's time left, "[[D-]H:]M:S", in seconds; INFINITY for UNLIMITED and all that is no time.
 * Pure. */
double lsi_job_end_parse(const char *text);
#endif
