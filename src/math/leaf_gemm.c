/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient: a blocked product (Goto and van de Geijn, "Anatomy of high-performance
 * matrix multiplication", 2008) whose register tiles carry the leaf tree (micro_body.h).
 *
 *   x [rows, k]  -> panels of micro->rows features, each [rows, micro->rows]
 *   dy [rows, n] -> panels of 1..max_vectors vectors, each [rows, width]
 *
 * A tile walks the leaves with the sums of finished subtrees on a stack in the first-level cache. Of a
 * large dy a few MB are packed at a time, and all of x meets them. A block of x panels is sized to the
 * second-level cache, packed by the thread that takes it, and meets the dy panels one after the other,
 * or, while several of them fit the first-level cache, group by group; blocks x shares of the groups
 * are the threads' tasks. Nodes of many rows are walked in row blocks, whose dy panel stays in the
 * first-level cache for all tiles of a block; between them the subtrees wait, tile by tile. Which
 * thread computes a tile, and when, never touches its bits.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "math/clones.h"
#include "math/gemm_parts.h"
#include "math/micro.h"
#include "math/tree.h"

enum {
  L2_BLOCK_FLOATS = 64 * 1024, /* of x panels */
  L1_FLOATS = 4 * 1024,        /* of dy panels */
  ROW_BLOCK = 256,
  WAITING_FLOATS = 6 * 1024, /* of the subtrees that wait between row blocks */
  MAX_GROUP = 32,
  OWN_WEIGHTS = 128 * 1024, /* what two threads hold of weights and gradients stays in their second-level caches */
  PAGES = 32,
  FEW_PANELS = 8, /* of x: a smaller block would spend its time on bringing dy to the first-level cache */
  AT_ONCE_DY = 8,         /* panels packed row by row */
  PACKED_DY = 1024 * 1024, /* floats of dy packed at a time */
  PAD = 16
};

typedef struct grad_job {
  const lsi_micro *micro;
  size_t k, n, rows;
  int n_leaves;
  const int64_t *leaf_row;
  const float *x, *dy; /* at the node's first row */
  float *dw, *db;
  size_t x_panels, dy_first, dy_end; /* panels */
  size_t dy_column;                  /* of panel dy_first */
  size_t block, group;         /* x panels; dy panels that stay in the first-level cache together */
  size_t blocks, share, shares; /* dy panels a task takes; tasks are blocks x shares */
  int row_block, low_levels,
      levels;          /* leaves a tile takes at a time, log2 of it; height of the tree */
  size_t panel_floats; /* from one packed x panel to the next */
  size_t tile_floats;
  bool x_direct, dy_direct; /* read where it lies, not packed */
  bool own;                 /* each thread takes the features whose weights it also updates and, as a rule, multiplies with */
  float *ones, *x_edge, *x_packed, *dy_packed; /* x_packed: a block for each thread */
} grad_job;

/* What a thread has packed last; nothing while `first` lies behind `end`. */
typedef struct x_block {
  size_t first, end; /* panels */
  float *panels;
} x_block;

/* ---- scratch ---- */
/* ones panel, edge panel, blocks of x panels, dy panels. The pad keeps panels of a power-of-two size off
   one cache set. */
static size_t x_panel_floats(const lsi_micro *micro, size_t rows) {
  return lsi_round_up(rows * (size_t)micro->rows, PAD) + PAD;
}

static size_t widest_panel(const lsi_micro *micro) {
  return (size_t)(micro->lanes * micro->max_vectors);
}

/* Panels of dy that are packed at a time: parts of about one size. */
static size_t dy_at_once(const lsi_micro *micro, size_t rows, size_t panels) {
  size_t most = PACKED_DY / (rows * widest_panel(micro));
  return lsi_ceil_div(panels, lsi_ceil_div(panels, most < AT_ONCE_DY ? AT_ONCE_DY : most));
}

/* A node of fewer rows never needs more. */
static size_t scratch_floats(const lsi_micro *micro, int n_threads, size_t rows, size_t k, size_t n) {
  size_t panel = x_panel_floats(micro, rows), width = lsi_round_up(n, (size_t)micro->lanes);
  size_t all = (lsi_ceil_div(k, (size_t)micro->rows) + 1) * panel, block = panel > L2_BLOCK_FLOATS ? panel : L2_BLOCK_FLOATS;
  size_t least = AT_ONCE_DY * rows * widest_panel(micro), dy = least > PACKED_DY ? least : PACKED_DY;
  return (size_t)n_threads * (all < block ? all : block) + 2 * panel + (rows * width < dy ? rows * width : dy);
}

size_t lsi_leaf_scratch_floats(int n_threads, size_t max_rows, size_t max_k, size_t max_n) {
  return scratch_floats(lsi_micro_get(), n_threads, max_rows, max_k, max_n);
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
/* A multiple of 4. */
LSI_INLINE void copy_narrow(float *to, const float *from, size_t width) {
  for (size_t i = 0; i < width; i += 4)
    memcpy(to + i, from + i, 4 * sizeof *to);
}

/* What of a panel is there, and zeros. */
static void copy_part(float *to, const float *from, size_t there, size_t width) {
  memcpy(to, from, there * sizeof *to);
  memset(to + there, 0, (width - there) * sizeof *to);
}

/* Some rows of whole x panels that lie side by side. */
LSI_INLINE void pack_panels(const float *from, size_t stride, size_t rows, const size_t width, size_t panels, size_t panel_floats,
                            float *to) {
  for (size_t p = 0; p < panels; p++, from += width, to += panel_floats)
    for (size_t r = 0; r < rows; r++)
      copy_narrow(to + r * width, from + r * stride, width);
}

/* A few rows of one panel after those of the other: x is read along its rows, whole cache lines are written. */
static void pack_x(const grad_job *job, x_block *to, size_t first, size_t end) {
  enum { AT_ONCE = 4 };
  size_t width = (size_t)job->micro->rows, k = job->k, pitch = job->panel_floats;
  size_t whole = end * width <= k ? end - first : end - first - 1;
  if (to->first == first && to->end == end)
    return;
  for (size_t r = 0; r < job->rows; r += AT_ONCE) {
    size_t n = r + AT_ONCE < job->rows ? AT_ONCE : job->rows - r;
    const float *from = job->x + r * k + first * width;
    if (width == 4)
      pack_panels(from, k, n, 4, whole, pitch, to->panels + r * width);
    else
      pack_panels(from, k, n, width, whole, pitch, to->panels + r * width);
  }
  for (size_t r = 0; r < job->rows && first + whole < end; r++)
    copy_part(to->panels + whole * pitch + r * width, job->x + r * k + (end - 1) * width, k - (end - 1) * width, width);
  to->first = first;
  to->end = end;
}

/* The last panel when k is not a multiple of its width: reading it in place would run past x. */
static void pack_x_edge(const grad_job *job) {
  size_t width = (size_t)job->micro->rows, begin = (job->x_panels - 1) * width;
  for (size_t r = 0; r < job->rows; r++)
    copy_part(job->x_edge + r * width, job->x + r * job->k + begin, job->k - begin, width);
}

static void pack_dy_panels(const grad_job *job, size_t first, size_t end) {
  size_t begin[AT_ONCE_DY], width[AT_ONCE_DY], panels = end - first;
  for (size_t p = 0; p < panels; p++) {
    int vectors;
    lsi_micro_panel(job->micro, job->n, first + p, &begin[p], &vectors);
    width[p] = (size_t)(vectors * job->micro->lanes);
  }
  for (size_t r = 0; r < job->rows; r++)
    for (size_t p = 0; p < panels; p++) {
      const float *from = job->dy + r * job->n + begin[p];
      float *to = job->dy_packed + (begin[p] - job->dy_column) * job->rows + r * width[p];
      if (job->n - begin[p] >= width[p])
        copy_narrow(to, from, width[p]);
      else
        copy_part(to, from, job->n - begin[p], width[p]);
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
    pack_dy_panels(job, job->dy_end - 1, job->dy_end);
}

/* ---- tiles ---- */
/* Panel x_panels stands for the ones. */
static void x_operand(const grad_job *job, const x_block *packed, size_t panel, size_t row, lsi_leaf_tile *tile) {
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
    tile->a = packed->panels + (panel - packed->first) * job->panel_floats + row * width;
}

static size_t dy_column(const grad_job *job, size_t panel) {
  size_t begin;
  int vectors;
  lsi_micro_panel(job->micro, job->n, panel, &begin, &vectors);
  return begin;
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
  part.b = job->dy_direct && whole ? job->dy + part.begin : job->dy_packed + (part.begin - job->dy_column) * job->rows;
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

/* A block of x panels with a group of dy panels. */
static void grad_group(const grad_job *job, const x_block *packed, size_t first_x, size_t x_end, size_t first_dy, size_t dy_end,
                       float *stack) {
  dy_part parts[MAX_GROUP];
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
      x_operand(job, packed, p, row, &tile);
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

/* Task number t of blocks x shares. */
static void grad_task(const grad_job *job, size_t t, x_block *packed, float *stack) {
  size_t first = t / job->shares * job->block, dy = job->dy_first + t % job->shares * job->share;
  size_t end = first + job->block < job->x_panels ? first + job->block : job->x_panels;
  size_t dy_end = dy + job->share < job->dy_end ? dy + job->share : job->dy_end;
  if (!job->x_direct)
    pack_x(job, packed, first, end);
  for (size_t q = dy; q < dy_end; q += job->group)
    grad_group(job, packed, first, end, q, q + job->group < dy_end ? q + job->group : dy_end, stack);
}

static void grad_tasks(const grad_job *job, int thread) {
  size_t tasks = job->blocks * job->shares;
  x_block packed = {.first = 1, .panels = job->x_packed + (size_t)thread * job->block * job->panel_floats};
  _Alignas(64) float stack[LSI_TREE_MAX_LEVEL * LSI_MICRO_MAX_TILE + WAITING_FLOATS];
  if (job->own) {
#pragma omp for schedule(static)
    for (size_t t = 0; t < tasks; t++)
      grad_task(job, t, &packed, stack);
    return;
  }
#pragma omp for schedule(dynamic)
  for (size_t t = 0; t < tasks; t++)
    grad_task(job, t, &packed, stack);
}

static void pack_dy(const grad_job *job) {
  if (job->dy_direct)
    return;
#pragma omp for schedule(static)
  for (size_t p = job->dy_first; p < job->dy_end; p += AT_ONCE_DY)
    pack_dy_panels(job, p, p + AT_ONCE_DY < job->dy_end ? p + AT_ONCE_DY : job->dy_end);
}

static void grad_run(const grad_job *job, int n_threads) {
  pack_edges(job);
  if (n_threads == 1) {
    pack_dy(job);
    grad_tasks(job, 0);
    return;
  }
#pragma omp parallel num_threads(n_threads)
  {
    pack_dy(job);
    grad_tasks(job, omp_get_thread_num());
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

/* dy panels that stay in the first-level cache together. */
static size_t group_of(const grad_job *job, size_t high) {
  size_t group = L1_FLOATS / (job->rows * widest_panel(job->micro));
  return group < 1 || high > 0 ? 1 : group > MAX_GROUP ? MAX_GROUP : group;
}

/* x panels a task takes: what the second-level cache and the waiting subtrees' room hold, but tasks
   enough for all threads; then, where the blocks are too few, shares of the dy panels. */
static void choose_tasks(grad_job *job, int n_threads) {
  size_t high = (size_t)(job->levels - job->low_levels), room = WAITING_FLOATS / job->tile_floats;
  size_t threads = (size_t)n_threads, wanted = n_threads == 1 ? 1 : 4 * threads;
  job->group = group_of(job, high);
  size_t dy_panels = job->dy_end - job->dy_first, groups = lsi_ceil_div(dy_panels, job->group), x_panels = job->x_panels ? job->x_panels : 1;
  job->block = L2_BLOCK_FLOATS / job->panel_floats;
  if (job->block > x_panels)
    job->block = x_panels;
  if (job->block < 1)
    job->block = 1;
  if (high > 0 && (job->block + 1) * high > room)
    job->block = room / high > 1 ? room / high - 1 : 1;
  size_t parts = job->own ? threads * lsi_ceil_div(x_panels, threads * job->block) : wanted;
  size_t even = lsi_ceil_div(x_panels, parts), least = job->own ? 1 : FEW_PANELS;
  if (even < least)
    even = least;
  if (even < job->block)
    job->block = even;
  job->blocks = lsi_ceil_div(x_panels, job->block);
  job->shares = job->own || job->blocks >= wanted / 2 ? 1 : lsi_ceil_div(wanted, job->blocks);
  if (job->shares > groups)
    job->shares = groups;
  job->share = lsi_ceil_div(groups, job->shares) * job->group;
  job->shares = lsi_ceil_div(dy_panels, job->share);
}

/* Hand out the scratch, in the order of scratch_floats. */
static void lay_out(grad_job *job, int n_threads, float *scratch) {
  job->ones = scratch;
  job->x_edge = job->ones + job->panel_floats;
  job->x_packed = job->x_edge + job->panel_floats;
  job->dy_packed = job->x_packed + (size_t)n_threads * job->block * job->panel_floats;
}

void lsi_weight_grad_on(int n_threads, size_t k, size_t n, int n_leaves, const int64_t *leaf_row,
                        const float *x, const float *dy, float *dw, float *db) {
  if (n_leaves == 0 || n == 0 || (!dw && !db))
    return;
  const lsi_micro *micro = lsi_micro_get();
  size_t first = (size_t)leaf_row[0], rows = (size_t)leaf_row[n_leaves] - first;
  float *scratch = lsi_gemm_scratch(scratch_floats(micro, n_threads, rows, k, n));
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
  job.tile_floats = (size_t)(micro->rows * micro->lanes * micro->max_vectors);
  job.x_direct = reads_well_in_place(rows, k, 1);
  job.dy_direct = reads_well_in_place(rows, n, 4);
  job.own = k * n <= OWN_WEIGHTS;
  job.panel_floats = x_panel_floats(micro, rows);
  choose_row_block(&job);
  size_t panels = lsi_micro_panels(micro, n), at_once = job.dy_direct ? panels : dy_at_once(micro, rows, panels);
  for (; job.dy_first < panels; job.dy_first = job.dy_end) {
    job.dy_end = job.dy_first + at_once < panels ? job.dy_first + at_once : panels;
    job.dy_column = dy_column(&job, job.dy_first);
    choose_tasks(&job, n_threads);
    lay_out(&job, n_threads, scratch);
    grad_run(&job, n_threads);
  }
}
