/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ckpt/checkpoint_index.h"

const char *lsi_checkpoint_path(const lsi_checkpoint *checkpoint) {
  return checkpoint->path;
}

int64_t lsi_checkpoint_iteration(const lsi_checkpoint *checkpoint) {
  return checkpoint->iteration;
}

int lsi_checkpoint_array_count(const lsi_checkpoint *checkpoint) {
  return checkpoint->n_arrays;
}

const lsi_ckpt_array *lsi_checkpoint_array_at(const lsi_checkpoint *checkpoint, int i) {
  return &checkpoint->arrays[i];
}

const lsi_ckpt_array *lsi_checkpoint_array(const lsi_checkpoint *checkpoint, const char *name) {
  for (int i = 0; i < checkpoint->n_arrays; i++)
    if (strcmp(checkpoint->arrays[i].name, name) == 0)
      return &checkpoint->arrays[i];
  return NULL;
}

const char *lsi_checkpoint_text(const lsi_checkpoint *checkpoint, const char *name) {
  for (int i = 0; i < checkpoint->n_texts; i++)
    if (strcmp(checkpoint->texts[i].name, name) == 0)
      return checkpoint->texts[i].value;
  return NULL;
}

ls_status lsi_checkpoint_copy(const lsi_checkpoint *checkpoint, const char *name,
                              lsi_ckpt_type type, uint64_t count, void *out) {
  static const char advice[] =
      "resume with the config that made the checkpoint, or start anew with --resume never";
  const lsi_ckpt_array *array = lsi_checkpoint_array(checkpoint, name);
  LSI_CHECK(array, LS_ERR_NOT_FOUND, advice, "%s: has no array \"%s\"", checkpoint->path, name);
  char stored[120], wanted[120];
  lsi_ckpt_describe(array->type, array->rank, array->dims, stored);
  lsi_ckpt_describe(type, 1, &count, wanted);
  size_t n_bytes = lsi_ckpt_array_bytes(array);
  LSI_CHECK(array->type == type && n_bytes / lsi_ckpt_type_bytes(type) == count, LS_ERR_SHAPE,
            advice, "%s: \"%s\" is %s, but %s is needed", checkpoint->path, name, stored, wanted);
  memcpy(out, array->data, n_bytes);
  return LS_OK;
}
