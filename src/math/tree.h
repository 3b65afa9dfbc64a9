/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_TREE_H
#define LSI_MATH_TREE_H
/*
 * The fixed reduction tree over leaves: pure index arithmetic, and the only place where sums over
 * samples get their order.
 *
 * n_leaves leaves 0..S-1. Node (level, i) covers leaves [i << level, min((i + 1) << level, S)).
 * Its value is left child + right child; a node whose right child would start at or past S has the
 * left child's value unchanged (a missing child is skipped, never added as zero: -0.0 + 0.0 =
 * +0.0). The root is node (ceil(log2 S), 0).
 *
 * A rank owns an interval [begin, end) of leaves. The *canonical nodes* of the interval are the
 * maximal nodes that lie inside it, left to right: at most 2 * ceil(log2 S) of them. The owner
 * computes their values; whoever has the canonical nodes of all intervals finishes the tree.
 */
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_tree_node {
  int begin, end; /* leaves [begin, end), the part of the node below S */
  int level;      /* height: covers 1 << level leaves, when complete */
} lsi_tree_node;

enum { LSI_TREE_MAX_LEVEL = 24, LSI_TREE_MAX_NODES = 2 * LSI_TREE_MAX_LEVEL };

/* Canonical nodes of [begin, end) in the tree over n_leaves; returns their number (0 when empty).
 */
int lsi_tree_canonical(int n_leaves, int begin, int end, lsi_tree_node nodes[LSI_TREE_MAX_NODES]);

/* The height of the root: smallest h with (1 << h) >= n_leaves. */
int lsi_tree_height(int n_leaves);

/* The sums run on the calling thread; a caller with threads cuts [0, n) among them. */
/*
 * Sum n_nodes values (rows of `values`, row stride `stride` elements) of adjacent nodes, left to
 * right, that together cover all the leaves below one common node, in tree order; `nodes` in leaf
 * order. The result goes to `out` [n]. The rows are scratch afterwards. Used for: leaves inside a
 * canonical node, and canonical nodes of all ranks to the root.
 */
void lsi_tree_sum_f32(const lsi_tree_node *nodes, int n_nodes, float *values, size_t stride,
                      size_t n, float *out);
void lsi_tree_sum_f64(const lsi_tree_node *nodes, int n_nodes, double *values, size_t stride,
                      size_t n, double *out);

/* The same from `n_nodes` separate read-only rows (another rank's memory), without touching them;
 * out [n]. */
void lsi_tree_sum_rows_f32(const lsi_tree_node *nodes, int n_nodes, const float *const *rows,
                           size_t n, float *out);

/*
 * Order of additions as data: a list of steps "row[dst] += row[src]" that reduces the nodes to
 * row 0. Pure; at most n_nodes - 1 steps. All the sums above follow it.
 */
typedef struct lsi_tree_step {
  int dst, src;
} lsi_tree_step;
int lsi_tree_plan(const lsi_tree_node *nodes, int n_nodes, lsi_tree_step *steps);

/*
 * Sum of n floats' f(x) in double by fixed blocks of LSI_SUM_BLOCK elements and a tree over block
 * index, so that any cut at block borders gives the same bits. Used for norms and regularisers over
 * parameters.
 */
enum { LSI_SUM_BLOCK = 4096 };
double lsi_sum_squares(const float *x, size_t n);
double lsi_sum_abs(const float *x, size_t n);
#endif
