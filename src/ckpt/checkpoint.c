/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/checkpoint_dir.h"
#include "ckpt/checkpoint_file.h"
#include "ckpt/checkpoint_index.h"
#include "store/durable.h"
#include "store/h5.h"

enum { MAX_NAME = 1024, MAX_INDEX_BYTES = 1 << 28 };

static hid_t memory_type(lsi_ckpt_type type) {
  return type == LSI_CKPT_F32   ? H5T_NATIVE_FLOAT
         : type == LSI_CKPT_F64 ? H5T_NATIVE_DOUBLE
                                : H5T_NATIVE_INT64;
}

static hid_t file_type(lsi_ckpt_type type) {
  return type == LSI_CKPT_F32   ? H5T_IEEE_F32LE
         : type == LSI_CKPT_F64 ? H5T_IEEE_F64LE
                                : H5T_STD_I64LE;
}

static ls_status full_name(const char *group, const char *name, char full[MAX_NAME]) {
  int n = snprintf(full, MAX_NAME, "%s/%s", group, name);
  LSI_CHECK(n < MAX_NAME, LS_ERR_ARG, NULL, "checkpoint: the name \"%.100s...\" is too long", name);
  return LS_OK;
}

/* ---- writing ---- */
static ls_status write_text(hid_t file, const char *name, const char *value) {
  uint64_t n = strlen(value);
  return lsi_h5_write(file, name, 1, &n, H5T_STD_U8LE, H5T_NATIVE_UINT8, value);
}

static ls_status write_items(hid_t file, const char *index, const lsi_ckpt_array *arrays,
                             int n_arrays, const lsi_ckpt_text *texts, int n_texts) {
  char full[MAX_NAME];
  LSI_TRY(lsi_h5_write_attr_string(file, ".", "format", "lockstep checkpoint"));
  LSI_TRY(write_text(file, "index", index));
  for (int i = 0; i < n_arrays; i++) {
    LSI_TRY(full_name("arrays", arrays[i].name, full));
    LSI_TRY(lsi_h5_write(file, full, arrays[i].rank, arrays[i].dims, file_type(arrays[i].type),
                         memory_type(arrays[i].type), arrays[i].data));
  }
  for (int i = 0; i < n_texts; i++) {
    LSI_TRY(full_name("texts", texts[i].name, full));
    LSI_TRY(write_text(file, full, texts[i].value));
  }
  return LS_OK;
}

static ls_status make_image(const char *index, const lsi_ckpt_array *arrays, int n_arrays,
                            const lsi_ckpt_text *texts, int n_texts, void **bytes,
                            size_t *n_bytes) {
  hid_t file;
  LSI_TRY(lsi_h5_image_create(&file));
  ls_status status = write_items(file, index, arrays, n_arrays, texts, n_texts);
  if (status != LS_OK) {
    lsi_h5_close(file);
    return status;
  }
  LSI_TRY(lsi_h5_image_finish(file, bytes, n_bytes));
  status = lsi_ckpt_seal(bytes, n_bytes);
  if (status != LS_OK)
    lsi_free(*bytes);
  return status;
}

ls_status lsi_checkpoint_write(const char *dir, int64_t iteration, const lsi_ckpt_array *arrays,
                               int n_arrays, const lsi_ckpt_text *texts, int n_texts, int keep,
                               bool verify) {
  LSI_CHECK(iteration >= 0 && keep >= 2, LS_ERR_ARG, "keep at least 2",
            "checkpoint: iteration %lld, keep %d", (long long)iteration, keep);
  char *index = NULL, path[LSI_CKPT_PATH];
  void *bytes = NULL;
  size_t n_bytes = 0;
  LSI_TRY(lsi_ckpt_dir_path(dir, iteration, path));
  LSI_TRY(lsi_ckpt_index_format(iteration, arrays, n_arrays, texts, n_texts, &index));
  ls_status status = make_image(index, arrays, n_arrays, texts, n_texts, &bytes, &n_bytes);
  lsi_free(index);
  if (status != LS_OK)
    return status;
  status = lsi_make_dirs(dir);
  if (status == LS_OK)
    lsi_durable_sweep(dir); /* what a killed writer left may be what fills the disk */
  if (status == LS_OK)
    status = verify ? lsi_durable_write_verified(path, bytes, n_bytes)
                    : lsi_durable_write(path, bytes, n_bytes);
  lsi_free(bytes);
  if (status == LS_OK)
    lsi_ckpt_dir_prune(dir, iteration, keep);
  return status;
}

/* ---- reading ---- */
static ls_status check_digest(const char *path, const char *name, const void *data, size_t n_bytes,
                              const char *digest) {
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes(data, n_bytes, hex);
  LSI_CHECK(strcmp(hex, digest) == 0, LS_ERR_CORRUPT, NULL,
            "%s: \"%s\" has digest %s, but the index says %s", path, name, hex, digest);
  return LS_OK;
}

static bool shape_fits(const lsi_h5_array *found, const lsi_ckpt_array *array) {
  bool integer = array->type == LSI_CKPT_I64;
  if (found->type_class != (integer ? H5T_INTEGER : H5T_FLOAT) ||
      found->type_size != lsi_ckpt_type_bytes(array->type) || (integer && !found->is_signed) ||
      found->rank != array->rank)
    return false;
  for (int i = 0; i < array->rank; i++)
    if (found->dims[i] != array->dims[i])
      return false;
  return true;
}

static ls_status read_array(hid_t file, const char *path, lsi_ckpt_array *array,
                            const char *digest) {
  char full[MAX_NAME];
  lsi_h5_array found;
  LSI_TRY(full_name("arrays", array->name, full));
  LSI_TRY(lsi_h5_array_open(file, path, full, &found));
  void *data = NULL;
  ls_status status = LS_OK;
  if (!shape_fits(&found, array))
    status = lsi_error_set(LS_ERR_CORRUPT, NULL, "%s: \"%s\" is not what the index says", path,
                           array->name);
  size_t n_bytes = lsi_ckpt_array_bytes(array);
  if (status == LS_OK)
    status = lsi_alloc(array->name, n_bytes, 1, &data);
  if (status == LS_OK)
    status = lsi_h5_array_read(&found, path, memory_type(array->type), data, found.count);
  lsi_h5_array_close(&found);
  if (status == LS_OK)
    status = check_digest(path, array->name, data, n_bytes, digest);
  if (status == LS_OK)
    array->data = data;
  else
    lsi_free(data);
  return status;
}

/* A text of the file, NUL-terminated (lsi_free). */
static ls_status read_text(hid_t file, const char *path, const char *full, uint64_t limit,
                           char **out, uint64_t *n) {
  lsi_h5_array found;
  LSI_TRY(lsi_h5_array_open(file, path, full, &found));
  char *text = NULL;
  ls_status status = LS_OK;
  if (found.type_class != H5T_INTEGER || found.type_size != 1 || found.rank != 1 ||
      found.count > limit)
    status = lsi_error_set(LS_ERR_CORRUPT, NULL, "%s: \"%s\" is no text, or too long", path, full);
  if (status == LS_OK)
    status = LSI_ALLOC("checkpoint text", found.count + 1, &text);
  if (status == LS_OK)
    status = lsi_h5_array_read(&found, path, H5T_NATIVE_UINT8, text, found.count);
  if (status == LS_OK && memchr(text, '\0', found.count))
    status = lsi_error_set(LS_ERR_CORRUPT, NULL, "%s: \"%s\" has a zero byte", path, full);
  *n = found.count;
  lsi_h5_array_close(&found);
  if (status == LS_OK)
    *out = text;
  else
    lsi_free(text);
  return status;
}

static ls_status read_texts(hid_t file, const char *path, lsi_checkpoint *checkpoint) {
  char full[MAX_NAME];
  for (int i = 0; i < checkpoint->n_texts; i++) {
    char *value = NULL;
    uint64_t n = 0;
    LSI_TRY(full_name("texts", checkpoint->texts[i].name, full));
    LSI_TRY(read_text(file, path, full, checkpoint->text_bytes[i], &value, &n));
    checkpoint->texts[i].value = value;
    LSI_TRY(check_digest(path, full, value, n, checkpoint->text_digests[i]));
  }
  return LS_OK;
}

static ls_status read_items(hid_t file, const char *path, lsi_checkpoint **out) {
  char *index = NULL;
  uint64_t n;
  LSI_CHECK(lsi_h5_has(file, "index"), LS_ERR_FORMAT, "name a file checkpoints/ckpt-*.h5 of a run",
            "%s: is no checkpoint (no /index)", path);
  LSI_TRY(read_text(file, path, "index", MAX_INDEX_BYTES, &index, &n));
  ls_status status = lsi_ckpt_index_parse(path, index, out);
  lsi_free(index);
  for (int i = 0; status == LS_OK && i < (*out)->n_arrays; i++)
    status = read_array(file, path, &(*out)->arrays[i], (*out)->array_digests[i]);
  return status == LS_OK ? read_texts(file, path, *out) : status;
}

ls_status lsi_checkpoint_read(const char *path, lsi_checkpoint **out) {
  char *bytes = NULL;
  size_t n = 0, n_content = 0;
  hid_t file = -1;
  lsi_checkpoint *checkpoint = NULL;
  LSI_TRY(lsi_read_file(path, SIZE_MAX / 4, &bytes, &n));
  ls_status status = lsi_ckpt_unseal(path, bytes, n, &n_content);
  if (status == LS_OK)
    status = lsi_h5_open_image(bytes, n_content, path, &file);
  lsi_free(bytes); /* HDF5 has its own copy */
  if (status != LS_OK)
    return status;
  status = read_items(file, path, &checkpoint);
  lsi_h5_close(file);
  if (status != LS_OK) {
    lsi_checkpoint_destroy(&checkpoint);
    return status;
  }
  *out = checkpoint;
  return LS_OK;
}

void lsi_checkpoint_destroy(lsi_checkpoint **checkpoint) {
  if (!checkpoint || !*checkpoint)
    return;
  lsi_checkpoint *c = *checkpoint;
  for (int i = 0; i < c->n_arrays; i++)
    lsi_free((void *)c->arrays[i].data);
  for (int i = 0; i < c->n_texts; i++)
    lsi_free((void *)c->texts[i].value);
  lsi_free(c->path);
  lsi_free(c->index);
  lsi_free(c->words);
  lsi_free(c->arrays);
  lsi_free(c->texts);
  lsi_free(c->array_digests);
  lsi_free(c->text_digests);
  lsi_free(c->text_bytes);
  lsi_free(c);
  *checkpoint = NULL;
}

void lsi_checkpoint_library(char text[32]) {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, 32, "HDF5 %u.%u.%u", major, minor, release);
}
