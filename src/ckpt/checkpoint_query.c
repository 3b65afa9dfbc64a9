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

ls_status lsi_ckpt_find(const lsi_checkpoint *checkpoint, const char *name, lsi_ckpt_type type, uint64_t count,
                        const lsi_ckpt_array **out) {
  static const char advice[] = "resume with the config that made the checkpoint, or start anew with --resume never";
  const lsi_ckpt_array *array = lsi_checkpoint_array(checkpoint, name);
  LSI_CHECK(array, LS_ERR_NOT_FOUND, advice, "%s: has no array \"%s\"", checkpoint->path, name);
  char stored[120], wanted[120];
  lsi_ckpt_describe(array->type, array->rank, array->dims, stored);
  lsi_ckpt_describe(type, 1, &count, wanted);
  LSI_CHECK(array->type == type && lsi_ckpt_array_bytes(array) / lsi_ckpt_type_bytes(type) == count, LS_ERR_SHAPE, advice,
            "%s: \"%s\" is %s, but %s is needed", checkpoint->path, name, stored, wanted);
  *out = array;
  return LS_OK;
}

ls_status lsi_checkpoint_copy(const lsi_checkpoint *checkpoint, const char *name, lsi_ckpt_type type, uint64_t count, void *out) {
  const lsi_ckpt_array *array;
  LSI_TRY(lsi_ckpt_find(checkpoint, name, type, count, &array));
  memcpy(out, array->data, lsi_ckpt_array_bytes(array));
  return LS_OK;
}
