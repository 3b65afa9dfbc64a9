/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_SHARES_H
#define LSI_PAR_SHARES_H
/* An arena that every rank holds, or holds only its own share of: who has which elements, and how they meet. */
#include "par/comm.h"

typedef struct lsi_shares lsi_shares;

/* n: a multiple of 16. Rank r's share is the r-th of `size` runs of whole cache lines. Not collective. */
ls_status lsi_shares_create(const lsi_comm *comm, size_t n, lsi_shares **out);
void lsi_shares_destroy(lsi_shares **shares);
void lsi_shares_own(const lsi_shares *shares, size_t *begin, size_t *end);

/* Each rank's share of `arena` [n] to all, or to rank 0 only; in place. Collective. Never allocates. */
ls_status lsi_shares_to_all(const lsi_shares *shares, float *arena);
ls_status lsi_shares_to_root(const lsi_shares *shares, float *arena);
/* Give back the memory under what is not this rank's own; its contents are lost. */
void lsi_shares_forget(const lsi_shares *shares, float *arena);
#endif
