/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_RNG_H
#define LSI_BASE_RNG_H
/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC'11). A value is a pure function of what it is for, never of who draws it or when:
 * there is no state to save, and any rank may draw any element.
 */
#include <stddef.h>
#include <stdint.h>

typedef enum lsi_rng_purpose {
  LSI_RNG_INIT = 1,    /* layer = tensor index, step = 0 */
  LSI_RNG_SHUFFLE = 2, /* step = epoch */
  LSI_RNG_DROPOUT = 3, /* step = optimizer iteration, sample = row of the global batch */
  LSI_RNG_NOISE = 4,
  LSI_RNG_TEST = 5,
} lsi_rng_purpose;

/* One independent stream; elements are addressed by (sample, element). */
typedef struct lsi_rng {
  uint32_t key[2];
} lsi_rng;

lsi_rng lsi_rng_make(uint64_t seed, lsi_rng_purpose purpose, uint64_t layer, uint64_t step);

/* out[i] = the 32 random bits of (sample, first + i), i < n. `first` must be a multiple of 4. */
void lsi_rng_u32(lsi_rng rng, uint64_t sample, uint64_t first, uint32_t *out, size_t n);

/* One element; uniform double in (0, 1), 52 random bits from two words: elements 2e and 2e+1 of the stream. */
double lsi_rng_double(lsi_rng rng, uint64_t sample, uint64_t element);

/* 64-bit finaliser (splitmix64), for keys and Feistel rounds. */
static inline uint64_t lsi_mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}
#endif
