/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_MOVER_H
#define LSI_PAR_MOVER_H
/*
 * A thread that keeps messages moving while the others compute: MPI gets on only while somebody calls
 * it. It polls under a lock of its own, so whoever posts, or waits himself, takes the lock first.
 */
#include "base/status.h"
#include "par/comm.h"

typedef struct lsi_mover lsi_mover;

typedef struct lsi_mover_work {
  /* One look at everything that is under way, without waiting. *moved: something got on; *left: there
     is more to come. After an error it is not called again. */
  ls_status (*poll)(void *user, bool *moved, bool *left);
  void *user;
} lsi_mover_work;

/* Asks rarely where the ranks' threads have all cores. *out is NULL, which the calls below take for a
   mover that does nothing, when MPI was initialised for one thread only or there is no thread to be
   had. Collective on comm->node. */
ls_status lsi_mover_create(const lsi_comm *comm, lsi_mover_work work, lsi_mover **out);
/* Nothing may be under way. Not collective. */
void lsi_mover_destroy(lsi_mover **mover);

/* Keep the thread away; LS_OK, or what its last poll failed with. */
ls_status lsi_mover_enter(lsi_mover *mover);
/* `left`: there is something to poll for. */
void lsi_mover_leave(lsi_mover *mover, bool left);
#endif
