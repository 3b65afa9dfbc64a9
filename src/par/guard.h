/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_GUARD_H
#define LSI_PAR_GUARD_H
/*
 * For the few calls of MPI that wait for all ranks and cannot be left (MPI_Init, making communicators,
 * MPI_Finalize): a thread that ends the process when they outlast the deadline.
 */
#include <stdbool.h>
#include "base/status.h"

typedef struct lsi_guard lsi_guard;

/* `what` is for the message, static text. seconds 0: no guard, *out is NULL. */
ls_status lsi_guard_begin(const char *what, double seconds, lsi_guard **out);
void lsi_guard_end(lsi_guard **guard);

/*
 * After LS_ERR_DEADLINE: ends this process, and with it the job. The rank that holds the record
 * (`speaks`) calls MPI_Abort; the others give it the time to be heard first.
 */
_Noreturn void lsi_guard_abandon(bool speaks);
#endif
