/* SPDX-License-Identifier: MIT */
#include "data/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { WHOLE_BYTES = 256 << 20, SAMPLED_ROWS = 1024, CALLBACK_ROWS = 64, BLOCK_BYTES = 1 << 20 };

static void add_text(lsi_hash *hash, const char *text) {
  lsi_hash_update(hash, text, strlen(text) + 1);
}

static void add_description(lsi_hash *hash, const ls_dataset_info *info) {
  char text[256];
  snprintf(text, sizeof text,
           "lockstep data set 1, samples %lld, x %s rank %d, scale %a, offset %a",
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

static ls_status add_rows(lsi_hash *hash, const lsi_field *field, int64_t n, bool whole,
                          char *block, int64_t block_rows) {
  if (!whole) {
    for (int64_t i = 0; i < SAMPLED_ROWS; i++) {
      LSI_TRY(lsi_field_stored(field, spread(i, SAMPLED_ROWS, n), 1, block));
      lsi_hash_update(hash, block, field->row_bytes);
    }
    return LS_OK;
  }
  for (int64_t first = 0; first < n; first += block_rows) {
    int64_t count = n - first < block_rows ? n - first : block_rows;
    LSI_TRY(lsi_field_stored(field, first, count, block));
    lsi_hash_update(hash, block, (size_t)count * field->row_bytes);
  }
  return LS_OK;
}

static ls_status add_field(lsi_hash *hash, const lsi_field *field, int64_t n, bool whole) {
  if (!field->name) return LS_OK;
  add_text(hash, lsi_dtype_name(field->dtype));
  if (whole && !field->stream) { /* no need to copy */
    lsi_hash_update(hash, field->values, (size_t)n * field->row_bytes);
    return LS_OK;
  }
  int64_t block_rows =
      field->row_bytes < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / field->row_bytes) : 1;
  char *block;
  LSI_TRY(lsi_alloc("data set identity", (size_t)block_rows, field->row_bytes, &block));
  ls_status status = add_rows(hash, field, n, whole, block, block_rows);
  lsi_free(block);
  return status;
}

ls_status lsi_fields_identity(const lsi_fields *fields, const ls_dataset_info *info, char hex[33]) {
  const lsi_field *all[] = {&fields->x, &fields->y, &fields->weight};
  unsigned __int128 bytes = 0;
  for (int i = 0; i < 3; i++)
    if (all[i]->name) bytes += (unsigned __int128)fields->n_samples * all[i]->row_bytes;
  bool whole = bytes <= WHOLE_BYTES || fields->n_samples <= SAMPLED_ROWS;
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  add_description(hash, info);
  ls_status status = LS_OK;
  for (int i = 0; i < 3 && status == LS_OK; i++)
    status = add_field(hash, all[i], fields->n_samples, whole);
  if (status == LS_OK) lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  return status;
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
