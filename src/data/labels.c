/* SPDX-License-Identifier: MIT */
#include "data/labels.h"

#include <inttypes.h>
#include <math.h>

#include "base/memory.h"
#include "data/decode.h"

static ls_status to_labels(const lsi_source *y, const void *values, int32_t *labels) {
  for (int64_t i = 0; i < y->dims[0]; i++) {
    double value = y->dtype == LS_FLOAT64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
    LSI_CHECK(value == floor(value) && fabs(value) <= INT32_MAX, LS_ERR_FORMAT, "classes are whole numbers, from 0",
              "%s: row %" PRId64 ": the class is %g", y->path, i, value);
    labels[i] = (int32_t)value;
  }
  return LS_OK;
}

ls_status lsi_source_to_labels(lsi_source *y) {
  LSI_CHECK(y->row_values == 1, LS_ERR_SHAPE, "leave --labels out if these are values, or give one class a row",
            "%s: %" PRId64 " values a row, but classes stand in one column", y->path, y->row_values);
  if (lsi_dtype_is_integer(y->dtype)) return LS_OK;
  void *values = NULL;
  int32_t *labels = NULL;
  ls_status status = lsi_alloc("labels", (size_t)y->dims[0], y->row_bytes, &values);
  if (status == LS_OK) status = LSI_ALLOC("labels", y->dims[0], &labels);
  if (status == LS_OK) status = lsi_source_read(y, y->dims[0], values);
  if (status == LS_OK) status = to_labels(y, values, labels);
  lsi_free(values);
  if (status != LS_OK) {
    lsi_free(labels);
    return status;
  }
  lsi_bytes_close(&y->bytes);
  y->values = labels;
  y->dtype = LS_INT32;
  y->half = y->swap = false;
  y->next_row = 0;
  return lsi_source_measure(y);
}
