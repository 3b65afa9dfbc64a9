/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"

static void format_seal(size_t n, const char *hex, char seal[LSI_CKPT_SEAL + 1]) {
  memset(seal, 0, LSI_CKPT_SEAL + 1);
  snprintf(seal, LSI_CKPT_SEAL + 1, "LSCKPT1 %015zu %sLSSEAL\n", n, hex);
}

ls_status lsi_ckpt_seal(void **bytes, size_t *n) {
  char seal[LSI_CKPT_SEAL + 1], hex[LSI_DIGEST_HEX];
  LSI_CHECK(*n < 999999999999999u, LS_ERR_UNSUPPORTED, NULL, "checkpoint: %zu bytes are too many",
            *n);
  lsi_hash_bytes(*bytes, *n, hex);
  format_seal(*n, hex, seal);
  void *larger =
      realloc(*bytes, *n + LSI_CKPT_SEAL); /* in place for large images: no second copy */
  LSI_CHECK(larger, LS_ERR_MEMORY, NULL, "checkpoint: cannot allocate %zu bytes",
            *n + LSI_CKPT_SEAL);
  memcpy((char *)larger + *n, seal, LSI_CKPT_SEAL);
  *bytes = larger;
  *n += LSI_CKPT_SEAL;
  return LS_OK;
}

ls_status lsi_ckpt_unseal(const char *path, const void *bytes, size_t n, size_t *n_content) {
  static const char advice[] =
      "an earlier checkpoint can be used: --resume auto finds the newest good one";
  char seal[LSI_CKPT_SEAL + 1], hex[LSI_DIGEST_HEX];
  LSI_CHECK(n > 0, LS_ERR_CORRUPT, advice, "%s: is empty", path);
  LSI_CHECK(n >= 4 && memcmp(bytes, "\x89HDF", 4) == 0, LS_ERR_FORMAT,
            "name a file checkpoints/ckpt-*.h5 of a run", "%s: is no checkpoint (not even HDF5)",
            path);
  size_t content = n > LSI_CKPT_SEAL ? n - LSI_CKPT_SEAL : 0;
  const char *found = (const char *)bytes + content;
  LSI_CHECK(content && memcmp(found, "LSCKPT1 ", 8) == 0, LS_ERR_CORRUPT, advice,
            "%s: is truncated or no checkpoint: its %zu bytes do not end in a seal", path, n);
  lsi_hash_bytes(bytes, content, hex);
  format_seal(content, hex, seal);
  LSI_CHECK(memcmp(found, seal, LSI_CKPT_SEAL) == 0, LS_ERR_CORRUPT, advice,
            "%s: is damaged: its %zu bytes (digest %s) are not the ones that were sealed", path,
            content, hex);
  *n_content = content;
  return LS_OK;
}

bool lsi_ckpt_looks_whole(const char *path) {
  char seal[LSI_CKPT_SEAL], expected[32];
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bool ok = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
            info.st_size > LSI_CKPT_SEAL &&
            pread(fd, seal, sizeof seal, info.st_size - LSI_CKPT_SEAL) == (ssize_t)sizeof seal;
  if (ok) {
    int n = snprintf(expected, sizeof expected, "LSCKPT1 %015lld ",
                     (long long)info.st_size - LSI_CKPT_SEAL);
    ok = memcmp(seal, expected, (size_t)n) == 0;
  }
  if (fd >= 0)
    close(fd);
  return ok;
}
