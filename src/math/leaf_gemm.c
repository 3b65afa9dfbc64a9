/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient: a blocked product (Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008) whose register tiles carry the leaf tree (micro_body.h).
 *
 *   x [rows, k]  -> panels of micro->rows features, each [rows, micro->rows]
 *   dy [rows, n] -> panels of 1..max_vectors vectors, each [rows, width]
 *
 * All rows of a node are one pass: a tile needs (height + 2) tiles of first-level cache for its
 * tree, and per multiply-add the same panel traffic whatever the number of rows. A block of x
 * panels is sized to the second-level cache and meets the dy panels one after the other; blocks x
 * dy panels are the threads' tasks. Which thread computes a tile never touches its bits.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/micro.h"
#include "math/tree.h"

enum { L2_BLOCK_FLOATS = 64 * 1024, PACK_GROUP = 8, PAD = 16 };

typedef struct grad_job {
  const lsi_micro *micro;
  size_t k, n, rows;
  int n_leaves;
  const int64_t *leaf_row;
  const float *x, *dy; /* at the node's first row */
  float *dw, *db;
  size_t x_panels, dy_panels, block; /* block: x panels a task takes */
  size_t panel_floats;               /* from one packed x panel to the next */
  bool x_direct, dy_direct;          /* read where it lies, not packed */
  float *ones, *x_edge, *x_packed, *dy_packed;
} grad_job;

/* ---- scratch ---- */
/* ones panel, edge panel, x panels, dy panels. The pad keeps panels of a power-of-two size off one
   cache set. */
static size_t x_panel_floats(const lsi_micro *micro, size_t rows) {
  return lsi_round_up(rows * (size_t)micro->rows, PAD) + PAD;
}

static size_t scratch_floats(const lsi_micro *micro, size_t rows, size_t k, size_t n) {
  size_t x_panels = (k + (size_t)micro->rows - 1) / (size_t)micro->rows;
  size_t width = lsi_round_up(n, (size_t)micro->lanes);
  return (x_panels + 2) * x_panel_floats(micro, rows) + rows * width;
}

size_t lsi_leaf_scratch_floats(size_t max_rows, size_t max_k, size_t max_n) {
  return scratch_floats(lsi_micro_get(), max_rows, max_k, max_n);
}

/* ---- the definition ---- */
static float element_by_definition(int n_leaves, const int64_t *leaf_row, const float *x,
                                   size_t x_stride, const float *dy, size_t n) {
  float stack[LSI_TREE_MAX_LEVEL + 1];
  float sum = 0;
  for (int leaf = 0; leaf < n_leaves; leaf++) {
    sum = 0;
    for (int64_t r = leaf_row[leaf]; r < leaf_row[leaf + 1]; r++)
      sum = fmaf(x ? x[(size_t)r * x_stride] : 1.0f, dy[(size_t)r * n], sum);
    int last = leaf + 1 == n_leaves, level = 0;
    for (int done = leaf; done != 0 && (last || (done & 1)); done >>= 1, level++)
      if (done & 1)
        sum = stack[level] + sum;
    stack[level] = sum;
  }
  return sum;
}

void lsi_weight_grad_definition(size_t k, size_t n, int n_leaves, const int64_t *leaf_row,
                                const float *x, const float *dy, float *dw, float *db) {
  for (size_t i = 0; dw && i < k; i++)
    for (size_t j = 0; j < n; j++)
      dw[i * n + j] = element_by_definition(n_leaves, leaf_row, x + i, k, dy + j, n);
  for (size_t j = 0; db && j < n; j++)
    db[j] = element_by_definition(n_leaves, leaf_row, NULL, 0, dy + j, n);
}

/* ---- packing ---- */
static void pack_x_row(const grad_job *job, size_t panel, const float *from, float *to) {
  size_t width = (size_t)job->micro->rows, begin = panel * width;
  if (width == LSI_MICRO_MAX_ROWS && job->k - begin >= width) {
    memcpy(to, from + begin, LSI_MICRO_MAX_ROWS * sizeof *to);
    return;
  }
  for (size_t i = 0; i < width; i++)
    to[i] = begin + i < job->k ? from[begin + i] : 0.0f;
}

/* A few neighbouring panels at once, so that whole cache lines of x are used while they are here.
 */
static void pack_x_group(const grad_job *job, size_t first) {
  size_t last = first + PACK_GROUP < job->x_panels ? first + PACK_GROUP : job->x_panels;
  for (size_t r = 0; r < job->rows; r++)
    for (size_t p = first; p < last; p++)
      pack_x_row(job, p, job->x + r * job->k,
                 job->x_packed + p * job->panel_floats + r * (size_t)job->micro->rows);
}

/* The last panel when k is not a multiple of its width: reading it in place would run past x. */
static void pack_x_edge(const grad_job *job) {
  for (size_t r = 0; r < job->rows; r++)
    pack_x_row(job, job->x_panels - 1, job->x + r * job->k,
               job->x_edge + r * (size_t)job->micro->rows);
}

static void pack_dy_panel(const grad_job *job, size_t panel) {
  size_t begin;
  int vectors;
  lsi_micro_panel(job->micro, job->n, panel, &begin, &vectors);
  size_t width = (size_t)(vectors * job->micro->lanes);
  size_t count = job->n - begin < width ? job->n - begin : width;
  float *to = job->dy_packed + begin * job->rows;
  for (size_t r = 0; r < job->rows; r++, to += width) {
    memcpy(to, job->dy + r * job->n + begin, count * sizeof *to);
    memset(to + count, 0, (width - count) * sizeof *to);
  }
}

/* db is the gradient of one more feature that is always 1. */
static void pack_ones(const grad_job *job) {
  size_t width = (size_t)job->micro->rows;
  for (size_t i = 0; i < job->rows * width; i++)
    job->ones[i] = i % width == 0 ? 1.0f : 0.0f;
}

/* ---- tiles ---- */
static void x_operand(const grad_job *job, size_t panel, lsi_leaf_tile *tile) {
  size_t width = (size_t)job->micro->rows;
  bool whole = (panel + 1) * width <= job->k;
  tile->rows = whole ? (int)width : (int)(job->k - panel * width);
  tile->c = job->dw + panel * width * job->n;
  tile->a_stride = job->x_direct && whole ? job->k : width;
  if (job->x_direct)
    tile->a = whole ? job->x + panel * width : job->x_edge;
  else
    tile->a = job->x_packed + panel * job->panel_floats;
}

static void grad_task(const grad_job *job, size_t first_panel, size_t dy_panel, float *stack) {
  size_t begin;
  int vectors;
  lsi_micro_panel(job->micro, job->n, dy_panel, &begin, &vectors);
  int columns = vectors * job->micro->lanes;
  lsi_leaf_tile tile = {.n_leaves = job->n_leaves, .leaf_row = job->leaf_row, .stack = stack};
  tile.b = job->dy_direct ? job->dy + begin : job->dy_packed + begin * job->rows;
  tile.b_stride = job->dy_direct ? job->n : (size_t)columns;
  tile.c_stride = job->n;
  tile.columns = job->n - begin < (size_t)columns ? (int)(job->n - begin) : columns;
  void (*kernel)(const lsi_leaf_tile *) = job->micro->leaf[vectors - 1];
  size_t last = first_panel + job->block < job->x_panels ? first_panel + job->block : job->x_panels;
  for (size_t p = first_panel; p < last; p++) {
    x_operand(job, p, &tile);
    tile.c += begin;
    kernel(&tile);
  }
  if (job->db && first_panel == 0) {
    tile.a = job->ones;
    tile.a_stride = (size_t)job->micro->rows;
    tile.c = job->db + begin;
    tile.rows = 1;
    kernel(&tile);
  }
}

static void grad_tasks(const grad_job *job) {
  size_t blocks = job->x_panels ? (job->x_panels + job->block - 1) / job->block : 1;
  size_t tasks = blocks * job->dy_panels;
  _Alignas(64) float stack[LSI_TREE_MAX_LEVEL * LSI_MICRO_MAX_TILE];
#pragma omp for schedule(dynamic)
  for (size_t t = 0; t < tasks; t++)
    grad_task(job, t / job->dy_panels * job->block, t % job->dy_panels, stack);
}

static void pack(const grad_job *job) {
  size_t x_groups = job->x_direct ? 0 : (job->x_panels + PACK_GROUP - 1) / PACK_GROUP;
  size_t dy_panels = job->dy_direct ? 0 : job->dy_panels;
  if (x_groups + dy_panels == 0)
    return;
#pragma omp for schedule(static) nowait
  for (size_t g = 0; g < x_groups; g++)
    pack_x_group(job, g * PACK_GROUP);
#pragma omp for schedule(static)
  for (size_t p = 0; p < dy_panels; p++)
    pack_dy_panel(job, p);
}

static void grad_run(const grad_job *job, int n_threads) {
  if (job->db)
    pack_ones(job);
  if (job->x_panels > 0 && job->x_direct && job->k % (size_t)job->micro->rows != 0)
    pack_x_edge(job);
  if (n_threads == 1) {
    pack(job);
    grad_tasks(job);
    return;
  }
#pragma omp parallel num_threads(n_threads)
  {
    pack(job);
    grad_tasks(job);
  }
}

/*
 * Does a panel of `rows` rows, `stride` floats apart, fit half of a 32 KiB, 8-way first-level cache
 * in place? Rows a multiple of a large power of two apart crowd into a few of its 64 sets.
 */
static bool reads_well_in_place(size_t rows, size_t stride, size_t lines) {
  size_t bytes = stride * sizeof(float), sets = 64;
  while (sets > 1 && bytes % (2 * 64 * (64 / sets)) == 0)
    sets /= 2;
  return rows * lines <= 4 * sets;
}

/* x panels a task takes: what the second-level cache holds, but tasks enough for all threads. */
static size_t block_size(const grad_job *job, int n_threads) {
  size_t block = L2_BLOCK_FLOATS / job->panel_floats;
  if (n_threads > 1) {
    size_t wanted = (4 * (size_t)n_threads + job->dy_panels - 1) / job->dy_panels;
    size_t even = (job->x_panels + wanted - 1) / wanted;
    if (even < block)
      block = even;
  }
  return block ? block : 1;
}

/* Hand out the scratch, in the order of scratch_floats. */
static void lay_out(grad_job *job, float *scratch) {
  job->panel_floats = x_panel_floats(job->micro, job->rows);
  job->ones = scratch;
  job->x_edge = job->ones + job->panel_floats;
  job->x_packed = job->x_edge + job->panel_floats;
  job->dy_packed = job->x_packed + job->x_panels * job->panel_floats;
}

void lsi_weight_grad_on(int n_threads, size_t k, size_t n, int n_leaves, const int64_t *leaf_row,
                        const float *x, const float *dy, float *dw, float *db) {
  if (n_leaves == 0 || n == 0 || (!dw && !db))
    return;
  const lsi_micro *micro = lsi_micro_get();
  size_t first = (size_t)leaf_row[0], rows = (size_t)leaf_row[n_leaves] - first;
  float *scratch = lsi_gemm_scratch(scratch_floats(micro, rows, k, n));
  if (!scratch) { /* no memory to pack: slow, same bits */
    lsi_weight_grad_definition(k, n, n_leaves, leaf_row, x, dy, dw, db);
    return;
  }
  grad_job job = {.micro = micro, .k = k, .n = n, .rows = rows, .n_leaves = n_leaves};
  job.leaf_row = leaf_row;
  job.x = dw ? x + first * k : NULL;
  job.dy = dy + first * n;
  job.dw = dw;
  job.db = db;
  job.x_panels = dw ? (k + (size_t)micro->rows - 1) / (size_t)micro->rows : 0;
  job.dy_panels = lsi_micro_panels(micro, n);
  job.x_direct = reads_well_in_place(rows, k, 1);
  job.dy_direct = reads_well_in_place(rows, n, 4);
  lay_out(&job, scratch);
  job.block = block_size(&job, n_threads);
  grad_run(&job, n_threads);
}
