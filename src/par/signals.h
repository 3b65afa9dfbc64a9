/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_SIGNALS_H
#define LSI_PAR_SIGNALS_H
/* What asks a run to stop: SIGINT, SIGTERM, SIGUSR1, or a time that has come. The ranks agree on it at the step boundary. */
#include <stdbool.h>
#include <stdint.h>

enum { LSI_STOP_INT = 1u, LSI_STOP_TERM = 2u, LSI_STOP_USR1 = 4u, LSI_STOP_TIME = 8u };
#define LSI_STOP_ANY (LSI_STOP_INT | LSI_STOP_TERM | LSI_STOP_USR1 | LSI_STOP_TIME)

bool lsi_signals_install(void);   /* remembers the previous handlers; false: was in place. A second SIGINT has the default effect. */
void lsi_signals_restore(void);
uint32_t lsi_signals_pending(void); /* LSI_STOP_* bits seen so far */
void lsi_signals_clear(void);
void lsi_signals_stop_at(double clock_s); /* from this lsi_clock_s() on LSI_STOP_TIME is pending; INFINITY: never. Of one rank, by its clock alone. */
const char *lsi_signals_name(uint32_t bits); /* "SIGTERM" */
#endif
