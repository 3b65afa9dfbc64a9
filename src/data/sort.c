/* SPDX-License-Identifier: MIT */
#include "data/sort.h"

#include <string.h>

enum { BITS = 11, BINS = 1 << BITS };

/* One pass of a radix sort: by the digit at `shift`. */
static void by_digit(const lsi_want *from, lsi_want *to, int64_t n, int shift) {
  int64_t start[BINS] = {0}, sum = 0;
  for (int64_t i = 0; i < n; i++) start[from[i].row >> shift & (BINS - 1)]++;
  for (int b = 0; b < BINS; b++) {
    int64_t count = start[b];
    start[b] = sum;
    sum += count;
  }
  for (int64_t i = 0; i < n; i++) to[start[from[i].row >> shift & (BINS - 1)]++] = from[i];
}

/* A few rows: by insertion, without touching the bins. */
static void insert_all(lsi_want *wants, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    lsi_want w = wants[i];
    int64_t k = i;
    for (; k > 0 && wants[k - 1].row > w.row; k--) wants[k] = wants[k - 1];
    wants[k] = w;
  }
}

void lsi_sort_wants(lsi_want *wants, lsi_want *spare, int64_t n) {
  int64_t i = 1, most = n > 0 ? wants[0].row : 0;
  while (i < n && wants[i - 1].row <= wants[i].row) i++;
  if (i >= n) return;
  if (n <= 64) {
    insert_all(wants, n);
    return;
  }
  for (i = 0; i < n; i++)
    if (wants[i].row > most) most = wants[i].row;
  lsi_want *from = wants, *to = spare;
  for (int shift = 0; shift < 63 && most >> shift; shift += BITS) {
    by_digit(from, to, n, shift);
    lsi_want *swap = from;
    from = to;
    to = swap;
  }
  if (from != wants) memcpy(wants, from, (size_t)n * sizeof *wants);
}
