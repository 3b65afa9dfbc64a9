/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_SHARES_H
#define LSI_PAR_SHARES_H
/* Arenas of which every rank holds its own share: who has which elements, and how they meet. */
#include "par/exchange.h"

typedef struct lsi_range {
  size_t begin, end;
} lsi_range;

/* Of range i, own[i] is this rank's: what lsi_exchange_owned says. */
typedef struct lsi_shares {
  const lsi_comm *comm; /* borrowed */
  int n;
  lsi_range *ranges, *own;
} lsi_shares;

/* Ranges that do not overlap, as the exchange's; those too long for it are cut. Not collective. */
ls_status lsi_shares_create(const lsi_comm *comm, const lsi_range *ranges, int n, lsi_shares **out);
void lsi_shares_destroy(lsi_shares **shares);
bool lsi_shares_equal(const lsi_shares *a, const lsi_shares *b);

/* Who has element `at`, and where his run of elements ends. -1: nobody, as it is in no range. */
int lsi_shares_owner(const lsi_shares *shares, size_t at, size_t *end);

/* Every owner's elements of `arena`, in place: to all by the exchange (lsi_exchange_gather), to all, or to rank 0. Collective.
   Never allocates. */
ls_status lsi_shares_exchange(const lsi_shares *shares, lsi_exchange *exchange, float *arena);
ls_status lsi_shares_to_all(const lsi_shares *shares, float *arena);
ls_status lsi_shares_to_root(const lsi_shares *shares, float *arena);
/* Give back the memory under what is not this rank's own; its contents are lost. `n` elements in all. */
void lsi_shares_forget(const lsi_shares *shares, float *arena, size_t n);
#endif
