/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_SHM_H
#define LSI_PAR_SHM_H
/*
 * Memory shared by the ranks of one node, and counters to wait on.
 *
 * Not MPI_Win_allocate_shared: pages are reserved (posix_fallocate) by the rank that will write
 * them, so a small /dev/shm is an error here and not a SIGBUS in the middle of a step, and memory
 * lies near its owner.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include "par/comm.h"

enum { LSI_SHM_PAGE = 4096, LSI_SHM_LINE = 64 };

typedef struct lsi_shm {
  char *base; /* page-aligned, zeroed, n_bytes long; other addresses on other ranks */
  size_t n_bytes;
  int file;
} lsi_shm;

/* Every rank maps the same n_bytes (equal on all). Collective on comm, whose ranks must be on one
   node; the same error on all ranks when one cannot. Nothing is left in the file system, whoever
   dies. */
ls_status lsi_shm_create(const lsi_comm *comm, size_t n_bytes, lsi_shm *out);

/* Make sure of the pages of [begin, end); LS_ERR_NO_SPACE. Must cover every byte that is used. Not
 * collective. */
ls_status lsi_shm_reserve(const lsi_shm *shm, size_t begin, size_t end);
void lsi_shm_destroy(lsi_shm *shm); /* a zero or failed one is fine; not collective */

/* One counter a rank, each in its own cache line. A rank adds to its own only. */
typedef struct lsi_counter {
  _Alignas(LSI_SHM_LINE) _Atomic uint64_t value;
} lsi_counter;

/* Publish all writes made before. */
static inline void lsi_counter_set(lsi_counter *counter, uint64_t value) {
  atomic_store_explicit(&counter->value, value, memory_order_release);
}

/* Have all n counters reached `target`? If so, what their owners wrote before is visible. To wait for
   it: par/wait.h. */
bool lsi_counters_reached(lsi_counter *counters, int n, uint64_t target);
#endif
