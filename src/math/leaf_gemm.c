/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient: a blocked product (Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008) whose register tiles carry the leaf tree (micro_body.h).
 *
 *   x [rows, k]  -> panels of micro->rows features, each [rows, micro->rows]
 *   dy [rows, n] -> panels of 1..max_vectors vectors, each [rows, width]
 *
 * A tile walks the leaves with the sums of finished subtrees on a stack in the first-level cache. A
 * block of x panels is sized to the second-level cache and meets the dy panels one after the other,
 * or, while several of them fit the first-level cache, group by group; blocks x groups are the
 * threads' tasks. Nodes of many rows are walked in row blocks, whose dy panel stays in the
 * first-level cache for all tiles of a block; between them the subtrees wait, tile by tile. Which
 * thread computes a tile, and when, never touches its bits.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "math/gemm_parts.h"
#include "math/micro.h"
#include "math/tree.h"

enum {
  L2_BLOCK_FLOATS = 64 * 1024, /* of x panels */
  L1_FLOATS = 4 * 1024,        /* of dy panels */
  ROW_BLOCK = 256,
  WAITING_FLOATS = 6 * 1024, /* of the subtrees that wait between row blocks */
  OWN_WEIGHTS = 128 * 1024, /* what two threads hold of weights and gradients stays in their second-level caches */
  PAGES = 32,
  PACK_GROUP = 8,
  PAD = 16
};

typedef struct grad_job {
  const lsi_micro *micro;
  size_t k, n, rows;
  int n_leaves;
  const int64_t *leaf_row;
  const float *x, *dy; /* at the node's first row */
  float *dw, *db;
  size_t x_panels, dy_panels;
  size_t block, group, groups; /* x panels and dy panels a task takes; groups of the latter */
  int row_block, low_levels,
      levels;          /* leaves a tile takes at a time, log2 of it; height of the tree */
  size_t panel_floats; /* from one packed x panel to the next */
  size_t tile_floats;
  bool x_direct, dy_direct; /* read where it lies, not packed */
  bool own;                 /* each thread takes the features whose weights it also updates and, as a rule, multiplies with */
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
    sum = -0.0f;
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
static void copy_narrow(float *to, const float *from, size_t width) {
  if (width == 4)
    memcpy(to, from, 4 * sizeof *to);
  else
    memcpy(to, from, 8 * sizeof *to);
}

static void pack_x_row(const grad_job *job, size_t panel, const float *from, float *to) {
  size_t width = (size_t)job->micro->rows, begin = panel * width;
  if (job->k - begin >= width) {
    copy_narrow(to, from + begin, width);
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

/* What cannot be read in place in any case. */
static void pack_edges(const grad_job *job) {
  if (job->db)
    pack_ones(job);
  if (job->x_panels > 0 && job->x_direct && job->k % (size_t)job->micro->rows != 0)
    pack_x_edge(job);
  if (job->dy_direct && job->n % (size_t)job->micro->lanes != 0)
    pack_dy_panel(job, job->dy_panels - 1);
}

/* ---- tiles ---- */
/* Panel x_panels stands for the ones. */
static void x_operand(const grad_job *job, size_t panel, size_t row, lsi_leaf_tile *tile) {
  size_t width = (size_t)job->micro->rows;
  if (panel == job->x_panels) {
    tile->rows = 1;
    tile->c = job->db;
    tile->a_stride = width;
    tile->a = job->ones + row * width;
    return;
  }
  bool whole = (panel + 1) * width <= job->k;
  tile->rows = whole ? (int)width : (int)(job->k - panel * width);
  tile->c = job->dw + panel * width * job->n;
  tile->a_stride = job->x_direct && whole ? job->k : width;
  if (job->x_direct)
    tile->a = (whole ? job->x + panel * width : job->x_edge) + row * tile->a_stride;
  else
    tile->a = job->x_packed + panel * job->panel_floats + row * width;
}

typedef struct dy_part {
  const float *b;
  size_t begin, stride;
  int vectors, columns;
} dy_part;

static dy_part dy_operand(const grad_job *job, size_t panel, size_t row) {
  dy_part part;
  lsi_micro_panel(job->micro, job->n, panel, &part.begin, &part.vectors);
  int width = part.vectors * job->micro->lanes;
  bool whole = job->n - part.begin >= (size_t)width;
  part.columns = whole ? width : (int)(job->n - part.begin);
  part.stride = job->dy_direct && whole ? job->n : (size_t)width;
  part.b = job->dy_direct && whole ? job->dy + part.begin : job->dy_packed + part.begin * job->rows;
  part.b += row * part.stride;
  return part;
}

/* Where the subtrees of x panel number i of the block wait. */
static void set_stack(const grad_job *job, lsi_leaf_tile *tile, size_t i, float *stack) {
  size_t high = (size_t)(job->levels - job->low_levels);
  float *waiting = stack + ((size_t)job->low_levels + i * high) * job->tile_floats;
  for (int level = 0; level < job->levels; level++)
    tile->stack[level] = level < job->low_levels
                             ? stack + (size_t)level * job->tile_floats
                             : waiting + (size_t)(level - job->low_levels) * job->tile_floats;
}

static void grad_task(const grad_job *job, size_t first_x, size_t first_dy, float *stack) {
  enum { MAX_GROUP = 32 };
  dy_part parts[MAX_GROUP];
  size_t x_end = first_x + job->block < job->x_panels ? first_x + job->block : job->x_panels;
  size_t dy_end = first_dy + job->group < job->dy_panels ? first_dy + job->group : job->dy_panels;
  bool ones = job->db && x_end == job->x_panels;
  lsi_leaf_tile tile = {.n_leaves = job->n_leaves, .leaf_row = job->leaf_row, .c_stride = job->n};
  set_stack(job, &tile, 0, stack);
  for (int leaf = 0; leaf < job->n_leaves; leaf += job->row_block) {
    size_t row = (size_t)(job->leaf_row[leaf] - job->leaf_row[0]);
    tile.leaf = leaf;
    tile.leaf_end = leaf + job->row_block < job->n_leaves ? leaf + job->row_block : job->n_leaves;
    for (size_t q = first_dy; q < dy_end; q++)
      parts[q - first_dy] = dy_operand(job, q, row);
    for (size_t p = first_x; p < x_end + ones; p++) {
      x_operand(job, p, row, &tile);
      if (job->levels > job->low_levels)
        set_stack(job, &tile, p - first_x, stack);
      float *c = tile.c;
      for (size_t i = 0; i < dy_end - first_dy; i++) {
        tile.b = parts[i].b;
        tile.b_stride = parts[i].stride;
        tile.columns = parts[i].columns;
        tile.c = c + parts[i].begin;
        job->micro->leaf[parts[i].vectors - 1](&tile);
      }
    }
  }
}

/* Task number t of blocks x groups. */
static void numbered_task(const grad_job *job, size_t t, float *stack) {
  grad_task(job, t / job->groups * job->block, t % job->groups * job->group, stack);
}

static void grad_tasks(const grad_job *job) {
  size_t blocks = job->x_panels ? lsi_ceil_div(job->x_panels, job->block) : 1;
  size_t tasks = blocks * job->groups;
  _Alignas(64) float stack[LSI_TREE_MAX_LEVEL * LSI_MICRO_MAX_TILE + WAITING_FLOATS];
  if (job->own) {
#pragma omp for schedule(static)
    for (size_t t = 0; t < tasks; t++)
      numbered_task(job, t, stack);
    return;
  }
#pragma omp for schedule(dynamic)
  for (size_t t = 0; t < tasks; t++)
    numbered_task(job, t, stack);
}

static void pack(const grad_job *job) {
  size_t x_groups = job->x_direct ? 0 : lsi_ceil_div(job->x_panels, PACK_GROUP);
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
  pack_edges(job);
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

/* ---- sizes ---- */
/*
 * Does a panel of `rows` rows, `stride` floats apart, fit half of a 32 KiB, 8-way first-level cache
 * in place, and its pages half of the 64 that are translated at no cost? Rows a multiple of a large
 * power of two apart crowd into a few of the cache's 64 sets.
 */
static bool reads_well_in_place(size_t rows, size_t stride, size_t lines) {
  size_t bytes = stride * sizeof(float), sets = 64;
  while (sets > 1 && bytes % (2 * 64 * (64 / sets)) == 0)
    sets /= 2;
  return rows * lines <= 4 * sets && rows * bytes <= PAGES * 4096;
}

/* Leaves a tile takes at a time: a complete subtree of at most ROW_BLOCK rows. */
static void choose_row_block(grad_job *job) {
  int64_t leaf_rows = job->leaf_row[1] - job->leaf_row[0];
  job->levels = lsi_tree_height(job->n_leaves);
  job->low_levels = 0;
  while (job->low_levels < job->levels && (leaf_rows << (job->low_levels + 1)) <= ROW_BLOCK)
    job->low_levels++;
  job->row_block = 1 << job->low_levels;
}

/* x panels a task takes: what the second-level cache and the waiting subtrees' room hold, but tasks
   enough for all threads. */
static void choose_tasks(grad_job *job, int n_threads) {
  size_t width = (size_t)(job->micro->lanes * job->micro->max_vectors);
  size_t high = (size_t)(job->levels - job->low_levels), room = WAITING_FLOATS / job->tile_floats;
  size_t group = L1_FLOATS / (job->rows * width);
  job->group = group < 1 || high > 0 ? 1 : group > 32 ? 32 : group;
  job->groups = lsi_ceil_div(job->dy_panels, job->group);
  job->block = L2_BLOCK_FLOATS / job->panel_floats;
  if (high > 0 && (job->block + 1) * high > room)
    job->block = room / high > 1 ? room / high - 1 : 1;
  if (job->block < 1)
    job->block = 1;
  if (n_threads == 1 || job->x_panels == 0)
    return;
  size_t parts = job->own ? (size_t)n_threads * lsi_ceil_div(job->x_panels, (size_t)n_threads * job->block)
                          : lsi_ceil_div(4 * (size_t)n_threads, job->groups);
  size_t even = lsi_ceil_div(job->x_panels, parts);
  if (even < job->block)
    job->block = even;
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
  job.x_panels = dw ? lsi_ceil_div(k, (size_t)micro->rows) : 0;
  job.dy_panels = lsi_micro_panels(micro, n);
  job.tile_floats = (size_t)(micro->rows * micro->lanes * micro->max_vectors);
  job.x_direct = reads_well_in_place(rows, k, 1);
  job.dy_direct = reads_well_in_place(rows, n, 4);
  job.own = k * n <= OWN_WEIGHTS;
  lay_out(&job, scratch);
  choose_row_block(&job);
  choose_tasks(&job, n_threads);
  grad_run(&job, n_threads);
}
