/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_BELL_H
#define LSI_PAR_BELL_H
/*
 * Sleep until somebody, perhaps another process, has changed something: polling would take time from
 * the cores that compute. Lies in shared memory, zeroed; it has no state to clean up.
 *
 *      waits:  heard = lsi_bell_listen(b); if (nothing to do) lsi_bell_wait(b, heard); and so again
 *      rings:  change it; lsi_bell_ring(b);
 */
#include <stdatomic.h>
#include <stdint.h>
#include "par/shm.h"

typedef struct lsi_bell {
  _Alignas(LSI_SHM_LINE) _Atomic uint32_t rung;
} lsi_bell;

uint32_t lsi_bell_listen(lsi_bell *bell);
/* Until it was rung after `heard`; also for no reason, and after a tenth of a second, as a process that dies does not ring. */
void lsi_bell_wait(lsi_bell *bell, uint32_t heard);
void lsi_bell_ring(lsi_bell *bell);
#endif
