/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include <hdf5.h>

#include "base/memory.h"
#include "ckpt/checkpoint_file.h"
#include "ckpt/checkpoint_part.h"

/* ---- writing ---- */

static ls_status write_file(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, const char *const *runs, char *index) {
  unsigned char *digests = NULL;
  LSI_TRY(lsi_alloc("digests", lsi_ckpt_layout_blocks(layout, 1, 0) + 1, LSI_CKPT_DIGEST, &digests));
  ls_status status = lsi_ckpt_file_begin(file);
  if (status == LS_OK) status = lsi_ckpt_file_write(file, layout, runs, index, digests);
  lsi_free(digests);
  return status;
}

ls_status lsi_checkpoint_write(const char *dir, int64_t iteration, const lsi_ckpt_array *arrays, int n_arrays,
                               const lsi_ckpt_text *texts, int n_texts, int keep, bool verify) {
  lsi_ckpt_file file;
  lsi_ckpt_layout *layout = NULL;
  char *index = NULL;
  const char **runs = NULL;
  LSI_TRY(lsi_ckpt_file_name(&file, dir, iteration, keep, verify));
  ls_status status = lsi_ckpt_layout_create(arrays, n_arrays, texts, n_texts, &layout);
  if (status == LS_OK) status = lsi_ckpt_index_format(iteration, arrays, n_arrays, texts, n_texts, layout, &index);
  if (status == LS_OK) status = LSI_ALLOC("checkpoint", layout->n_items + 1, &runs);
  for (int i = 0; status == LS_OK && i < layout->n_items; i++)
    runs[i] = i < n_arrays ? arrays[i].data : texts[i - n_arrays].value;
  if (status == LS_OK) status = write_file(&file, layout, runs, index);
  lsi_free(runs);
  lsi_free(index);
  lsi_ckpt_layout_destroy(&layout);
  return status;
}

/* ---- reading ---- */

static ls_status read_array(const lsi_ckpt_source *source, lsi_checkpoint *checkpoint, int i) {
  lsi_ckpt_array *array = &checkpoint->arrays[i];
  size_t n = lsi_ckpt_array_bytes(array);
  void *data = NULL;
  LSI_TRY(lsi_alloc(array->name, n, 1, &data));
  array->data = data;
  return lsi_ckpt_source_read(source, array->name, checkpoint->array_offsets[i], data, n, checkpoint->array_digests[i]);
}

static ls_status read_text(const lsi_ckpt_source *source, lsi_checkpoint *checkpoint, int i) {
  size_t n = (size_t)checkpoint->text_bytes[i];
  const char *name = checkpoint->texts[i].name;
  char *value = NULL;
  LSI_TRY(LSI_ALLOC("checkpoint text", n + 1, &value));
  checkpoint->texts[i].value = value;
  LSI_TRY(lsi_ckpt_source_read(source, name, checkpoint->text_offsets[i], value, n, checkpoint->text_digests[i]));
  LSI_CHECK(!memchr(value, '\0', n), LS_ERR_CORRUPT, NULL, "%s: \"%s\" has a zero byte", source->path, name);
  return LS_OK;
}

static void item_of(const lsi_checkpoint *checkpoint, int i, lsi_ckpt_item *item) {
  int text = i - checkpoint->n_arrays;
  *item = text < 0 ? (lsi_ckpt_item){checkpoint->array_offsets[i], lsi_ckpt_array_bytes(&checkpoint->arrays[i])}
                   : (lsi_ckpt_item){checkpoint->text_offsets[text], checkpoint->text_bytes[text]};
}

/* Are the items within the file, and is all between them as it was? Nothing is allocated that the file has not. */
static ls_status check_layout(const lsi_ckpt_source *source, const lsi_checkpoint *checkpoint) {
  int n = checkpoint->n_arrays + checkpoint->n_texts;
  lsi_ckpt_item *items;
  lsi_ckpt_layout *layout = NULL;
  LSI_TRY(LSI_ALLOC("layout of a checkpoint", n + 1, &items));
  for (int i = 0; i < n; i++) item_of(checkpoint, i, &items[i]);
  ls_status status = lsi_ckpt_layout_copy(items, n, source->file_bytes, &layout);
  if (status != LS_OK) lsi_error_prefix("%s", source->path);
  if (status == LS_OK) status = lsi_ckpt_source_check_gaps(source, layout);
  lsi_ckpt_layout_destroy(&layout);
  lsi_free(items);
  return status;
}

static ls_status read_items(const lsi_ckpt_source *source, lsi_checkpoint *checkpoint) {
  LSI_TRY(check_layout(source, checkpoint));
  for (int i = 0; i < checkpoint->n_arrays; i++) LSI_TRY(read_array(source, checkpoint, i));
  for (int i = 0; i < checkpoint->n_texts; i++) LSI_TRY(read_text(source, checkpoint, i));
  return LS_OK;
}

ls_status lsi_checkpoint_read(const char *path, lsi_checkpoint **out) {
  lsi_ckpt_source source;
  lsi_checkpoint *checkpoint = NULL;
  LSI_TRY(lsi_ckpt_source_open(path, &source));
  ls_status status = lsi_ckpt_index_parse(path, source.index, &checkpoint);
  if (status == LS_OK) status = read_items(&source, checkpoint);
  lsi_ckpt_source_close(&source);
  if (status == LS_OK)
    *out = checkpoint;
  else
    lsi_checkpoint_destroy(&checkpoint);
  return status;
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
  lsi_free(c->array_offsets);
  lsi_free(c->text_offsets);
  lsi_free(c);
  *checkpoint = NULL;
}

void lsi_checkpoint_library(char text[32]) {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, 32, "HDF5 %u.%u.%u", major, minor, release);
}
