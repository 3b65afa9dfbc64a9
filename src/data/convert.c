/* SPDX-License-Identifier: MIT */
/*
 * IDX, NPY and CSV to HDF5. Small results are built in memory and put in place at once. Larger ones
 * go to a temporary file, which is read back and compared before it takes the name: HDF5 can
 * close a file on a full disk without an error.
 */
#include "data/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data/csv.h"
#include "data/labels.h"
#include "data/decode.h"
#include "data/source.h"
#include "store/durable.h"
#include "store/h5.h"

enum { BLOCK_BYTES = 4 << 20 };

typedef struct conversion {
  const ls_convert_spec *spec;
  lsi_source x, y;
  bool has_y;
  int64_t first_row, n_rows;
  char digest[2][LSI_DIGEST_HEX]; /* of the values written to x and y */
} conversion;

/* ---- sources ---- */

static ls_status open_binary(lsi_bytes *bytes, lsi_format format, lsi_source *out) {
  return format == LSI_FORMAT_IDX ? lsi_idx_open(bytes, out) : lsi_npy_open(bytes, out);
}

static ls_status open_x(conversion *c) {
  const ls_convert_spec *spec = c->spec;
  lsi_bytes *bytes;
  lsi_format format = LSI_FORMAT_TEXT;
  LSI_TRY(lsi_bytes_open(spec->x, &bytes));
  ls_status status = lsi_format_detect(bytes, &format);
  if (status == LS_OK && format == LSI_FORMAT_TEXT) {
    lsi_csv_spec csv = {.y_columns = spec->y_columns,
                        .y_is_label = spec->y_is_label,
                        .no_y = spec->no_y || spec->y};
    status = lsi_csv_read(bytes, &csv, &c->x, &c->y);
    c->has_y = status == LS_OK && !csv.no_y;
  } else if (status == LS_OK && spec->y_columns) {
    status = lsi_error_set(LS_ERR_ARG, "give the targets as a file of their own",
                           "%s: y columns '%s' need a CSV table", spec->x, spec->y_columns);
  } else if (status == LS_OK) {
    status = open_binary(bytes, format, &c->x);
    if (status == LS_OK) bytes = NULL; /* the source's now */
  }
  lsi_bytes_close(&bytes);
  return status;
}

static ls_status open_y(conversion *c) {
  const ls_convert_spec *spec = c->spec;
  lsi_bytes *bytes;
  lsi_format format = LSI_FORMAT_TEXT;
  lsi_source none = {0};
  LSI_TRY(lsi_bytes_open(spec->y, &bytes));
  ls_status status = lsi_format_detect(bytes, &format);
  if (status == LS_OK && format == LSI_FORMAT_TEXT) {
    lsi_csv_spec csv = {.y_is_label = spec->y_is_label, .only_y = true};
    status = lsi_csv_read(bytes, &csv, &none, &c->y);
  } else if (status == LS_OK) {
    status = open_binary(bytes, format, &c->y);
    if (status == LS_OK) bytes = NULL;
    if (status == LS_OK && spec->y_is_label) status = lsi_source_to_labels(&c->y);
  }
  lsi_bytes_close(&bytes);
  c->has_y = status == LS_OK;
  return status;
}

static ls_status check_spec(const ls_convert_spec *spec) {
  LSI_CHECK(spec && spec->x && spec->out, LS_ERR_ARG, NULL,
            "convert: a source and an output file are needed");
  LSI_CHECK(isfinite(spec->scale) && isfinite(spec->offset), LS_ERR_ARG, NULL,
            "convert: scale %g and offset %g must be finite", spec->scale, spec->offset);
  LSI_CHECK(spec->deflate >= 0 && spec->deflate <= 9, LS_ERR_ARG, NULL,
            "convert: deflate is %d; 0 to 9 are possible", spec->deflate);
  LSI_CHECK(spec->chunk_rows >= 0, LS_ERR_ARG, NULL, "convert: chunk_rows is %lld",
            (long long)spec->chunk_rows);
  LSI_CHECK(!spec->deflate || spec->chunk_rows, LS_ERR_ARG,
            "set the rows of a chunk as well, for example 256",
            "convert: compression needs chunks");
  LSI_CHECK(spec->first_row >= 0 && spec->n_rows >= 0, LS_ERR_ARG, NULL,
            "convert: first_row is %lld and n_rows is %lld", (long long)spec->first_row,
            (long long)spec->n_rows);
  LSI_CHECK(!(spec->y && spec->no_y), LS_ERR_ARG, NULL,
            "convert: '%s' is given as targets, and no targets are asked for", spec->y);
  return LS_OK;
}

/* The output takes the place of whatever has its name; a source must not be lost that way. */
static ls_status check_not_itself(const char *source, const char *out) {
  LSI_CHECK(!source || !lsi_same_file(source, out), LS_ERR_ARG, "choose another name for the HDF5 file", "%s: is a source, and the output %s would replace it",
            source, out);
  return LS_OK;
}

static ls_status check_sources(conversion *c) {
  const ls_convert_spec *spec = c->spec;
  LSI_CHECK(!c->has_y || c->x.dims[0] == c->y.dims[0], LS_ERR_SHAPE, "give every sample one target",
            "%s has %lld rows, but %s has %lld", c->x.path, (long long)c->x.dims[0], c->y.path,
            (long long)c->y.dims[0]);
  LSI_CHECK(!c->has_y || c->y.rank <= 2, LS_ERR_SHAPE,
            "targets are [N] or [N, values]; are the files in the right order?",
            "%s: targets of %d dimensions", c->y.path, c->y.rank);
  c->first_row = spec->first_row;
  int64_t rest = c->x.dims[0] - spec->first_row;
  LSI_CHECK(rest > 0 && spec->n_rows <= rest, LS_ERR_ARG, "rows are counted from 0, and the last one is not included",
            "%s: rows %lld to %lld are asked for, the file has %lld", c->x.path,
            (long long)spec->first_row, (long long)(spec->first_row + spec->n_rows), (long long)c->x.dims[0]);
  c->n_rows = spec->n_rows ? spec->n_rows : rest;
  uint64_t chunk;
  LSI_CHECK(!__builtin_mul_overflow((uint64_t)spec->chunk_rows, (uint64_t)c->x.row_bytes, &chunk) &&
                chunk <= 64 << 20,
            LS_ERR_ARG, "lower chunk_rows", "convert: %lld rows make a chunk of more than 64 MiB",
            (long long)spec->chunk_rows);
  return LS_OK;
}

/* ---- writing ---- */

typedef struct type_pair {
  hid_t file, memory;
} type_pair;

static type_pair types_of(ls_dtype dtype) {
  switch (dtype) {
  case LS_UINT8: return (type_pair){H5T_STD_U8LE, H5T_NATIVE_UINT8};
  case LS_INT8: return (type_pair){H5T_STD_I8LE, H5T_NATIVE_INT8};
  case LS_UINT16: return (type_pair){H5T_STD_U16LE, H5T_NATIVE_UINT16};
  case LS_INT16: return (type_pair){H5T_STD_I16LE, H5T_NATIVE_INT16};
  case LS_UINT32: return (type_pair){H5T_STD_U32LE, H5T_NATIVE_UINT32};
  case LS_INT32: return (type_pair){H5T_STD_I32LE, H5T_NATIVE_INT32};
  case LS_UINT64: return (type_pair){H5T_STD_U64LE, H5T_NATIVE_UINT64};
  case LS_INT64: return (type_pair){H5T_STD_I64LE, H5T_NATIVE_INT64};
  case LS_FLOAT32: return (type_pair){H5T_IEEE_F32LE, H5T_NATIVE_FLOAT};
  case LS_FLOAT64: return (type_pair){H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
  }
  return (type_pair){H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
}

/* The last rows are read too, though not written: a source checks its own end there. */
static ls_status copy_rows(conversion *c, lsi_source *source, hid_t dataset, lsi_hash *hash,
                           char *block, int64_t block_rows) {
  type_pair types = types_of(source->dtype);
  LSI_TRY(lsi_source_skip(source, c->first_row));
  for (int64_t row = 0; row < c->n_rows; row += block_rows) {
    int64_t n = c->n_rows - row < block_rows ? c->n_rows - row : block_rows;
    LSI_TRY(lsi_source_read(source, n, block));
    LSI_TRY(
        lsi_h5_write_rows(dataset, c->spec->out, types.memory, (uint64_t)row, (uint64_t)n, block));
    lsi_hash_update(hash, block, (size_t)n * source->row_bytes);
  }
  return lsi_source_skip(source, source->dims[0] - source->next_row);
}

static int64_t rows_a_block(const conversion *c, const lsi_source *source) {
  int64_t rows = source->row_bytes < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / source->row_bytes) : 1;
  int64_t chunk = c->spec->chunk_rows;
  if (chunk > 0)
    rows = rows < chunk ? chunk : rows / chunk * chunk; /* whole chunks are compressed once */
  return rows < c->n_rows ? rows : c->n_rows;
}

static ls_status write_array(conversion *c, hid_t file, const char *name, lsi_source *source,
                             char *digest) {
  uint64_t dims[LS_MAX_RANK];
  for (int i = 0; i < source->rank; i++) dims[i] = (uint64_t)source->dims[i];
  dims[0] = (uint64_t)c->n_rows;
  hid_t dataset;
  char *block = NULL;
  lsi_hash *hash = NULL;
  LSI_TRY(lsi_h5_create_array(file, name, source->rank, dims, types_of(source->dtype).file,
                              (uint64_t)c->spec->chunk_rows, c->spec->deflate, &dataset));
  int64_t block_rows = rows_a_block(c, source);
  ls_status status = lsi_alloc("convert: rows", (size_t)block_rows, source->row_bytes, &block);
  if (status == LS_OK) status = lsi_hash_create(&hash);
  if (status == LS_OK) status = copy_rows(c, source, dataset, hash, block, block_rows);
  if (status == LS_OK) lsi_hash_hex(hash, digest);
  lsi_hash_destroy(&hash);
  lsi_free(block);
  if (H5Dclose(dataset) < 0 && status == LS_OK)
    status = lsi_error_set(LS_ERR_IO, "check the free space", "%s: dataset '%s' cannot be closed",
                           c->spec->out, name);
  return status;
}

static ls_status write_file(conversion *c, hid_t file) {
  LSI_TRY(write_array(c, file, "x", &c->x, c->digest[0]));
  double scale = c->spec->scale == 0 ? 1 : c->spec->scale;
  if (scale != 1) LSI_TRY(lsi_h5_write_attr_double(file, "x", "scale_factor", scale));
  if (c->spec->offset != 0)
    LSI_TRY(lsi_h5_write_attr_double(file, "x", "add_offset", c->spec->offset));
  if (!c->has_y) return LS_OK;
  LSI_TRY(write_array(c, file, "y", &c->y, c->digest[1]));
  if (!c->y.class_names) return LS_OK;
  return lsi_h5_write_attr_strings(file, "y", "classes", (const char *const *)c->y.class_names,
                                   (size_t)c->y.n_classes);
}

static ls_status write_image(conversion *c) {
  hid_t file;
  void *bytes;
  size_t n;
  LSI_TRY(lsi_h5_image_create(&file));
  ls_status status = write_file(c, file);
  if (status != LS_OK) {
    lsi_h5_close(file);
    return status;
  }
  LSI_TRY(lsi_h5_image_finish(file, &bytes, &n));
  status = lsi_durable_write(c->spec->out, bytes, n);
  lsi_free(bytes);
  return status;
}

/* ---- large files ---- */

static ls_status hash_rows(const conversion *c, const lsi_h5_array *array, const lsi_source *source,
                           lsi_hash *hash, char *block, int64_t block_rows) {
  for (int64_t row = 0; row < c->n_rows; row += block_rows) {
    int64_t n = c->n_rows - row < block_rows ? c->n_rows - row : block_rows;
    LSI_TRY(lsi_h5_array_read_rows(array, c->spec->out, types_of(source->dtype).memory,
                                   (uint64_t)row, (uint64_t)n, block));
    lsi_hash_update(hash, block, (size_t)n * source->row_bytes);
  }
  return LS_OK;
}

static ls_status compare_array(const conversion *c, hid_t file, const char *name,
                               const lsi_source *source, const char *digest) {
  lsi_h5_array array;
  char *block = NULL, hex[LSI_DIGEST_HEX] = "";
  lsi_hash *hash = NULL;
  LSI_TRY(lsi_h5_array_open(file, c->spec->out, name, &array));
  int64_t block_rows = rows_a_block(c, source);
  ls_status status = lsi_alloc("convert: rows", (size_t)block_rows, source->row_bytes, &block);
  if (status == LS_OK) status = lsi_hash_create(&hash);
  if (status == LS_OK) status = hash_rows(c, &array, source, hash, block, block_rows);
  if (status == LS_OK) lsi_hash_hex(hash, hex);
  if (status == LS_OK && strcmp(hex, digest) != 0)
    status = lsi_error_set(LS_ERR_IO, "check the disk and its free space",
                           "%s: dataset '%s' reads back differently", c->spec->out, name);
  lsi_hash_destroy(&hash);
  lsi_free(block);
  lsi_h5_array_close(&array);
  return status;
}

static ls_status verify_file(const conversion *c, const char *temporary) {
  hid_t file;
  LSI_TRY(lsi_h5_open(temporary, &file));
  ls_status status = compare_array(c, file, "x", &c->x, c->digest[0]);
  if (status == LS_OK && c->has_y) status = compare_array(c, file, "y", &c->y, c->digest[1]);
  lsi_h5_close(file);
  return status;
}

static ls_status write_large(conversion *c) {
  char temporary[LSI_PATH_BYTES];
  hid_t file;
  LSI_TRY(lsi_durable_temporary(c->spec->out, temporary));
  LSI_TRY(lsi_h5_file_create(temporary, &file));
  ls_status status = write_file(c, file);
  if (H5Fclose(file) < 0 && status == LS_OK)
    status = lsi_h5_write_failed(c->spec->out);
  if (status == LS_OK) status = verify_file(c, temporary);
  if (status != LS_OK) {
    unlink(temporary);
    return status;
  }
  return lsi_durable_commit(temporary, c->spec->out);
}

/* ---- report ---- */

static void log_array(FILE *log, const char *name, const lsi_source *source, int64_t n_rows) {
  fprintf(log, "%s %s [%lld", name, lsi_dtype_name(source->dtype), (long long)n_rows);
  for (int i = 1; i < source->rank; i++) fprintf(log, ", %lld", (long long)source->dims[i]);
  fprintf(log, "] from %s", source->format);
}

static void report(const conversion *c, FILE *log) {
  fprintf(log, "%s: ", c->spec->out);
  log_array(log, "x", &c->x, c->n_rows);
  if (c->spec->scale != 0 && c->spec->scale != 1) fprintf(log, ", scale %g", c->spec->scale);
  if (c->spec->offset != 0) fprintf(log, ", offset %g", c->spec->offset);
  if (c->has_y) {
    fputs("; ", log);
    log_array(log, "y", &c->y, c->n_rows);
  }
  for (int64_t i = 0; i < c->y.n_classes && i < 8; i++)
    fprintf(log, "%s%s = %lld", i ? ", " : "; classes ", c->y.class_names[i], (long long)i);
  if (c->y.n_classes > 8) fprintf(log, ", ... (%lld)", (long long)c->y.n_classes);
  fputc('\n', log);
}

ls_status lsi_convert(const ls_convert_spec *spec, uint64_t image_limit, FILE *log) {
  LSI_TRY(check_spec(spec));
  LSI_TRY(check_not_itself(spec->x, spec->out));
  LSI_TRY(check_not_itself(spec->y, spec->out));
  conversion c = {.spec = spec};
  ls_status status = open_x(&c);
  if (status == LS_OK && spec->y) status = open_y(&c);
  if (status == LS_OK) status = check_sources(&c);
  if (status == LS_OK) {
    uint64_t bytes = (uint64_t)c.n_rows * (c.x.row_bytes + (c.has_y ? c.y.row_bytes : 0));
    status = bytes <= image_limit ? write_image(&c) : write_large(&c);
  }
  if (status == LS_OK && log) report(&c, log);
  lsi_source_close(&c.x);
  lsi_source_close(&c.y);
  return status;
}

ls_status ls_convert(const ls_convert_spec *spec, FILE *log) {
  return lsi_convert(spec, UINT64_C(256) << 20, log);
}
