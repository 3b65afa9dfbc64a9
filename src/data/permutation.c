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

enum { LANES = 8, RUN = 64 };

/* Bijections of [0, 4^half_bits): each round swaps the halves and XORs one with a function of the other. One value after the other
   would wait for each multiplication. */
static void feistel(const lsi_permutation *p, uint64_t *x, int lanes) {
  uint64_t mask = (UINT64_C(1) << p->half_bits) - 1, left[LANES], right[LANES];
  for (int l = 0; l < lanes; l++) left[l] = x[l] >> p->half_bits, right[l] = x[l] & mask;
  for (int i = 0; i < ROUNDS; i++)
    for (int l = 0; l < lanes; l++) {
      uint64_t next = left[l] ^ (lsi_mix64(p->keys[i] ^ right[l]) & mask);
      left[l] = right[l];
      right[l] = next;
    }
  for (int l = 0; l < lanes; l++) x[l] = left[l] << p->half_bits | right[l];
}

/* Walking the cycle until it comes back below n keeps it a bijection; fewer than 4 steps on average. Those that have arrived make room. */
static void run(const lsi_permutation *p, int64_t first, int n, int64_t *out) {
  uint64_t x[RUN];
  int place[RUN], left = n;
  for (int i = 0; i < n; i++) x[i] = (uint64_t)(first + i), place[i] = i;
  while (left > 0) {
    for (int i = 0; i < left; i += LANES) feistel(p, x + i, left - i < LANES ? left - i : LANES);
    int still = 0;
    for (int i = 0; i < left; i++) {
      out[place[i]] = (int64_t)x[i];
      x[still] = x[i];
      place[still] = place[i];
      still += x[i] >= (uint64_t)p->n;
    }
    left = still;
  }
}

void lsi_permutation_run(const lsi_permutation *permutation, int64_t first, int64_t n, int64_t *out) {
  for (int64_t i = 0; i < n; i += RUN) run(permutation, first + i, n - i < RUN ? (int)(n - i) : RUN, out + i);
}

int64_t lsi_permutation_at(const lsi_permutation *permutation, int64_t i) {
  int64_t at;
  run(permutation, i, 1, &at);
  return at;
}
