/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_INDEX_H
#define LSI_CKPT_CHECKPOINT_INDEX_H
/*
 * The index of a checkpoint: what is in it and where, with digests, as text:
 *
 *   lockstep checkpoint 2
 *   iteration 1875
 *   array f32 2 784 100 4096 0123456789abcdef0123456789abcdef params/dense/kernel
 *   text 812 317696 0123456789abcdef0123456789abcdef config
 *
 * The number before a digest is where the values begin in the file. Also what ranks send each other, so that a checkpoint in memory
 * is made in one way only.
 */
#include "base/hash.h"
#include "ckpt/checkpoint.h"
#include "ckpt/checkpoint_layout.h"

struct lsi_checkpoint {
  char *path;
  int64_t iteration;
  char *index; /* as in the file */
  char *words; /* a copy cut into words; the names point into it */
  int n_arrays, n_texts;
  lsi_ckpt_array *arrays;                     /* data owned, NULL until filled */
  lsi_ckpt_text *texts;                       /* values owned, NULL until filled */
  const char **array_digests, **text_digests; /* into words */
  uint64_t *text_bytes;
  uint64_t *array_offsets, *text_offsets;
};

/* Refuses names that are empty, repeated, or no plain path. */
ls_status lsi_ckpt_index_check(const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts, int n_texts);
/* The index of such arrays and texts (free with lsi_free), with room for the digests. */
ls_status lsi_ckpt_index_format(int64_t iteration, const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts,
                                int n_texts, const lsi_ckpt_layout *layout, char **index);
/* The next item's digest. `*cursor` begins as the index and moves on. */
void lsi_ckpt_index_fill(char **cursor, const char hex[LSI_DIGEST_HEX]);

/* A checkpoint with names and shapes, but no data yet. LS_ERR_CORRUPT for a text that the function
   above would not write; LS_ERR_UNSUPPORTED for another version. `path` is for messages. */
ls_status lsi_ckpt_index_parse(const char *path, const char *index, lsi_checkpoint **out);

/* The array of that name; LS_ERR_NOT_FOUND, or LS_ERR_SHAPE with both shapes, if it is not as wanted. */
ls_status lsi_ckpt_find(const lsi_checkpoint *checkpoint, const char *name, lsi_ckpt_type type, uint64_t count,
                        const lsi_ckpt_array **out);

/* Bytes of an array's data. */
size_t lsi_ckpt_array_bytes(const lsi_ckpt_array *array);
size_t lsi_ckpt_type_bytes(lsi_ckpt_type type);
/* "f32 [784, 100]" */
void lsi_ckpt_describe(lsi_ckpt_type type, int rank, const uint64_t *dims, char text[120]);
#endif
