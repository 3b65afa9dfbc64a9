/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/memory.h"
#include "data/dataset.h"
#include "data/identity.h"

typedef struct source {
  ls_callback_spec spec;
  char *scratch; /* for a y or weight that nobody wants; grows with the largest read */
  size_t scratch_bytes;
} source;

/* The user's function always gets all that the set has. */
static ls_status ensure_scratch(source *s, int64_t n) {
  size_t bytes;
  LSI_CHECK(lsi_mul_size((size_t)n, ((size_t)s->spec.n_targets + 1) * sizeof(float), &bytes),
            LS_ERR_MEMORY, NULL, "callback data set: %lld rows at once", (long long)n);
  if (bytes <= s->scratch_bytes) return LS_OK;
  lsi_free(s->scratch);
  s->scratch = NULL;
  s->scratch_bytes = 0;
  LSI_TRY(lsi_alloc("callback data set", bytes, 1, &s->scratch));
  s->scratch_bytes = bytes;
  return LS_OK;
}

static ls_status callback_read(void *self, const int64_t *rows, int64_t n, float *x, void *y,
                               float *weight) {
  source *s = self;
  bool has_y = s->spec.n_targets > 0, has_weight = s->spec.has_weight;
  if ((has_y && !y) || (has_weight && !weight)) LSI_TRY(ensure_scratch(s, n));
  void *y_out = has_y ? (y ? y : s->scratch) : NULL;
  float *unwanted = s->scratch ? (float *)s->scratch + n * s->spec.n_targets : NULL;
  float *weight_out = has_weight ? (weight ? weight : unwanted) : NULL;
  lsi_error_clear();
  ls_status status = s->spec.read(s->spec.user, rows, n, x, y_out, weight_out);
  if (status == LS_OK || ls_last_error()->status == status) return status;
  LSI_FAIL(status < 0 && status >= LS_ERR_INTERNAL ? status : LS_ERR_IO,
           "the read function of ls_callback_spec failed",
           "callback data set: reading %lld rows from row %lld on returned %d", (long long)n,
           (long long)(n > 0 ? rows[0] : 0), (int)status);
}

static void callback_destroy(void *self) {
  source *s = self;
  lsi_free(s->scratch);
  lsi_free(s);
}

static const lsi_dataset_ops callback_ops = {
    .name = "callback", .read = callback_read, .destroy = callback_destroy};

static ls_status check_spec(const ls_callback_spec *spec) {
  LSI_CHECK(spec && spec->read, LS_ERR_ARG, NULL, "callback data set: read is NULL");
  LSI_TRY(
      lsi_dataset_check_shape("callback data set", spec->n_samples, spec->x_rank, spec->x_shape));
  LSI_CHECK(spec->n_targets >= 0 && spec->n_targets <= INT32_MAX, LS_ERR_ARG, NULL,
            "callback data set: n_targets is %lld", (long long)spec->n_targets);
  LSI_CHECK(!spec->y_is_label || spec->n_targets == 1, LS_ERR_ARG, "set n_targets = 1",
            "callback data set: labels are one a sample, but n_targets is %lld",
            (long long)spec->n_targets);
  return LS_OK;
}

static ls_dataset_info describe(const ls_callback_spec *spec) {
  ls_dataset_info info = {
      .n_samples = spec->n_samples, .x_rank = spec->x_rank, .x_dtype = LS_FLOAT32, .scale = 1};
  for (int i = 0; i < spec->x_rank; i++) info.x_shape[i] = spec->x_shape[i];
  info.has_y = spec->n_targets > 0;
  info.y_is_label = spec->y_is_label;
  info.n_targets = spec->n_targets;
  info.y_rank = !info.has_y ? 0 : spec->y_is_label ? 1 : 2;
  info.has_weight = spec->has_weight;
  return info;
}

ls_status lsi_dataset_from_callback_local(const ls_callback_spec *spec, ls_dataset **out) {
  LSI_TRY(check_spec(spec));
  source *s = NULL;
  ls_dataset *dataset = NULL;
  LSI_TRY(LSI_ALLOC("callback data set", 1, &s));
  s->spec = *spec;
  ls_status status = LSI_ALLOC("callback data set", 1, &dataset);
  if (status != LS_OK) {
    lsi_free(s);
    return status;
  }
  *dataset = (ls_dataset){.ops = &callback_ops, .self = s, .info = describe(spec)};
  snprintf(dataset->label, sizeof dataset->label, "callback");
  status = lsi_callback_identity(dataset, dataset->info.identity);
  if (status != LS_OK) {
    ls_dataset_destroy(&dataset);
    return status;
  }
  *out = dataset;
  return LS_OK;
}

ls_status ls_dataset_from_callback(ls_context *context, const ls_callback_spec *spec,
                                   ls_dataset **out) {
  LSI_CHECK(context && out, LS_ERR_ARG, NULL,
            "ls_dataset_from_callback: context and out must not be NULL");
  ls_dataset *dataset = NULL;
  ls_status status = lsi_dataset_from_callback_local(spec, &dataset);
  return lsi_dataset_agree(context, status, dataset, out);
}
