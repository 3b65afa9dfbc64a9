/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_EXCHANGE_H
#define LSI_PAR_EXCHANGE_H
/*
 * Gradient allreduce in leaf-tree order. Each rank fills its canonical partials (one row of n floats for each canonical node of
 * its leaves, see math/tree.h); afterwards every rank reads the global sum.
 * The result's bits depend on the number of leaves only: not on ranks, algorithm, ranges or topology.
 *
 *   LSI_EXCHANGE_SHARED  all ranks on one node: partials and sum live in MPI shared memory; each rank sums its slice
 *                        straight from the others' memory. Two barriers, no copies.
 *   LSI_EXCHANGE_MPI     any placement: alltoallv of slices of partials, tree sum, allgatherv.
 *   LSI_EXCHANGE_AUTO    shared where possible, else mpi. One rank: nothing moves.
 */
#include <stddef.h>
#include "base/status.h"
#include "math/leaf_plan.h"
#include "par/comm.h"

typedef enum lsi_exchange_kind { LSI_EXCHANGE_AUTO, LSI_EXCHANGE_SHARED, LSI_EXCHANGE_MPI } lsi_exchange_kind;
typedef struct lsi_exchange lsi_exchange;

/* Collective. n elements (the trainable arena), at most max_nodes partials on any rank. Falls back from shared to mpi on AUTO
   when shared memory cannot be had (e.g. /dev/shm too small). */
ls_status lsi_exchange_create(const lsi_comm *comm, lsi_exchange_kind kind, size_t n, int max_nodes,
                              lsi_exchange **out);
void lsi_exchange_destroy(lsi_exchange **exchange); /* collective */

/* Row `node` of this rank's partials, [n] floats, 64-byte aligned, to be filled by backward. Not collective. */
float *lsi_exchange_partial(lsi_exchange *exchange, int node);

/* Elements [begin, end) of all partials of this batch are complete: their exchange may begin. Ranges of one
   step do not overlap; all ranks pass the same ranges in the same order. Collective. */
ls_status lsi_exchange_start(lsi_exchange *exchange, const lsi_leaf_plan *plan, size_t begin, size_t end);

/* Wait for all ranges of the step. *sum is the global sum, [n], readable until the next step's first
   lsi_exchange_start on any rank (i.e. until this rank enters it). Collective. */
ls_status lsi_exchange_wait(lsi_exchange *exchange, const float **sum);

/* "shared" / "mpi" / "none" (one rank), and bytes this rank moved since creation. */
const char *lsi_exchange_name(const lsi_exchange *exchange);
size_t lsi_exchange_bytes(const lsi_exchange *exchange);
ls_status lsi_exchange_parse(const char *name, lsi_exchange_kind *kind); /* NULL: auto; nearest name in the error */
#endif
