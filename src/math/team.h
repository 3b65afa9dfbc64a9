/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_TEAM_H
#define LSI_MATH_TEAM_H
/* How many OpenMP threads this process uses. Thread counts never change a result's bits. */
#include <stddef.h>

void lsi_team_set_size(int n_threads); /* >= 1; set once by the context */
int lsi_team_size(void);

/* The work from which threads are woken; 0: the default. */
void lsi_team_set_worth(double work);

/* Threads worth waking for `work` elementary operations (multiply-adds, or elements x cost):
   1 when the work is smaller than a fork/join, else lsi_team_size(). */
int lsi_team_for(double work);

/* The calling thread works beside the team from now on: it never gets one. */
void lsi_team_alone(void);

/* Static contiguous partition: thread t of n gets [*begin, *end) of count items, in multiples of
 * `unit`. */
void lsi_team_slice(size_t count, size_t unit, int t, int n, size_t *begin, size_t *end);
#endif
