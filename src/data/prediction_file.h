/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_PREDICTION_FILE_H
#define LSI_DATA_PREDICTION_FILE_H
/* An HDF5 file with the dataset `y` of predictions, written block by block by one process. */
#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_prediction_file lsi_prediction_file;

/* y: float32 [n_rows, n_outputs], or with `classes` int32 [n_rows]. Nothing is at `path` before the end. */
ls_status lsi_prediction_file_create(const char *path, int64_t n_rows, int64_t n_outputs, bool classes,
                                     lsi_prediction_file **out);
/* Rows in order. `user` is the lsi_prediction_file: an ls_predict_sink. */
ls_status lsi_prediction_file_take(void *user, int64_t first_row, int64_t n_rows, int64_t n_outputs, const float *values);
/* With LS_OK the file is read back and put in its place; else what there is of it is removed and `status` returned.
   Frees; NULL is fine. */
ls_status lsi_prediction_file_finish(lsi_prediction_file **file, ls_status status);
#endif
