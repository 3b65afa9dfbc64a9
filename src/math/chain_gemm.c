/* SPDX-License-Identifier: MIT */
/*
 * Forward and input gradient by kernels of our own. Each element is one chain of fused
 * multiply-adds from +0, in order of the depth: trivially the same bits for any grouping of rows,
 * any number of threads and any ISA level.
 *
 *   for each block of rows:              its part of x stays in the second-level cache
 *     for each block of the depth:       chains wait in y between blocks, at no cost to their bits
 *       for each panel of columns:       its part of w, packed or in place, stays in the
 * first-level cache for each strip of rows: a tile
 */
#include <math.h>
#include <omp.h>
#include <string.h>

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
  FETCH_STRIPS = 2 /* of rows: a vector of w comes from further away in about the time it is used for so many */
};

typedef struct chain_job {
  const lsi_micro *micro;
  size_t rows, n, k; /* y [rows, n] = x [rows, k] * w */
  const float *x, *w;
  float *y;
  bool transposed; /* w is stored [n, k] instead of [k, n] */
  size_t depth;    /* of a block */
  float *copies;   /* a block of x for each thread, or NULL */
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
  lsi_chain_tile tile = {.depth = depth, .c_stride = j->n, .more = first > 0};
  const float *x = x_operand(j, s, panels, first, depth, copy, &tile.a_stride);
  for (size_t p = 0; p < panels; p++) {
    panel here = panel_of(j, s, p);
    w_operand(j, rows, here.begin, here.width, first, &tile, packed);
    for (size_t r = 0; r < rows; r += height) {
      tile.rows = rows - r < height ? (int)(rows - r) : (int)height;
      tile.a = x + r * tile.a_stride;
      tile.c = j->y + (s->row + r) * j->n + here.begin;
      micro->chain[here.vectors - 1](&tile);
    }
  }
}

static void chain_part(const chain_job *j, const span *part, float *copy) {
  _Alignas(64) float packed[PANEL_FLOATS + PAD_FLOATS];
  if (part->column == part->column_end)
    return;
  for (size_t row = part->row; row < part->row_end; row += ROW_BLOCK) {
    span s = *part;
    s.row = row;
    s.row_end = part->row_end - row < ROW_BLOCK ? part->row_end : row + ROW_BLOCK;
    size_t first = 0;
    do { /* once also for a depth of 0: y is zero then */
      size_t depth = j->k - first < j->depth ? j->k - first : j->depth;
      chain_block(j, &s, first, depth, packed, copy);
      first += depth;
    } while (first < j->k);
  }
}

/* ---- threads ---- */
static size_t ceil_div(size_t a, size_t b) {
  return (a + b - 1) / b;
}

/* Threads along the rows, of the grid whose largest part takes least. Along the columns no vector of w is wanted by two. */
static size_t threads_down(const chain_job *j, size_t n_threads, size_t strips, size_t vectors) {
  size_t best = 1, least = SIZE_MAX, fetch = j->k * j->n > FIRST_LEVEL_FLOATS ? FETCH_STRIPS : 0;
  for (size_t down = 1; down <= n_threads; down++) {
    if (n_threads % down != 0)
      continue;
    size_t largest = (ceil_div(strips, down) + fetch) * ceil_div(vectors, n_threads / down);
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

size_t lsi_chain_scratch_floats(int n_threads) {
  const lsi_micro *micro = lsi_micro_get();
  size_t most = PANEL_FLOATS / (size_t)(micro->lanes * micro->max_vectors);
  return (size_t)n_threads * ROW_BLOCK * (most + X_PAD);
}

static void chain_run(int n_threads, chain_job *j) {
  j->micro = lsi_micro_get();
  size_t width = (size_t)(j->micro->lanes * j->micro->max_vectors), most = PANEL_FLOATS / width;
  size_t blocks = ceil_div(j->k, most), height = (size_t)j->micro->rows;
  j->depth = blocks ? ceil_div(j->k, blocks) : 1;
  j->copies = blocks > 1 && j->rows > FEW_ROWS
                  ? lsi_gemm_scratch((size_t)n_threads * copy_floats(j))
                  : NULL;
  size_t lanes = (size_t)j->micro->lanes, vectors = ceil_div(j->n, lanes), strips = ceil_div(j->rows, height);
  if (n_threads == 1) { /* not even the cost of entering a region of one */
    chain_part(j, &(span){0, j->rows, 0, j->n}, j->copies);
    return;
  }
  size_t down = threads_down(j, (size_t)n_threads, strips, vectors), across = (size_t)n_threads / down;
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (size_t t = 0; t < (size_t)n_threads; t++) {
    span s;
    slice(strips, t / across, down, &s.row, &s.row_end);
    slice(vectors, t % across, across, &s.column, &s.column_end);
    s.row *= height;
    s.row_end = s.row_end * height < j->rows ? s.row_end * height : j->rows;
    s.column *= lanes;
    s.column_end = s.column_end * lanes < j->n ? s.column_end * lanes : j->n;
    chain_part(j, &s, j->copies ? j->copies + t * copy_floats(j) : NULL);
  }
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
