/* SPDX-License-Identifier: MIT */
#include "ckpt/model_seal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

static const char magic[] = "LSMODEL1 ";
enum { MAGIC_BYTES = sizeof magic - 1 };

static void format_seal(size_t n, const char *hex, char seal[LSI_MODEL_SEAL]) {
  memset(seal, 0, LSI_MODEL_SEAL);
  snprintf(seal, LSI_MODEL_SEAL, "%s%015zu %s\n", magic, n, hex);
}

ls_status lsi_model_seal(void **bytes, size_t *n) {
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes(*bytes, *n, hex);
  void *larger = realloc(*bytes, *n + LSI_MODEL_SEAL);
  LSI_CHECK(larger, LS_ERR_MEMORY, NULL, "model file: cannot allocate %zu bytes", *n + LSI_MODEL_SEAL);
  format_seal(*n, hex, (char *)larger + *n);
  *bytes = larger;
  *n += LSI_MODEL_SEAL;
  return LS_OK;
}

/* The last bytes of the file; false when they are no seal. */
static bool read_seal(FILE *file, char seal[LSI_MODEL_SEAL], size_t *n_content) {
  if (fseek(file, -LSI_MODEL_SEAL, SEEK_END) != 0) return false;
  long position = ftell(file);
  *n_content = (size_t)position;
  return position >= 0 && fread(seal, 1, LSI_MODEL_SEAL, file) == LSI_MODEL_SEAL &&
         memcmp(seal, magic, MAGIC_BYTES) == 0;
}

static ls_status hash_file(FILE *file, const char *path, size_t n, char hex[LSI_DIGEST_HEX]) {
  enum { BLOCK = 1 << 20 };
  char *block = NULL;
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  ls_status status = LSI_ALLOC("block of a file", BLOCK, &block);
  rewind(file);
  while (status == LS_OK && n > 0) {
    size_t want = n < BLOCK ? n : BLOCK, got = fread(block, 1, want, file);
    if (got != want) status = lsi_error_set(LS_ERR_IO, NULL, "%s: cannot be read", path);
    lsi_hash_update(hash, block, got);
    n -= got;
  }
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  lsi_free(block);
  return status;
}

static ls_status check_file(FILE *file, const char *path) {
  char seal[LSI_MODEL_SEAL], expected[LSI_MODEL_SEAL], hex[LSI_DIGEST_HEX];
  size_t n;
  if (!read_seal(file, seal, &n)) return LS_OK;
  LSI_TRY(hash_file(file, path, n, hex));
  format_seal(n, hex, expected);
  LSI_CHECK(memcmp(seal, expected, LSI_MODEL_SEAL) == 0, LS_ERR_CORRUPT, "use another copy of the file",
            "%s: the model file is damaged: its %zu bytes (digest %s) are not the ones that were written", path, n, hex);
  return LS_OK;
}

ls_status lsi_model_seal_check(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return LS_OK;
  ls_status status = check_file(file, path);
  fclose(file);
  return status;
}
