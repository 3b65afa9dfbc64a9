/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_EXCHANGE_H
#define LSI_PAR_EXCHANGE_H
/*
 * Gradient allreduce in leaf-tree order. Each rank fills its canonical partials (one row of n floats for each canonical node of
 * its leaves, see math/tree.h); afterwards every rank reads the global sum.
 * The result's bits depend on the number of leaves only: not on ranks, algorithm, ranges or topology.
 *
 *   LSI_EXCHANGE_SHARED        all ranks on one node: partials and sum live in shared memory; each rank sums its
 *                              slice straight from the others' memory. Two waits, no copies.
 *   LSI_EXCHANGE_HIERARCHICAL  several nodes: shared memory within each; between them slices of merged partials,
 *                              then of the sum, travel as messages.
 *   LSI_EXCHANGE_MPI           messages only, any placement.
 *   LSI_EXCHANGE_AUTO          shared or hierarchical where possible, else mpi. One rank: nothing moves.
 *
 * Two halves. Every element of a range has an owner among the ranks, who ends its sum; then the sum goes to all. With
 * lsi_exchange_set_halves the second half is left out, and lsi_exchange_gather does it for any values, such as
 * parameters that their owners have updated.
 */
#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"
#include "math/leaf_plan.h"
#include "par/comm.h"

typedef enum lsi_exchange_kind {
  LSI_EXCHANGE_AUTO,
  LSI_EXCHANGE_SHARED,
  LSI_EXCHANGE_MPI,
  LSI_EXCHANGE_HIERARCHICAL
} lsi_exchange_kind;
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

/* A thread keeps messages moving while the ranks compute; off at first. No effect where nothing travels as messages.
   Between steps only. Collective. */
ls_status lsi_exchange_set_overlap(lsi_exchange *exchange, bool overlap);

/* ---- the halves ---- */
enum { LSI_EXCHANGE_MAX_RANGE = 1 << 30 }; /* longer ranges have no single slice a rank */
/* From now on lsi_exchange_wait's sum is good in the elements this rank owns only. Logically collective. */
void lsi_exchange_set_halves(lsi_exchange *exchange, bool halves);
/* The elements of a range that rank `rank` owns: one piece, cut at cache lines of the arena; a function of the range and
   the number of ranks only. Not collective. */
void lsi_exchange_owned(size_t begin, size_t end, int rank, int n_ranks, size_t *own_begin,
                        size_t *own_end);
/* values[j], begin <= j < end, of their owners to all ranks, in place; between lsi_exchange_wait and the next step's first
   lsi_exchange_start, at most once a range. The sum is overwritten. Collective. */
ls_status lsi_exchange_gather(lsi_exchange *exchange, size_t begin, size_t end, float *values);

/* "shared" / "hierarchical" / "mpi" / "none" (one rank), and bytes this rank moved since creation. */
const char *lsi_exchange_name(const lsi_exchange *exchange);
size_t lsi_exchange_bytes(const lsi_exchange *exchange);
ls_status lsi_exchange_parse(const char *name, lsi_exchange_kind *kind); /* NULL: auto; nearest name in the error */
#endif
