/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_LAYOUT_H
#define LSI_CKPT_CHECKPOINT_LAYOUT_H
/*
 * Where things lie in a checkpoint file: its items are the values of the arrays and then of the texts, and between them are gaps of
 * HDF5's own. Items are cut into blocks, each with a digest, and the blocks into one part for each writer: arithmetic, so that all
 * writers know all parts.
 */
#include <stdbool.h>
#include "base/hash.h"
#include "ckpt/checkpoint.h"

enum { LSI_CKPT_BLOCK = 1 << 20, LSI_CKPT_DIGEST = 16 };

typedef struct lsi_ckpt_item {
  uint64_t offset, n_bytes; /* in the file */
} lsi_ckpt_item;

typedef struct lsi_ckpt_layout {
  int n_items;
  lsi_ckpt_item *items;
  uint64_t *starts;      /* bytes of all items before each, and at the end of all */
  uint64_t file_bytes;   /* of HDF5's file */
  int n_gaps;
  lsi_ckpt_item *gaps;
  char *gap_bytes;       /* one after the other; where the layout was made */
} lsi_ckpt_layout;

/* Ask HDF5. `values` do not matter, only their sizes. */
ls_status lsi_ckpt_layout_create(const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts, int n_texts,
                                 lsi_ckpt_layout **out);
/* From what another rank, or an index, says. LS_ERR_CORRUPT when items overlap or lie outside of the file. */
ls_status lsi_ckpt_layout_copy(const lsi_ckpt_item *items, int n_items, uint64_t file_bytes, lsi_ckpt_layout **out);
void lsi_ckpt_layout_destroy(lsi_ckpt_layout **layout);

/* Bytes [*begin, *end) of item i that writer w of n writes: whole blocks. */
void lsi_ckpt_layout_run(const lsi_ckpt_layout *layout, int n_writers, int w, int i, uint64_t *begin, uint64_t *end);
/* Blocks of all its runs. */
size_t lsi_ckpt_layout_blocks(const lsi_ckpt_layout *layout, int n_writers, int w);

/* The digest of an item from those of its blocks; and of a block. */
void lsi_ckpt_join_digests(const unsigned char *digests, size_t n_blocks, char hex[LSI_DIGEST_HEX]);
void lsi_ckpt_block_digest(const void *bytes, size_t n, unsigned char digest[LSI_CKPT_DIGEST]);
static inline size_t lsi_ckpt_block_count(uint64_t n_bytes) {
  return (size_t)((n_bytes + LSI_CKPT_BLOCK - 1) / LSI_CKPT_BLOCK);
}
#endif
