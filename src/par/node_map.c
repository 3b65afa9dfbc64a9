/* SPDX-License-Identifier: MIT */
#include "par/node_map.h"

#include <string.h>

#include "base/memory.h"

ls_status lsi_node_map_create(int n_ranks, int max_nodes, lsi_node_map *out) {
  lsi_node_map map = {.n_ranks = n_ranks, .max_nodes = max_nodes};
  LSI_TRY(LSI_ALLOC("node map", n_ranks + 1, &map.first));
  ls_status status = LSI_ALLOC("node map", (size_t)n_ranks * (size_t)max_nodes, &map.nodes);
  if (status != LS_OK) {
    lsi_free(map.first);
    return status;
  }
  *out = map;
  return LS_OK;
}

void lsi_node_map_destroy(lsi_node_map *map) {
  lsi_free(map->first);
  lsi_free(map->nodes);
  memset(map, 0, sizeof *map);
}

ls_status lsi_node_map_update(lsi_node_map *map, int n_leaves) {
  if (n_leaves == map->n_leaves)
    return LS_OK;
  map->n_leaves = map->n_nodes = map->most = 0;
  for (int r = 0; r < map->n_ranks; r++) {
    lsi_tree_node nodes[LSI_TREE_MAX_NODES];
    int begin, end;
    lsi_leaf_plan_interval(n_leaves, map->n_ranks, r, &begin, &end);
    int n = lsi_tree_canonical(n_leaves, begin, end, nodes);
    LSI_CHECK(n <= map->max_nodes, LS_ERR_ARG, NULL,
              "rank %d has %d partial sums, but there is room for %d", r, n, map->max_nodes);
    map->first[r] = map->n_nodes;
    memcpy(map->nodes + map->n_nodes, nodes, (size_t)n * sizeof *nodes);
    map->n_nodes += n;
    if (n > map->most)
      map->most = n;
  }
  map->first[map->n_ranks] = map->n_nodes;
  map->n_leaves = n_leaves;
  return LS_OK;
}
