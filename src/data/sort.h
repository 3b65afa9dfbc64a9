/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_SORT_H
#define LSI_DATA_SORT_H
#include "data/fetch.h"

/* By row, equal rows in the order they came; `spare` [n] is overwritten. Nothing is done when they are sorted. */
void lsi_sort_wants(lsi_want *wants, lsi_want *spare, int64_t n);
#endif
