/* SPDX-License-Identifier: MIT */
#include "train/model_source.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/file_kind.h"

void lsi_model_source_close(lsi_model_source *source) {
  lsi_model_file_close(&source->file);
  lsi_checkpoint_destroy(&source->checkpoint);
  lsi_free(source->training_json);
  memset(source, 0, sizeof *source);
}

const char *lsi_model_source_model_json(const lsi_model_source *source) {
  return source->file ? lsi_model_file_model_json(source->file) : lsi_checkpoint_text(source->checkpoint, "model");
}

/* ---- opening ---- */

static ls_status open_checkpoint(const char *path, lsi_model_source *source) {
  LSI_TRY(lsi_checkpoint_read(path, &source->checkpoint));
  const char *training = lsi_checkpoint_text(source->checkpoint, "training");
  LSI_CHECK(training && lsi_checkpoint_text(source->checkpoint, "model"), LS_ERR_FORMAT,
            "resume the run with this version of Lockstep: it writes checkpoints that can be loaded", "%s: the checkpoint holds no model",
            path);
  return lsi_strdup(training, &source->training_json);
}

static ls_status open_model_file(const char *path, bool weights, lsi_model_source *source) {
  LSI_TRY(weights ? lsi_model_file_open_weights(path, &source->file) : lsi_model_file_open(path, &source->file));
  const char *training = lsi_model_file_training_json(source->file);
  return lsi_strdup(training ? training : "", &source->training_json);
}

static ls_status open_source(const char *path, bool weights, lsi_model_source *out) {
  lsi_file_kind kind;
  lsi_model_source source = {0};
  LSI_TRY(lsi_file_kind_of(path, &kind));
  ls_status status = kind == LSI_FILE_CHECKPOINT ? open_checkpoint(path, &source) : open_model_file(path, weights, &source);
  if (status != LS_OK)
    lsi_model_source_close(&source);
  else
    *out = source;
  return status;
}

ls_status lsi_model_source_open(const char *path, lsi_model_source *out) {
  return open_source(path, false, out);
}

ls_status lsi_model_source_open_weights(const char *path, lsi_model_source *out) {
  return open_source(path, true, out);
}

/* ---- weights and optimizer ---- */

static ls_status copy_arena(const lsi_checkpoint *checkpoint, const lsi_layout *layout, const char *prefix, bool trainable, float *arena) {
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *tensor = &layout->tensors[i];
    char name[LSI_NAME + 80];
    if (trainable && !tensor->trainable) continue;
    snprintf(name, sizeof name, "%s%s", prefix, tensor->name);
    LSI_TRY(lsi_checkpoint_copy(checkpoint, name, LSI_CKPT_F32, tensor->count, arena + tensor->offset));
  }
  return LS_OK;
}

bool lsi_model_source_has_weights(const lsi_model_source *source) {
  return source->checkpoint || lsi_model_file_has_weights(source->file);
}

size_t lsi_model_source_most_weights(const lsi_model_source *source) {
  return source->file ? lsi_model_file_most_weights(source->file) : SIZE_MAX;
}

ls_status lsi_model_source_read_weights(lsi_model_source *source, lsi_net *net) {
  if (source->file) return lsi_model_file_read_weights(source->file, net);
  LSI_TRY(lsi_net_build(net));
  LSI_TRY(copy_arena(source->checkpoint, &net->layout, "params/", false, net->params));
  net->has_weights = true;
  return LS_OK;
}

bool lsi_model_source_has_optimizer(const lsi_model_source *source) {
  return source->checkpoint || lsi_model_file_has_optimizer(source->file);
}

static ls_status check_slots(const lsi_checkpoint *checkpoint, const lsi_optimizer *optimizer) {
  for (int i = 0; i < lsi_checkpoint_array_count(checkpoint); i++) {
    const char *name = lsi_checkpoint_array_at(checkpoint, i)->name, *slot = name + strlen("slots/");
    bool known = strncmp(name, "slots/", strlen("slots/")) != 0;
    for (int s = 0; !known && s < optimizer->n_slots; s++) {
      size_t n = strlen(optimizer->slot_names[s]);
      known = strncmp(slot, optimizer->slot_names[s], n) == 0 && slot[n] == '/';
    }
    LSI_CHECK(known, LS_ERR_SHAPE, "compile the model with the optimizer the file was saved with", "%s has no '%.200s'",
              optimizer->object.info->class_name, name);
  }
  return LS_OK;
}

ls_status lsi_model_source_read_optimizer(lsi_model_source *source, const lsi_net *net, lsi_optimizer *optimizer) {
  if (source->file) return lsi_model_file_read_optimizer(source->file, net, optimizer);
  const lsi_checkpoint *checkpoint = source->checkpoint;
  LSI_TRY(check_slots(checkpoint, optimizer));
  for (int s = 0; s < optimizer->n_slots; s++) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "slots/%s/", optimizer->slot_names[s]);
    LSI_TRY(copy_arena(checkpoint, &net->layout, prefix, true, optimizer->slots[s]));
  }
  LSI_TRY(lsi_checkpoint_copy(checkpoint, "learning_rate", LSI_CKPT_F64, 1, &optimizer->learning_rate));
  if (optimizer->scalar_name) LSI_TRY(lsi_checkpoint_copy(checkpoint, optimizer->scalar_name, LSI_CKPT_F64, 1, &optimizer->scalar));
  optimizer->iteration = lsi_checkpoint_iteration(checkpoint);
  return LS_OK;
}
