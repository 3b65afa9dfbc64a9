/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE = 56, MAX_INDEX_BYTES = 1 << 28 };
static const char magic[] = "LSCKPT2 ", earlier_magic[] = "LSCKPT1 ";
static const char advice[] = "an earlier checkpoint can be used: --resume auto finds the newest good one";

/* ---- writing ---- */

static void format_seal(uint64_t n, const char *hex, char seal[LSI_CKPT_SEAL + 1]) {
  memset(seal, 0, LSI_CKPT_SEAL + 1);
  snprintf(seal, LSI_CKPT_SEAL + 1, "%s%015llu %sLSSEAL\n", magic, (unsigned long long)n, hex);
}

/* The seal of a file whose index and line are these, of which `before` bytes lie before. */
static void make_seal(uint64_t before, const char *text, size_t n, char seal[LSI_CKPT_SEAL + 1]) {
  char hex[LSI_DIGEST_HEX];
  lsi_hash_bytes(text, n, hex);
  format_seal(before + n, hex, seal);
}

static void gaps_digest(const lsi_ckpt_layout *layout, char hex[LSI_DIGEST_HEX]) {
  size_t n = 0;
  for (int g = 0; g < layout->n_gaps; g++) n += layout->gaps[g].n_bytes;
  lsi_hash_bytes(layout->gap_bytes, n, hex);
}

ls_status lsi_ckpt_trailer(const lsi_ckpt_layout *layout, const char *index, char **bytes, size_t *n) {
  size_t n_index = strlen(index), room = n_index + LINE + LSI_CKPT_SEAL + 1;
  char hex[LSI_DIGEST_HEX], *text = NULL;
  LSI_CHECK(layout->file_bytes + room < 999999999999999u && n_index <= MAX_INDEX_BYTES, LS_ERR_UNSUPPORTED, NULL,
            "checkpoint: %llu bytes are too many", (unsigned long long)layout->file_bytes);
  LSI_TRY(lsi_alloc("end of a checkpoint", room, 1, &text));
  gaps_digest(layout, hex);
  snprintf(text, room, "%sbegins %015llu %s\n", index, (unsigned long long)layout->file_bytes, hex);
  make_seal(layout->file_bytes, text, n_index + LINE, text + n_index + LINE);
  *bytes = text;
  *n = n_index + LINE + LSI_CKPT_SEAL;
  return LS_OK;
}

/* ---- reading ---- */

/* "begins ..." -> where the index begins; `n`: bytes up to and with the line. */
static bool parse_line(const char *line, uint64_t n, uint64_t *begins, char gaps[LSI_DIGEST_HEX]) {
  char text[LINE + 1], again[LINE + 1];
  unsigned long long at = 0;
  memcpy(text, line, LINE);
  text[LINE] = '\0';
  if (sscanf(text, "begins %15llu %32[0-9a-f]", &at, gaps) != 2) return false;
  snprintf(again, sizeof again, "begins %015llu %s\n", at, gaps);
  *begins = at;
  return strcmp(text, again) == 0 && at <= n - LINE && n - LINE - at <= MAX_INDEX_BYTES;
}

ls_status lsi_ckpt_seal(void **bytes, size_t *n) {
  char gaps[LSI_DIGEST_HEX], seal[LSI_CKPT_SEAL + 1], *larger = realloc(*bytes, *n + LSI_CKPT_SEAL);
  uint64_t begins = 0;
  LSI_CHECK(larger, LS_ERR_MEMORY, NULL, "checkpoint: cannot allocate %zu bytes", *n + LSI_CKPT_SEAL);
  if (*n < LINE || !parse_line(larger + *n - LINE, *n, &begins, gaps)) begins = 0;
  make_seal(begins, larger + begins, *n - begins, seal);
  memcpy(larger + *n, seal, LSI_CKPT_SEAL);
  *bytes = larger;
  *n += LSI_CKPT_SEAL;
  return LS_OK;
}

static ls_status read_at(int fd, const char *path, uint64_t at, void *out, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(fd, (char *)out + done, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    LSI_CHECK(got >= 0, LS_ERR_IO, advice, "%s: cannot read: %s", path, strerror(errno));
    LSI_CHECK(got > 0, LS_ERR_CORRUPT, advice, "%s: has become shorter while it was read", path);
    done += (size_t)got;
  }
  return LS_OK;
}

/* Bytes of the file, seal and all; its beginning and its end look right. */
static ls_status check_ends(int fd, const char *path, uint64_t *n, char seal[LSI_CKPT_SEAL + 1]) {
  struct stat info;
  char start[4] = "";
  LSI_CHECK(fstat(fd, &info) == 0, LS_ERR_IO, advice, "%s: cannot read: %s", path, strerror(errno));
  LSI_CHECK(S_ISREG(info.st_mode), LS_ERR_FORMAT, "name a file checkpoints/ckpt-*.h5 of a run", "%s: is no file", path);
  *n = (uint64_t)info.st_size;
  LSI_CHECK(*n > 0, LS_ERR_CORRUPT, advice, "%s: is empty", path);
  LSI_TRY(read_at(fd, path, 0, start, *n < 4 ? (size_t)*n : 4));
  LSI_CHECK(memcmp(start, "\x89HDF", 4) == 0, LS_ERR_FORMAT, "name a file checkpoints/ckpt-*.h5 of a run",
            "%s: is no checkpoint (not even HDF5)", path);
  if (*n > LSI_CKPT_SEAL) LSI_TRY(read_at(fd, path, *n - LSI_CKPT_SEAL, seal, LSI_CKPT_SEAL));
  LSI_CHECK(memcmp(seal, earlier_magic, sizeof earlier_magic - 1) != 0, LS_ERR_UNSUPPORTED,
            "go on with that version, or start anew with --resume never", "%s: was written by an earlier version of lockstep", path);
  LSI_CHECK(memcmp(seal, magic, sizeof magic - 1) == 0, LS_ERR_CORRUPT, advice,
            "%s: is truncated or no checkpoint: its %llu bytes do not end in a seal", path, (unsigned long long)*n);
  return LS_OK;
}

static ls_status damaged(const char *path, uint64_t n) {
  LSI_FAIL(LS_ERR_CORRUPT, advice, "%s: is damaged: its %llu bytes are not the ones that were sealed", path, (unsigned long long)n);
}

static ls_status read_index(lsi_ckpt_source *source) {
  char seal[LSI_CKPT_SEAL + 1] = "", expected[LSI_CKPT_SEAL + 1], line[LINE];
  uint64_t n = 0;
  LSI_TRY(check_ends(source->fd, source->path, &n, seal));
  uint64_t before = n - LSI_CKPT_SEAL;
  if (before < LINE) return damaged(source->path, n);
  LSI_TRY(read_at(source->fd, source->path, before - LINE, line, LINE));
  if (!parse_line(line, before, &source->file_bytes, source->gaps)) return damaged(source->path, n);
  size_t n_text = (size_t)(before - source->file_bytes);
  LSI_TRY(lsi_alloc("index of a checkpoint", n_text + 1, 1, &source->index));
  LSI_TRY(read_at(source->fd, source->path, source->file_bytes, source->index, n_text));
  make_seal(source->file_bytes, source->index, n_text, expected);
  if (memcmp(seal, expected, LSI_CKPT_SEAL) != 0) return damaged(source->path, n);
  source->index[n_text - LINE] = '\0';
  return LS_OK;
}

ls_status lsi_ckpt_source_open(const char *path, lsi_ckpt_source *out) {
  *out = (lsi_ckpt_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .path = path};
  LSI_CHECK(out->fd >= 0 || errno != ENOENT, LS_ERR_NOT_FOUND, "check the path", "%s: cannot open: %s", path, strerror(errno));
  LSI_CHECK(out->fd >= 0, LS_ERR_IO, "check the file's permissions", "%s: cannot open: %s", path, strerror(errno));
  ls_status status = read_index(out);
  if (status != LS_OK) lsi_ckpt_source_close(out);
  return status;
}

void lsi_ckpt_source_close(lsi_ckpt_source *source) {
  if (source->fd >= 0) close(source->fd);
  lsi_free(source->index);
  source->fd = -1;
  source->index = NULL;
}

enum { GAP_BLOCK = 4096 };

/* Continue a digest over bytes of the file. */
static ls_status hash_range(const lsi_ckpt_source *source, lsi_ckpt_item range, lsi_hash *hash) {
  char block[GAP_BLOCK];
  for (uint64_t done = 0; done < range.n_bytes;) {
    uint64_t left = range.n_bytes - done;
    size_t n = left < GAP_BLOCK ? (size_t)left : GAP_BLOCK;
    LSI_TRY(read_at(source->fd, source->path, range.offset + done, block, n));
    lsi_hash_update(hash, block, n);
    done += n;
  }
  return LS_OK;
}

ls_status lsi_ckpt_source_check_gaps(const lsi_ckpt_source *source, const lsi_ckpt_layout *layout) {
  char hex[LSI_DIGEST_HEX];
  lsi_hash *hash;
  ls_status status = LS_OK;
  LSI_TRY(lsi_hash_create(&hash));
  for (int g = 0; status == LS_OK && g < layout->n_gaps; g++) status = hash_range(source, layout->gaps[g], hash);
  lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  LSI_TRY(status);
  LSI_CHECK(strcmp(hex, source->gaps) == 0, LS_ERR_CORRUPT, advice, "%s: is damaged: HDF5's part of it has another digest than was sealed",
            source->path);
  return LS_OK;
}

ls_status lsi_ckpt_source_read(const lsi_ckpt_source *source, const char *name, uint64_t offset, void *out, size_t n, const char *digest) {
  unsigned char *digests = NULL;
  char hex[LSI_DIGEST_HEX];
  size_t n_blocks = lsi_ckpt_block_count(n);
  LSI_TRY(lsi_alloc("digests", n_blocks + 1, LSI_CKPT_DIGEST, &digests));
  ls_status status = LS_OK;
  for (size_t b = 0; status == LS_OK && b < n_blocks; b++) {
    size_t at = b * LSI_CKPT_BLOCK, part = n - at < LSI_CKPT_BLOCK ? n - at : LSI_CKPT_BLOCK;
    status = read_at(source->fd, source->path, offset + at, (char *)out + at, part);
    lsi_ckpt_block_digest((char *)out + at, part, digests + b * LSI_CKPT_DIGEST);
  }
  lsi_ckpt_join_digests(digests, n_blocks, hex);
  lsi_free(digests);
  LSI_TRY(status);
  LSI_CHECK(strcmp(hex, digest) == 0, LS_ERR_CORRUPT, advice, "%s: is damaged: \"%s\" has digest %s, but %s was sealed", source->path, name,
            hex, digest);
  return LS_OK;
}

bool lsi_ckpt_looks_whole(const char *path) {
  char seal[LSI_CKPT_SEAL], expected[32];
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bool ok = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > LSI_CKPT_SEAL &&
            pread(fd, seal, sizeof seal, info.st_size - LSI_CKPT_SEAL) == (ssize_t)sizeof seal;
  if (ok) {
    int n = snprintf(expected, sizeof expected, "%s%015lld ", magic, (long long)info.st_size - LSI_CKPT_SEAL);
    ok = memcmp(seal, expected, (size_t)n) == 0;
  }
  if (fd >= 0) close(fd);
  return ok;
}
