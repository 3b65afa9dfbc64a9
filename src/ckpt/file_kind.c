/* SPDX-License-Identifier: MIT */
#include "ckpt/file_kind.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "ckpt/checkpoint_file.h"
#include "ckpt/model_seal.h"
#include "store/h5.h"
#include "store/trial.h"

/* A pipe would be waited for. */
static bool is_regular(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool is_zip(const char *path) {
  unsigned char start[4] = {0};
  FILE *file = fopen(path, "rb");
  bool zip = file && fread(start, 1, 4, file) == 4 && memcmp(start, "PK\3\4", 4) == 0;
  if (file) fclose(file);
  return zip;
}

/* Does the first character that is no blank open a JSON object? */
static bool is_json(const char *path) {
  char start[64] = "";
  FILE *file = fopen(path, "rb");
  size_t n = file ? fread(start, 1, sizeof start - 1, file) : 0;
  if (file) fclose(file);
  return n > 0 && start[strspn(start, " \t\r\n")] == '{';
}

static lsi_file_kind kind_of_hdf5(hid_t file) {
  if (lsi_h5_has_attr(file, ".", "model_config")) return LSI_FILE_MODEL;
  if (lsi_h5_has(file, "texts") && lsi_h5_has(file, "arrays")) return LSI_FILE_CHECKPOINT;
  if (lsi_h5_has_name(file, "x")) return LSI_FILE_DATASET;
  bool weights = lsi_h5_has_attr(file, ".", "layer_names") || lsi_h5_has_attr(file, ".", "layer_names0") ||
                 (lsi_h5_has(file, "vars") && (lsi_h5_has(file, "layers") || lsi_h5_has(file, "_layer_checkpoint_dependencies")));
  return weights ? LSI_FILE_KERAS_WEIGHTS : LSI_FILE_OTHER_HDF5;
}

static ls_status look_at_hdf5(const char *path, lsi_file_kind *kind) {
  hid_t file;
  LSI_TRY(lsi_h5_open(path, &file));
  *kind = kind_of_hdf5(file);
  lsi_h5_close(file);
  return LS_OK;
}

static ls_status try_kind(void *path) {
  lsi_file_kind kind;
  return look_at_hdf5(path, &kind);
}

ls_status lsi_file_kind_of(const char *path, lsi_file_kind *kind) {
  if (!is_regular(path)) return look_at_hdf5(path, kind); /* which says why not */
  if (is_zip(path)) {
    *kind = LSI_FILE_KERAS_ARCHIVE;
    return LS_OK;
  }
  if (is_json(path)) {
    *kind = LSI_FILE_KERAS_JSON;
    return LS_OK;
  }
  if (lsi_ckpt_looks_whole(path)) {
    *kind = LSI_FILE_CHECKPOINT;
    return LS_OK;
  }
  LSI_TRY(lsi_model_seal_check(path));
  LSI_TRY(lsi_trial_run(path, lsi_trial_limits_for(0), try_kind, (void *)path));
  return look_at_hdf5(path, kind);
}

ls_status lsi_file_kind_error(const char *path, lsi_file_kind kind, const char *expected) {
  static const struct {
    const char *what, *advice;
  } known[] = {
      [LSI_FILE_DATASET] = {"a data set", "models are in the model.h5 of a run"},
      [LSI_FILE_MODEL] = {"a model", "`lockstep inspect FILE` shows what a file holds"},
      [LSI_FILE_CHECKPOINT] = {"a checkpoint", "the run's model.h5 is beside the folder checkpoints"},
      [LSI_FILE_KERAS_WEIGHTS] = {"a Keras weights file without the model's architecture",
                                  "save the whole model in Keras: model.save(\"model.keras\")"},
      [LSI_FILE_KERAS_ARCHIVE] = {"a zip archive (a .keras file?)", "name a data set in HDF5"},
      [LSI_FILE_KERAS_JSON] = {"JSON (an architecture without weights?)", "save the whole model in Keras: model.save(\"model.keras\")"},
      [LSI_FILE_OTHER_HDF5] = {"an HDF5 file with neither a data set x, nor a model, nor a checkpoint",
                               "data sets have x and y at the top; `lockstep convert` makes them"},
  };
  LSI_FAIL(LS_ERR_FORMAT, known[kind].advice, "%s: is %s, not %s", path, known[kind].what, expected);
}

/* ---- data sets ---- */

static void print_shape(FILE *out, int rank, const uint64_t *dims) {
  char text[200] = "(";
  size_t used = 1;
  for (int d = 0; d < rank && used < sizeof text - 24; d++)
    used += (size_t)snprintf(text + used, sizeof text - used, d ? ", %" PRIu64 : "%" PRIu64, dims[d]);
  snprintf(text + used, sizeof text - used, rank == 1 ? ",)" : ")");
  fprintf(out, "%-22s", text);
}

static void print_type(FILE *out, const lsi_h5_array *array) {
  const char *base = array->type_class == H5T_FLOAT ? "float" : array->is_signed ? "int" : "uint";
  char text[16];
  snprintf(text, sizeof text, "%s%zu", base, 8 * array->type_size);
  fprintf(out, "%-9s", text);
}

static void print_filters(FILE *out, hid_t creation) {
  for (int i = 0; i < H5Pget_nfilters(creation); i++) {
    char name[32] = "";
    unsigned flags, values[8] = {0}, config;
    size_t n_values = 8;
    H5Z_filter_t filter = H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, values, sizeof name, name, &config);
    if (filter == H5Z_FILTER_DEFLATE) fprintf(out, ", deflate %u", values[0]);
    else fprintf(out, ", %.31s", filter == H5Z_FILTER_SHUFFLE ? "shuffle" : filter == H5Z_FILTER_FLETCHER32 ? "fletcher32" : name);
  }
}

static void print_storage(FILE *out, const lsi_h5_array *array) {
  hid_t creation = H5Dget_create_plist(array->id);
  if (array->chunked) {
    fprintf(out, "chunks of ");
    for (int d = 0; d < array->rank; d++) fprintf(out, d ? " x %" PRIu64 : "%" PRIu64, array->chunk_dims[d]);
  } else {
    fprintf(out, "contiguous");
  }
  if (creation >= 0) {
    print_filters(out, creation);
    H5Pclose(creation);
  }
  fprintf(out, ", %" PRIu64 " bytes", array->count * array->type_size);
}

static void print_scale(FILE *out, hid_t file, const char *name) {
  double scale = 1, offset = 0;
  if (lsi_h5_has_attr(file, name, "scale_factor")) lsi_h5_attr_double(file, name, "scale_factor", &scale);
  if (lsi_h5_has_attr(file, name, "add_offset")) lsi_h5_attr_double(file, name, "add_offset", &offset);
  if (scale != 1 || offset != 0) fprintf(out, "\n    value = stored * %.17g + %.17g", scale, offset);
}

/* The classes' names, as `convert` keeps them for text labels. */
static void print_classes(FILE *out, hid_t file, const char *name) {
  char **names;
  size_t n;
  if (!lsi_h5_has_attr(file, name, "classes") || lsi_h5_attr_strings(file, name, "classes", &names, &n) != LS_OK) return;
  for (size_t i = 0; i < n && i < 20; i++) fprintf(out, "%s%s = %zu", i ? ", " : "\n    classes ", names[i], i);
  if (n > 20) fprintf(out, ", ... (%zu)", n);
  lsi_free(names);
}

ls_status lsi_file_describe_dataset(const char *path, FILE *out) {
  static const char *const names[] = {"x", "y", "sample_weight"};
  hid_t file;
  LSI_TRY(lsi_h5_open(path, &file));
  ls_status status = LS_OK;
  for (int i = 0; status == LS_OK && i < 3; i++) {
    lsi_h5_array array;
    if (!lsi_h5_has_name(file, names[i])) continue;
    LSI_TRY_GOTO(status, close_file, lsi_h5_array_open(file, path, names[i], &array));
    fprintf(out, "  %-14s", names[i]);
    print_shape(out, array.rank, array.dims);
    print_type(out, &array);
    print_storage(out, &array);
    print_scale(out, file, names[i]);
    print_classes(out, file, names[i]);
    fprintf(out, "\n");
    lsi_h5_array_close(&array);
  }
close_file:
  lsi_h5_close(file);
  return status;
}
