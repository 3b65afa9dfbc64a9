/* SPDX-License-Identifier: MIT */
#include "train/file_state.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ckpt/keras_config.h"

void lsi_file_state_clear(lsi_file_state *state) {
  lsi_free(state->tensors);
  lsi_net_destroy(&state->net);
  lsi_model_file_close(&state->model);
  lsi_checkpoint_destroy(&state->checkpoint);
  memset(state, 0, sizeof *state);
}

static ls_status read_model(const char *path, lsi_file_state *state) {
  LSI_TRY(lsi_model_file_open(path, &state->model));
  ls_status status = lsi_keras_model_parse_within(lsi_model_file_model_json(state->model), lsi_model_file_most_weights(state->model), &state->net);
  if (status != LS_OK) {
    lsi_error_prefix("%s", path);
    return status;
  }
  LSI_TRY(lsi_model_file_read_weights(state->model, state->net));
  const lsi_layout *layout = &state->net->layout;
  LSI_TRY(LSI_ALLOC("tensors", layout->n, &state->tensors));
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *from = &layout->tensors[i];
    lsi_file_tensor *to = &state->tensors[i];
    *to = (lsi_file_tensor){.name = from->name, .rank = from->rank, .count = from->count,
                            .values = state->net->params + from->offset};
    for (int d = 0; d < from->rank; d++) to->dims[d] = (uint64_t)from->dims[d];
  }
  state->n_params = state->n_tensors = layout->n;
  return LS_OK;
}

/* Append the float arrays whose names start with `prefix`; the first `cut` characters of the names are dropped. */
static void take_arrays(lsi_file_state *state, const char *prefix, size_t cut) {
  for (int i = 0; i < lsi_checkpoint_array_count(state->checkpoint); i++) {
    const lsi_ckpt_array *from = lsi_checkpoint_array_at(state->checkpoint, i);
    if (from->type != LSI_CKPT_F32 || strncmp(from->name, prefix, strlen(prefix)) != 0) continue;
    lsi_file_tensor *to = &state->tensors[state->n_tensors++];
    *to = (lsi_file_tensor){.name = from->name + cut, .rank = from->rank, .count = 1, .values = from->data};
    for (int d = 0; d < from->rank; d++) to->count *= (size_t)(to->dims[d] = from->dims[d]);
  }
}

static ls_status read_checkpoint(const char *path, lsi_file_state *state) {
  static const char params[] = "params/", slots[] = "slots/";
  LSI_TRY(lsi_checkpoint_read(path, &state->checkpoint));
  LSI_TRY(LSI_ALLOC("tensors", lsi_checkpoint_array_count(state->checkpoint), &state->tensors));
  take_arrays(state, params, sizeof params - 1);
  state->n_params = state->n_tensors;
  take_arrays(state, slots, 0);
  LSI_CHECK(state->n_params > 0, LS_ERR_FORMAT, NULL, "%s: the checkpoint holds no parameters", path);
  return LS_OK;
}

ls_status lsi_file_state_read(const char *path, lsi_file_state *out) {
  lsi_file_state state = {0};
  LSI_TRY(lsi_file_kind_of(path, &state.kind));
  ls_status status;
  if (state.kind == LSI_FILE_MODEL || state.kind == LSI_FILE_KERAS_ARCHIVE) status = read_model(path, &state);
  else if (state.kind == LSI_FILE_CHECKPOINT) status = read_checkpoint(path, &state);
  else return lsi_file_kind_error(path, state.kind, "a model or a checkpoint");
  if (status != LS_OK)
    lsi_file_state_clear(&state);
  else
    *out = state;
  return status;
}

ls_status lsi_file_state_digest(const lsi_file_state *state, char hex[33]) {
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  for (int i = 0; i < state->n_params; i++)
    lsi_hash_update(hash, state->tensors[i].values, state->tensors[i].count * sizeof(float));
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  return LS_OK;
}

void lsi_file_shape_text(const lsi_file_tensor *tensor, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "(");
  for (int d = 0; d < tensor->rank && used < size; d++)
    used += (size_t)snprintf(text + used, size - used, d ? ", %llu" : "%llu", (unsigned long long)tensor->dims[d]);
  if (used < size) snprintf(text + used, size - used, tensor->rank == 1 ? ",)" : ")");
}
