/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_PERMUTATION_H
#define LSI_DATA_PERMUTATION_H
/*
 * The epoch's order as a stateless bijection on [0, n): a Feistel network with cycle walking (Black and
 * Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002) keyed by (seed, epoch). Any rank can compute any place of it.
 */
#include <stdint.h>

typedef struct lsi_permutation {
  int64_t n;
  int half_bits;     /* domain 2^(2 * half_bits) >= n, < 4n */
  uint64_t keys[8];  /* one a round */
} lsi_permutation;

lsi_permutation lsi_permutation_make(uint64_t seed, uint64_t epoch, int64_t n);
/* One of many of the same epoch, told apart by what they are for and their number; (0, 0) is the one above. */
lsi_permutation lsi_permutation_of(uint64_t seed, uint64_t epoch, int64_t n, uint64_t purpose, uint64_t number);
int64_t lsi_permutation_at(const lsi_permutation *permutation, int64_t i); /* 0 <= i < n */
/* What is at first, first + 1, ... first + n - 1: several times as fast. */
void lsi_permutation_run(const lsi_permutation *permutation, int64_t first, int64_t n, int64_t *out);
#endif
