/* SPDX-License-Identifier: MIT */
/* Every pass visits every sample once, in an order that is a function of seed, pass and settings alone. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>

#include "data/course.h"

enum { MOST = 700 };

static void check_bijection(lsi_order o, int64_t pass, int64_t *out) {
  bool seen[MOST] = {false};
  for (int64_t i = 0; i < o.n; i++) {
    int64_t row = lsi_order_at(&o, pass, i);
    if (row < 0 || row >= o.n || seen[row])
      fail_msg("n %lld block %lld window %lld pass %lld: place %lld has row %lld", (long long)o.n, (long long)o.block,
               (long long)o.window, (long long)pass, (long long)i, (long long)row);
    seen[row] = true;
    if (out) out[i] = row;
  }
}

static void test_every_sample_once(void **state) {
  (void)state;
  for (int64_t n = 1; n < MOST; n += 1 + n / 9)
    for (int64_t block = 1; block <= 100; block += 1 + block / 2)
      for (int64_t window = 1; window <= 20; window += 1 + window)
        for (int shuffle = 0; shuffle < 4; shuffle++)
          for (int64_t pass = 0; pass < 3; pass++)
            check_bijection(lsi_order_make((lsi_shuffle)shuffle, n, 7, block, window), pass, NULL);
}

/* The order of `shuffle: true` is what it always was: runs of earlier versions go on. */
static void test_full_is_the_plain_permutation(void **state) {
  (void)state;
  lsi_order o = lsi_order_make(LSI_SHUFFLE_FULL, 500, 42, 0, 0);
  for (int64_t pass = 0; pass < 3; pass++) {
    lsi_permutation p = lsi_permutation_make(42, (uint64_t)pass, 500);
    for (int64_t i = 0; i < 500; i++) assert_int_equal(lsi_order_at(&o, pass, i), lsi_permutation_at(&p, i));
  }
}

/* Asked in any order, and anew: the same answers. */
static void test_no_memory(void **state) {
  (void)state;
  int64_t rows[2][640];
  lsi_order o = lsi_order_make(LSI_SHUFFLE_BLOCKS, 640, 3, 50, 4);
  check_bijection(o, 0, rows[0]);
  check_bijection(o, 1, rows[1]);
  for (int64_t k = 0; k < 4000; k++) {
    int64_t pass = k * 7919 % 2, i = k * 104729 % 640;
    assert_int_equal(lsi_order_at(&o, pass, i), rows[pass][i]);
  }
  assert_memory_not_equal(rows[0], rows[1], sizeof rows[0]);
}

/* A window holds whole blocks only, no more than asked for, and its samples are mixed. */
static void test_windows_hold_whole_blocks(void **state) {
  (void)state;
  enum { N = 690, BLOCK = 32, WINDOW = 5 };
  lsi_order o = lsi_order_make(LSI_SHUFFLE_BLOCKS, N, 11, BLOCK, WINDOW);
  int windows = 0, mixed = 0;
  for (int64_t begin = 0, end; begin < N; begin = end, windows++) {
    int of_block[N / BLOCK + 1] = {0}, blocks = 0;
    end = lsi_order_window_end(&o, 2, begin);
    assert_true(end > begin && end - begin <= BLOCK * WINDOW);
    for (int64_t i = begin; i < end; i++) {
      int64_t row = lsi_order_at(&o, 2, i);
      of_block[row / BLOCK]++;
      if (i > begin) mixed += row / BLOCK != lsi_order_at(&o, 2, i - 1) / BLOCK;
    }
    for (int b = 0; b <= N / BLOCK; b++) {
      if (!of_block[b]) continue;
      assert_int_equal(of_block[b], b == N / BLOCK ? N % BLOCK : BLOCK);
      blocks++;
    }
    assert_true(blocks == WINDOW || end == N);
  }
  assert_int_equal(windows, (N / BLOCK + 1 + WINDOW - 1) / WINDOW);
  assert_true(mixed > N / 2);
}

/* Keras, array_data_adapter.py: whole batches change places, the rest of the samples stays at the end. */
static void test_batch(void **state) {
  (void)state;
  lsi_order o = lsi_order_make(LSI_SHUFFLE_BATCH, 107, 5, 10, 0);
  int moved = 0;
  for (int64_t k = 0; k < 10; k++) {
    int64_t first = lsi_order_at(&o, 0, 10 * k);
    assert_int_equal(first % 10, 0);
    moved += first != 10 * k;
    for (int64_t i = 1; i < 10; i++) assert_int_equal(lsi_order_at(&o, 0, 10 * k + i), first + i);
  }
  for (int64_t i = 100; i < 107; i++) assert_int_equal(lsi_order_at(&o, 0, i), i);
  assert_true(moved > 4);
}

static void test_names(void **state) {
  (void)state;
  lsi_shuffle s;
  for (int k = 0; k < 4; k++) assert_true(lsi_shuffle_parse(lsi_shuffle_name((lsi_shuffle)k), &s) && s == (lsi_shuffle)k);
  assert_false(lsi_shuffle_parse("block", &s));
}

/* The ranks' rows of a batch are the batch's, in order; of any stretch, the stretch's. */
static void test_ranks_share_batches(void **state) {
  (void)state;
  enum { N = 203 };
  for (int ranks = 1; ranks <= 9; ranks++) {
    lsi_course c = {.first = 5, .n_rows = N, .batch_size = 24, .leaf_rows = 4, .batches_per_pass = (N + 23) / 24, .n_ranks = ranks,
                    .order = lsi_order_make(LSI_SHUFFLE_FULL, N, 1, 0, 0)};
    int64_t all[N], mine[N], n = 0;
    lsi_course_rows(&c, (lsi_stretch){3, 0, N}, all);
    for (int64_t p = 3 * c.batches_per_pass; p < 4 * c.batches_per_pass; p++)
      for (int r = 0; r < ranks; r++) {
        lsi_stretch s = lsi_course_share(&c, p, r);
        lsi_course_rows(&c, s, mine);
        for (int64_t i = 0; i < s.end - s.begin; i++) assert_int_equal(mine[i], all[n++]);
      }
    assert_int_equal(n, N);
    int64_t of_stretch = 0;
    for (int r = 0; r < ranks; r++) of_stretch += lsi_course_rows_of_rank(&c, (lsi_stretch){3, 17, 150}, r, mine);
    assert_int_equal(of_stretch, 150 - 17);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_sample_once),     cmocka_unit_test(test_full_is_the_plain_permutation),
      cmocka_unit_test(test_no_memory),             cmocka_unit_test(test_windows_hold_whole_blocks),
      cmocka_unit_test(test_batch),                 cmocka_unit_test(test_names),
      cmocka_unit_test(test_ranks_share_batches),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
