/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_WATCHDOG_H
#define LSI_PAR_WATCHDOG_H
/*
 * For the few calls of MPI that wait for all ranks and cannot be left (MPI_Init, making communicators,
 * MPI_Finalize): a thread that ends the process when they outlast the deadline.
 */
#include <stdbool.h>
#include "base/status.h"

typedef struct lsi_watchdog lsi_watchdog;

/* `what` is for the message, static text. seconds 0: no watchdog, *out is NULL. */
ls_status lsi_watchdog_begin(const char *what, double seconds, lsi_watchdog **out);
void lsi_watchdog_end(lsi_watchdog **watchdog);
/* The same at once, for what has taken `seconds` and cannot be left. */
_Noreturn void lsi_watchdog_leave(const char *what, double seconds);

/*
 * After LS_ERR_DEADLINE: ends this process, and with it the job. The rank that holds the record
 * (`speaks`) calls MPI_Abort; the others give it the time to be heard first.
 */
_Noreturn void lsi_watchdog_abandon(bool speaks);
#endif
