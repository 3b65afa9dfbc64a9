/* SPDX-License-Identifier: MIT */
/*
 * Forward and input gradient by kernels of our own. Each element is a chain of fused multiply-adds
 * from +0, in order of the depth, or, from a depth of HALVED on, the sum of two such chains, one for
 * each half: trivially the same bits for any grouping of rows, any number of threads and any ISA
 * level.
 *
 * The halves let threads share the depth where there are few rows. A thread then reads the rows of w
 * whose gradient it computes and which it updates (leaf_gemm.c and the optimizers cut there, too),
 * and its columns of x: they stay in its caches. Two cores, 32 x 100 x 784 and its gradient, us a
 * step: 118 to 165 instead of 170 to 305, by how far the cores are from each other.
 *
 *   for each block of rows:              its part of x stays in the second-level cache
 *     for each block of the depth:       chains wait in y between blocks, at no cost to their bits
 *       for each panel of columns:       its part of w, packed or in place, stays in the
 * first-level cache for each strip of rows: a tile
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/micro.h"

enum {
  PANEL_FLOATS = 3072, /* of w, in the first-level cache */
  PAD_FLOATS = 64,
  ROW_BLOCK = 256,
  X_PAD = 16,    /* keeps copied rows of x apart by an odd number of cache lines, or nearly */
  FEW_ROWS = 32, /* not worth a copy of x */
  FEW_PANELS = 4,
  FIRST_LEVEL_FLOATS = 4096,
  FETCH_STRIPS = 2, /* of rows: a vector of w comes from further away in about the time it is used for so many */
  HALVED = 256, /* part of the definition of the bits, as is where the cut is */
  CUT_UNIT = 8,
  SHARED_DEPTH = 4 /* threads share the depth when it is so many times the rows */
};

typedef struct chain_job {
  const lsi_micro *micro;
  size_t rows, n, k; /* y [rows, n] = x [rows, k] * w */
  size_t cut;        /* the second half's first row of w; k when there is one chain */
  const float *x, *w;
  float *y;
  bool transposed; /* w is stored [n, k] instead of [k, n] */
  size_t depth;    /* of a block, at most */
  float *copies;   /* a block of x for each thread, or NULL */
  float *second;   /* the second half's chains: [rows, n] where threads share the depth, else a block of rows for each thread */
} chain_job;

/* ---- a panel of w ---- */
static void pack_rows(const chain_job *j, size_t column, size_t width, size_t first, size_t depth,
                      float *to) {
  size_t count = j->n - column < width ? j->n - column : width;
  const float *from = j->w + first * j->n + column;
  for (size_t d = 0; d < depth; d++, from += j->n, to += width) {
    memcpy(to, from, count * sizeof *to);
    memset(to + count, 0, (width - count) * sizeof *to);
  }
}

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
#if defined(__clang__)
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int quad_index __attribute__((vector_size(16)));
#define MIX(a, b, ...) __builtin_shuffle(a, b, (quad_index){__VA_ARGS__})
#endif

/* Four columns: rows of w, four elements at a time, turned into columns of the panel. */
static void pack_four(const float *from, size_t stride, size_t depth, float *to, size_t width) {
  size_t d = 0;
  for (; d + 4 <= depth; d += 4) {
    quad a = *(const quad *)(from + d), b = *(const quad *)(from + stride + d);
    quad c = *(const quad *)(from + 2 * stride + d), e = *(const quad *)(from + 3 * stride + d);
    quad ab = MIX(a, b, 0, 4, 1, 5),
         AB = MIX(a, b, 2, 6, 3, 7);
    quad ce = MIX(c, e, 0, 4, 1, 5),
         CE = MIX(c, e, 2, 6, 3, 7);
    *(quad *)(to + d * width) = MIX(ab, ce, 0, 1, 4, 5);
    *(quad *)(to + (d + 1) * width) = MIX(ab, ce, 2, 3, 6, 7);
    *(quad *)(to + (d + 2) * width) = MIX(AB, CE, 0, 1, 4, 5);
    *(quad *)(to + (d + 3) * width) = MIX(AB, CE, 2, 3, 6, 7);
  }
  for (; d < depth; d++)
    for (size_t c = 0; c < 4; c++)
      to[d * width + c] = from[c * stride + d];
}

static void pack_transposed(const chain_job *j, size_t column, size_t width, size_t first,
                            size_t depth, float *to) {
  size_t count = j->n - column < width ? j->n - column : width, c = 0;
  const float *from = j->w + column * j->k + first;
  for (; c + 4 <= count; c += 4)
    pack_four(from + c * j->k, j->k, depth, to + c, width);
  for (; c < width; c++)
    for (size_t d = 0; d < depth; d++)
      to[d * width + c] = c < count ? from[c * j->k + d] : 0.0f;
}

/* Rows a multiple of a large power of two apart crowd into a few of the 64 sets of a 32 KiB, 8-way
 * cache. */
static bool stride_spreads(size_t rows, size_t stride, size_t lines) {
  size_t bytes = stride * sizeof(float), sets = 64;
  while (sets > 1 && bytes % (2 * 64 * (64 / sets)) == 0)
    sets /= 2;
  return rows * lines <= 7 * sets;
}

static bool in_place(const chain_job *j, size_t rows, size_t column, size_t width) {
  if (j->transposed || j->n - column < width)
    return false;
  return rows <= 16 || stride_spreads(j->depth, j->n, (width * sizeof(float) + 127) / 64);
}

static void w_operand(const chain_job *j, size_t rows, size_t column, size_t width, size_t first,
                      lsi_chain_tile *tile, float *packed) {
  tile->columns = j->n - column < width ? (int)(j->n - column) : (int)width;
  tile->b = packed;
  tile->b_stride = width;
  if (in_place(j, rows, column, width)) {
    tile->b = j->w + first * j->n + column;
    tile->b_stride = j->n;
  } else if (j->transposed) {
    pack_transposed(j, column, width, first, tile->depth, packed);
  } else {
    pack_rows(j, column, width, first, tile->depth, packed);
  }
}

/* ---- blocks ---- */
typedef struct span { /* of y; columns begin and end at whole vectors, or at n */
  size_t row, row_end, column, column_end;
  size_t first, end; /* of the depth */
  float *y;          /* its row `row` */
} span;

/* Rows of x that lie far apart crowd in the caches and want a page each: side by side they do not.
 */
static const float *x_operand(const chain_job *j, const span *s, size_t panels, size_t first,
                              size_t depth, float *copy, size_t *stride) {
  const float *x = j->x + s->row * j->k + first;
  *stride = j->k;
  if (!copy || s->row_end - s->row <= FEW_ROWS || panels < FEW_PANELS)
    return x;
  *stride = depth + X_PAD;
  for (size_t r = 0; r < s->row_end - s->row; r++)
    memcpy(copy + r * *stride, x + r * j->k, depth * sizeof *x);
  return copy;
}

typedef struct panel {
  size_t begin, width; /* columns */
  int vectors;
} panel;

static panel panel_of(const chain_job *j, const span *s, size_t p) {
  panel out;
  lsi_micro_panel(j->micro, s->column_end - s->column, p, &out.begin, &out.vectors);
  out.begin += s->column;
  out.width = (size_t)(out.vectors * j->micro->lanes);
  return out;
}

static void chain_block(const chain_job *j, const span *s, size_t first, size_t depth,
                        float *packed, float *copy) {
  const lsi_micro *micro = j->micro;
  size_t height = (size_t)micro->rows, rows = s->row_end - s->row;
  size_t panels = lsi_micro_panels(micro, s->column_end - s->column);
  lsi_chain_tile tile = {.depth = depth, .c_stride = j->n, .more = first > s->first};
  const float *x = x_operand(j, s, panels, first, depth, copy, &tile.a_stride);
  for (size_t p = 0; p < panels; p++) {
    panel here = panel_of(j, s, p);
    w_operand(j, rows, here.begin, here.width, first, &tile, packed);
    for (size_t r = 0; r < rows; r += height) {
      tile.rows = rows - r < height ? (int)(rows - r) : (int)height;
      tile.a = x + r * tile.a_stride;
      tile.c = s->y + r * j->n + here.begin;
      micro->chain[here.vectors - 1](&tile);
    }
  }
}

/* One chain an element: once also for a depth of 0, y is zero then. */
static void chain_depth(const chain_job *j, const span *s, float *packed, float *copy) {
  size_t first = s->first;
  do {
    size_t depth = s->end - first < j->depth ? s->end - first : j->depth;
    chain_block(j, s, first, depth, packed, copy);
    first += depth;
  } while (first < s->end);
}

static void add_rows(size_t rows, size_t n, size_t stride, const float *from, float *to) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++)
      to[r * stride + i] += from[r * stride + i];
}

static void chain_part(const chain_job *j, const span *part, float *copy, float *second) {
  _Alignas(64) float packed[PANEL_FLOATS + PAD_FLOATS];
  if (part->column == part->column_end)
    return;
  for (size_t row = part->row; row < part->row_end; row += ROW_BLOCK) {
    span s = *part;
    s.row = row;
    s.row_end = part->row_end - row < ROW_BLOCK ? part->row_end : row + ROW_BLOCK;
    s.y += (row - part->row) * j->n;
    if (s.first < j->cut && j->cut < s.end) {
      span half = s;
      half.first = j->cut;
      half.y = second;
      chain_depth(j, &half, packed, copy);
      s.end = j->cut;
    }
    chain_depth(j, &s, packed, copy);
    if (s.end < part->end)
      add_rows(s.row_end - s.row, s.column_end - s.column, j->n, second + s.column, s.y + s.column);
  }
}

/* ---- threads ---- */
/* Threads along the rows, of the grid whose largest part takes least. Along the columns no vector of w is wanted by two. */
static size_t threads_down(const chain_job *j, size_t n_threads, size_t strips, size_t vectors) {
  size_t best = 1, least = SIZE_MAX, fetch = j->k * j->n > FIRST_LEVEL_FLOATS ? FETCH_STRIPS : 0;
  for (size_t down = 1; down <= n_threads; down++) {
    if (n_threads % down != 0)
      continue;
    size_t largest = (lsi_ceil_div(strips, down) + fetch) * lsi_ceil_div(vectors, n_threads / down);
    if (largest <= least) {
      least = largest;
      best = down;
    }
  }
  return best;
}

static void slice(size_t count, size_t i, size_t n, size_t *begin, size_t *end) {
  *begin = count * i / n;
  *end = count * (i + 1) / n;
}

static size_t copy_floats(const chain_job *j) {
  return ROW_BLOCK * (j->depth + X_PAD);
}

static size_t second_floats(size_t rows, size_t n) {
  return lsi_round_up((rows < ROW_BLOCK ? rows : ROW_BLOCK) * n, LSI_ALIGN / sizeof(float));
}

size_t lsi_chain_scratch_floats(int n_threads, size_t max_rows, size_t max_width, size_t max_weights) {
  const lsi_micro *micro = lsi_micro_get();
  if (max_width > max_weights / HALVED) /* a wider layer's depth is not halved */
    max_width = max_weights / HALVED;
  size_t most = PANEL_FLOATS / (size_t)(micro->lanes * micro->max_vectors);
  return (size_t)n_threads * (ROW_BLOCK * (most + X_PAD) + second_floats(max_rows, max_width));
}

/* Depth of a block, a panel of which fits the first-level cache. */
static size_t block_depth(const chain_job *j, bool *several) {
  size_t most = PANEL_FLOATS / (size_t)(j->micro->lanes * j->micro->max_vectors);
  size_t half = j->cut > j->k - j->cut ? j->cut : j->k - j->cut, blocks = lsi_ceil_div(half, most);
  *several = blocks > 1 || j->cut < j->k;
  return blocks ? lsi_ceil_div(half, blocks) : 1;
}

/* Part t of the grid: `deep` along the depth (1 or 2), `down` along the rows, `across` the columns. */
static span part_of_grid(const chain_job *j, size_t t, size_t deep, size_t down, size_t across) {
  size_t height = (size_t)j->micro->rows, lanes = (size_t)j->micro->lanes, half = t / (down * across);
  span s = {.first = half ? j->cut : 0, .end = half + 1 < deep ? j->cut : j->k};
  slice(lsi_ceil_div(j->rows, height), t / across % down, down, &s.row, &s.row_end);
  slice(lsi_ceil_div(j->n, lanes), t % across, across, &s.column, &s.column_end);
  s.row *= height;
  s.row_end = s.row_end * height < j->rows ? s.row_end * height : j->rows;
  s.column *= lanes;
  s.column_end = s.column_end * lanes < j->n ? s.column_end * lanes : j->n;
  s.y = (half ? j->second : j->y) + s.row * j->n;
  return s;
}

/* No memory for the second half: slow, same bits. */
static void chain_by_definition(const chain_job *j) {
  for (size_t r = 0; r < j->rows; r++)
    for (size_t c = 0; c < j->n; c++) {
      float sum[2] = {0, 0};
      for (size_t d = 0; d < j->k; d++)
        sum[d >= j->cut] = fmaf(j->x[r * j->k + d], j->transposed ? j->w[c * j->k + d] : j->w[d * j->n + c], sum[d >= j->cut]);
      j->y[r * j->n + c] = j->cut < j->k ? sum[0] + sum[1] : sum[0];
    }
}

static void chain_run(int n_threads, chain_job *j) {
  j->micro = lsi_micro_get();
  j->cut = j->k < HALVED ? j->k : lsi_round_up(j->k / 2, CUT_UNIT);
  bool several, halved = j->cut < j->k;
  j->depth = block_depth(j, &several);
  size_t threads = (size_t)n_threads, rest = halved ? second_floats(j->rows, j->n) : 0;
  size_t copy = several && j->rows > FEW_ROWS ? copy_floats(j) : 0;
  float *scratch = copy + rest ? lsi_gemm_scratch(threads * (copy + rest)) : NULL;
  if (rest && !scratch) {
    chain_by_definition(j);
    return;
  }
  j->copies = copy ? scratch : NULL;
  j->second = rest ? scratch + threads * copy : NULL;
  if (n_threads == 1) { /* not even the cost of entering a region of one */
    chain_part(j, &(span){0, j->rows, 0, j->n, 0, j->k, j->y}, j->copies, j->second);
    return;
  }
  size_t deep = halved && threads % 2 == 0 && j->rows * SHARED_DEPTH <= j->k && j->rows <= ROW_BLOCK ? 2 : 1;
  size_t down = threads_down(j, threads / deep, lsi_ceil_div(j->rows, (size_t)j->micro->rows), lsi_ceil_div(j->n, (size_t)j->micro->lanes));
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (size_t t = 0; t < threads; t++) {
    span s = part_of_grid(j, t, deep, down, threads / deep / down);
    chain_part(j, &s, j->copies ? j->copies + t * copy : NULL, j->second ? j->second + t * rest : NULL);
  }
  if (deep > 1)
    add_rows(j->rows, j->n, j->n, j->second, j->y);
}

void lsi_chain_forward(int n_threads, size_t rows, size_t n, size_t k, const float *x,
                       const float *w, float *y) {
  chain_run(n_threads, &(chain_job){.rows = rows, .n = n, .k = k, .x = x, .w = w, .y = y});
}

void lsi_chain_input_grad(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                          const float *w, float *dx) {
  chain_run(
      n_threads,
      &(chain_job){.rows = rows, .n = k, .k = n, .x = dy, .w = w, .y = dx, .transposed = true});
}
