/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

/* Philox4x32 constants, Salmon et al. 2011, table 2 and section 3.3. */
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u;
static const uint32_t W0 = 0x9E3779B9u, W1 = 0xBB67AE85u;

lsi_rng lsi_rng_make(uint64_t seed, lsi_rng_purpose purpose, uint64_t layer, uint64_t step) {
  uint64_t k = lsi_mix64(seed);
  k = lsi_mix64(k ^ (uint64_t)purpose);
  k = lsi_mix64(k ^ layer);
  k = lsi_mix64(k ^ step);
  return (lsi_rng){{(uint32_t)k, (uint32_t)(k >> 32)}};
}

/* One block of four words. */
static void philox(lsi_rng rng, uint64_t sample, uint64_t block, uint32_t out[4]) {
  uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)sample, c3 = (uint32_t)(sample >> 32);
  uint32_t k0 = rng.key[0], k1 = rng.key[1];
  for (int round = 0; round < 10; round++, k0 += W0, k1 += W1) {
    uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#ifdef __x86_64__
#include <immintrin.h>

enum { BLOCKS = 8 }; /* at once, by vectors */

/*
 * Each word is the low half of 64 bits, which is all that vpmuludq looks at, so that the high halves may hold anything on the way.
 * Blocks lie in the lanes as 0 2 1 3, the order in which unpacking puts them side by side. 2.5 times as fast as what GCC 12 makes of
 * loops over the same lanes.
 */
__attribute__((target("avx2"))) static void philox_avx2(lsi_rng rng, uint64_t sample, uint64_t block, uint32_t *out) {
  const __m256i m0 = _mm256_set1_epi64x(M0), m1 = _mm256_set1_epi64x(M1), low = _mm256_set1_epi64x(0xffffffff);
  __m256i c0[2], c1[2], c2[2], c3[2];
  for (int v = 0; v < 2; v++) {
    c0[v] = _mm256_add_epi64(_mm256_set1_epi64x((long long)(block + 4 * (uint64_t)v)), _mm256_setr_epi64x(0, 2, 1, 3));
    c1[v] = _mm256_srli_epi64(c0[v], 32);
    c2[v] = _mm256_set1_epi64x((long long)sample);
    c3[v] = _mm256_srli_epi64(c2[v], 32);
  }
  uint32_t k0 = rng.key[0], k1 = rng.key[1];
  for (int round = 0; round < 10; round++, k0 += W0, k1 += W1)
    for (int v = 0; v < 2; v++) {
      __m256i p0 = _mm256_mul_epu32(m0, c0[v]), p1 = _mm256_mul_epu32(m1, c2[v]);
      c0[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1[v]), _mm256_set1_epi64x(k0));
      c2[v] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3[v]), _mm256_set1_epi64x(k1));
      c1[v] = p1;
      c3[v] = p0;
    }
  for (int v = 0; v < 2; v++, out += 16) {
    __m256i first = _mm256_or_si256(_mm256_and_si256(c0[v], low), _mm256_slli_epi64(c1[v], 32));
    __m256i second = _mm256_or_si256(_mm256_and_si256(c2[v], low), _mm256_slli_epi64(c3[v], 32));
    _mm256_storeu_si256((__m256i *)out, _mm256_unpacklo_epi64(first, second));
    _mm256_storeu_si256((__m256i *)(out + 8), _mm256_unpackhi_epi64(first, second));
  }
}

/* The words of as many blocks as go by vectors; how many that are. */
static size_t philox_vectors(lsi_rng rng, uint64_t sample, uint64_t block, uint32_t *out, size_t n) {
  size_t done = 0;
  if (n < 4 * BLOCKS || !__builtin_cpu_supports("avx2")) return 0;
  for (; n - done >= 4 * BLOCKS; done += 4 * BLOCKS, block += BLOCKS) philox_avx2(rng, sample, block, out + done);
  return done;
}
#else
static size_t philox_vectors(lsi_rng rng, uint64_t sample, uint64_t block, uint32_t *out, size_t n) {
  (void)rng, (void)sample, (void)block, (void)out, (void)n;
  return 0;
}
#endif

void lsi_rng_u32(lsi_rng rng, uint64_t sample, uint64_t first, uint32_t *out, size_t n) {
  size_t done = philox_vectors(rng, sample, first / 4, out, n);
  for (; n - done >= 4; done += 4) philox(rng, sample, (first + done) / 4, out + done);
  uint32_t tail[4];
  if (done < n) philox(rng, sample, (first + done) / 4, tail);
  for (size_t i = 0; done + i < n; i++) out[done + i] = tail[i];
}

double lsi_rng_double(lsi_rng rng, uint64_t sample, uint64_t element) {
  uint32_t words[4];
  lsi_rng_u32(rng, sample, (2 * element) & ~(uint64_t)3, words, 4);
  const uint32_t *pair = words + ((2 * element) & 3);
  uint64_t bits = ((uint64_t)pair[0] << 32 | pair[1]) >> 12;
  return ((double)bits + 0.5) * 0x1p-52;
}
