/* SPDX-License-Identifier: MIT */
/* Status record and nearest names, counter-based random numbers, hashes, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/status.h"

/* ---- status ---- */
static ls_status fails(int value) {
  LSI_CHECK(value > 3, LS_ERR_CONFIG, "raise it", "units is %d, not above %d", value, 3);
  return LS_OK;
}

static ls_status forwards(int value) {
  LSI_TRY(fails(value));
  return LS_OK;
}

static void test_a_failure_leaves_its_record(void **state) {
  (void)state;
  lsi_error_clear();
  assert_int_equal(ls_last_error()->status, LS_OK);
  assert_int_equal(forwards(4), LS_OK);
  assert_int_equal(forwards(3), LS_ERR_CONFIG);
  assert_int_equal(ls_last_error()->status, LS_ERR_CONFIG);
  assert_string_equal(ls_last_error()->message, "units is 3, not above 3");
  assert_string_equal(ls_last_error()->advice, "raise it");
}

static void test_prefix_says_where(void **state) {
  (void)state;
  fails(1);
  lsi_error_prefix("%s:%d", "config.yaml", 7);
  assert_string_equal(ls_last_error()->message, "config.yaml:7: units is 1, not above 3");
  assert_string_equal(ls_last_error()->advice, "raise it");
}

static void test_long_messages_are_cut_not_overrun(void **state) {
  (void)state;
  char text[3000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  lsi_error_set(LS_ERR_IO, text, "%s", text);
  lsi_error_prefix("%s", text);
  assert_int_equal(strlen(ls_last_error()->message), sizeof ls_last_error()->message - 1);
  assert_int_equal(strlen(ls_last_error()->advice), sizeof ls_last_error()->advice - 1);
}

static void test_a_record_may_quote_the_last_one(void **state) {
  (void)state;
  lsi_error_set(LS_ERR_IO, NULL, "inner");
  lsi_error_set(LS_ERR_FORMAT, NULL, "outer (%s)", ls_last_error()->message);
  assert_string_equal(ls_last_error()->message, "outer (inner)");
}

static void test_names_of_statuses(void **state) {
  (void)state;
  assert_string_equal(ls_status_name(LS_OK), "LS_OK");
  assert_string_equal(ls_status_name(LS_ERR_SHAPE), "LS_ERR_SHAPE");
  assert_string_equal(ls_status_message(LS_ERR_MEMORY), "out of memory");
  assert_string_equal(ls_status_name((ls_status)-999), "LS_ERR_?");
  assert_true(LS_ERR_ARG == -1 && LS_ERR_SHAPE == -2);
}

static void test_nearest_name(void **state) {
  (void)state;
  const char *const names[] = {"sigmoid", "softmax", "relu", "tanh", "batch_size"};
  assert_string_equal(lsi_nearest_name("sigmiod", names, 5), "sigmoid"); /* swapped letters */
  assert_string_equal(lsi_nearest_name("Relu", names, 5), "relu");       /* case is no difference */
  assert_string_equal(lsi_nearest_name("sof", names, 5), "softmax");     /* a beginning */
  assert_string_equal(lsi_nearest_name("batchsize", names, 5), "batch_size");
  assert_null(lsi_nearest_name("dropout", names, 5));
  assert_null(lsi_nearest_name("x", names, 0));
}

/* ---- rng ---- */
/* Philox4x32-10 as the paper has it, one block: the reference for the vectorised one. */
static void philox_reference(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1,
                        (uint32_t)(p0 >> 32) ^ c[3] ^ k[1], (uint32_t)p0};
    memcpy(c, next, sizeof c);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  memcpy(out, c, sizeof c);
}

/* counter, key, result: Random123's kat_vectors, philox4x32 10. Elements are addressed by their
   number, so counters past 2^62 blocks are out of lsi_rng_u32's reach: the vectors hold the
   reference, and the reference holds lsi_rng_u32. */
static void test_philox_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], want[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t got[4];
    philox_reference(known[i].counter, known[i].key, got);
    assert_memory_equal(got, known[i].want, sizeof got);
  }
}

/* Words 0, 1 of the counter are the block (element / 4), words 2, 3 the sample. */
static void test_stream_is_philox(void **state) {
  (void)state;
  for (uint64_t trial = 0; trial < 300; trial++) {
    uint64_t key = lsi_mix64(4 * trial), sample = lsi_mix64(4 * trial + 1);
    uint64_t block = lsi_mix64(4 * trial + 2) >> (trial % 2 ? 2 : 34);
    if (trial % 5 == 0)
      block = ((uint64_t)1 << 32) - 3; /* the carry into word 1 */
    lsi_rng rng = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    uint32_t got[4 * 40], want[4];
    lsi_rng_u32(rng, sample, 4 * block, got, sizeof got / sizeof *got);
    for (uint64_t b = 0; b < 40; b++) {
      uint32_t counter[4] = {(uint32_t)(block + b), (uint32_t)((block + b) >> 32), (uint32_t)sample,
                             (uint32_t)(sample >> 32)};
      philox_reference(counter, rng.key, want);
      assert_memory_equal(got + 4 * b, want, sizeof want);
    }
  }
}

static void test_any_split_draws_the_same_elements(void **state) {
  (void)state;
  enum { N = 1000 };
  lsi_rng rng = lsi_rng_make(42, LSI_RNG_TEST, 3, 9);
  uint32_t whole[N], parts[N];
  lsi_rng_u32(rng, 17, 4000, whole, N);
  for (uint64_t trial = 0; trial < 200; trial++) {
    memset(parts, 0, sizeof parts);
    for (size_t at = 0; at < N;) {
      size_t count = 4 * (1 + lsi_mix64(trial * 1000 + at) % 40);
      if (count > N - at)
        count = N - at;
      lsi_rng_u32(rng, 17, 4000 + at, parts + at, count);
      at += count;
    }
    assert_memory_equal(parts, whole, sizeof whole);
  }
}

static void test_doubles_are_elements_of_the_stream(void **state) {
  (void)state;
  lsi_rng rng = lsi_rng_make(1, LSI_RNG_TEST, 0, 0);
  uint32_t words[20];
  lsi_rng_u32(rng, 5, 0, words, 20);
  for (uint64_t e = 0; e < 10; e++) {
    uint64_t bits = ((uint64_t)words[2 * e] << 32 | words[2 * e + 1]) >> 12;
    assert_true(lsi_rng_double(rng, 5, e) == ((double)bits + 0.5) * 0x1p-52);
  }
}

static void test_doubles_look_uniform(void **state) {
  (void)state;
  enum { N = 100000 };
  lsi_rng rng = lsi_rng_make(7, LSI_RNG_TEST, 0, 0);
  double sum = 0, squares = 0;
  for (uint64_t e = 0; e < N; e++) {
    double u = lsi_rng_double(rng, 0, e);
    assert_true(u > 0 && u < 1);
    sum += u;
    squares += u * u;
  }
  assert_true(sum / N > 0.495 && sum / N < 0.505);
  assert_true(squares / N > 0.3283 && squares / N < 0.3383);
}

static void test_streams_differ(void **state) {
  (void)state;
  const lsi_rng streams[] = {
      lsi_rng_make(1, LSI_RNG_INIT, 0, 0),    lsi_rng_make(2, LSI_RNG_INIT, 0, 0),
      lsi_rng_make(1, LSI_RNG_SHUFFLE, 0, 0), lsi_rng_make(1, LSI_RNG_INIT, 1, 0),
      lsi_rng_make(1, LSI_RNG_INIT, 0, 1),
  };
  enum { N = sizeof streams / sizeof *streams };
  uint32_t first[N + 1][4];
  for (int i = 0; i < N; i++)
    lsi_rng_u32(streams[i], 0, 0, first[i], 4);
  lsi_rng_u32(streams[0], 1, 0, first[N], 4); /* another sample */
  for (int i = 0; i <= N; i++)
    for (int j = 0; j < i; j++)
      assert_memory_not_equal(first[i], first[j], sizeof first[i]);
}

static void test_mix64_known_answers(void **state) { /* splitmix64 from seeds 0 and 1 */
  (void)state;
  assert_true(lsi_mix64(0) == 0xe220a8397b1dcdafu);
  assert_true(lsi_mix64(1) == 0x910a2dec89025cc1u);
}

/* ---- hash ---- */
static void test_hash_known_answer(void **state) { /* XXH3 128-bit of nothing */
  (void)state;
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes("", 0, hex);
  assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static void test_hash_by_pieces(void **state) {
  (void)state;
  unsigned char data[5000];
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (unsigned char)lsi_mix64(i);
  char whole[LSI_DIGEST_HEX], pieces[LSI_DIGEST_HEX], again[LSI_DIGEST_HEX];
  lsi_hash_bytes(data, sizeof data, whole);
  lsi_hash *hash = NULL;
  assert_int_equal(lsi_hash_create(&hash), LS_OK);
  for (size_t at = 0; at < sizeof data;) {
    size_t count = 1 + lsi_mix64(at) % 700;
    if (count > sizeof data - at)
      count = sizeof data - at;
    lsi_hash_update(hash, data + at, count);
    at += count;
  }
  lsi_hash_hex(hash, pieces);
  lsi_hash_hex(hash, again);
  lsi_hash_destroy(&hash);
  assert_null(hash);
  lsi_hash_destroy(&hash);
  assert_string_equal(pieces, whole);
  assert_string_equal(again, whole);
  data[4999] ^= 1;
  lsi_hash_bytes(data, sizeof data, again);
  assert_string_not_equal(again, whole);
}

/* ---- memory ---- */
static void test_memory_is_aligned_zeroed_and_padded(void **state) {
  (void)state;
  for (size_t n = 0; n < 70; n++) {
    unsigned char *p = NULL;
    assert_int_equal(LSI_ALLOC("bytes", n, &p), LS_OK);
    assert_int_equal((uintptr_t)p % LSI_ALIGN, 0);
    size_t padded = lsi_round_up(n ? n : 1, LSI_ALIGN);
    for (size_t i = 0; i < padded; i++)
      assert_int_equal(p[i], 0);
    lsi_free(p);
  }
  lsi_free(NULL);
}

/* Whatever was there before: large blocks are zeroed in another way than small ones. */
static void test_memory_used_again_is_zeroed(void **state) {
  (void)state;
  static const size_t sizes[] = {3 << 20, (17 << 20) + 100, (40 << 20) + 4096};
  for (int turn = 0; turn < 9; turn++) {
    size_t n = sizes[turn % 3];
    char *p;
    assert_int_equal(LSI_ALLOC("bytes", n, &p), LS_OK);
    for (size_t i = 0; i < n; i++)
      if (p[i] != 0)
        fail_msg("byte %zu of %zu is %d", i, n, p[i]);
    memset(p, 0xa5, n);
    lsi_free(p);
  }
}

static void test_memory_beyond_reach_is_refused(void **state) {
  (void)state;
  double *p = (double *)state;
  assert_int_equal(lsi_alloc("kernel", SIZE_MAX / 4, sizeof *p, &p), LS_ERR_MEMORY);
  assert_non_null(strstr(ls_last_error()->message, "kernel"));
  assert_null(p); /* so that a caller who cleans up frees nothing of another's */
}

static void test_size_arithmetic(void **state) {
  (void)state;
  size_t product = 0;
  assert_true(lsi_mul_size(6, 7, &product));
  assert_int_equal(product, 42);
  assert_false(lsi_mul_size(SIZE_MAX, 2, &product));
  assert_int_equal(lsi_round_up(0, 64), 0);
  assert_int_equal(lsi_round_up(65, 64), 128);
  char *copy = NULL;
  assert_int_equal(lsi_strdup("lockstep", &copy), LS_OK);
  assert_string_equal(copy, "lockstep");
  lsi_free(copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_failure_leaves_its_record),
      cmocka_unit_test(test_prefix_says_where),
      cmocka_unit_test(test_long_messages_are_cut_not_overrun),
      cmocka_unit_test(test_a_record_may_quote_the_last_one),
      cmocka_unit_test(test_names_of_statuses),
      cmocka_unit_test(test_nearest_name),
      cmocka_unit_test(test_philox_known_answers),
      cmocka_unit_test(test_stream_is_philox),
      cmocka_unit_test(test_any_split_draws_the_same_elements),
      cmocka_unit_test(test_doubles_are_elements_of_the_stream),
      cmocka_unit_test(test_doubles_look_uniform),
      cmocka_unit_test(test_streams_differ),
      cmocka_unit_test(test_mix64_known_answers),
      cmocka_unit_test(test_hash_known_answer),
      cmocka_unit_test(test_hash_by_pieces),
      cmocka_unit_test(test_memory_is_aligned_zeroed_and_padded),
      cmocka_unit_test(test_memory_used_again_is_zeroed),
      cmocka_unit_test(test_memory_beyond_reach_is_refused),
      cmocka_unit_test(test_size_arithmetic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
