/* SPDX-License-Identifier: MIT */
#include "ckpt/keras_archive.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zip.h>

#include "base/memory.h"

static const char metadata_name[] = "metadata.json", config_name[] = "config.json", weights_name[] = "model.weights.h5";

enum {
  MAX_MEMBERS = 4096,
  MAX_CONFIG = 64 << 20,
  MAX_METADATA = 1 << 20,
  /* Weights hardly shrink, and slots of zeros are a part of them; deflate itself reaches 1032. */
  MAX_GROWTH = 200,
  GROWTH_FREE = 1 << 20
};

void lsi_keras_archive_clear(lsi_keras_archive *archive) {
  lsi_free(archive->metadata);
  lsi_free(archive->config);
  lsi_free(archive->weights);
  memset(archive, 0, sizeof *archive);
}

/* ---- reading ---- */

/* A name that stays below the folder it would be unpacked in. */
static bool is_plain_name(const char *name) {
  if (!name || !name[0] || name[0] == '/' || strchr(name, '\\') || strchr(name, ':')) return false;
  for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
  return true;
}

static ls_status check_names(zip_t *zip, const char *path) {
  zip_int64_t n = zip_get_num_entries(zip, 0);
  LSI_CHECK(n >= 0 && n <= MAX_MEMBERS, LS_ERR_UNSUPPORTED, NULL, "%s: the archive has %lld members; at most %d are read", path,
            (long long)n, (int)MAX_MEMBERS);
  for (zip_int64_t i = 0; i < n; i++) {
    const char *name = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
    LSI_CHECK(is_plain_name(name), LS_ERR_CORRUPT, "Keras does not write such names: do not trust the file",
              "%s: member %lld has the name '%.100s'", path, (long long)i, name ? name : "");
    zip_int64_t first = zip_name_locate(zip, name, ZIP_FL_ENC_RAW);
    LSI_CHECK(first == i, LS_ERR_CORRUPT, "Keras does not write such files: do not trust it", "%s: there are two members '%.100s'",
              path, name);
  }
  return LS_OK;
}

static ls_status check_member(const char *path, const zip_stat_t *stat, uint64_t limit) {
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  LSI_CHECK((stat->valid & needed) == needed, LS_ERR_CORRUPT, NULL, "%s: member '%s' has no size", path, stat->name);
  LSI_CHECK(stat->encryption_method == ZIP_EM_NONE, LS_ERR_UNSUPPORTED, "save it without a password",
            "%s: member '%s' is encrypted", path, stat->name);
  LSI_CHECK(stat->comp_method == ZIP_CM_STORE || stat->comp_method == ZIP_CM_DEFLATE, LS_ERR_UNSUPPORTED,
            "pack it with the methods stored or deflate", "%s: member '%s' is packed with method %d", path, stat->name,
            (int)stat->comp_method);
  LSI_CHECK(stat->size <= limit, LS_ERR_UNSUPPORTED, NULL, "%s: member '%s' has %llu bytes; at most %llu are read", path,
            stat->name, (unsigned long long)stat->size, (unsigned long long)limit);
  bool grows = stat->size > GROWTH_FREE && (stat->size - GROWTH_FREE) / MAX_GROWTH > stat->comp_size;
  LSI_CHECK(!grows, LS_ERR_UNSUPPORTED, "if the model is in order, pack it again without compression",
            "%s: member '%s' would grow from %llu to %llu bytes, more than %d times", path, stat->name,
            (unsigned long long)stat->comp_size, (unsigned long long)stat->size, (int)MAX_GROWTH);
  return LS_OK;
}

/* The bytes are complete and their CRC has been compared only when a read beyond them gives 0. */
static ls_status read_all(zip_file_t *file, const char *path, const char *name, char *bytes, size_t n) {
  size_t done = 0;
  char beyond;
  zip_int64_t got = 1;
  while (done < n && (got = zip_fread(file, bytes + done, n - done)) > 0) done += (size_t)got;
  LSI_CHECK(done == n && zip_fread(file, &beyond, 1) == 0, LS_ERR_CORRUPT, "use another copy of the file",
            "%s: member '%s' is damaged: %s", path, name, zip_file_strerror(file));
  return LS_OK;
}

/* NUL-terminated. A member that is not there gives NULL. */
static ls_status read_member(zip_t *zip, const char *path, const char *name, uint64_t limit, char **out, size_t *n) {
  zip_stat_t stat;
  zip_int64_t i = zip_name_locate(zip, name, ZIP_FL_ENC_RAW);
  *out = NULL;
  if (i < 0) return LS_OK;
  LSI_CHECK(zip_stat_index(zip, (zip_uint64_t)i, 0, &stat) == 0, LS_ERR_CORRUPT, NULL, "%s: member '%s': %s", path, name,
            zip_strerror(zip));
  LSI_TRY(check_member(path, &stat, limit));
  char *bytes;
  LSI_TRY(LSI_ALLOC(name, stat.size + 1, &bytes));
  zip_file_t *file = zip_fopen_index(zip, (zip_uint64_t)i, 0);
  ls_status status = file ? read_all(file, path, name, bytes, stat.size)
                          : lsi_error_set(LS_ERR_CORRUPT, NULL, "%s: member '%s': %s", path, name, zip_strerror(zip));
  if (file) zip_fclose(file);
  if (status != LS_OK) {
    lsi_free(bytes);
    return status;
  }
  *out = bytes;
  *n = stat.size;
  return LS_OK;
}

static ls_status check_text(const char *path, const char *name, const char *text, size_t n) {
  LSI_CHECK(!text || strlen(text) == n, LS_ERR_CORRUPT, NULL, "%s: member '%s' has a zero byte", path, name);
  return LS_OK;
}

static ls_status read_members(zip_t *zip, const char *path, lsi_keras_archive *out) {
  size_t n_config = 0, n_metadata = 0;
  LSI_TRY(check_names(zip, path));
  LSI_CHECK(zip_name_locate(zip, config_name, ZIP_FL_ENC_RAW) >= 0, LS_ERR_FORMAT, "save it in Keras: model.save(\"model.keras\")",
            "%s: is a zip archive without '%s', not a .keras file", path, config_name);
  LSI_CHECK(zip_name_locate(zip, weights_name, ZIP_FL_ENC_RAW) >= 0, LS_ERR_UNSUPPORTED,
            "save it in Keras on one host, with the weights in HDF5: model.save(\"model.keras\")",
            "%s: the archive has no '%s'", path, weights_name);
  LSI_TRY(read_member(zip, path, metadata_name, MAX_METADATA, &out->metadata, &n_metadata));
  LSI_TRY(check_text(path, metadata_name, out->metadata, n_metadata));
  LSI_TRY(read_member(zip, path, config_name, MAX_CONFIG, &out->config, &n_config));
  LSI_TRY(check_text(path, config_name, out->config, n_config));
  return read_member(zip, path, weights_name, SIZE_MAX / 4, &out->weights, &out->n_weights);
}

ls_status lsi_keras_archive_read(const char *path, lsi_keras_archive *out) {
  int code = 0;
  lsi_keras_archive archive = {0};
  zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    ls_status status = lsi_error_set(code == ZIP_ER_NOENT ? LS_ERR_NOT_FOUND : code == ZIP_ER_MEMORY ? LS_ERR_MEMORY : LS_ERR_CORRUPT,
                                     "copy or make the file again", "%s: damaged or truncated archive (%s)", path,
                                     zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
  }
  ls_status status = read_members(zip, path, &archive);
  zip_discard(zip);
  if (status != LS_OK)
    lsi_keras_archive_clear(&archive);
  else
    *out = archive;
  return status;
}

/* ---- writing ---- */

static ls_status zip_failed(zip_error_t *error) {
  LSI_FAIL(LS_ERR_MEMORY, NULL, "zip: %s", zip_error_strerror(error));
}

static ls_status add_member(zip_t *zip, const char *name, const void *bytes, size_t n) {
  enum { DOS_1980 = 0x0021, UNIX_0600 = 0600 };
  zip_source_t *source = zip_source_buffer(zip, bytes, n, 0);
  zip_int64_t i = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_GUESS) : -1;
  if (i < 0) {
    if (source) zip_source_free(source);
    return zip_failed(zip_get_error(zip));
  }
  bool done = zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0) == 0 &&
              zip_file_set_dostime(zip, (zip_uint64_t)i, 0, DOS_1980, 0) == 0 &&
              zip_file_set_external_attributes(zip, (zip_uint64_t)i, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)UNIX_0600 << 16) == 0;
  return done ? LS_OK : zip_failed(zip_get_error(zip));
}

/* What zip_close left in the buffer. */
static ls_status take_bytes(zip_source_t *target, void **bytes, size_t *n) {
  zip_stat_t stat;
  char *copy = NULL;
  zip_stat_init(&stat);
  if (zip_source_open(target) != 0 || zip_source_stat(target, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE))
    return zip_failed(zip_source_error(target));
  LSI_TRY(LSI_ALLOC("archive", stat.size, &copy));
  if (zip_source_read(target, copy, stat.size) != (zip_int64_t)stat.size) {
    lsi_free(copy);
    return zip_failed(zip_source_error(target));
  }
  zip_source_close(target);
  *bytes = copy;
  *n = stat.size;
  return LS_OK;
}

static ls_status pack_into(zip_source_t *target, const char *config, const void *weights, size_t n_weights) {
  /* Keras looks at neither; dates would make equal models unequal files. */
  static const char metadata[] = "{\"keras_version\": \"3.0.0\", \"date_saved\": \"1980-01-01@00:00:00\"}";
  zip_error_t error;
  zip_error_init(&error);
  zip_t *zip = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  ls_status status = zip ? LS_OK : zip_failed(&error);
  zip_error_fini(&error);
  LSI_TRY(status);
  status = add_member(zip, metadata_name, metadata, sizeof metadata - 1);
  if (status == LS_OK) status = add_member(zip, config_name, config, strlen(config));
  if (status == LS_OK) status = add_member(zip, weights_name, weights, n_weights);
  if (status == LS_OK && zip_close(zip) == 0) return LS_OK;
  if (status == LS_OK) status = zip_failed(zip_get_error(zip));
  zip_discard(zip);
  return status;
}

ls_status lsi_keras_archive_pack(const char *config, const void *weights, size_t n_weights, void **bytes, size_t *n) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &error);
  ls_status status = target ? LS_OK : zip_failed(&error);
  zip_error_fini(&error);
  LSI_TRY(status);
  zip_source_keep(target); /* the archive takes one reference, whether it opens or not; this one is ours */
  status = pack_into(target, config, weights, n_weights);
  if (status == LS_OK) status = take_bytes(target, bytes, n);
  zip_source_free(target);
  return status;
}
