/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_PEERS_H
#define LSI_PAR_PEERS_H
/*
 * What a rank knows of the others while it waits for them: the hosts, and the board of its node, a
 * piece of shared memory where every rank writes down what it is about. Nothing that is computed
 * depends on any of it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "par/comm.h"
#include "par/shm.h"

enum { LSI_HOST = 64 };

typedef enum lsi_phase {
  LSI_PHASE_START,
  LSI_PHASE_TRAIN,
  LSI_PHASE_CHECKPOINT,
  LSI_PHASE_VALIDATE,
  LSI_PHASE_EVALUATE,
  LSI_PHASE_FINISH
} lsi_phase;

/* A rank's line on the board. Only its rank writes it. */
typedef struct lsi_peer {
  _Alignas(LSI_SHM_LINE) _Atomic int32_t pid;
  _Atomic int32_t phase;
  _Atomic int64_t epoch, step; /* from 1, as users count; 0: none */
  _Atomic int32_t waits;       /* for a while now */
  _Atomic int32_t reads;       /* waits for its data, not for others */
} lsi_peer;

typedef struct lsi_peers {
  int rank, size, node, node_rank, node_size, n_nodes;
  char (*hosts)[LSI_HOST]; /* [n_nodes] */
  int *node_first;         /* [n_nodes + 1] node k has ranks node_first[k] .. node_first[k + 1] */
  lsi_shm shm;
  lsi_peer *board, *mine; /* [node_size], NULL when there is no shared memory; this rank's line */
  lsi_peer private_line;
  MPI_Comm calls; /* for the roll call alone */
  double deadline_s;
  int n_spins; /* polls before the core is given away: few where cores are shared */
  double waited_s; /* by the main thread, since the beginning */
  bool threaded;   /* a second thread calls MPI */
  pthread_mutex_t mpi;
  pthread_mutex_t roll_call;
  _Atomic int lost; /* 1: a rank did not arrive; nobody waits for anybody any more */
  ls_error error;   /* what is said about it */
} lsi_peers;

/* The name of a rank's host. */
const char *lsi_host_of(const lsi_comm *comm, int rank);

/* Takes over hosts and node_first, which are freed with it. Collective. */
ls_status lsi_peers_create(lsi_comm *comm, char (*hosts)[LSI_HOST], int *node_first);
void lsi_peers_destroy(lsi_peers *peers); /* NULL is fine */

/* What this rank is about from now on, for messages. Not collective; costs nothing. */
void lsi_phase_set(const lsi_comm *comm, lsi_phase phase, int64_t epoch, int64_t step);

/* LS_ERR_DEADLINE once a rank did not arrive, with the record of it. */
ls_status lsi_peers_check(const lsi_peers *peers);

/*
 * Who is missing? Ranks that wait are asked, each node's lowest speaks for its node, and the lowest of
 * those that hear each other holds the record (error.rank). Takes some seconds. Sets `lost`.
 */
ls_status lsi_roll_call(lsi_peers *peers);
/* Has somebody begun one? */
bool lsi_roll_call_begun(lsi_peers *peers);
#endif
