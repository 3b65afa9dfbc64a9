/* SPDX-License-Identifier: MIT */
#include "data/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { WHOLE_BYTES = 256 << 20, SLICES = 64, SAMPLED_ROWS = 256, CALLBACK_ROWS = 64, BLOCK_BYTES = 1 << 20 };

static void add_text(lsi_hash *hash, const char *text) {
  lsi_hash_update(hash, text, strlen(text) + 1);
}

static void add_description(lsi_hash *hash, const ls_dataset_info *info) {
  char text[256];
  snprintf(text, sizeof text,
           "lockstep data set 2, samples %lld, x %s rank %d, scale %a, offset %a",
           (long long)info->n_samples, lsi_dtype_name(info->x_dtype), info->x_rank, info->scale,
           info->offset);
  add_text(hash, text);
  for (int i = 0; i < info->x_rank; i++) {
    snprintf(text, sizeof text, "%lld", (long long)info->x_shape[i]);
    add_text(hash, text);
  }
  snprintf(text, sizeof text, "y %d label %d targets %lld rank %d, weight %d", info->has_y,
           info->y_is_label, (long long)info->n_targets, info->y_rank, info->has_weight);
  add_text(hash, text);
}

/* The i-th of `count` rows spread over [0, n), ends included. */
static int64_t spread(int64_t i, int64_t count, int64_t n) {
  return count < 2 ? 0 : (int64_t)((__int128)i * (n - 1) / (count - 1));
}

/* Which rows piece k of the set stands for: all of a slice, or one row. */
typedef struct piece {
  int64_t first, n;
} piece;

static piece piece_at(int64_t k, int64_t n_pieces, int64_t n, bool whole) {
  if (!whole) return (piece){spread(k, n_pieces, n), 1};
  int64_t first = (int64_t)((__int128)n * k / n_pieces), end = (int64_t)((__int128)n * (k + 1) / n_pieces);
  return (piece){first, end - first};
}

static ls_status add_field(lsi_hash *hash, lsi_fields *fields, int field, piece p, char **block) {
  const lsi_field *f = &fields->field[field];
  if (!f->name) return LS_OK;
  if (f->values) {
    lsi_hash_update(hash, f->values + (size_t)p.first * f->row_bytes, (size_t)p.n * f->row_bytes);
    return LS_OK;
  }
  int64_t block_rows = f->row_bytes < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / f->row_bytes) : 1;
  lsi_free(*block);
  *block = NULL;
  LSI_TRY(lsi_alloc("data set identity", (size_t)(block_rows < p.n ? block_rows : p.n), f->row_bytes, block));
  for (int64_t row = p.first, end = p.first + p.n; row < end; row += block_rows) {
    int64_t count = end - row < block_rows ? end - row : block_rows;
    LSI_TRY(lsi_field_stored(fields, field, row, count, *block));
    lsi_hash_update(hash, *block, (size_t)count * f->row_bytes);
  }
  return LS_OK;
}

static ls_status digest_piece(lsi_fields *fields, piece p, char hex[LSI_DIGEST_HEX]) {
  lsi_hash *hash;
  char *block = NULL;
  LSI_TRY(lsi_hash_create(&hash));
  ls_status status = LS_OK;
  for (int i = 0; i < LSI_N_FIELDS && status == LS_OK; i++) status = add_field(hash, fields, i, p, &block);
  if (status == LS_OK) lsi_hash_hex(hash, hex);
  lsi_free(block);
  lsi_hash_destroy(&hash);
  return status;
}

typedef struct pieces {
  lsi_fields *fields;
  int64_t n;
  bool whole;
  char (*digests)[LSI_DIGEST_HEX]; /* [n] */
} pieces;

/* Each rank of the group makes its part of the pieces' digests. */
static ls_status digest_own(void *self) {
  const pieces *p = self;
  for (int64_t k = p->fields->group.rank; k < p->n; k += p->fields->group.size)
    LSI_TRY(digest_piece(p->fields, piece_at(k, p->n, p->fields->n_samples, p->whole), p->digests[k]));
  return LS_OK;
}

static ls_status digest_pieces(lsi_fields *fields, int64_t n_pieces, bool whole, char (*digests)[LSI_DIGEST_HEX]) {
  const lsi_group *group = &fields->group;
  pieces p = {fields, n_pieces, whole, digests};
  ls_status status = lsi_fields_is_streamed(fields) ? lsi_files_aside(&group->comm, &fields->reading, digest_own, &p) : digest_own(&p);
  if (group->size == 1) return status;
  LSI_TRY(lsi_agree(&group->comm, status));
  return lsi_unite(&group->comm, digests, (size_t)n_pieces * sizeof *digests);
}

ls_status lsi_fields_identity(lsi_fields *fields, const ls_dataset_info *info, char hex[33]) {
  unsigned __int128 bytes = 0;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (fields->field[i].name) bytes += (unsigned __int128)fields->n_samples * fields->field[i].row_bytes;
  bool whole = bytes <= WHOLE_BYTES || fields->n_samples <= SAMPLED_ROWS;
  int64_t n_pieces = whole ? SLICES : SAMPLED_ROWS;
  char digests[SAMPLED_ROWS][LSI_DIGEST_HEX] = {{0}};
  lsi_hash *hash;
  LSI_TRY(digest_pieces(fields, n_pieces, whole, digests));
  LSI_TRY(lsi_hash_create(&hash));
  add_description(hash, info);
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (fields->field[i].name) add_text(hash, lsi_dtype_name(fields->field[i].dtype));
  lsi_hash_update(hash, digests, (size_t)n_pieces * sizeof *digests);
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  return LS_OK;
}

ls_status lsi_callback_identity(const ls_dataset *dataset, char hex[33]) {
  const ls_dataset_info *info = &dataset->info;
  size_t features = (size_t)lsi_dataset_features(dataset),
         targets = info->has_y ? (size_t)info->n_targets : 0;
  float *sample;
  LSI_TRY(LSI_ALLOC("data set identity", features + targets + 1, &sample));
  lsi_hash *hash = NULL;
  ls_status status = lsi_hash_create(&hash);
  if (status == LS_OK) add_description(hash, info);
  int64_t count = info->n_samples < CALLBACK_ROWS ? info->n_samples : CALLBACK_ROWS;
  for (int64_t i = 0; i < count && status == LS_OK; i++) {
    int64_t row = spread(i, count, info->n_samples);
    status = lsi_dataset_read(dataset, &row, 1, sample, info->has_y ? sample + features : NULL,
                              info->has_weight ? sample + features + targets : NULL);
    if (status == LS_OK)
      lsi_hash_update(hash, sample, (features + targets + info->has_weight) * sizeof *sample);
  }
  if (status == LS_OK) lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  lsi_free(sample);
  return status;
}
