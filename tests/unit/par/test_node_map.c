/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "par/node_map.h"

/* The ranks' nodes side by side cover all leaves once, for all counts of both. */
static void covers_all_leaves(void **state) {
  (void)state;
  for (int n_ranks = 1; n_ranks <= 20; n_ranks++) {
    lsi_node_map map;
    assert_int_equal(lsi_node_map_create(n_ranks, LSI_TREE_MAX_NODES, &map), LS_OK);
    for (int n_leaves = 1; n_leaves <= 130; n_leaves++) {
      assert_int_equal(lsi_node_map_update(&map, n_leaves), LS_OK);
      int at = 0, most = 0;
      for (int r = 0; r < n_ranks; r++) {
        int begin, end, n = map.first[r + 1] - map.first[r];
        lsi_leaf_plan_interval(n_leaves, n_ranks, r, &begin, &end);
        for (int i = map.first[r]; i < map.first[r + 1]; i++) {
          assert_int_equal(map.nodes[i].begin, at);
          at = map.nodes[i].end;
        }
        assert_int_equal(at, end);
        if (n > most)
          most = n;
      }
      assert_int_equal(map.most, most);
      assert_int_equal(map.n_nodes, map.first[n_ranks]);
    }
    lsi_node_map_destroy(&map);
  }
}

static void refuses_too_many(void **state) {
  (void)state;
  lsi_node_map map;
  assert_int_equal(lsi_node_map_create(3, 1, &map), LS_OK);
  assert_int_equal(lsi_node_map_update(&map, 16), LS_ERR_ARG); /* 5 + 5 + 6 leaves */
  assert_int_equal(lsi_node_map_update(&map, 16),
                   LS_ERR_ARG); /* and again: nothing was remembered */
  assert_int_equal(lsi_node_map_update(&map, 3), LS_OK);
  lsi_node_map_destroy(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(covers_all_leaves),
                                     cmocka_unit_test(refuses_too_many)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
