/* SPDX-License-Identifier: MIT */
#include "data/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/memory.h"

enum { MAX_COMPRESSION = 1040 }; /* deflate reaches 1032:1 (zlib's technical notes) */

struct lsi_bytes {
  gzFile file;
  char *path;
  uint64_t file_size, position; /* on disk; in the unpacked content */
  bool packed;
};

ls_status lsi_bytes_open(const char *path, lsi_bytes **out) {
  struct stat info;
  LSI_CHECK(stat(path, &info) == 0, errno == ENOENT ? LS_ERR_NOT_FOUND : LS_ERR_IO,
            "check the path; relative paths start at the working directory", "%s: %s", path,
            strerror(errno));
  LSI_CHECK(S_ISREG(info.st_mode), LS_ERR_FORMAT, NULL, "%s: is %s, not a file of data", path,
            S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
  LSI_CHECK(info.st_size > 0, LS_ERR_FORMAT, "copy or download the file again", "%s: the file is empty",
            path);
  lsi_bytes *b;
  LSI_TRY(LSI_ALLOC("file reader", 1, &b));
  ls_status status = lsi_strdup(path, &b->path);
  if (status == LS_OK && !(b->file = gzopen(path, "rb")))
    status = lsi_error_set(LS_ERR_IO, "check the file's permissions", "%s: cannot open: %s", path,
                           errno ? strerror(errno) : "out of memory");
  if (status != LS_OK) {
    lsi_bytes_close(&b);
    return status;
  }
  gzbuffer(b->file, 1 << 17);
  b->file_size = (uint64_t)info.st_size;
  b->packed = !gzdirect(b->file);
  *out = b;
  return LS_OK;
}

void lsi_bytes_close(lsi_bytes **bytes) {
  lsi_bytes *b = *bytes;
  if (!b) return;
  if (b->file) gzclose(b->file);
  lsi_free(b->path);
  lsi_free(b);
  *bytes = NULL;
}

const char *lsi_bytes_path(const lsi_bytes *bytes) {
  return bytes->path;
}

/* Up to n bytes; fewer only at the end of the file. */
static ls_status read_some(lsi_bytes *b, char *out, size_t n, size_t *got) {
  *got = 0;
  while (*got < n) {
    size_t part = n - *got < (1u << 30) ? n - *got : 1u << 30;
    int done = gzread(b->file, out + *got, (unsigned)part);
    int code = Z_OK;
    const char *reason = gzerror(b->file, &code);
    LSI_CHECK(done >= 0 && (code == Z_OK || code == Z_STREAM_END),
              code == Z_ERRNO ? LS_ERR_IO : LS_ERR_CORRUPT, "copy or download the file again",
              "%s: cannot be read after %llu bytes: %s", b->path, (unsigned long long)b->position,
              code == Z_ERRNO ? strerror(errno) : reason);
    if (done == 0) break;
    *got += (size_t)done;
    b->position += (uint64_t)done;
  }
  return LS_OK;
}

ls_status lsi_bytes_peek(lsi_bytes *bytes, void *out, size_t n, size_t *got) {
  LSI_TRY(read_some(bytes, out, n, got));
  LSI_CHECK(gzrewind(bytes->file) == 0, LS_ERR_IO, NULL, "%s: cannot be read twice", bytes->path);
  bytes->position = 0;
  return LS_OK;
}

ls_status lsi_bytes_read(lsi_bytes *bytes, void *out, size_t n) {
  uint64_t start = bytes->position;
  size_t got;
  LSI_TRY(read_some(bytes, out, n, &got));
  LSI_CHECK(got == n, LS_ERR_CORRUPT, "copy or download the file again",
            "%s: ends after %llu bytes; its header claims at least %llu", bytes->path,
            (unsigned long long)bytes->position, (unsigned long long)(start + n));
  return LS_OK;
}

ls_status lsi_bytes_skip(lsi_bytes *bytes, uint64_t n) {
  char block[1 << 14];
  while (n > 0) {
    size_t part = n < sizeof block ? (size_t)n : sizeof block;
    LSI_TRY(lsi_bytes_read(bytes, block, part));
    n -= part;
  }
  return LS_OK;
}

ls_status lsi_bytes_claim(const lsi_bytes *bytes, uint64_t rest) {
  uint64_t there = bytes->file_size - (bytes->packed ? 0 : bytes->position);
  bool good = bytes->packed ? rest / MAX_COMPRESSION <= there : rest == there;
  LSI_CHECK(good, LS_ERR_CORRUPT, "copy or download the file again",
            "%s: the header claims %llu bytes of values, but the file has %llu%s", bytes->path,
            (unsigned long long)rest, (unsigned long long)there,
            bytes->packed ? " (compressed)" : "");
  return LS_OK;
}

ls_status lsi_bytes_expect_end(lsi_bytes *bytes) {
  char more;
  size_t got;
  LSI_TRY(read_some(bytes, &more, 1, &got));
  LSI_CHECK(got == 0, LS_ERR_CORRUPT, "copy or download the file again",
            "%s: there is more after the %llu bytes that its header claims", bytes->path,
            (unsigned long long)(bytes->position - 1));
  return LS_OK;
}

ls_status lsi_bytes_all(lsi_bytes *bytes, size_t limit, char **text, size_t *n) {
  size_t room = bytes->packed ? 4 * (size_t)bytes->file_size : (size_t)bytes->file_size, used = 0;
  char *buffer = NULL;
  LSI_TRY(lsi_alloc(bytes->path, room + 2, 1, &buffer));
  for (;;) {
    size_t got = 0;
    ls_status status = read_some(bytes, buffer + used, room + 1 - used, &got);
    used += got;
    if (status == LS_OK && used > limit)
      status = lsi_error_set(LS_ERR_UNSUPPORTED, "split it, or save it as NPY",
                             "%s: has more than %zu bytes of text", bytes->path, limit);
    if (status == LS_OK && used <= room) break;
    char *larger = NULL;
    if (status == LS_OK) status = lsi_alloc(bytes->path, 2 * room + 2, 1, &larger);
    if (status == LS_OK) memcpy(larger, buffer, used);
    lsi_free(buffer);
    if (status != LS_OK) return status;
    buffer = larger;
    room *= 2;
  }
  buffer[used] = '\0';
  *text = buffer;
  *n = used;
  return LS_OK;
}
