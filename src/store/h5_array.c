/* SPDX-License-Identifier: MIT */
/*
 * Datasets, read with suspicion. A file of a few kilobytes can claim 2^50 elements, name other
 * files as its storage or ask for a plug-in; all of that is refused before the first read.
 */
#include "store/h5.h"

#include <string.h>

#include "store/h5_error.h"

enum { MAX_CHUNK_BYTES = 64 << 20 };

/* Deflate cannot do better than 1032:1 (zlib's technical notes), so a dataset with much more than
   that has parts that were never written. */
enum { MAX_COMPRESSION = 1040 };

static const char *layout_advice =
    "write it again as plain contiguous or chunked data inside the file itself";

typedef struct opening { /* what array_open looks at; closed in one place */
  const char *path, *name;
  hid_t dataset, type, space, creation;
} opening;

static ls_status check_link(hid_t loc, const opening *o) {
  if (lsi_h5_has(loc, o->name)) return LS_OK;
  H5L_info_t link;
  bool named = H5Lexists(loc, o->name, H5P_DEFAULT) > 0 && H5Lget_info(loc, o->name, &link, H5P_DEFAULT) >= 0;
  LSI_CHECK(!named || link.type == H5L_TYPE_HARD, LS_ERR_UNSUPPORTED, "store the data in the file itself",
            "%s: '%s' is %s link, which is not followed", o->path, o->name,
            link.type == H5L_TYPE_EXTERNAL ? "an external" : "a soft");
  hid_t object = named ? H5Oopen(loc, o->name, H5P_DEFAULT) : 0;
  LSI_CHECK(object >= 0, LS_ERR_UNSUPPORTED,
            "a newer HDF5 may have written it: write it for older ones, in Python with h5py.File(name, \"w\", libver=\"earliest\")",
            "%s: '%s' cannot be opened (%s)", o->path, o->name, lsi_h5_reason());
  if (object > 0) H5Oclose(object); /* behind a link that is not followed */
  LSI_FAIL(LS_ERR_NOT_FOUND, NULL, "%s: there is no dataset '%s'", o->path, o->name);
}

static ls_status check_type(const opening *o, lsi_h5_array *out) {
  static const char *const names[] = {"integer",        "float",           "time",     "string",
                                      "bit field",      "opaque",          "compound", "reference",
                                      "enum (or bool)", "variable-length", "array"};
  out->type_class = H5Tget_class(o->type);
  out->type_size = H5Tget_size(o->type);
  int class = (int)out->type_class;
  LSI_CHECK(class == H5T_INTEGER || class == H5T_FLOAT, LS_ERR_UNSUPPORTED,
            "store it as integers or floats", "%s: dataset '%s' holds values of %s type", o->path,
            o->name, class >= 0 && class <= 10 ? names[class] : "unknown");
  LSI_CHECK(out->type_size >= 1 && out->type_size <= 8, LS_ERR_UNSUPPORTED,
            "store it as integers or floats of 1 to 8 bytes",
            "%s: dataset '%s' holds values of %zu bytes", o->path, o->name, out->type_size);
  out->is_signed = class == H5T_FLOAT || H5Tget_sign(o->type) == H5T_SGN_2;
  return LS_OK;
}

static ls_status check_extents(const opening *o, lsi_h5_array *out) {
  H5S_class_t kind = H5Sget_simple_extent_type(o->space);
  LSI_CHECK(kind == H5S_SIMPLE || kind == H5S_SCALAR, LS_ERR_UNSUPPORTED, NULL,
            "%s: dataset '%s' has no shape (null dataspace)", o->path, o->name);
  int rank = H5Sget_simple_extent_ndims(o->space);
  LSI_CHECK(rank >= 0 && rank <= 8, LS_ERR_UNSUPPORTED, NULL,
            "%s: dataset '%s' has %d dimensions; at most 8 are read", o->path, o->name, rank);
  hsize_t dims[8] = {0};
  LSI_CHECK(H5Sget_simple_extent_dims(o->space, dims, NULL) >= 0, LS_ERR_CORRUPT, NULL,
            "%s: dataset '%s': the shape cannot be read (%s)", o->path, o->name, lsi_h5_reason());
  uint64_t count = 1, bytes;
  bool fits = true;
  for (int i = 0; i < rank; i++) {
    out->dims[i] = dims[i];
    fits = fits && !__builtin_mul_overflow(count, (uint64_t)dims[i], &count);
  }
  fits = fits && !__builtin_mul_overflow(count, (uint64_t)out->type_size, &bytes) &&
         bytes <= INT64_MAX;
  LSI_CHECK(fits, LS_ERR_CORRUPT, NULL, "%s: dataset '%s' claims more bytes than can be counted",
            o->path, o->name);
  out->rank = rank;
  out->count = count;
  return LS_OK;
}

static ls_status check_filters(const opening *o, lsi_h5_filters *out, bool *deflate) {
  int n = H5Pget_nfilters(o->creation);
  LSI_CHECK(n >= 0 && n <= LSI_H5_MAX_FILTERS, LS_ERR_CORRUPT, NULL, "%s: dataset '%s' has %d filters", o->path,
            o->name, n);
  for (int i = 0; i < n; i++) {
    char filter_name[64] = "";
    unsigned flags, config, values[4] = {0};
    size_t n_values = 4;
    H5Z_filter_t filter = H5Pget_filter2(o->creation, (unsigned)i, &flags, &n_values, values,
                                         sizeof filter_name, filter_name, &config);
    filter_name[sizeof filter_name - 1] = '\0';
    bool known = filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_DEFLATE ||
                 filter == H5Z_FILTER_FLETCHER32;
    LSI_CHECK(known, LS_ERR_UNSUPPORTED, "write it with gzip (deflate) or without compression",
              "%s: dataset '%s' needs filter %d %s; only deflate, shuffle and fletcher32 are used",
              o->path, o->name, (int)filter, filter_name);
    if (filter == H5Z_FILTER_DEFLATE) {
      LSI_CHECK(!*deflate, LS_ERR_UNSUPPORTED, NULL, "%s: dataset '%s' is compressed twice",
                o->path, o->name);
      *deflate = true;
    }
    out->id[i] = filter;
    out->element[i] = values[0];
  }
  out->n = n;
  return LS_OK;
}

static ls_status check_chunks(const opening *o, lsi_h5_array *out) {
  hsize_t chunk[8] = {0};
  int rank = H5Pget_chunk(o->creation, 8, chunk);
  LSI_CHECK(rank == out->rank && rank > 0, LS_ERR_CORRUPT, NULL,
            "%s: dataset '%s': chunks of %d dimensions in %d", o->path, o->name, rank, out->rank);
  uint64_t bytes = out->type_size;
  bool fits = true;
  for (int i = 0; i < rank; i++) {
    out->chunk_dims[i] = chunk[i];
    fits = fits && chunk[i] > 0 && !__builtin_mul_overflow(bytes, (uint64_t)chunk[i], &bytes);
  }
  LSI_CHECK(fits && bytes <= MAX_CHUNK_BYTES, LS_ERR_UNSUPPORTED,
            "write it with smaller chunks, for example of 64 rows",
            "%s: dataset '%s' has chunks of %llu bytes; at most %d are read", o->path, o->name,
            (unsigned long long)bytes, (int)MAX_CHUNK_BYTES);
  out->chunk_bytes = bytes;
  return LS_OK;
}

/* The values claimed against the bytes that are really there. */
static ls_status check_storage(hid_t loc, const opening *o, lsi_h5_array *out, bool deflate) {
  uint64_t logical = out->count * out->type_size;
  uint64_t stored = H5Dget_storage_size(o->dataset);
  hsize_t file_size = 0;
  hid_t file = H5Iget_file_id(loc);
  herr_t known = file >= 0 ? H5Fget_filesize(file, &file_size) : -1;
  if (file >= 0) H5Fclose(file);
  LSI_CHECK(known >= 0 && stored <= file_size, LS_ERR_CORRUPT, "copy or make the file again",
            "%s: dataset '%s' claims %llu stored bytes in a file of %llu", o->path, o->name,
            (unsigned long long)stored, (unsigned long long)file_size);
  uint64_t largest = stored;
  if (deflate && __builtin_mul_overflow(stored, (uint64_t)MAX_COMPRESSION, &largest))
    largest = UINT64_MAX;
  LSI_CHECK(logical <= largest, LS_ERR_CORRUPT, "write all of it, or give it its true shape",
            "%s: dataset '%s' claims %llu bytes of values but only %llu bytes are stored", o->path,
            o->name, (unsigned long long)logical, (unsigned long long)stored);
  out->stored = stored;
  out->offset = out->chunked ? HADDR_UNDEF : H5Dget_offset(o->dataset);
  out->in_one_piece = out->offset != HADDR_UNDEF;
  LSI_CHECK(!out->in_one_piece || (out->offset <= file_size && logical <= file_size - out->offset),
            LS_ERR_CORRUPT, "copy or make the file again",
            "%s: dataset '%s' lies beyond the end of the file (%llu bytes)", o->path, o->name,
            (unsigned long long)file_size);
  return LS_OK;
}

static ls_status check_layout(hid_t loc, const opening *o, lsi_h5_array *out) {
  H5D_layout_t layout = H5Pget_layout(o->creation);
  LSI_CHECK(layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT,
            LS_ERR_UNSUPPORTED, layout_advice,
            "%s: dataset '%s' is virtual: its values are in other files", o->path, o->name);
  LSI_CHECK(H5Pget_external_count(o->creation) == 0, LS_ERR_UNSUPPORTED, layout_advice,
            "%s: dataset '%s' keeps its values in an external file", o->path, o->name);
  out->chunked = layout == H5D_CHUNKED;
  if (out->chunked) LSI_TRY(check_chunks(o, out));
  bool deflate = false;
  LSI_TRY(check_filters(o, &out->filters, &deflate));
  return check_storage(loc, o, out, deflate);
}

static ls_status check_all(hid_t loc, opening *o, lsi_h5_array *out) {
  o->dataset = H5Dopen2(loc, o->name, H5P_DEFAULT);
  LSI_CHECK(o->dataset >= 0, LS_ERR_FORMAT, NULL, "%s: '%s' cannot be opened as a dataset (%s)",
            o->path, o->name, lsi_h5_reason());
  o->type = H5Dget_type(o->dataset);
  o->space = H5Dget_space(o->dataset);
  o->creation = H5Dget_create_plist(o->dataset);
  LSI_CHECK(o->type >= 0 && o->space >= 0 && o->creation >= 0, LS_ERR_CORRUPT, NULL,
            "%s: dataset '%s' cannot be described (%s)", o->path, o->name, lsi_h5_reason());
  LSI_TRY(check_type(o, out));
  LSI_TRY(check_extents(o, out));
  return check_layout(loc, o, out);
}

ls_status lsi_h5_array_open(hid_t loc, const char *file_path, const char *name, lsi_h5_array *out) {
  opening o = {
      .path = file_path, .name = name, .dataset = -1, .type = -1, .space = -1, .creation = -1};
  lsi_h5_array array;
  memset(&array, 0, sizeof array); /* and the padding: arrays are compared as bytes */
  array.id = -1;
  lsi_h5_init();
  LSI_TRY(check_link(loc, &o));
  ls_status status = check_all(loc, &o, &array);
  if (o.creation >= 0) H5Pclose(o.creation);
  if (o.space >= 0) H5Sclose(o.space);
  if (o.type >= 0) H5Tclose(o.type);
  if (status != LS_OK && o.dataset >= 0) H5Dclose(o.dataset);
  LSI_TRY(status);
  array.id = o.dataset;
  memcpy(out, &array, sizeof array);
  return LS_OK;
}

void lsi_h5_array_close(lsi_h5_array *array) {
  if (array->id > 0) H5Dclose(array->id);
  array->id = -1;
}

static ls_status read_failed(const char *what) {
  const char *system = lsi_h5_system_error();
  LSI_CHECK(!system, LS_ERR_IO, "the disk or its server fails: see the system's log", "%s: cannot be read: %s", what, system);
  LSI_FAIL(LS_ERR_CORRUPT, "copy or make the file again", "%s: cannot be read: damaged (%s)", what,
           lsi_h5_reason());
}

ls_status lsi_h5_array_read(const lsi_h5_array *array, const char *what, hid_t mem_type, void *out,
                            uint64_t count) {
  lsi_h5_init();
  LSI_CHECK(count == array->count, LS_ERR_SHAPE, NULL, "%s: holds %llu values, %llu expected", what,
            (unsigned long long)array->count, (unsigned long long)count);
  if (count == 0) return LS_OK;
  if (H5Dread(array->id, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
    return read_failed(what);
  return LS_OK;
}

ls_status lsi_h5_array_read_rows(const lsi_h5_array *array, const char *what, hid_t mem_type,
                                 uint64_t first, uint64_t n, void *out) {
  lsi_h5_init();
  LSI_CHECK(array->rank > 0 && first <= array->dims[0] && n <= array->dims[0] - first, LS_ERR_ARG,
            NULL, "%s: rows %llu to %llu of %llu", what, (unsigned long long)first,
            (unsigned long long)(first + n),
            (unsigned long long)(array->rank ? array->dims[0] : 0));
  if (n == 0 || array->count == 0) return LS_OK;
  hsize_t start[8] = {first}, extent[8] = {n};
  for (int i = 1; i < array->rank; i++) extent[i] = array->dims[i];
  hid_t file_space = H5Dget_space(array->id);
  hid_t memory_space = H5Screate_simple(array->rank, extent, NULL);
  bool good = file_space >= 0 && memory_space >= 0 &&
              H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0 &&
              H5Dread(array->id, mem_type, memory_space, file_space, H5P_DEFAULT, out) >= 0;
  ls_status status = good ? LS_OK : read_failed(what);
  if (memory_space >= 0) H5Sclose(memory_space);
  if (file_space >= 0) H5Sclose(file_space);
  return status;
}

bool lsi_h5_array_is_native(const lsi_h5_array *array, hid_t mem_type) {
  lsi_h5_init();
  hid_t type = H5Dget_type(array->id);
  bool same = type >= 0 && H5Tequal(type, mem_type) > 0;
  if (type >= 0) H5Tclose(type);
  return same;
}

ls_status lsi_h5_array_convert(const lsi_h5_array *array, const char *what, hid_t mem_type,
                               size_t n, void *values) {
  lsi_h5_init();
  hid_t type = H5Dget_type(array->id);
  bool good = type >= 0 && H5Tconvert(type, mem_type, n, values, NULL, H5P_DEFAULT) >= 0;
  if (type >= 0) H5Tclose(type);
  return good ? LS_OK : read_failed(what);
}

ls_status lsi_h5_array_fill_value(const lsi_h5_array *array, const char *what, hid_t mem_type,
                                  void *value) {
  lsi_h5_init();
  hid_t creation = H5Dget_create_plist(array->id);
  bool good = creation >= 0 && H5Pget_fill_value(creation, mem_type, value) >= 0;
  if (creation >= 0) H5Pclose(creation);
  return good ? LS_OK : read_failed(what);
}
