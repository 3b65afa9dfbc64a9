/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_NODE_MAP_H
#define LSI_PAR_NODE_MAP_H
/* The canonical nodes of all ranks' leaves: what each rank contributes and how the tree ends. A
   pure function of (leaves, ranks), so every rank has it without asking. */
#include "math/leaf_plan.h"

typedef struct lsi_node_map {
  int n_ranks, max_nodes; /* max_nodes: the most a rank may have */
  int n_leaves;           /* of the current map; 0: none yet */
  int n_nodes, most;      /* of all ranks; the most any rank has now */
  int *first;             /* [n_ranks + 1] rank r's nodes are first[r] .. first[r + 1] */
  lsi_tree_node *nodes;   /* [n_nodes], left to right */
} lsi_node_map;

ls_status lsi_node_map_create(int n_ranks, int max_nodes, lsi_node_map *out);
void lsi_node_map_destroy(lsi_node_map *map); /* a zero one is fine */

/* Never allocates. LS_ERR_ARG when some rank has more than max_nodes: the same on every rank. */
ls_status lsi_node_map_update(lsi_node_map *map, int n_leaves);
#endif
