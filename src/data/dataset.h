/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_DATASET_H
#define LSI_DATA_DATASET_H
/* What a data source gives the trainer. Sources: hdf5_dataset.c, memory_dataset.c, callback_dataset.c. */
#include <lockstep/dataset.h>
#include "base/status.h"

typedef struct lsi_dataset_ops {
  const char *name;
  /* REQUIRED. Rows `rows` [n], any order, repeats allowed, 0 <= row < n_samples: x float32 [n, features] after scale and offset;
     labels: y int32 [n], else float32 [n, n_targets]; weight [n]. y and weight may be NULL: not wanted.
     A label outside int32 is LS_ERR_SHAPE with file, dataset and row. Not collective. No allocation when in memory. */
  ls_status (*read)(void *self, const int64_t *rows, int64_t n, float *x, void *y, float *weight);
  /* OPTIONAL: NULL means nothing to free */
  void (*destroy)(void *self);
} lsi_dataset_ops;

struct ls_dataset {
  const lsi_dataset_ops *ops;
  void *self;
  ls_context *context;
  ls_dataset_info info;
  char label[256]; /* the path, or "memory"; for messages */
};

int64_t lsi_dataset_features(const ls_dataset *dataset); /* product of x_shape */
enum { LSI_PLACE_BYTES = 512 };
/* Where a sample is, for messages: "a.h5: sample 5"; in one of several files "b.h5: sample 5 (2005 of the set)". */
void lsi_dataset_place(const ls_dataset *dataset, int64_t sample, char text[LSI_PLACE_BYTES]);
/* Does `path` name one of the files the set is read from? */
bool lsi_dataset_has_file(const ls_dataset *dataset, const char *path);
ls_status lsi_dataset_read(const ls_dataset *dataset, const int64_t *rows, int64_t n, float *x, void *y,
                           float *weight);

/* The public functions without the agreement of ranks: not collective, the context stays NULL. */
ls_status lsi_dataset_open_local(const ls_hdf5_spec *spec, ls_dataset **out);
ls_status lsi_dataset_from_memory_local(const ls_memory_spec *spec, ls_dataset **out);
ls_status lsi_dataset_from_callback_local(const ls_callback_spec *spec, ls_dataset **out);

/* For sources: the end of every public function. One status and one identity for all ranks, or LS_ERR_NOT_SAME that names
   the set. Takes `dataset` over (NULL when status is a failure). Collective. */
ls_status lsi_dataset_agree(ls_context *context, ls_status status, ls_dataset *dataset, ls_dataset **out);
/* At least one sample, 1 to LS_MAX_RANK dimensions of at least one value, at most INT32_MAX features. */
ls_status lsi_dataset_check_shape(const char *label, int64_t n_samples, int rank, const int64_t *shape);
#endif
