/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_MODEL_SOURCE_H
#define LSI_TRAIN_MODEL_SOURCE_H
/* Any file a model can come from, seen as one thing: architecture and compile section as texts, weights, optimizer state. One process. */
#include "ckpt/checkpoint.h"
#include "ckpt/model_file.h"
#include "optim/optimizer.h"

typedef struct lsi_model_source {
  lsi_model_file *file;       /* one of these two */
  lsi_checkpoint *checkpoint;
  char *training_json;        /* owned; "" when not compiled */
} lsi_model_source;

/* A model in .h5, .keras or .json, or a checkpoint of a run. */
ls_status lsi_model_source_open(const char *path, lsi_model_source *out);
/* A file whose weights alone are wanted: also .weights.h5. */
ls_status lsi_model_source_open_weights(const char *path, lsi_model_source *out);
void lsi_model_source_close(lsi_model_source *source);

const char *lsi_model_source_model_json(const lsi_model_source *source);
bool lsi_model_source_has_weights(const lsi_model_source *source);
/* Parameters it can hold; SIZE_MAX when nothing says so. */
size_t lsi_model_source_most_weights(const lsi_model_source *source);
ls_status lsi_model_source_read_weights(lsi_model_source *source, lsi_net *net);
bool lsi_model_source_has_optimizer(const lsi_model_source *source);
/* Into a fresh optimizer of the net. */
ls_status lsi_model_source_read_optimizer(lsi_model_source *source, const lsi_net *net, lsi_optimizer *optimizer);
#endif
