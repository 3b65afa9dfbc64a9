/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_ORDER_H
#define LSI_DATA_ORDER_H
/*
 * In which order a pass visits the n samples: a bijection of [0, n) for each pass, a pure function
 * of (seed, pass, place) and the settings here. What is kept from call to call only saves work.
 *
 *   none     as they are stored
 *   full     any sample anywhere (permutation.h)
 *   batch    Keras's shuffle="batch": batches of neighbours, in any order; a ragged one stays last
 *   blocks   blocks of `block` neighbours in any order; every `window` blocks that follow each other
 *            form a window, and the samples of a window come in any order
 */
#include <stdbool.h>
#include "data/permutation.h"

typedef enum lsi_shuffle {
  LSI_SHUFFLE_NONE,
  LSI_SHUFFLE_FULL,
  LSI_SHUFFLE_BATCH,
  LSI_SHUFFLE_BLOCKS
} lsi_shuffle;

typedef struct lsi_order {
  lsi_shuffle shuffle;
  int64_t n;
  uint64_t seed;
  int64_t block, window; /* batch: block is the batch size */
  /* of the pass and window asked for last */
  int64_t pass, window_at;
  lsi_permutation outer, inner; /* of the samples or blocks; of the window's samples */
  int64_t ragged;               /* place of the ragged block among the blocks; -1: none */
} lsi_order;

/* "true", "false", "batch" or "blocks"; false: none of them. */
bool lsi_shuffle_parse(const char *text, lsi_shuffle *out);
const char *lsi_shuffle_name(lsi_shuffle shuffle);

/* block and window (at least 1) matter for batch and blocks only. */
lsi_order lsi_order_make(lsi_shuffle shuffle, int64_t n, uint64_t seed, int64_t block, int64_t window);
/* The sample at place i of a pass. */
int64_t lsi_order_at(lsi_order *order, int64_t pass, int64_t i);
/* The samples at places [first, first + n) of a pass. */
void lsi_order_run(lsi_order *order, int64_t pass, int64_t first, int64_t n, int64_t *out);
/* Blocks: where the window of place i ends; else n. */
int64_t lsi_order_window_end(lsi_order *order, int64_t pass, int64_t i);
#endif
