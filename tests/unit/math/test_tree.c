/* SPDX-License-Identifier: MIT */
/* The fixed tree: canonical nodes, the order of additions, and its independence of the ranks' cuts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "math/team.h"
#include "math/tree.h"

enum { MAX_LEAVES = 300, MAX_RANKS = 40, WIDTH = 7 };

static uint64_t seed = 1;
static uint32_t draw(uint32_t below) {
  return (uint32_t)(lsi_mix64(seed++) % below);
}

/* Magnitudes far apart, so that another order of additions shows; zeros of both signs. */
static float random_float(void) {
  uint32_t kind = draw(10);
  if (kind == 0)
    return -0.0f;
  if (kind == 1)
    return 0.0f;
  return ((float)draw(1 << 24) - 0x1p23f) * ldexpf(1.0f, (int)draw(30) - 40);
}

/* The tree's definition, written as the recursion of tree.h: value of node (level, i). */
static float define_node(const float *leaf, int n_leaves, int level, int i) {
  if (level == 0)
    return leaf[i];
  float left = define_node(leaf, n_leaves, level - 1, 2 * i);
  if ((2 * i + 1) << (level - 1) >= n_leaves)
    return left;
  return left + define_node(leaf, n_leaves, level - 1, 2 * i + 1);
}

static int same_bits(const void *a, const void *b, size_t n) {
  return memcmp(a, b, n) == 0;
}

static void leaf_nodes(int begin, int end, lsi_tree_node *nodes) {
  for (int i = begin; i < end; i++)
    nodes[i - begin] = (lsi_tree_node){i, i + 1, 0};
}

static void test_height(void **state) {
  (void)state;
  assert_int_equal(lsi_tree_height(1), 0);
  assert_int_equal(lsi_tree_height(2), 1);
  assert_int_equal(lsi_tree_height(3), 2);
  assert_int_equal(lsi_tree_height(4), 2);
  assert_int_equal(lsi_tree_height(5), 3);
  assert_int_equal(lsi_tree_height(1 << 24), 24);
}

static void check_is_a_tree_node(int n_leaves, const lsi_tree_node *node) {
  assert_int_equal(node->begin % (1 << node->level), 0);
  int end = node->begin + (1 << node->level);
  assert_int_equal(node->end, end < n_leaves ? end : n_leaves);
  assert_true(node->level <= lsi_tree_height(n_leaves));
}

/* No node's parent lies inside the interval too. */
static void check_is_maximal(int n_leaves, int begin, int end, const lsi_tree_node *node) {
  if (node->level == lsi_tree_height(n_leaves))
    return;
  int size = 2 << node->level, parent = node->begin / size * size;
  int parent_end = parent + size < n_leaves ? parent + size : n_leaves;
  assert_false(parent >= begin && parent_end <= end);
}

static void test_canonical_nodes_cover_every_interval(void **state) {
  (void)state;
  for (int s = 1; s <= 70; s++) {
    for (int begin = 0; begin <= s; begin++) {
      for (int end = begin; end <= s; end++) {
        lsi_tree_node nodes[LSI_TREE_MAX_NODES];
        int n = lsi_tree_canonical(s, begin, end, nodes), at = begin;
        int limit = s == 1 ? 1 : 2 * lsi_tree_height(s);
        assert_in_range(n, 0, limit);
        for (int i = 0; i < n; i++) {
          assert_int_equal(nodes[i].begin, at);
          check_is_a_tree_node(s, &nodes[i]);
          check_is_maximal(s, begin, end, &nodes[i]);
          at = nodes[i].end;
        }
        assert_int_equal(at, end);
      }
    }
  }
}

static void test_canonical_nodes_of_large_trees(void **state) {
  (void)state;
  lsi_tree_node nodes[LSI_TREE_MAX_NODES];
  assert_int_equal(lsi_tree_canonical(1 << 24, 1, (1 << 24) - 1, nodes), 46);
  assert_int_equal(lsi_tree_canonical(1 << 24, 0, 1 << 24, nodes), 1);
  assert_int_equal(nodes[0].level, 24);
  assert_int_equal(lsi_tree_canonical((1 << 24) - 5, 0, (1 << 24) - 5, nodes), 1);
}

static void test_empty_interval(void **state) {
  (void)state;
  lsi_tree_node nodes[LSI_TREE_MAX_NODES];
  assert_int_equal(lsi_tree_canonical(9, 4, 4, nodes), 0);
  assert_int_equal(lsi_tree_canonical(9, 9, 9, nodes), 0);
}

/* Random cuts of 0..S into ranks; some intervals are empty. */
static void random_cuts(int n_leaves, int n_ranks, int *cut) {
  for (int r = 1; r < n_ranks; r++) {
    int at = (int)draw((uint32_t)n_leaves + 1), i = r;
    for (; i > 1 && cut[i - 1] > at; i--)
      cut[i] = cut[i - 1];
    cut[i] = at;
  }
  cut[0] = 0;
  cut[n_ranks] = n_leaves;
}

static float leaves[MAX_LEAVES][WIDTH], work[MAX_LEAVES][WIDTH];
static float canonical_value[MAX_LEAVES][WIDTH];
static lsi_tree_node canonical_node[MAX_LEAVES];

/* What rank [begin, end) computes; returns the number of its canonical nodes. */
static int rank_part(int s, int begin, int end, int first) {
  lsi_tree_node own[LSI_TREE_MAX_NODES], below[MAX_LEAVES];
  int n = lsi_tree_canonical(s, begin, end, own);
  for (int i = 0; i < n; i++) {
    int count = own[i].end - own[i].begin;
    leaf_nodes(own[i].begin, own[i].end, below);
    memcpy(work, leaves[own[i].begin], (size_t)count * sizeof work[0]);
    lsi_tree_sum_f32(below, count, work[0], WIDTH, WIDTH, canonical_value[first + i]);
    canonical_node[first + i] = own[i];
  }
  return n;
}

static void check_one_partition(int s, int n_ranks, const float *want) {
  int cut[MAX_RANKS + 1], n = 0;
  random_cuts(s, n_ranks, cut);
  for (int r = 0; r < n_ranks; r++)
    n += rank_part(s, cut[r], cut[r + 1], n);
  const float *rows[MAX_LEAVES];
  for (int i = 0; i < n; i++)
    rows[i] = canonical_value[i];
  float got[WIDTH], again[WIDTH];
  lsi_tree_sum_rows_f32(canonical_node, n, rows, WIDTH, got);
  assert_true(same_bits(got, want, sizeof got));
  lsi_tree_sum_f32(canonical_node, n, canonical_value[0], WIDTH, WIDTH, again);
  assert_true(same_bits(again, want, sizeof again));
}

static void test_sum_is_the_same_for_every_partition(void **state) {
  (void)state;
  for (int trial = 0; trial < 400; trial++) {
    int s = 1 + (int)draw(trial % 4 ? 40 : MAX_LEAVES);
    float want[WIDTH];
    for (int i = 0; i < s; i++)
      for (int j = 0; j < WIDTH; j++)
        leaves[i][j] = random_float();
    for (int j = 0; j < WIDTH; j++) {
      float column[MAX_LEAVES];
      for (int i = 0; i < s; i++)
        column[i] = leaves[i][j];
      want[j] = define_node(column, s, lsi_tree_height(s), 0);
    }
    for (int p = 0; p < 10; p++)
      check_one_partition(s, 1 + (int)draw(MAX_RANKS), want);
  }
}

static void test_missing_children_are_skipped_not_added(void **state) {
  (void)state;
  float values[5] = {-0.0f, -0.0f, -0.0f, -0.0f, -0.0f}, out = 1.0f;
  lsi_tree_node nodes[5];
  leaf_nodes(0, 5, nodes);
  lsi_tree_sum_f32(nodes, 5, values, 1, 1, &out);
  assert_true(out == 0.0f && signbit(out));
}

static void test_plan_is_the_order_of_the_sum(void **state) {
  (void)state;
  lsi_tree_node nodes[MAX_LEAVES];
  lsi_tree_step steps[MAX_LEAVES];
  for (int s = 1; s <= MAX_LEAVES; s++) {
    float leaf[MAX_LEAVES], row[MAX_LEAVES], out;
    for (int i = 0; i < s; i++)
      leaf[i] = row[i] = random_float();
    leaf_nodes(0, s, nodes);
    int n = lsi_tree_plan(nodes, s, steps);
    assert_int_equal(n, s - 1);
    for (int k = 0; k < n; k++)
      row[steps[k].dst] += row[steps[k].src];
    float want = define_node(leaf, s, lsi_tree_height(s), 0);
    lsi_tree_sum_f32(nodes, s, leaf, 1, 1, &out);
    assert_true(same_bits(&row[0], &want, sizeof want));
    assert_true(same_bits(&out, &want, sizeof want));
  }
}

static void test_wide_rows_and_doubles(void **state) {
  (void)state;
  enum { S = 11, N = 1003, STRIDE = 1010 };
  float *values = malloc(sizeof(float) * S * STRIDE), *out = malloc(sizeof(float) * N);
  double *wide = malloc(sizeof(double) * S * STRIDE), *out64 = malloc(sizeof(double) * N);
  assert_true(values && out && wide && out64);
  for (int i = 0; i < S * STRIDE; i++)
    wide[i] = values[i] = random_float();
  lsi_tree_node nodes[S];
  leaf_nodes(0, S, nodes);
  float column[S];
  lsi_tree_sum_f32(nodes, S, values, STRIDE, N, out);
  lsi_tree_sum_f64(nodes, S, wide, STRIDE, N, out64);
  for (int j = 0; j < N; j++) {
    for (int i = 0; i < S; i++)
      column[i] = (float)wide[i * STRIDE + j];
    float want = define_node(column, S, lsi_tree_height(S), 0);
    assert_true(same_bits(&out[j], &want, sizeof want));
    long double exact = 0, scale = 0;
    for (int i = 0; i < S; i++)
      exact += column[i], scale += fabsl((long double)column[i]);
    assert_true(fabsl(exact - (long double)out64[j]) <= 4e-16L * scale);
  }
  free(values), free(out), free(wide), free(out64);
}

static void
test_a_node_inside_the_tree(void **state) { /* leaves 8..10 of 11: node (2, 2), ragged */
  (void)state;
  float leaf[3] = {1e8f, -3.25f, -1e8f}, out;
  lsi_tree_node nodes[3];
  leaf_nodes(8, 11, nodes);
  lsi_tree_sum_f32(nodes, 3, leaf, 1, 1, &out);
  assert_true(out == (1e8f + -3.25f) + -1e8f);
}

static void test_sums_over_parameters(void **state) {
  (void)state;
  const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 3 * 4096, 5 * 4096 + 3, 100000};
  float *x = malloc(sizeof(float) * 100000);
  assert_non_null(x);
  for (int i = 0; i < 100000; i++)
    x[i] = random_float();
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    long double squares = 0, absolute = 0;
    for (size_t i = 0; i < sizes[k]; i++) {
      squares += (long double)x[i] * x[i];
      absolute += fabsl((long double)x[i]);
    }
    assert_true(fabsl(lsi_sum_squares(x, sizes[k]) - squares) <= 1e-13L * squares);
    assert_true(fabsl(lsi_sum_abs(x, sizes[k]) - absolute) <= 1e-13L * absolute);
  }
  /* A cut where the tree cuts: 4 blocks and 1 block. */
  double all = lsi_sum_squares(x, 5 * LSI_SUM_BLOCK);
  double parts =
      lsi_sum_squares(x, 4 * LSI_SUM_BLOCK) + lsi_sum_squares(x + 4 * LSI_SUM_BLOCK, LSI_SUM_BLOCK);
  assert_true(all == parts);
  free(x);
}

static void test_team_slices_cover_the_items(void **state) {
  (void)state;
  for (int trial = 0; trial < 5000; trial++) {
    size_t count = draw(1000), unit = 1 + draw(20), at = 0, largest = 0, smallest = SIZE_MAX;
    int n = 1 + (int)draw(12);
    for (int t = 0; t < n; t++) {
      size_t begin, end;
      lsi_team_slice(count, unit, t, n, &begin, &end);
      assert_int_equal(begin, at);
      assert_true(end == count || end % unit == 0);
      size_t units = (end - begin + unit - 1) / unit;
      if (units > largest)
        largest = units;
      if (units < smallest)
        smallest = units;
      at = end;
    }
    assert_int_equal(at, count);
    assert_true(largest - smallest <= 1);
  }
}

static void test_team_size(void **state) {
  (void)state;
  lsi_team_set_size(3);
  assert_int_equal(lsi_team_size(), 3);
  assert_int_equal(lsi_team_for(10), 1);
  assert_int_equal(lsi_team_for(1e12), 3);
  lsi_team_set_size(0);
  assert_int_equal(lsi_team_size(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_height),
      cmocka_unit_test(test_canonical_nodes_cover_every_interval),
      cmocka_unit_test(test_canonical_nodes_of_large_trees),
      cmocka_unit_test(test_empty_interval),
      cmocka_unit_test(test_sum_is_the_same_for_every_partition),
      cmocka_unit_test(test_missing_children_are_skipped_not_added),
      cmocka_unit_test(test_plan_is_the_order_of_the_sum),
      cmocka_unit_test(test_wide_rows_and_doubles),
      cmocka_unit_test(test_a_node_inside_the_tree),
      cmocka_unit_test(test_sums_over_parameters),
      cmocka_unit_test(test_team_slices_cover_the_items),
      cmocka_unit_test(test_team_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
