/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

/* Philox4x32 constants, Salmon et al. 2011, table 2 and section 3.3. */
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u;
static const uint32_t W0 = 0x9E3779B9u, W1 = 0xBB67AE85u;

uint64_t lsi_mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

lsi_rng lsi_rng_make(uint64_t seed, lsi_rng_purpose purpose, uint64_t layer, uint64_t step) {
  uint64_t k = lsi_mix64(seed);
  k = lsi_mix64(k ^ (uint64_t)purpose);
  k = lsi_mix64(k ^ layer);
  k = lsi_mix64(k ^ step);
  return (lsi_rng){{(uint32_t)k, (uint32_t)(k >> 32)}};
}

/* LANES blocks of four words at once; the plain loops over lanes are what the compiler vectorises. */
enum { LANES = 16 };

static inline __attribute__((always_inline)) void philox_lanes(lsi_rng rng, uint64_t sample,
                                                               uint64_t block, uint32_t *out) {
  uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
  for (int i = 0; i < LANES; i++) {
    c0[i] = (uint32_t)(block + (uint64_t)i);
    c1[i] = (uint32_t)((block + (uint64_t)i) >> 32);
    c2[i] = (uint32_t)sample;
    c3[i] = (uint32_t)(sample >> 32);
  }
  uint32_t k0 = rng.key[0], k1 = rng.key[1];
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < LANES; i++) {
      uint64_t p0 = (uint64_t)M0 * c0[i], p1 = (uint64_t)M1 * c2[i];
      uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = (uint32_t)p1;
      c3[i] = (uint32_t)p0;
      c0[i] = n0;
      c2[i] = n2;
    }
    k0 += W0;
    k1 += W1;
  }
  for (int i = 0; i < LANES; i++) {
    out[4 * i] = c0[i];
    out[4 * i + 1] = c1[i];
    out[4 * i + 2] = c2[i];
    out[4 * i + 3] = c3[i];
  }
}

/* As math/clones.h: not with clang, which leaves out the function's own symbol, nor under sanitizers. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(LS_SANITIZED)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void
lsi_rng_u32(lsi_rng rng, uint64_t sample, uint64_t first, uint32_t *out, size_t n) {
  uint64_t block = first / 4;
  for (; n >= 4 * LANES; n -= 4 * LANES, out += 4 * LANES, block += LANES)
    philox_lanes(rng, sample, block, out);
  if (n == 0) return;
  uint32_t tail[4 * LANES];
  philox_lanes(rng, sample, block, tail);
  for (size_t i = 0; i < n; i++) out[i] = tail[i];
}

double lsi_rng_double(lsi_rng rng, uint64_t sample, uint64_t element) {
  uint32_t words[4];
  lsi_rng_u32(rng, sample, (2 * element) & ~(uint64_t)3, words, 4);
  const uint32_t *pair = words + ((2 * element) & 3);
  uint64_t bits = ((uint64_t)pair[0] << 32 | pair[1]) >> 12;
  return ((double)bits + 0.5) * 0x1p-52;
}
