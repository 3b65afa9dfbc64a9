/* SPDX-License-Identifier: MIT */
#include "math/tree.h"

#include <math.h>
#include <string.h>

#include "math/clones.h"

/* ---- index arithmetic ---- */
int lsi_tree_height(int n_leaves) {
  int height = 0;
  while (((int64_t)1 << height) < n_leaves)
    height++;
  return height;
}

static int clipped_end(int n_leaves, int begin, int level) {
  int64_t end = begin + ((int64_t)1 << level);
  return end < n_leaves ? (int)end : n_leaves;
}

/* Greedy from the left: the highest node that starts at `at` and ends inside the interval. */
int lsi_tree_canonical(int n_leaves, int begin, int end, lsi_tree_node nodes[LSI_TREE_MAX_NODES]) {
  int height = lsi_tree_height(n_leaves), n = 0;
  for (int at = begin; at < end;) {
    int level = 0;
    while (level < height && at % (2 << level) == 0 && clipped_end(n_leaves, at, level + 1) <= end)
      level++;
    nodes[n] = (lsi_tree_node){at, clipped_end(n_leaves, at, level), level};
    at = nodes[n++].end;
  }
  return n;
}

/*
 * Walk nodes left to right with a stack of finished subtrees. A right child (odd index at its
 * level) meets its left sibling on top of the stack and joins it. What is left at the end are
 * subtrees whose right siblings do not exist; they join from the right.
 */
enum { STACK_SIZE = LSI_TREE_MAX_LEVEL + 2 };

typedef struct subtree {
  int row, begin, level;
} subtree;

typedef struct walk {
  subtree stack[STACK_SIZE];
  int depth;
} walk;

static void walk_push(walk *w, const lsi_tree_node *node, int row) {
  w->stack[w->depth++] = (subtree){row, node->begin, node->level};
}

/* Join the two topmost subtrees if the tree does so now; `last` after the last push. */
static int walk_join(walk *w, int last) {
  if (w->depth < 2)
    return 0;
  subtree *left = &w->stack[w->depth - 2], *right = left + 1;
  int siblings = right->level == left->level && (right->begin >> right->level) % 2 == 1;
  if (!siblings && !last && w->depth < STACK_SIZE)
    return 0;
  left->level++;
  w->depth--;
  return 1;
}

int lsi_tree_plan(const lsi_tree_node *nodes, int n_nodes, lsi_tree_step *steps) {
  walk w = {.depth = 0};
  int n = 0;
  for (int i = 0; i < n_nodes; i++) {
    walk_push(&w, &nodes[i], i);
    while (walk_join(&w, i == n_nodes - 1))
      steps[n++] = (lsi_tree_step){w.stack[w.depth - 1].row, w.stack[w.depth].row};
  }
  return n;
}

/* ---- sums of rows: chunk by chunk, so that partial sums stay in the first-level cache ---- */
enum { CHUNK = 256 };

LSI_CLONES static void add_f32(size_t n, const float *a, const float *b, float *out) {
  for (size_t j = 0; j < n; j++)
    out[j] = a[j] + b[j];
}

LSI_CLONES static void add_f64(size_t n, const double *a, const double *b, double *out) {
  for (size_t j = 0; j < n; j++)
    out[j] = a[j] + b[j];
}

/* Row i is rows[i], or values + i * stride when rows is NULL. Leaves are read where they lie; only
   joined subtrees use `partial`, the one of their place on the stack. */
#define DEFINE_SUM(type, name, add)                                                                \
  static void name(const lsi_tree_node *nodes, int n_nodes, const type *const *rows,               \
                   const type *values, size_t stride, size_t n, type *out) {                       \
    type partial[STACK_SIZE][CHUNK];                                                               \
    for (size_t at = 0; at < n; at += CHUNK) {                                                     \
      size_t count = n - at < CHUNK ? n - at : CHUNK;                                              \
      const type *source[STACK_SIZE];                                                              \
      walk w = {.depth = 0};                                                                       \
      for (int i = 0; i < n_nodes; i++) {                                                          \
        source[w.depth] = (rows ? rows[i] : values + (size_t)i * stride) + at;                     \
        walk_push(&w, &nodes[i], i);                                                               \
        while (walk_join(&w, i == n_nodes - 1)) {                                                  \
          int top = w.depth - 1;                                                                   \
          add(count, source[top], source[top + 1], partial[top]);                                  \
          source[top] = partial[top];                                                              \
        }                                                                                          \
      }                                                                                            \
      memmove(out + at, source[0], count * sizeof *out); /* out may be row 0 */                    \
    }                                                                                              \
  }
DEFINE_SUM(float, sum_chunks_f32, add_f32)
DEFINE_SUM(double, sum_chunks_f64, add_f64)

void lsi_tree_sum_f32(const lsi_tree_node *nodes, int n_nodes, float *values, size_t stride,
                      size_t n, float *out) {
  if (n_nodes > 0)
    sum_chunks_f32(nodes, n_nodes, NULL, values, stride, n, out);
}

void lsi_tree_sum_f64(const lsi_tree_node *nodes, int n_nodes, double *values, size_t stride,
                      size_t n, double *out) {
  if (n_nodes > 0)
    sum_chunks_f64(nodes, n_nodes, NULL, values, stride, n, out);
}

void lsi_tree_sum_rows_f32(const lsi_tree_node *nodes, int n_nodes, const float *const *rows,
                           size_t n, float *out) {
  if (n_nodes > 0)
    sum_chunks_f32(nodes, n_nodes, rows, NULL, 0, n, out);
}

/* ---- sums over parameters ---- */
enum { LANES = 16 }; /* element i of a block goes to lane i % LANES; then a tree over lanes */

LSI_INLINE double sum_lanes(double lane[LANES]) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++)
      lane[l] += lane[l + width];
  return lane[0];
}

LSI_CLONES static double block_squares(const float *x, size_t n) {
  double lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++)
      lane[l] += (double)x[i + (size_t)l] * (double)x[i + (size_t)l];
  for (size_t l = 0; i + l < n; l++)
    lane[l] += (double)x[i + l] * (double)x[i + l];
  return sum_lanes(lane);
}

LSI_CLONES static double block_abs(const float *x, size_t n) {
  double lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++)
      lane[l] += fabs((double)x[i + (size_t)l]);
  for (size_t l = 0; i + l < n; l++)
    lane[l] += fabs((double)x[i + l]);
  return sum_lanes(lane);
}

/* Binary counter: bit b of `done` set means stack[b] holds a finished subtree of 1 << b blocks. */
static double sum_blocks(const float *x, size_t n, double (*block)(const float *, size_t)) {
  double stack[64];
  size_t done = 0;
  for (size_t at = 0; at < n; at += LSI_SUM_BLOCK, done++) {
    double sum = block(x + at, n - at < LSI_SUM_BLOCK ? n - at : LSI_SUM_BLOCK);
    int b = 0;
    for (; done >> b & 1; b++)
      sum = stack[b] + sum;
    stack[b] = sum;
  }
  double total = 0;
  int first = 1;
  for (int b = 0; b < 64 && done >> b; b++) {
    if (!(done >> b & 1))
      continue;
    total = first ? stack[b] : stack[b] + total;
    first = 0;
  }
  return total;
}

double lsi_sum_squares(const float *x, size_t n) {
  return sum_blocks(x, n, block_squares);
}

double lsi_sum_abs(const float *x, size_t n) {
  return sum_blocks(x, n, block_abs);
}
