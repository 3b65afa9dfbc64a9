/* SPDX-License-Identifier: MIT */
/* HDF5 can hide a full disk, so the file is read back before it takes its name. */
#include "data/prediction_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "store/durable.h"
#include "store/h5.h"

enum { BLOCK_ROWS = 4096 };

struct lsi_prediction_file {
  char *path;
  char temporary[LSI_PATH_BYTES];
  bool classes;
  hid_t file, array; /* -1: not open */
  lsi_hash *hash;    /* of the values written */
  int32_t *picked;   /* [rows of a block] */
  int64_t n_picked, n_rows, n_outputs;
};

static hid_t stored_type(const lsi_prediction_file *s) {
  return s->classes ? H5T_STD_I32LE : H5T_IEEE_F32LE;
}

static hid_t memory_type(const lsi_prediction_file *s) {
  return s->classes ? H5T_NATIVE_INT32 : H5T_NATIVE_FLOAT;
}

static size_t row_bytes(const lsi_prediction_file *s) {
  return s->classes ? sizeof(int32_t) : (size_t)s->n_outputs * sizeof(float);
}

static ls_status open_file(lsi_prediction_file *s) {
  const uint64_t dims[2] = {(uint64_t)s->n_rows, (uint64_t)s->n_outputs};
  LSI_TRY(lsi_hash_create(&s->hash));
  LSI_TRY(lsi_durable_temporary(s->path, s->temporary));
  ls_status status = lsi_h5_file_create(s->temporary, &s->file);
  LSI_CHECK(status == LS_OK, status, "check that the folder exists and may be written", "%s: cannot create the file",
            s->path);
  return lsi_h5_create_array(s->file, "y", s->classes ? 1 : 2, dims, stored_type(s), 0, 0, &s->array);
}

ls_status lsi_prediction_file_create(const char *path, int64_t n_rows, int64_t n_outputs, bool classes,
                                     lsi_prediction_file **out) {
  lsi_prediction_file *s;
  LSI_TRY(LSI_ALLOC("predictions", 1, &s));
  s->classes = classes;
  s->file = s->array = -1;
  s->n_rows = n_rows;
  s->n_outputs = n_outputs;
  ls_status status = lsi_strdup(path, &s->path);
  if (status == LS_OK) status = open_file(s);
  if (status != LS_OK) return lsi_prediction_file_finish(&s, status);
  *out = s;
  return LS_OK;
}

static ls_status pick(lsi_prediction_file *s, int64_t n_rows, int64_t n_outputs, const float *values) {
  if (n_rows > s->n_picked) {
    lsi_free(s->picked);
    s->picked = NULL;
    LSI_TRY(LSI_ALLOC("predictions", n_rows, &s->picked));
    s->n_picked = n_rows;
  }
  for (int64_t i = 0; i < n_rows; i++) {
    const float *row = values + i * n_outputs;
    int32_t best = 0;
    for (int32_t j = 1; j < n_outputs; j++)
      if (row[j] > row[best]) best = j;
    s->picked[i] = best;
  }
  return LS_OK;
}

ls_status lsi_prediction_file_take(void *user, int64_t first_row, int64_t n_rows, int64_t n_outputs, const float *values) {
  lsi_prediction_file *s = user;
  const void *rows = values;
  if (s->classes) {
    LSI_TRY(pick(s, n_rows, n_outputs, values));
    rows = s->picked;
  }
  lsi_hash_update(s->hash, rows, (size_t)n_rows * row_bytes(s));
  return lsi_h5_write_rows(s->array, s->path, memory_type(s), (uint64_t)first_row, (uint64_t)n_rows, rows);
}

static ls_status hash_rows(const lsi_prediction_file *s, const lsi_h5_array *array, size_t bytes, char *block, lsi_hash *hash) {
  for (uint64_t row = 0; row < array->dims[0]; row += BLOCK_ROWS) {
    uint64_t n = array->dims[0] - row < BLOCK_ROWS ? array->dims[0] - row : BLOCK_ROWS;
    LSI_TRY(lsi_h5_array_read_rows(array, s->path, memory_type(s), row, n, block));
    lsi_hash_update(hash, block, n * bytes);
  }
  return LS_OK;
}

static ls_status verify(const lsi_prediction_file *s) {
  char written[LSI_DIGEST_HEX], found[LSI_DIGEST_HEX] = "", *block = NULL;
  lsi_h5_array array = {.id = -1};
  lsi_hash *hash = NULL;
  hid_t file;
  lsi_hash_hex(s->hash, written);
  LSI_TRY(lsi_h5_open(s->temporary, &file));
  ls_status status = lsi_h5_array_open(file, s->path, "y", &array);
  if (status == LS_OK) status = lsi_alloc("predictions", BLOCK_ROWS, row_bytes(s), &block);
  if (status == LS_OK) status = lsi_hash_create(&hash);
  if (status == LS_OK) status = hash_rows(s, &array, row_bytes(s), block, hash);
  if (status == LS_OK) lsi_hash_hex(hash, found);
  if (status == LS_OK && strcmp(found, written) != 0)
    status = lsi_error_set(LS_ERR_IO, "check the disk and its free space", "%s: the predictions read back differently",
                           s->path);
  lsi_hash_destroy(&hash);
  lsi_free(block);
  lsi_h5_array_close(&array);
  lsi_h5_close(file);
  return status;
}

ls_status lsi_prediction_file_finish(lsi_prediction_file **file, ls_status status) {
  lsi_prediction_file *s = *file;
  if (!s) return status;
  if (s->array >= 0 && H5Dclose(s->array) < 0 && status == LS_OK) status = lsi_h5_write_failed(s->path);
  if (s->file >= 0 && H5Fclose(s->file) < 0 && status == LS_OK) status = lsi_h5_write_failed(s->path);
  if (status == LS_OK) status = verify(s);
  if (status != LS_OK && s->file >= 0) unlink(s->temporary);
  if (status == LS_OK) status = lsi_durable_commit(s->temporary, s->path);
  lsi_hash_destroy(&s->hash);
  lsi_free(s->picked);
  lsi_free(s->path);
  lsi_free(s);
  *file = NULL;
  return status;
}
