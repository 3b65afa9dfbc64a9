/* SPDX-License-Identifier: MIT */
#include "data/fields.h"

#include <math.h>

static void set_field(lsi_field *field, const char *name, ls_dtype dtype, int64_t row_values,
                      const void *values, double scale, double offset) {
  *field = (lsi_field){.name = name, .dtype = dtype, .row_values = row_values, .values = values};
  field->row_bytes = (size_t)row_values * lsi_dtype_size(dtype);
  lsi_decoder_init(&field->decoder, dtype, scale, offset);
}

static ls_status check_spec(const ls_memory_spec *spec) {
  LSI_CHECK(spec && spec->x, LS_ERR_ARG, NULL, "memory data set: x is NULL");
  LSI_TRY(lsi_dataset_check_shape("memory data set", spec->n_samples, spec->x_rank, spec->x_shape));
  LSI_CHECK(lsi_dtype_size(spec->x_dtype), LS_ERR_ARG, NULL,
            "memory data set: x_dtype %d is no type", (int)spec->x_dtype);
  LSI_CHECK(!spec->y || lsi_dtype_size(spec->y_dtype), LS_ERR_ARG, NULL,
            "memory data set: y_dtype %d is no type", (int)spec->y_dtype);
  LSI_CHECK(spec->n_targets >= 0 && spec->n_targets <= INT32_MAX, LS_ERR_ARG, NULL,
            "memory data set: n_targets is %lld", (long long)spec->n_targets);
  LSI_CHECK(isfinite(spec->scale) && isfinite(spec->offset), LS_ERR_ARG, NULL,
            "memory data set: scale %g and offset %g must be finite", spec->scale, spec->offset);
  return LS_OK;
}

static ls_dataset_info describe(const ls_memory_spec *spec) {
  ls_dataset_info info = {
      .n_samples = spec->n_samples, .x_rank = spec->x_rank, .x_dtype = spec->x_dtype};
  for (int i = 0; i < spec->x_rank; i++) info.x_shape[i] = spec->x_shape[i];
  info.has_y = spec->y != NULL;
  if (info.has_y) {
    info.n_targets = spec->n_targets ? spec->n_targets : 1;
    info.y_rank = spec->n_targets ? 2 : 1;
    info.y_is_label = lsi_dtype_is_integer(spec->y_dtype) && info.n_targets == 1;
  }
  info.has_weight = spec->sample_weight != NULL;
  info.scale = spec->scale == 0 ? 1 : spec->scale;
  info.offset = spec->offset;
  return info;
}

ls_status lsi_dataset_from_memory_local(const ls_memory_spec *spec, ls_dataset **out) {
  LSI_TRY(check_spec(spec));
  ls_dataset_info info = describe(spec);
  lsi_fields *fields;
  LSI_TRY(lsi_fields_create("memory", &fields));
  int64_t features = 1;
  for (int i = 0; i < info.x_rank; i++) features *= info.x_shape[i];
  fields->n_samples = info.n_samples;
  fields->y_is_label = info.y_is_label;
  set_field(&fields->field[0], "x", spec->x_dtype, features, spec->x, info.scale, info.offset);
  if (info.has_y) set_field(&fields->field[1], "y", spec->y_dtype, info.n_targets, spec->y, 1, 0);
  if (info.has_weight)
    set_field(&fields->field[2], "sample_weight", LS_FLOAT32, 1, spec->sample_weight, 1, 0);
  return lsi_fields_dataset(fields, &info, out);
}

ls_status ls_dataset_from_memory(ls_context *context, const ls_memory_spec *spec,
                                 ls_dataset **out) {
  LSI_CHECK(context && out, LS_ERR_ARG, NULL,
            "ls_dataset_from_memory: context and out must not be NULL");
  ls_dataset *dataset = NULL;
  ls_status status = lsi_dataset_from_memory_local(spec, &dataset);
  return lsi_dataset_agree(context, status, dataset, out);
}
