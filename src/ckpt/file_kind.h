/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_FILE_KIND_H
#define LSI_CKPT_FILE_KIND_H
/* What a file is, by its content. */
#include <stdio.h>
#include "base/status.h"

typedef enum lsi_file_kind {
  LSI_FILE_DATASET,       /* HDF5 with x (and y, sample_weight) */
  LSI_FILE_MODEL,         /* HDF5 with model_config: ours or Keras's */
  LSI_FILE_CHECKPOINT,    /* ours */
  LSI_FILE_KERAS_WEIGHTS, /* weights without an architecture */
  LSI_FILE_KERAS_ARCHIVE, /* .keras: a zip */
  LSI_FILE_KERAS_JSON,    /* model.to_json() */
  LSI_FILE_OTHER_HDF5
} lsi_file_kind;

/* LS_ERR_NOT_FOUND, LS_ERR_FORMAT (neither HDF5 nor a zip nor JSON), LS_ERR_CORRUPT, LS_ERR_IO. */
ls_status lsi_file_kind_of(const char *path, lsi_file_kind *kind);
/* The error for a file that is not `expected` ("a model"): what it is instead, and what to do. */
ls_status lsi_file_kind_error(const char *path, lsi_file_kind kind, const char *expected);

/* A table of x, y and sample_weight: shape, type, storage, scale. */
ls_status lsi_file_describe_dataset(const char *path, FILE *out);
#endif
