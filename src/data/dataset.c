/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include <stdio.h>

#include "base/memory.h"
#include "data/fields.h"
#include "par/comm.h" /* lsi_agree: a data set exists on all ranks or on none */
#include "store/durable.h"

int64_t lsi_dataset_features(const ls_dataset *dataset) {
  int64_t features = 1;
  for (int i = 0; i < dataset->info.x_rank; i++) features *= dataset->info.x_shape[i];
  return features;
}

void lsi_dataset_place(const ls_dataset *dataset, int64_t sample, char text[LSI_PLACE_BYTES]) {
  const lsi_fields *f = lsi_fields_of(dataset);
  if (f) lsi_fields_place(f, sample, text);
  else snprintf(text, LSI_PLACE_BYTES, "%s: sample %lld", dataset->label, (long long)sample);
}

bool lsi_dataset_has_file(const ls_dataset *dataset, const char *path) {
  const lsi_fields *f = lsi_fields_of(dataset);
  for (int i = 0; f && f->files && i < f->files->n; i++)
    if (lsi_same_file(path, f->files->paths[i])) return true;
  return false;
}

ls_status lsi_dataset_read(const ls_dataset *dataset, const int64_t *rows, int64_t n, float *x,
                           void *y, float *weight) {
  for (int64_t i = 0; i < n; i++)
    LSI_CHECK(rows[i] >= 0 && rows[i] < dataset->info.n_samples, LS_ERR_ARG, NULL,
              "%s: row %lld of %lld", dataset->label, (long long)rows[i],
              (long long)dataset->info.n_samples);
  return dataset->ops->read(dataset->self, rows, n, x, y, weight);
}

ls_status lsi_dataset_agree(ls_context *context, ls_status status, ls_dataset *dataset,
                            ls_dataset **out) {
  const lsi_comm *comm = lsi_context_comm(context);
  status = lsi_agree(comm, status);
  if (status == LS_OK)
    status =
        lsi_agree_same(comm, dataset->label, dataset->info.identity, sizeof dataset->info.identity);
  if (status != LS_OK) {
    ls_dataset_destroy(&dataset);
    return status;
  }
  dataset->context = context;
  *out = dataset;
  return LS_OK;
}

ls_status lsi_dataset_check_shape(const char *label, int64_t n_samples, int rank,
                                  const int64_t *shape) {
  LSI_CHECK(n_samples > 0, LS_ERR_SHAPE, "give it at least one sample",
            "%s: the data set is empty (%lld rows)", label, (long long)n_samples);
  LSI_CHECK(rank >= 1 && rank <= LS_MAX_RANK, LS_ERR_SHAPE, NULL,
            "%s: x has %d dimensions a sample; 1 to %d are possible", label, rank,
            (int)LS_MAX_RANK);
  int64_t features = 1;
  for (int i = 0; i < rank; i++)
    LSI_CHECK(shape[i] > 0 && !__builtin_mul_overflow(features, shape[i], &features) &&
                  features <= INT32_MAX,
              LS_ERR_SHAPE, NULL,
              "%s: dimension %d of x has %lld values a sample (1 to %d in all are possible)", label,
              i + 1, (long long)shape[i], INT32_MAX);
  return LS_OK;
}

void ls_dataset_describe(const ls_dataset *dataset, ls_dataset_info *info) {
  if (dataset && info) *info = dataset->info;
}

void ls_dataset_destroy(ls_dataset **dataset) {
  if (!dataset || !*dataset) return;
  ls_dataset *d = *dataset;
  if (d->ops->destroy) d->ops->destroy(d->self);
  lsi_free(d);
  *dataset = NULL;
}
