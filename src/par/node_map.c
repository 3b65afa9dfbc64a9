/* SPDX-License-Identifier: MIT */
#include "par/node_map.h"

#include <string.h>

#include "base/memory.h"

static ls_status allocate(lsi_node_map map, lsi_node_map *out) {
  LSI_TRY(LSI_ALLOC("node map", map.n_groups + 1, &map.first));
  ls_status status =
      LSI_ALLOC("node map", (size_t)map.n_groups * (size_t)map.max_nodes, &map.nodes);
  if (status != LS_OK) {
    lsi_free(map.first);
    return status;
  }
  *out = map;
  return LS_OK;
}

ls_status lsi_node_map_create(int n_ranks, int max_nodes, lsi_node_map *out) {
  return allocate(
      (lsi_node_map){.n_ranks = n_ranks, .n_groups = n_ranks, .max_nodes = max_nodes}, out);
}

ls_status lsi_node_map_create_groups(const int *bounds, int n_groups, int max_nodes,
                                     lsi_node_map *out) {
  return allocate((lsi_node_map){.n_ranks = bounds[n_groups],
                                 .n_groups = n_groups,
                                 .bounds = bounds,
                                 .max_nodes = max_nodes},
                  out);
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
  for (int r = 0; r < map->n_groups; r++) {
    lsi_tree_node nodes[LSI_TREE_MAX_NODES];
    int begin, end, ignored;
    lsi_leaf_plan_interval(n_leaves, map->n_ranks, map->bounds ? map->bounds[r] : r, &begin, &end);
    if (map->bounds)
      lsi_leaf_plan_interval(n_leaves, map->n_ranks, map->bounds[r + 1] - 1, &ignored, &end);
    int n = lsi_tree_canonical(n_leaves, begin, end, nodes);
    LSI_CHECK(n <= map->max_nodes, LS_ERR_ARG, NULL,
              "rank %d has %d partial sums, but there is room for %d", r, n, map->max_nodes);
    map->first[r] = map->n_nodes;
    memcpy(map->nodes + map->n_nodes, nodes, (size_t)n * sizeof *nodes);
    map->n_nodes += n;
    if (n > map->most)
      map->most = n;
  }
  map->first[map->n_groups] = map->n_nodes;
  map->n_leaves = n_leaves;
  return LS_OK;
}
