/* SPDX-License-Identifier: MIT */
#include "data/part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

typedef struct opening {
  const ls_hdf5_spec *spec;
  const char *path;
  const char *names[LSI_N_FIELDS]; /* x, y, sample_weight */
  bool present[LSI_N_FIELDS];
  lsi_h5_array arrays[LSI_N_FIELDS];
} opening;

const char *lsi_part_array_name(const ls_hdf5_spec *spec, int field) {
  const char *given[LSI_N_FIELDS] = {spec->x, spec->y, spec->sample_weight};
  static const char *const usual[LSI_N_FIELDS] = {"x", "y", "sample_weight"};
  return given[field] ? given[field] : usual[field];
}

/* HDF5's stored type to the nearest that holds it; float16 becomes float32. */
ls_dtype lsi_part_dtype(const lsi_h5_array *array) {
  bool is_signed = array->is_signed;
  size_t size = array->type_size;
  if (array->type_class == H5T_FLOAT) return size <= 4 ? LS_FLOAT32 : LS_FLOAT64;
  if (size == 1) return is_signed ? LS_INT8 : LS_UINT8;
  if (size == 2) return is_signed ? LS_INT16 : LS_UINT16;
  if (size <= 4) return is_signed ? LS_INT32 : LS_UINT32;
  return is_signed ? LS_INT64 : LS_UINT64;
}

hid_t lsi_dtype_h5(ls_dtype dtype) {
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
             "%s: is a %s, not a data set", o->path, model ? "model" : "checkpoint");
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
  LSI_FAIL(LS_ERR_NOT_FOUND, advice, "%s: there is no dataset '%s'", o->path, name);
}

/* A name that was asked for must exist; "y" and "sample_weight" may be absent otherwise. */
static ls_status open_arrays(hid_t file, opening *o) {
  const char *given[LSI_N_FIELDS] = {o->spec->x, o->spec->y, o->spec->sample_weight};
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    o->names[i] = lsi_part_array_name(o->spec, i);
    if (i > 0 && !given[i] && H5Lexists(file, o->names[i], H5P_DEFAULT) <= 0) continue;
    ls_status status = lsi_h5_array_open(file, o->path, o->names[i], &o->arrays[i]);
    if (status == LS_ERR_NOT_FOUND) return no_such_array(o, file, o->names[i]);
    LSI_TRY(status);
    o->present[i] = true;
  }
  return LS_OK;
}

static ls_status check_rows(const opening *o) {
  const char *path = o->path;
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    if (!o->present[i]) continue;
    const lsi_h5_array *a = &o->arrays[i];
    LSI_CHECK(a->rank >= 1, LS_ERR_SHAPE, "x is [N, ...], y is [N] or [N, values]",
              "%s: dataset '%s' is a single value, not rows", path, o->names[i]);
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
  if (status != LS_OK) lsi_error_prefix("%s", o->path);
  LSI_TRY(status);
  LSI_CHECK(isfinite(*value), LS_ERR_FORMAT, NULL,
            "%s: attribute '%s' of '%s' is %g, not a finite number", o->path, attr, x,
            *value);
  return LS_OK;
}

static ls_status describe(const opening *o, hid_t file, ls_dataset_info *info) {
  const lsi_h5_array *x = &o->arrays[0], *y = &o->arrays[1];
  memset(info, 0, sizeof *info); /* and the padding: descriptions are compared as bytes */
  info->n_samples = (int64_t)x->dims[0];
  info->x_dtype = lsi_part_dtype(x);
  info->scale = 1;
  info->x_rank = x->rank > 1 ? x->rank - 1 : 1;
  info->x_shape[0] = 1; /* x of shape [N] is one feature a sample */
  for (int i = 1; i < x->rank; i++) info->x_shape[i - 1] = (int64_t)x->dims[i];
  LSI_TRY(lsi_dataset_check_shape(o->path, info->n_samples, info->x_rank, info->x_shape));
  LSI_TRY(read_factor(o, file, "scale_factor", &info->scale));
  LSI_TRY(read_factor(o, file, "add_offset", &info->offset));
  LSI_CHECK(info->scale != 0, LS_ERR_FORMAT, NULL, "%s: attribute 'scale_factor' of '%s' is 0",
            o->path, o->names[0]);
  info->has_y = o->present[1];
  if (info->has_y) {
    info->y_rank = y->rank;
    info->n_targets = y->rank == 2 ? (int64_t)y->dims[1] : 1;
    info->y_is_label = y->type_class == H5T_INTEGER && info->n_targets == 1;
  }
  info->has_weight = o->present[2];
  return LS_OK;
}

/* The arrays of `o` are open afterwards, also on failure. */
static ls_status examine(opening *o, hid_t file, ls_dataset_info *info) {
  for (int i = 0; i < LSI_N_FIELDS; i++) o->arrays[i].id = -1;
  LSI_TRY(open_arrays(file, o));
  if (o->arrays[0].rank >= 1 && o->arrays[0].dims[0] == 0) {
    memset(info, 0, sizeof *info);
    return LS_OK; /* no rows: there is nothing to agree about */
  }
  LSI_TRY(check_rows(o));
  return describe(o, file, info);
}

static void close_arrays(lsi_h5_array *arrays) {
  for (int i = 0; i < LSI_N_FIELDS; i++) lsi_h5_array_close(&arrays[i]);
}

static int64_t modified_ns(const struct stat *about) {
  return (int64_t)about->st_mtim.tv_sec * 1000000000 + about->st_mtim.tv_nsec;
}

bool lsi_part_is_modified(const lsi_part *part) {
  struct stat about;
  return part->file >= 0 && fstat(part->descriptor, &about) == 0 && modified_ns(&about) != part->modified_ns;
}

ls_status lsi_part_describe(const char *path, const ls_hdf5_spec *spec, lsi_part *part) {
  opening o;
  hid_t file;
  memset(&o, 0, sizeof o);
  o.spec = spec;
  o.path = path;
  *part = (lsi_part){.file = -1};
  LSI_TRY(lsi_h5_open(path, &file));
  struct stat about;
  if (fstat(lsi_h5_descriptor(file), &about) == 0) {
    part->modified_ns = modified_ns(&about);
    part->inode = about.st_ino;
  }
  ls_status status = examine(&o, file, &part->info);
  close_arrays(o.arrays);
  lsi_h5_close(file);
  part->n_rows = part->info.n_samples;
  memcpy(part->present, o.present, sizeof part->present);
  memcpy(part->arrays, o.arrays, sizeof part->arrays);
  return status;
}

ls_status lsi_part_name(lsi_part *part, const char *path, const ls_hdf5_spec *spec) {
  part->path = path;
  part->file = -1;
  part->mapped = NULL;
  part->asked_to_map = false;
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    part->what[i] = NULL;
    LSI_CHECK(asprintf(&part->what[i], "%s: dataset '%s'", path, lsi_part_array_name(spec, i)) >= 0,
              LS_ERR_MEMORY, NULL, "%s: out of memory", path);
  }
  return LS_OK;
}

/* The same but for the ids. */
static bool is_described(const lsi_part *part, const opening *o, const ls_dataset_info *info) {
  if (memcmp(&part->info, info, sizeof *info) != 0) return false;
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    lsi_h5_array a, b;
    memcpy(&a, &part->arrays[i], sizeof a);
    memcpy(&b, &o->arrays[i], sizeof b);
    a.id = b.id = -1;
    if (part->present[i] != o->present[i] || memcmp(&a, &b, sizeof a) != 0) return false;
  }
  return true;
}

static void map_once(lsi_part *part) {
  if (part->asked_to_map) return;
  part->asked_to_map = true;
  part->mapped = lsi_mapped_create(part->descriptor, (size_t)part->file_bytes);
}

ls_status lsi_part_open(lsi_part *part, const ls_hdf5_spec *spec, bool map) {
  if (part->file >= 0) {
    if (map) map_once(part); /* it was opened when that was not known */
    return LS_OK;
  }
  opening o;
  ls_dataset_info info;
  hid_t file;
  memset(&o, 0, sizeof o);
  o.spec = spec;
  o.path = part->path;
  memset(&info, 0, sizeof info);
  LSI_TRY(lsi_h5_open(part->path, &file));
  struct stat about = {.st_ino = part->inode};
  int descriptor = lsi_h5_descriptor(file);
  fstat(descriptor, &about); /* without a descriptor there is no way to tell */
  ls_status status = examine(&o, file, &info);
  if (status == LS_OK && (about.st_ino != part->inode || !is_described(part, &o, &info)))
    status = lsi_error_set(LS_ERR_NOT_SAME, "all ranks must see the same file, and it must not change during a run",
                           "%s: is another file here than at the rank that looked first, or was changed since", part->path);
  if (status != LS_OK) {
    close_arrays(o.arrays);
    lsi_h5_close(file);
    return status;
  }
  memcpy(part->arrays, o.arrays, sizeof part->arrays);
  part->descriptor = descriptor;
  part->file_bytes = (int64_t)about.st_size;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    part->native[i] = part->present[i] && lsi_h5_array_is_native(&part->arrays[i], lsi_dtype_h5(lsi_part_dtype(&part->arrays[i])));
  part->file = file;
  if (map) map_once(part);
  return LS_OK;
}

const char *lsi_part_mapped_row(const lsi_part *part, int field, int64_t row, size_t row_bytes) {
  const lsi_h5_array *a = &part->arrays[field];
  if (!part->mapped || !a->in_one_piece || !part->native[field]) return NULL;
  return lsi_mapped_bytes(part->mapped) + a->offset + (uint64_t)(row - part->first) * row_bytes;
}

void lsi_part_close(lsi_part *part) {
  lsi_mapped_destroy(&part->mapped);
  if (part->file >= 0) {
    close_arrays(part->arrays);
    lsi_h5_close(part->file);
    part->file = -1;
  }
  for (int i = 0; i < LSI_N_FIELDS; i++) lsi_free(part->what[i]), part->what[i] = NULL;
}
