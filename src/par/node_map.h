/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_NODE_MAP_H
#define LSI_PAR_NODE_MAP_H
/* The canonical nodes of all ranks' leaves, or of the leaves of groups of neighbouring ranks: what each
   contributes and how the tree ends. A pure function of (leaves, ranks, groups), so every rank has it
   without asking. */
#include "math/leaf_plan.h"

typedef struct lsi_node_map {
  int n_ranks, max_nodes; /* max_nodes: the most a rank (a group) may have */
  int n_groups;
  const int *bounds;      /* [n_groups + 1] ranks of group g: bounds[g] .. bounds[g + 1]; NULL: each its own */
  int n_leaves;           /* of the current map; 0: none yet */
  int n_nodes, most;      /* of all; the most any has now */
  int *first;             /* [n_groups + 1] group r's nodes are first[r] .. first[r + 1] */
  lsi_tree_node *nodes;   /* [n_nodes], left to right */
} lsi_node_map;

ls_status lsi_node_map_create(int n_ranks, int max_nodes, lsi_node_map *out);
/* Of n_groups groups; `bounds` is borrowed. */
ls_status lsi_node_map_create_groups(const int *bounds, int n_groups, int max_nodes, lsi_node_map *out);
void lsi_node_map_destroy(lsi_node_map *map); /* a zero one is fine */

/* Never allocates. LS_ERR_ARG when some rank has more than max_nodes: the same on every rank. */
ls_status lsi_node_map_update(lsi_node_map *map, int n_leaves);
#endif
