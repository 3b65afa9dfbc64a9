/* SPDX-License-Identifier: MIT */
/*
 * The kernels of math/micro.h in terms of a vector type; included once by each micro_<level>.c,
 * which defines
 *   ROWS, LANES, VECTORS     tile shape: ROWS * VECTORS accumulators must fit the registers
 *   vec, part                a vector of LANES floats; which of its first lanes exist
 *   vec_zero, vec_all, vec_load, vec_store, vec_load_part, vec_store_part, part_of, vec_add,
 * vec_mul, vec_fma
 */
#define UNROLL     _Pragma("GCC unroll 8")
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)

LSI_INLINE void tile_zero(const int rows, const int vectors, vec (*acc)[VECTORS]) {
  EACH(m, rows) EACH(v, vectors) acc[m][v] = vec_zero();
}

/* Bring rows of c here to be written: stores that miss would hold up those to the stack behind
 * them. */
LSI_INLINE void tile_fetch(const float *c, size_t stride, const int vectors) {
  enum { LINE = 16 };
  EACH(m, ROWS) {
    for (int at = 0; at < vectors * LANES; at += LINE)
      __builtin_prefetch(c + (size_t)m * stride + at, 1);
    __builtin_prefetch(c + (size_t)m * stride + vectors * LANES - 1, 1);
  }
}

/* Columns past the last whole vector are never touched. */
LSI_INLINE void tile_store(const int tile_rows, const int vectors, vec (*acc)[VECTORS], float *c,
                           size_t stride, int rows, part last) {
  EACH(m, tile_rows) {
    if (m < rows) {
      float *out = c + (size_t)m * stride;
      EACH(v, vectors - 1) vec_store(out + v * LANES, acc[m][v]);
      vec_store_part(out + (vectors - 1) * LANES, last, acc[m][vectors - 1]);
    }
  }
}

/* One row of b against one element of each row of a. */
#define TILE_STEP(operation, vectors, acc, element, b)                                             \
  do {                                                                                             \
    vec y[VECTORS];                                                                                \
    EACH(v, vectors) y[v] = vec_load((b) + v * LANES);                                             \
    EACH(m, ROWS) {                                                                                \
      const vec x = vec_all(element);                                                              \
      EACH(v, vectors) acc[m][v] = operation(x, y[v], acc[m][v]);                                  \
    }                                                                                              \
  } while (0)
#define ONLY_MULTIPLY(x, y, sum) vec_mul(x, y)

/* ---- leaf tiles ---- */
typedef struct leaf_walk { /* the next row */
  const float *a, *b;
} leaf_walk;

/* acc = one leaf. Its first row is multiplied only, which is a chain that starts from -0. */
LSI_INLINE void leaf_sum(const lsi_leaf_tile *t, const int vectors, int leaf, leaf_walk *at,
                         vec (*acc)[VECTORS]) {
  const float *a = at->a, *b = at->b;
  const size_t a_stride = t->a_stride, b_stride = t->b_stride;
  int64_t rows = t->leaf_row[leaf + 1] - t->leaf_row[leaf] - 1;
  TILE_STEP(ONLY_MULTIPLY, vectors, acc, a + m, b);
  a += a_stride;
  b += b_stride;
  if (rows >= 3) { /* the least a leaf has, as a rule */
    EACH(r, 3) {
      TILE_STEP(vec_fma, vectors, acc, a + m, b);
      a += a_stride;
      b += b_stride;
    }
    rows -= 3;
  }
  for (; rows > 0; rows--, a += a_stride, b += b_stride)
    TILE_STEP(vec_fma, vectors, acc, a + m, b);
  *at = (leaf_walk){a, b};
}

/* acc = left sibling + acc, the left one in memory. */
LSI_INLINE void leaf_join(vec (*acc)[VECTORS], const int vectors, const float *left) {
  EACH(m, ROWS)
  EACH(v, vectors) acc[m][v] = vec_add(vec_load(left + (m * vectors + v) * LANES), acc[m][v]);
}

LSI_INLINE void leaf_push(vec (*acc)[VECTORS], const int vectors, float *slot) {
  EACH(m, ROWS)
  EACH(v, vectors) vec_store(slot + (m * vectors + v) * LANES, acc[m][v]);
}

/* acc = (leaf + leaf 1) + (leaf 2 + leaf 3), without a branch on the leaf's number. */
LSI_INLINE void leaf_quad(const lsi_leaf_tile *t, const int vectors, int leaf, leaf_walk *at,
                          vec (*acc)[VECTORS]) {
  leaf_sum(t, vectors, leaf, at, acc);
  leaf_push(acc, vectors, t->stack[0]);
  leaf_sum(t, vectors, leaf + 1, at, acc);
  leaf_join(acc, vectors, t->stack[0]);
  leaf_push(acc, vectors, t->stack[1]);
  leaf_sum(t, vectors, leaf + 2, at, acc);
  leaf_push(acc, vectors, t->stack[0]);
  leaf_sum(t, vectors, leaf + 3, at, acc);
  leaf_join(acc, vectors, t->stack[0]);
  leaf_join(acc, vectors, t->stack[1]);
}

/*
 * Leaves as a binary counter: bit b of the number of leaves done is set when slot b of the stack
 * holds a finished subtree of 1 << b leaves. After the last leaf the subtrees that have no right
 * sibling join from the right, lowest first.
 */
LSI_INLINE void leaf_carry(const lsi_leaf_tile *t, const int vectors, int done, int level,
                           bool finish, vec (*acc)[VECTORS]) {
  for (done >>= level; done != 0 && (finish || (done & 1)); done >>= 1, level++)
    if (done & 1)
      leaf_join(acc, vectors, t->stack[level]);
  if (finish)
    tile_store(ROWS, vectors, acc, t->c, t->c_stride, t->rows,
               part_of(t->columns - (vectors - 1) * LANES));
  else
    leaf_push(acc, vectors, t->stack[level]);
}

LSI_INLINE void leaf_tile(const lsi_leaf_tile *t, const int vectors) {
  leaf_walk at = {t->a, t->b};
  int leaf = t->leaf;
  vec acc[ROWS][VECTORS];
  if (t->leaf_end == t->n_leaves)
    tile_fetch(t->c, t->c_stride, vectors);
  for (; leaf + 4 <= t->leaf_end; leaf += 4) {
    leaf_quad(t, vectors, leaf, &at, acc);
    leaf_carry(t, vectors, leaf, 2, leaf + 4 == t->n_leaves, acc);
  }
  for (; leaf < t->leaf_end; leaf++) {
    leaf_sum(t, vectors, leaf, &at, acc);
    leaf_carry(t, vectors, leaf, 0, leaf + 1 == t->n_leaves, acc);
  }
}

/* ---- plain tiles ---- */
LSI_INLINE void tile_load(const int vectors, vec (*acc)[VECTORS], const float *c, size_t stride,
                          int rows, part last) {
  EACH(m, ROWS) {
    if (m < rows) {
      const float *in = c + (size_t)m * stride;
      EACH(v, vectors - 1) acc[m][v] = vec_load(in + v * LANES);
      acc[m][vectors - 1] = vec_load_part(in + (vectors - 1) * LANES, last);
    }
  }
}

/* Rows past the last are computed as copies of it and not stored. */
LSI_INLINE void chain_tile(const lsi_chain_tile *t, const int vectors) {
  const float *a[ROWS], *b = t->b;
  EACH(m, ROWS) a[m] = t->a + (size_t)(m < t->rows ? m : t->rows - 1) * t->a_stride;
  part last = part_of(t->columns - (vectors - 1) * LANES);
  vec acc[ROWS][VECTORS];
  tile_fetch(t->c + ROWS * t->c_stride, t->c_stride, vectors); /* most likely the next */
  tile_zero(ROWS, vectors, acc);
  if (t->more)
    tile_load(vectors, acc, t->c, t->c_stride, t->rows, last);
  _Pragma("GCC unroll 2") for (size_t d = 0; d < t->depth; d++) {
    TILE_STEP(vec_fma, vectors, acc, a[m] + d, b);
    b += t->b_stride;
  }
  tile_store(ROWS, vectors, acc, t->c, t->c_stride, t->rows, last);
}

static void leaf_1(const lsi_leaf_tile *t) {
  leaf_tile(t, 1);
}
static void leaf_2(const lsi_leaf_tile *t) {
  leaf_tile(t, 2);
}
static void chain_1(const lsi_chain_tile *t) {
  chain_tile(t, 1);
}
static void chain_2(const lsi_chain_tile *t) {
  chain_tile(t, 2);
}
#if VECTORS > 2
static void leaf_3(const lsi_leaf_tile *t) {
  leaf_tile(t, 3);
}
static void chain_3(const lsi_chain_tile *t) {
  chain_tile(t, 3);
}
#define MICRO_TABLE(level)                                                                         \
  {                                                                                                \
    level, ROWS, LANES, VECTORS, {leaf_1, leaf_2, leaf_3}, {                                       \
      chain_1, chain_2, chain_3                                                                    \
    }                                                                                              \
  }
#else
#define MICRO_TABLE(level)                                                                         \
  {                                                                                                \
    level, ROWS, LANES, VECTORS, {leaf_1, leaf_2, NULL}, {                                         \
      chain_1, chain_2, NULL                                                                       \
    }                                                                                              \
  }
#endif
