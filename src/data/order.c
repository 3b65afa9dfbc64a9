/* SPDX-License-Identifier: MIT */
#include "data/order.h"

#include <string.h>

enum { OF_SAMPLES = 0, OF_BLOCKS = 1, WITHIN_WINDOWS = 2 }; /* purposes of permutations */

static const char *const names[] = {"false", "true", "batch", "blocks"}; /* by lsi_shuffle */

bool lsi_shuffle_parse(const char *text, lsi_shuffle *out) {
  for (int i = 0; i < 4; i++) {
    if (strcmp(names[i], text) != 0) continue;
    *out = (lsi_shuffle)i;
    return true;
  }
  return false;
}

const char *lsi_shuffle_name(lsi_shuffle shuffle) {
  return names[shuffle];
}

lsi_order lsi_order_make(lsi_shuffle shuffle, int64_t n, uint64_t seed, int64_t block,
                         int64_t window) {
  return (lsi_order){.shuffle = shuffle, .n = n, .seed = seed, .block = block < n ? block : n,
                     .window = window, .pass = -1, .window_at = -1, .ragged = -1};
}

static int64_t n_blocks(const lsi_order *o) {
  return (o->n + o->block - 1) / o->block;
}

static void begin_pass(lsi_order *o, int64_t pass) {
  o->pass = pass;
  o->window_at = -1;
  uint64_t epoch = (uint64_t)pass;
  if (o->shuffle == LSI_SHUFFLE_FULL) o->outer = lsi_permutation_of(o->seed, epoch, o->n, OF_SAMPLES, 0);
  if (o->shuffle == LSI_SHUFFLE_BATCH)
    o->outer = lsi_permutation_of(o->seed, epoch, o->n / o->block, OF_BLOCKS, 0);
  if (o->shuffle != LSI_SHUFFLE_BLOCKS) return;
  int64_t blocks = n_blocks(o);
  o->outer = lsi_permutation_of(o->seed, epoch, blocks, OF_BLOCKS, 0);
  o->ragged = -1;
  for (int64_t k = 0; o->n % o->block && k < blocks; k++)
    if (lsi_permutation_at(&o->outer, k) == blocks - 1) o->ragged = k;
}

/* ---- blocks ---- */

/* Rows that the ragged block lacks. */
static int64_t lacking(const lsi_order *o) {
  return o->ragged < 0 ? 0 : o->block - o->n % o->block;
}

/* Place of the first sample of the k-th block of the pass. */
static int64_t block_place(const lsi_order *o, int64_t k) {
  int64_t place = k * o->block - (o->ragged >= 0 && o->ragged < k ? lacking(o) : 0);
  return place < o->n ? place : o->n;
}

/* Which block of the pass place i lies in. */
static int64_t block_of(const lsi_order *o, int64_t i) {
  bool behind = o->ragged >= 0 && i >= block_place(o, o->ragged + 1);
  return (i + (behind ? lacking(o) : 0)) / o->block;
}

static int64_t window_end(const lsi_order *o, int64_t w) {
  int64_t k = (w + 1) * o->window, blocks = n_blocks(o);
  return block_place(o, k < blocks ? k : blocks);
}

static int64_t at_blocks(lsi_order *o, int64_t i) {
  int64_t w = block_of(o, i) / o->window, first = block_place(o, w * o->window);
  if (w != o->window_at) {
    o->inner = lsi_permutation_of(o->seed, (uint64_t)o->pass, window_end(o, w) - first,
                                  WITHIN_WINDOWS, (uint64_t)w);
    o->window_at = w;
  }
  int64_t place = first + lsi_permutation_at(&o->inner, i - first);
  int64_t k = block_of(o, place);
  return lsi_permutation_at(&o->outer, k) * o->block + place - block_place(o, k);
}

/* ---- */

static int64_t at_batch(const lsi_order *o, int64_t i) {
  int64_t k = i / o->block;
  return k < o->n / o->block ? lsi_permutation_at(&o->outer, k) * o->block + i % o->block : i;
}

int64_t lsi_order_at(lsi_order *order, int64_t pass, int64_t i) {
  if (pass != order->pass) begin_pass(order, pass);
  switch (order->shuffle) {
  case LSI_SHUFFLE_FULL: return lsi_permutation_at(&order->outer, i);
  case LSI_SHUFFLE_BATCH: return at_batch(order, i);
  case LSI_SHUFFLE_BLOCKS: return at_blocks(order, i);
  case LSI_SHUFFLE_NONE: break;
  }
  return i;
}

void lsi_order_run(lsi_order *order, int64_t pass, int64_t first, int64_t n, int64_t *out) {
  if (pass != order->pass) begin_pass(order, pass);
  if (order->shuffle == LSI_SHUFFLE_FULL) {
    lsi_permutation_run(&order->outer, first, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) out[i] = lsi_order_at(order, pass, first + i);
}

int64_t lsi_order_window_end(lsi_order *order, int64_t pass, int64_t i) {
  if (order->shuffle != LSI_SHUFFLE_BLOCKS) return order->n;
  if (pass != order->pass) begin_pass(order, pass);
  return window_end(order, block_of(order, i) / order->window);
}
