/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_WAIT_H
#define LSI_PAR_WAIT_H
/*
 * The one way to wait for other ranks: poll, then give the core away, then doze; and after the
 * deadline find out who is missing (LS_ERR_DEADLINE). No other blocking call of MPI is used once a
 * communicator stands, as those cannot be left.
 */
#include "par/comm.h"
#include "par/reading.h"
#include "par/shm.h"

typedef struct lsi_wait {
  uint64_t polls;
  double began, last; /* clock of the first and the latest look at it */
  double waited;      /* seconds, without those this process was stopped for */
  const lsi_reading *reading; /* while it is on, this rank waits for its own data, not for other ranks; NULL: never */
  uint64_t steps;             /* of it, at the latest look */
  double read_s, still_s, told_s; /* how long it has; since a read ended; when the others were told */
} lsi_wait;             /* begins as {0} */

/* After a poll in vain. */
ls_status lsi_wait_pause(lsi_peers *peers, lsi_wait *wait);
/* When it is over, whatever the outcome. */
void lsi_wait_end(lsi_peers *peers, const lsi_wait *wait);

/* This thread's waiting delays nobody: it is not counted in waited_s. */
void lsi_wait_aside(void);

/* Until all requests are complete. */
ls_status lsi_wait_all(const lsi_comm *comm, int n, MPI_Request *requests);
static inline ls_status lsi_wait_one(const lsi_comm *comm, MPI_Request *request) {
  return lsi_wait_all(comm, 1, request);
}
/* Until all n counters have reached `target`: what their owners wrote before is visible then. */
ls_status lsi_counters_wait(lsi_counter *counters, int n, uint64_t target, const lsi_comm *comm);
/* The same while a thread of this rank may read from files. */
ls_status lsi_counters_wait_reading(lsi_counter *counters, int n, uint64_t target, const lsi_comm *comm, const lsi_reading *reading);

/* How long to poll before giving the core away: less where ranks x threads exceed the cores, as the
   awaited rank needs this core then. Collective on comm->node. */
ls_status lsi_wait_settle(const lsi_comm *comm);

/* Around calls of MPI outside of this file: one thread at a time (MPI_THREAD_SERIALIZED). */
void lsi_mpi_lock(const lsi_comm *comm);
void lsi_mpi_unlock(const lsi_comm *comm);
/* A call of MPI that starts or tests something, under the lock; its status. */
#define LSI_MPI_LOCKED(where, call)                                                                \
  (lsi_mpi_lock(where), lsi_mpi_unlocked((where), (call), #call))
ls_status lsi_mpi_unlocked(const lsi_comm *comm, int code, const char *call);
#endif
