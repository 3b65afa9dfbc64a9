/* SPDX-License-Identifier: MIT */
#include "data/permutation.h"

#include "base/rng.h"

enum { ROUNDS = 8 };

lsi_permutation lsi_permutation_of(uint64_t seed, uint64_t epoch, int64_t n, uint64_t purpose,
                                   uint64_t number) {
  lsi_permutation p = {.n = n};
  while (p.half_bits < 31 && (INT64_C(1) << (2 * p.half_bits)) < n) p.half_bits++;
  uint32_t words[2 * ROUNDS];
  lsi_rng_u32(lsi_rng_make(seed, LSI_RNG_SHUFFLE, purpose, epoch), number, 0, words, 2 * ROUNDS);
  for (int i = 0; i < ROUNDS; i++) p.keys[i] = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
  return p;
}

lsi_permutation lsi_permutation_make(uint64_t seed, uint64_t epoch, int64_t n) {
  return lsi_permutation_of(seed, epoch, n, 0, 0);
}

/* A bijection of [0, 4^half_bits): each round swaps the halves and XORs one with a function of the
 * other. */
static uint64_t feistel(const lsi_permutation *p, uint64_t x) {
  uint64_t mask = (UINT64_C(1) << p->half_bits) - 1;
  uint64_t left = x >> p->half_bits, right = x & mask;
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t next = left ^ (lsi_mix64(p->keys[i] ^ right) & mask);
    left = right;
    right = next;
  }
  return left << p->half_bits | right;
}

/* Walking the cycle until it comes back below n keeps it a bijection; fewer than 4 steps on
 * average. */
int64_t lsi_permutation_at(const lsi_permutation *permutation, int64_t i) {
  uint64_t x = (uint64_t)i;
  do x = feistel(permutation, x);
  while (x >= (uint64_t)permutation->n);
  return (int64_t)x;
}
