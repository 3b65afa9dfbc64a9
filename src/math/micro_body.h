/* SPDX-License-Identifier: MIT */
/*
 * The kernels of math/micro.h in terms of a vector type; included once by each micro_<level>.c,
 * which defines
 *   ROWS, LANES, VECTORS     tile shape: ROWS * VECTORS accumulators must fit the registers
 *   vec, part                a vector of LANES floats; which of its first lanes exist
 *   vec_zero, vec_all, vec_load, vec_store, vec_load_part, vec_store_part, part_of, vec_add,
 * vec_fma
 */
#define UNROLL     _Pragma("GCC unroll 8")
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)

LSI_INLINE void tile_zero(const int rows, const int vectors, vec (*acc)[VECTORS]) {
  EACH(m, rows) EACH(v, vectors) acc[m][v] = vec_zero();
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

/* ---- leaf tiles ---- */
/*
 * Two leaves at a time, so that siblings meet in registers: two accumulators an element, and hence
 * half the tile's rows at a time, except where tiles are one vector wide.
 */
LSI_INLINE int strip_rows(const int vectors) {
  return vectors == 1 ? ROWS : ROWS / 2;
}

/* One row of a leaf into one accumulator: a fused multiply-add an element. */
LSI_INLINE void leaf_step(const float *a, const float *b, const int vectors, vec (*acc)[VECTORS],
                          part last) {
  const int rows = strip_rows(vectors);
  vec y[VECTORS];
  EACH(v, vectors - 1) y[v] = vec_load(b + v * LANES);
  y[vectors - 1] = vec_load_part(b + (vectors - 1) * LANES, last);
  EACH(m, rows) {
    vec x = vec_all(a + m);
    EACH(v, vectors) acc[m][v] = vec_fma(x, y[v], acc[m][v]);
  }
}

LSI_INLINE void leaf_chain(const lsi_leaf_tile *t, const int vectors, vec (*acc)[VECTORS],
                           const float *a, const float *b, int64_t rows, part last) {
  for (int64_t r = 0; r < rows; r++, a += t->a_stride, b += t->b_stride)
    leaf_step(a, b, vectors, acc, last);
}

/* acc = leaf + (leaf + 1). The two chains run side by side: one alone is too short to fill the
   multiply-add pipelines. */
LSI_INLINE void leaf_pair(const lsi_leaf_tile *t, const int vectors, vec (*acc)[VECTORS],
                          const float *a, const float *b, const int64_t *row, part last) {
  const int rows = strip_rows(vectors);
  int64_t left = row[1] - row[0], right = row[2] - row[1], both = left < right ? left : right;
  const float *a2 = a + (size_t)left * t->a_stride, *b2 = b + (size_t)left * t->b_stride;
  vec other[ROWS][VECTORS];
  tile_zero(strip_rows(vectors), vectors, other);
  for (int64_t r = 0; r < both; r++) {
    leaf_step(a, b, vectors, acc, last);
    leaf_step(a2, b2, vectors, other, last);
    a += t->a_stride;
    b += t->b_stride;
    a2 += t->a_stride;
    b2 += t->b_stride;
  }
  leaf_chain(t, vectors, acc, a, b, left - both, last);
  leaf_chain(t, vectors, other, a2, b2, right - both, last);
  EACH(m, rows) EACH(v, vectors) acc[m][v] = vec_add(acc[m][v], other[m][v]);
}

/* acc = left sibling + acc, the left one in memory. */
LSI_INLINE void strip_join(vec (*acc)[VECTORS], const int vectors, const float *left) {
  const int rows = strip_rows(vectors);
  EACH(m, rows)
  EACH(v, vectors) acc[m][v] = vec_add(vec_load(left + (m * vectors + v) * LANES), acc[m][v]);
}

LSI_INLINE void strip_push(vec (*acc)[VECTORS], const int vectors, float *slot) {
  const int rows = strip_rows(vectors);
  EACH(m, rows)
  EACH(v, vectors) vec_store(slot + (m * vectors + v) * LANES, acc[m][v]);
}

/*
 * Pairs of leaves as a binary counter: bit b of the number of pairs done is set when slot b of the
 * stack holds a finished subtree of 2 << b leaves. After the last leaf the subtrees that have no
 * right sibling join from the right, lowest first.
 */
LSI_INLINE void leaf_strip(const lsi_leaf_tile *t, const int vectors, int leaf, int strip,
                           part last) {
  bool finish = leaf + 2 >= t->n_leaves;
  const int64_t *row = t->leaf_row + leaf;
  size_t first = (size_t)(row[0] - t->leaf_row[0]);
  const float *a = t->a + first * t->a_stride + strip, *b = t->b + first * t->b_stride;
  vec acc[ROWS][VECTORS];
  tile_zero(strip_rows(vectors), vectors, acc);
  if (leaf + 1 < t->n_leaves)
    leaf_pair(t, vectors, acc, a, b, row, last);
  else
    leaf_chain(t, vectors, acc, a, b, row[1] - row[0], last);
  float *slot = t->stack + strip * vectors * LANES;
  for (int done = leaf / 2; done != 0 && (finish || (done & 1)); done >>= 1) {
    if (done & 1)
      strip_join(acc, vectors, slot);
    slot += LSI_MICRO_MAX_TILE;
  }
  if (!finish)
    strip_push(acc, vectors, slot);
  else
    tile_store(strip_rows(vectors), vectors, acc, t->c + (size_t)strip * t->c_stride, t->c_stride,
               t->rows - strip, last);
}

LSI_INLINE void leaf_tile(const lsi_leaf_tile *t, const int vectors) {
  part last = part_of(t->columns - (vectors - 1) * LANES);
  for (int leaf = 0; leaf < t->n_leaves; leaf += 2)
    for (int strip = 0; strip < t->rows; strip += strip_rows(vectors))
      leaf_strip(t, vectors, leaf, strip, last);
}

/* ---- plain tiles ---- */
/* Rows past the last are computed as copies of it and not stored. */
LSI_INLINE void chain_tile(const lsi_chain_tile *t, const int vectors) {
  const float *a[ROWS], *b = t->b;
  EACH(m, ROWS) a[m] = t->a + (size_t)(m < t->rows ? m : t->rows - 1) * t->a_stride;
  part last = part_of(t->columns - (vectors - 1) * LANES);
  vec acc[ROWS][VECTORS];
  tile_zero(ROWS, vectors, acc);
  for (size_t d = 0; d < t->depth; d++) {
    vec y[VECTORS];
    EACH(v, vectors - 1) y[v] = vec_load(b + v * LANES);
    y[vectors - 1] = vec_load_part(b + (vectors - 1) * LANES, last);
    EACH(m, ROWS) {
      vec x = vec_all(a[m] + d);
      EACH(v, vectors) acc[m][v] = vec_fma(x, y[v], acc[m][v]);
    }
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
