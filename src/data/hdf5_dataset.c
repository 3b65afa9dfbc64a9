/* SPDX-License-Identifier: MIT */
/* A data set in an HDF5 file: checked, then held in memory with its stored type, or streamed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/fields.h"

enum { N_FIELDS = 3 };
static const int64_t default_memory_limit = INT64_C(2) << 30;

typedef struct opening {
  const ls_hdf5_spec *spec;
  const char *names[N_FIELDS]; /* x, y, sample_weight */
  bool present[N_FIELDS];
  lsi_h5_array arrays[N_FIELDS];
} opening;

/* HDF5's stored type to the nearest that holds it; float16 becomes float32. */
static ls_dtype memory_dtype(const lsi_h5_array *array) {
  bool is_signed = array->is_signed;
  size_t size = array->type_size;
  if (array->type_class == H5T_FLOAT) return size <= 4 ? LS_FLOAT32 : LS_FLOAT64;
  if (size == 1) return is_signed ? LS_INT8 : LS_UINT8;
  if (size == 2) return is_signed ? LS_INT16 : LS_UINT16;
  if (size <= 4) return is_signed ? LS_INT32 : LS_UINT32;
  return is_signed ? LS_INT64 : LS_UINT64;
}

static hid_t memory_type(ls_dtype dtype) {
  switch (dtype) {
  case LS_UINT8: return H5T_NATIVE_UINT8;
  case LS_INT8: return H5T_NATIVE_INT8;
  case LS_UINT16: return H5T_NATIVE_UINT16;
  case LS_INT16: return H5T_NATIVE_INT16;
  case LS_UINT32: return H5T_NATIVE_UINT32;
  case LS_INT32: return H5T_NATIVE_INT32;
  case LS_UINT64: return H5T_NATIVE_UINT64;
  case LS_INT64: return H5T_NATIVE_INT64;
  case LS_FLOAT32: return H5T_NATIVE_FLOAT;
  case LS_FLOAT64: return H5T_NATIVE_DOUBLE;
  }
  return H5T_NATIVE_DOUBLE;
}

/* "has no dataset 'x'", and what it has instead: a model and a checkpoint are told by their marks. */
static ls_status no_such_array(const opening *o, hid_t file, const char *name) {
  char have[300] = "", advice[460];
  bool model = lsi_h5_has_attr(file, ".", "model_config");
  if (model || (lsi_h5_has(file, "index") && lsi_h5_has(file, "arrays")))
    LSI_FAIL(LS_ERR_FORMAT, "data sets have x and y at the top; `lockstep convert` makes them",
             "%s: is a %s, not a data set", o->spec->path, model ? "model" : "checkpoint");
  H5G_info_t top = {0};
  H5Gget_info(file, &top);
  for (hsize_t i = 0; i < top.nlinks && i < 8; i++) {
    char link[40] = "";
    H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, i, link, sizeof link, H5P_DEFAULT);
    size_t used = strlen(have);
    snprintf(have + used, sizeof have - used, "%s%s", i ? ", " : "", link);
  }
  snprintf(advice, sizeof advice,
           "the file holds: %s. Other names are given as data.x and data.y in a config, as --x and "
           "--y to evaluate and predict",
           top.nlinks ? have : "nothing");
  LSI_FAIL(LS_ERR_NOT_FOUND, advice, "%s: there is no dataset '%s'", o->spec->path, name);
}

/* A name that was asked for must exist; "y" and "sample_weight" may be absent otherwise. */
static ls_status open_arrays(hid_t file, opening *o) {
  const char *given[N_FIELDS] = {o->spec->x, o->spec->y, o->spec->sample_weight};
  const char *usual[N_FIELDS] = {"x", "y", "sample_weight"};
  for (int i = 0; i < N_FIELDS; i++) {
    o->names[i] = given[i] ? given[i] : usual[i];
    if (i > 0 && !given[i] && H5Lexists(file, o->names[i], H5P_DEFAULT) <= 0) continue;
    ls_status status = lsi_h5_array_open(file, o->spec->path, o->names[i], &o->arrays[i]);
    if (status == LS_ERR_NOT_FOUND) return no_such_array(o, file, o->names[i]);
    LSI_TRY(status);
    o->present[i] = true;
  }
  return LS_OK;
}

static ls_status check_rows(const opening *o) {
  const char *path = o->spec->path;
  for (int i = 0; i < N_FIELDS; i++) {
    if (!o->present[i]) continue;
    const lsi_h5_array *a = &o->arrays[i];
    LSI_CHECK(a->rank >= 1, LS_ERR_SHAPE, "x is [N, ...], y is [N] or [N, values]",
              "%s: dataset '%s' is a single value, not rows", path, o->names[i]);
    LSI_CHECK(a->dims[0] > 0, LS_ERR_SHAPE, "give it at least one sample",
              "%s: dataset '%s' is empty (0 rows)", path, o->names[i]);
    LSI_CHECK(a->dims[0] == o->arrays[0].dims[0], LS_ERR_SHAPE, "give every sample one row in each",
              "%s: dataset '%s' has %llu rows, but '%s' has %llu", path, o->names[0],
              (unsigned long long)o->arrays[0].dims[0], o->names[i],
              (unsigned long long)a->dims[0]);
  }
  const lsi_h5_array *y = &o->arrays[1], *weight = &o->arrays[2];
  LSI_CHECK(!o->present[1] || y->rank <= 2, LS_ERR_SHAPE, "targets are [N] or [N, values]",
            "%s: dataset '%s' has %d dimensions", path, o->names[1], y->rank);
  LSI_CHECK(!o->present[1] || (y->count > 0 && y->count / y->dims[0] <= INT32_MAX), LS_ERR_SHAPE,
            NULL, "%s: dataset '%s' has %llu values a sample", path, o->names[1],
            (unsigned long long)(y->count / (y->dims[0] ? y->dims[0] : 1)));
  LSI_CHECK(!o->present[2] || weight->count == weight->dims[0], LS_ERR_SHAPE,
            "weights are one number a sample: [N]",
            "%s: dataset '%s' has %llu values for %llu rows", path, o->names[2],
            (unsigned long long)weight->count, (unsigned long long)weight->dims[0]);
  return LS_OK;
}

static ls_status read_factor(const opening *o, hid_t file, const char *attr, double *value) {
  const char *x = o->names[0];
  if (!lsi_h5_has_attr(file, x, attr)) return LS_OK;
  ls_status status = lsi_h5_attr_double(file, x, attr, value);
  if (status != LS_OK) lsi_error_prefix("%s", o->spec->path);
  LSI_TRY(status);
  LSI_CHECK(isfinite(*value), LS_ERR_FORMAT, NULL,
            "%s: attribute '%s' of '%s' is %g, not a finite number", o->spec->path, attr, x,
            *value);
  return LS_OK;
}

static ls_status describe(const opening *o, hid_t file, ls_dataset_info *info) {
  const lsi_h5_array *x = &o->arrays[0], *y = &o->arrays[1];
  *info =
      (ls_dataset_info){.n_samples = (int64_t)x->dims[0], .x_dtype = memory_dtype(x), .scale = 1};
  info->x_rank = x->rank > 1 ? x->rank - 1 : 1;
  info->x_shape[0] = 1; /* x of shape [N] is one feature a sample */
  for (int i = 1; i < x->rank; i++) info->x_shape[i - 1] = (int64_t)x->dims[i];
  LSI_TRY(lsi_dataset_check_shape(o->spec->path, info->n_samples, info->x_rank, info->x_shape));
  LSI_TRY(read_factor(o, file, "scale_factor", &info->scale));
  LSI_TRY(read_factor(o, file, "add_offset", &info->offset));
  LSI_CHECK(info->scale != 0, LS_ERR_FORMAT, NULL, "%s: attribute 'scale_factor' of '%s' is 0",
            o->spec->path, o->names[0]);
  info->has_y = o->present[1];
  if (info->has_y) {
    info->y_rank = y->rank;
    info->n_targets = y->rank == 2 ? (int64_t)y->dims[1] : 1;
    info->y_is_label = y->type_class == H5T_INTEGER && info->n_targets == 1;
  }
  info->has_weight = o->present[2];
  return LS_OK;
}

/* Fill one field from its array, which is closed or moved into a stream. */
static ls_status take_array(opening *o, lsi_fields *fields, int i, lsi_field *field, bool load,
                            double scale, double offset) {
  lsi_h5_array *array = &o->arrays[i];
  field->name = i == 0 ? "x" : i == 1 ? "y" : "sample_weight";
  field->dtype = memory_dtype(array);
  field->row_values = (int64_t)(array->count / array->dims[0]);
  field->row_bytes = (size_t)field->row_values * lsi_dtype_size(field->dtype);
  lsi_decoder_init(&field->decoder, field->dtype, scale, offset);
  LSI_CHECK(asprintf(&fields->what[i], "%s: dataset '%s'", o->spec->path, o->names[i]) >= 0,
            LS_ERR_MEMORY, NULL, "%s: out of memory", o->spec->path);
  hid_t type = memory_type(field->dtype);
  if (!load) {
    lsi_h5_array moved = *array;
    array->id = -1;
    return lsi_stream_create(moved, fields->what[i], type, field->row_bytes, &field->stream);
  }
  LSI_TRY(lsi_alloc(fields->what[i], (size_t)array->dims[0], field->row_bytes, &field->owned));
  field->values = field->owned;
  return lsi_h5_array_read(array, fields->what[i], type, field->owned, array->count);
}

/* Targets and weights first: they are small and asked for in every batch. */
static ls_status take_arrays(opening *o, lsi_fields *fields, const ls_dataset_info *info) {
  lsi_field *all[N_FIELDS] = {&fields->x, &fields->y, &fields->weight};
  uint64_t room =
      (uint64_t)(o->spec->memory_limit > 0 ? o->spec->memory_limit : default_memory_limit);
  for (int i = N_FIELDS - 1; i >= 0; i--) {
    if (!o->present[i]) continue;
    uint64_t bytes = o->arrays[i].count * lsi_dtype_size(memory_dtype(&o->arrays[i]));
    bool load = o->spec->load || bytes <= room;
    if (load) room -= bytes < room ? bytes : room;
    LSI_TRY(take_array(o, fields, i, all[i], load, i == 0 ? info->scale : 1,
                       i == 0 ? info->offset : 0));
  }
  return LS_OK;
}

static ls_status open_fields(opening *o, lsi_fields *fields, ls_dataset_info *info) {
  LSI_TRY(lsi_h5_open(o->spec->path, &fields->file));
  ls_status status = open_arrays(fields->file, o);
  if (status == LS_OK) status = check_rows(o);
  if (status == LS_OK) status = describe(o, fields->file, info);
  fields->n_samples = info->n_samples;
  fields->y_is_label = info->y_is_label;
  if (status == LS_OK) status = take_arrays(o, fields, info);
  for (int i = 0; i < N_FIELDS; i++) lsi_h5_array_close(&o->arrays[i]);
  return status;
}

ls_status lsi_dataset_open_local(const ls_hdf5_spec *spec, ls_dataset **out) {
  LSI_CHECK(spec && spec->path && spec->path[0], LS_ERR_ARG, NULL, "data set: no path was given");
  opening o = {.spec = spec};
  for (int i = 0; i < N_FIELDS; i++) o.arrays[i].id = -1;
  ls_dataset_info info = {0};
  lsi_fields *fields;
  LSI_TRY(lsi_fields_create(spec->path, &fields));
  ls_status status = open_fields(&o, fields, &info);
  if (status != LS_OK) {
    lsi_fields_destroy(&fields);
    return status;
  }
  if (!fields->x.stream && !fields->y.stream && !fields->weight.stream) { /* all in memory */
    lsi_h5_close(fields->file);
    fields->file = -1;
  }
  return lsi_fields_dataset(fields, &info, out);
}

ls_status ls_dataset_open(ls_context *context, const ls_hdf5_spec *spec, ls_dataset **out) {
  LSI_CHECK(context && out, LS_ERR_ARG, NULL, "ls_dataset_open: context and out must not be NULL");
  ls_dataset *dataset = NULL;
  ls_status status = lsi_dataset_open_local(spec, &dataset);
  return lsi_dataset_agree(context, status, dataset, out);
}
