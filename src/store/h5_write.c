/* SPDX-License-Identifier: MIT */
/*
 * Writing. HDF5 1.10 has no journal, calls no fsync, and after a failed write its flush and close
 * still report success; so every H5Dwrite is checked, and files are built in memory.
 * No time stamps are stored: equal contents give equal bytes.
 */
#include "store/h5.h"

#include <malloc.h> /* malloc_usable_size */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/h5_error.h"
#include "store/h5_image.h"

/* Finish writing, and how long the file is then; negative on failure. */
static ssize_t flushed_size(hid_t file) {
  return H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
}

ls_status lsi_h5_image_finish(hid_t file, void **bytes, size_t *n) {
  ssize_t size = flushed_size(file);
  if (size <= 0) {
    ls_status status =
        lsi_error_set(LS_ERR_INTERNAL, NULL, "HDF5 image: cannot finish (%s)", lsi_h5_reason());
    H5Fclose(file);
    return status;
  }
  void *image = lsi_h5_image_take(file);
  if (!image || malloc_usable_size(image) < (size_t)size) {
    free(image);
    LSI_FAIL(LS_ERR_INTERNAL, NULL, "HDF5 image: cannot finish (%s)", lsi_h5_reason());
  }
  *bytes = image;
  *n = (size_t)size;
  return LS_OK;
}

static hid_t intermediate_groups(void) {
  hid_t list = H5Pcreate(H5P_LINK_CREATE);
  if (list >= 0) H5Pset_create_intermediate_group(list, 1);
  return list;
}

ls_status lsi_h5_make_group(hid_t loc, const char *path) {
  if (lsi_h5_has(loc, path)) return LS_OK;
  hid_t links = intermediate_groups();
  hid_t group = links >= 0 ? H5Gcreate2(loc, path, links, H5P_DEFAULT, H5P_DEFAULT) : -1;
  ls_status status = LS_OK;
  if (group < 0)
    status = lsi_error_set(LS_ERR_INTERNAL, NULL, "HDF5: cannot make group '%s' (%s)", path,
                           lsi_h5_reason());
  if (group >= 0) H5Gclose(group);
  if (links >= 0) H5Pclose(links);
  return status;
}

/* Contiguous, or chunks of `chunk_rows` rows with a checksum, and with shuffle and deflate. */
static hid_t creation_list(int rank, const hsize_t *dims, size_t value_bytes, uint64_t chunk_rows,
                           int deflate) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  if (list < 0) return list;
  bool good =
      H5Pset_obj_track_times(list, 0) >= 0 && H5Pset_fill_time(list, H5D_FILL_TIME_NEVER) >= 0;
  if (good && chunk_rows > 0 && rank > 0) {
    hsize_t chunk[8];
    memcpy(chunk, dims, sizeof(hsize_t) * (size_t)rank);
    chunk[0] = chunk_rows < dims[0] ? chunk_rows : dims[0];
    good = H5Pset_chunk(list, rank, chunk) >= 0;
    if (good && deflate > 0 && value_bytes > 1) good = H5Pset_shuffle(list) >= 0;
    if (good && deflate > 0) good = H5Pset_deflate(list, (unsigned)deflate) >= 0;
    if (good) good = H5Pset_fletcher32(list) >= 0;
  } else if (good) {
    good = H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY) >= 0;
  }
  if (good) return list;
  H5Pclose(list);
  return -1;
}

ls_status lsi_h5_create_array(hid_t loc, const char *path, int rank, const uint64_t *dims,
                              hid_t file_type, uint64_t chunk_rows, int deflate, hid_t *dataset) {
  LSI_CHECK(rank >= 0 && rank <= 8, LS_ERR_ARG, NULL, "HDF5: '%s' has %d dimensions", path, rank);
  hsize_t extent[8] = {0};
  for (int i = 0; i < rank; i++) extent[i] = dims[i];
  hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, extent, NULL);
  hid_t links = intermediate_groups();
  hid_t creation = creation_list(rank, extent, H5Tget_size(file_type), chunk_rows, deflate);
  hid_t id = -1;
  if (space >= 0 && links >= 0 && creation >= 0)
    id = H5Dcreate2(loc, path, file_type, space, links, creation, H5P_DEFAULT);
  ls_status status = LS_OK;
  if (id < 0)
    status = lsi_error_set(LS_ERR_INTERNAL, NULL, "HDF5: cannot create dataset '%s' (%s)", path,
                           lsi_h5_reason());
  if (creation >= 0) H5Pclose(creation);
  if (links >= 0) H5Pclose(links);
  if (space >= 0) H5Sclose(space);
  if (status == LS_OK) *dataset = id;
  return status;
}

ls_status lsi_h5_write_failed(const char *path) {
  bool full = lsi_h5_reason_has("errno = 28") || lsi_h5_reason_has("errno = 122"); /* ENOSPC, EDQUOT */
  const char *system = lsi_h5_system_error();
  return lsi_error_set(full ? LS_ERR_NO_SPACE : LS_ERR_IO, "check the disk and its free space",
                       "%s: cannot write: %s", path, system ? system : lsi_h5_reason());
}

ls_status lsi_h5_write_rows(hid_t dataset, const char *what, hid_t mem_type, uint64_t first,
                            uint64_t n, const void *data) {
  hid_t space = H5Dget_space(dataset), memory = -1;
  hsize_t start[8] = {first}, extent[8] = {0};
  int rank = space >= 0 ? H5Sget_simple_extent_dims(space, extent, NULL) : -1;
  bool good = rank > 0;
  if (good) {
    extent[0] = n;
    memory = H5Screate_simple(rank, extent, NULL);
    good = memory >= 0 &&
           H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0 &&
           H5Dwrite(dataset, mem_type, memory, space, H5P_DEFAULT, data) >= 0;
  }
  ls_status status = LS_OK;
  if (!good)
    status = lsi_h5_system_error() ? lsi_h5_write_failed(what) : lsi_error_set(
        LS_ERR_IO, NULL, "%s: rows %llu to %llu cannot be written (%s)", what,
        (unsigned long long)first, (unsigned long long)(first + n), lsi_h5_reason());
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return status;
}

/* All of `data`, some rows at a time: HDF5 holds its one global lock for as long as a call takes, and another thread may be
   waiting to read a batch. */
static ls_status write_all(hid_t id, const char *path, int rank, const uint64_t *dims,
                           hid_t mem_type, const void *data) {
  enum { SLICE_BYTES = 4 << 20 };
  uint64_t row_bytes = H5Tget_size(mem_type);
  for (int i = 1; i < rank; i++) row_bytes *= dims[i];
  uint64_t rows = rank == 0 ? 1 : dims[0];
  if (rows * row_bytes == 0) return LS_OK;
  if (rows * row_bytes <= SLICE_BYTES) {
    LSI_CHECK(H5Dwrite(id, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, LS_ERR_IO,
              "check the free memory", "HDF5: dataset '%s' cannot be written (%s)", path,
              lsi_h5_reason());
    return LS_OK;
  }
  uint64_t step = row_bytes < SLICE_BYTES ? SLICE_BYTES / row_bytes : 1;
  for (uint64_t first = 0; first < rows; first += step) {
    uint64_t n = rows - first < step ? rows - first : step;
    LSI_TRY(lsi_h5_write_rows(id, path, mem_type, first, n, (const char *)data + first * row_bytes));
  }
  return LS_OK;
}

ls_status lsi_h5_write(hid_t loc, const char *path, int rank, const uint64_t *dims, hid_t file_type,
                       hid_t mem_type, const void *data) {
  hid_t id;
  LSI_TRY(lsi_h5_create_array(loc, path, rank, dims, file_type, 0, 0, &id));
  ls_status status = write_all(id, path, rank, dims, mem_type, data);
  if (H5Dclose(id) < 0 && status == LS_OK)
    status = lsi_error_set(LS_ERR_IO, NULL, "HDF5: dataset '%s' cannot be closed (%s)", path,
                           lsi_h5_reason());
  return status;
}

/* ---- attributes ---- */

/* A rank of -1 is a scalar. */
static ls_status write_attr(hid_t loc, const char *object, const char *attr, hid_t file_type,
                            hid_t mem_type, int64_t n, const void *value) {
  hsize_t extent = n < 0 ? 1 : (hsize_t)n;
  hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, NULL);
  hid_t id = -1;
  if (space >= 0 && file_type >= 0 && mem_type >= 0)
    id = H5Acreate_by_name(loc, object, attr, file_type, space, H5P_DEFAULT, H5P_DEFAULT,
                           H5P_DEFAULT);
  bool good = id >= 0 && (n == 0 || H5Awrite(id, mem_type, value) >= 0);
  ls_status status = LS_OK;
  if (!good)
    status =
        lsi_error_set(LS_ERR_INTERNAL, NULL, "HDF5: attribute '%s' of '%s' cannot be written (%s)",
                      attr, object, lsi_h5_reason());
  if (id >= 0) H5Aclose(id);
  if (space >= 0) H5Sclose(space);
  return status;
}

ls_status lsi_h5_write_attr_double(hid_t loc, const char *object, const char *attr, double value) {
  return write_attr(loc, object, attr, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, -1, &value);
}

ls_status lsi_h5_write_attr_i64(hid_t loc, const char *object, const char *attr, int64_t value) {
  return write_attr(loc, object, attr, H5T_STD_I64LE, H5T_NATIVE_INT64, -1, &value);
}

ls_status lsi_h5_write_attr_string(hid_t loc, const char *object, const char *attr,
                                   const char *value) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
    H5Tclose(type);
    type = -1;
  }
  ls_status status = write_attr(loc, object, attr, type, type, -1, &value);
  if (type >= 0) H5Tclose(type);
  return status;
}

/* values[0, n) as one attribute of fields of `width` bytes, padded with NUL. */
static ls_status write_names(hid_t loc, const char *object, const char *attr,
                             const char *const *values, size_t n, size_t width) {
  char *fields = NULL;
  LSI_TRY(lsi_alloc("names of an HDF5 attribute", n * width, 1, &fields));
  for (size_t i = 0; i < n; i++) memcpy(fields + i * width, values[i], strlen(values[i]));
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0 && (H5Tset_size(type, width) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
    H5Tclose(type);
    type = -1;
  }
  ls_status status = write_attr(loc, object, attr, type, type, (int64_t)n, fields);
  if (type >= 0) H5Tclose(type);
  lsi_free(fields);
  return status;
}

/* HDF5 keeps at most 64 KiB in an attribute. Keras cuts longer lists with numpy.array_split into
   name0, name1, ... (keras/src/legacy/saving/legacy_h5_format.py). */
ls_status lsi_h5_write_attr_strings(hid_t loc, const char *object, const char *attr,
                                    const char *const *values, size_t n) {
  enum { LIMIT = 64512 };
  size_t width = 1;
  for (size_t i = 0; i < n; i++) width = strlen(values[i]) > width ? strlen(values[i]) : width;
  LSI_CHECK(width <= LIMIT, LS_ERR_ARG, "use shorter names", "attribute '%s': a name of %zu bytes",
            attr, width);
  if (n * width <= LIMIT) return write_names(loc, object, attr, values, n, width);
  size_t parts = 2;
  while ((n + parts - 1) / parts * width > LIMIT) parts++;
  size_t first = 0;
  for (size_t k = 0; k < parts; k++) {
    char name[256];
    size_t count = n / parts + (k < n % parts);
    snprintf(name, sizeof name, "%s%zu", attr, k);
    LSI_TRY(write_names(loc, object, name, values + first, count, width));
    first += count;
  }
  return LS_OK;
}
