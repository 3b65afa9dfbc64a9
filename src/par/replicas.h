/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_REPLICAS_H
#define LSI_PAR_REPLICAS_H
/* Ranks that should hold the same state: do they, and if not, who does not? Digests are compared, never averaged. */
#include <stdbool.h>
#include <stdint.h>
#include "par/comm.h"

typedef struct lsi_digest128 {
  uint64_t half[2];
} lsi_digest128;

typedef struct lsi_replica_vote {
  bool equal;
  bool majority;  /* more than half of the ranks agree; the others are at fault */
  int reference;  /* a rank of the largest group */
  char odd[400];  /* "rank 2 on node3"; without a majority, all of them: "rank 0 on a and rank 1 on b" */
} lsi_replica_vote;

/* One small integer reduction when all are equal; it allocates only when they are not. Collective. */
ls_status lsi_replicas_compare(const lsi_comm *comm, const lsi_digest128 *mine, lsi_replica_vote *vote);

/* The first of n digests in which some rank differs from rank `reference`; n when none does. Collective. */
ls_status lsi_replicas_first_difference(const lsi_comm *comm, int reference, const lsi_digest128 *mine, int n, int *first);
#endif
