/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_SIGNALS_H
#define LSI_PAR_SIGNALS_H
/* SIGINT, SIGTERM and SIGUSR1 set a flag; the ranks agree on it at the step boundary. */
#include <stdbool.h>
#include <stdint.h>

enum { LSI_STOP_INT = 1u, LSI_STOP_TERM = 2u, LSI_STOP_USR1 = 4u };

bool lsi_signals_install(void);   /* remembers the previous handlers; false: was in place. A second SIGINT has the default effect. */
void lsi_signals_restore(void);
uint32_t lsi_signals_pending(void); /* LSI_STOP_* bits seen so far */
void lsi_signals_clear(void);
const char *lsi_signals_name(uint32_t bits); /* "SIGTERM" */
#endif
