/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_MICRO_H
#define LSI_MATH_MICRO_H
/*
 * Register-tile kernels of our own, one table per ISA level (micro_avx512.c, micro_avx2.c,
 * micro_portable.c; all from micro_body.h). A tile is `rows` x (vectors x lanes) elements of the
 * result, kept in registers. Every element sees the same operations in the same order at every
 * level: a chain of fused multiply-adds from +0, and for leaf tiles the additions of math/tree.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/tree.h"

enum {
  LSI_MICRO_MAX_ROWS = 8,
  LSI_MICRO_MAX_VECTORS = 3,
  LSI_MICRO_MAX_LANES = 16,
  LSI_MICRO_MAX_TILE = LSI_MICRO_MAX_ROWS * LSI_MICRO_MAX_VECTORS * LSI_MICRO_MAX_LANES,
};

/*
 * Leaves [leaf, leaf_end) of a tile of c [rows, columns] = tree-sum over n_leaves leaves of
 * transpose(a) * b. A tile may be walked in several calls, first leaf to last: what is not yet
 * summed waits on the stack; the call with the last leaf stores c. Row r of a is at a + r *
 * a_stride and has `micro->rows` readable floats, row r of b at b + r * b_stride with whole vectors
 * of them (whatever they are past `rows` and `columns`). Rows count from the first row of `leaf`.
 */
typedef struct lsi_leaf_tile {
  int leaf, leaf_end, n_leaves;
  const int64_t *leaf_row; /* [n_leaves + 1] */
  const float *a, *b;
  size_t a_stride, b_stride;
  float *stack[LSI_TREE_MAX_LEVEL + 1]; /* by level: LSI_MICRO_MAX_TILE floats, 64-byte aligned */
  float *c;
  size_t c_stride;
  int rows, columns;
} lsi_leaf_tile;

/* c [rows, columns] = a [rows, depth] * b [depth, columns], or, with `more`, c + that: as each
   element is one chain, a product may be cut along its depth. Row r of a has `depth` floats; rows
   of b are whole vectors, as above. */
typedef struct lsi_chain_tile {
  size_t depth;
  const float *a, *b;
  float *c;
  size_t a_stride, b_stride, c_stride;
  int rows, columns;
  bool more;
} lsi_chain_tile;

typedef struct lsi_micro {
  const char *name; /* "avx512", "avx2", "portable" */
  int rows;         /* of a tile */
  int lanes;        /* columns of one vector */
  int max_vectors;
  void (*leaf[LSI_MICRO_MAX_VECTORS])(const lsi_leaf_tile *); /* by number of vectors - 1 */
  void (*chain[LSI_MICRO_MAX_VECTORS])(const lsi_chain_tile *);
} lsi_micro;

extern const lsi_micro lsi_micro_avx512, lsi_micro_avx2, lsi_micro_portable;

/* The best level this CPU runs; decided once. */
const lsi_micro *lsi_micro_get(void);

/* For tests: use this level from now on (NULL: the best). False when the CPU or the build lacks it.
 */
bool lsi_micro_force(const char *name);

/* Cut n columns into panels of 1..max_vectors vectors, nearly equal, so that no narrow panel is
   left over: panel p of lsi_micro_panels(m, n) starts at column *begin and is *vectors wide. */
size_t lsi_micro_panels(const lsi_micro *micro, size_t n);
void lsi_micro_panel(const lsi_micro *micro, size_t n, size_t p, size_t *begin, int *vectors);
#endif
