/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_FILE_STATE_H
#define LSI_TRAIN_FILE_STATE_H
/* The tensors of a model file or a checkpoint, for inspect, digest and diff. One process, no context. */
#include "ckpt/checkpoint.h"
#include "ckpt/file_kind.h"
#include "ckpt/model_file.h"

typedef struct lsi_file_tensor {
  const char *name; /* "dense/kernel"; "slots/momentum/dense/kernel" */
  int rank;
  uint64_t dims[4];
  size_t count;
  const float *values; /* [dims], C order */
} lsi_file_tensor;

typedef struct lsi_file_state {
  lsi_file_kind kind; /* LSI_FILE_MODEL, LSI_FILE_KERAS_ARCHIVE or LSI_FILE_CHECKPOINT */
  lsi_model_file *model;
  lsi_net *net; /* of a model */
  lsi_checkpoint *checkpoint;
  int n_params;  /* tensors[0, n_params): the parameters in layer order */
  int n_tensors; /* then a checkpoint's slots */
  lsi_file_tensor *tensors;
} lsi_file_state;

/* Read and verify all of it. A file that is neither is LS_ERR_FORMAT and says what it is. */
ls_status lsi_file_state_read(const char *path, lsi_file_state *out);
void lsi_file_state_clear(lsi_file_state *state);
/* Hash of the parameters' bits in order: what lsi_net_digest gives for the same net. */
ls_status lsi_file_state_digest(const lsi_file_state *state, char hex[33]);
/* "(784, 100)" */
void lsi_file_shape_text(const lsi_file_tensor *tensor, char *text, size_t size);
#endif
