/* SPDX-License-Identifier: MIT */
/*
 * NPY versions 1 to 3: magic, version, header length, then a Python dict of three keys and the
 * values (numpy.lib.format). Little-endian numbers in C order are read; the rest is refused by
 * name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/decode.h"
#include "data/source.h"

enum { MAX_HEADER = 1 << 16 };

typedef struct header {
  const char *path;
  const char *next; /* unread part of the dict; NUL-terminated */
  char descr[16];
  bool has_descr, has_order, has_shape, fortran;
  int rank;
  int64_t dims[LS_MAX_RANK];
} header;

static ls_status malformed(const header *h, const char *expected) {
  LSI_FAIL(LS_ERR_CORRUPT, NULL, "%s: NPY header: %s expected at '%.20s'", h->path, expected,
           h->next);
}

static void skip_space(header *h) {
  h->next += strspn(h->next, " \t\n\r");
}

static bool take(header *h, char c) {
  skip_space(h);
  if (*h->next != c) return false;
  h->next++;
  return true;
}

/* 'text' or "text", without escapes. */
static ls_status take_text(header *h, char *out, size_t size) {
  skip_space(h);
  char quote = *h->next;
  if (quote != '\'' && quote != '"') return malformed(h, "a quoted name");
  const char *end = strchr(h->next + 1, quote);
  size_t n = end ? (size_t)(end - h->next - 1) : size;
  if (n >= size) return malformed(h, "a short quoted name");
  memcpy(out, h->next + 1, n);
  out[n] = '\0';
  h->next = end + 1;
  return LS_OK;
}

static ls_status take_shape(header *h) {
  if (!take(h, '(')) return malformed(h, "a tuple");
  for (h->rank = 0; !take(h, ')');) {
    skip_space(h);
    if (*h->next < '0' || *h->next > '9') return malformed(h, "a size");
    LSI_CHECK(h->rank < LS_MAX_RANK, LS_ERR_UNSUPPORTED, NULL, "%s: has more than %d dimensions",
              h->path, (int)LS_MAX_RANK);
    char *end;
    unsigned long long size = strtoull(h->next, &end, 10);
    LSI_CHECK(size <= INT64_MAX, LS_ERR_CORRUPT, NULL, "%s: NPY header: size %.24s is too large",
              h->path, h->next);
    h->dims[h->rank++] = (int64_t)size;
    h->next = *end == 'L' ? end + 1 : end; /* Python 2 wrote 3L */
    skip_space(h);
    if (!take(h, ',') && *h->next != ')') return malformed(h, "',' or ')'");
  }
  h->has_shape = true;
  return LS_OK;
}

static ls_status take_order(header *h) {
  skip_space(h);
  bool yes = strncmp(h->next, "True", 4) == 0, no = strncmp(h->next, "False", 5) == 0;
  if (!yes && !no) return malformed(h, "True or False");
  h->next += yes ? 4 : 5;
  h->fortran = yes;
  h->has_order = true;
  return LS_OK;
}

static ls_status take_descr(header *h) {
  skip_space(h);
  LSI_CHECK(*h->next != '[', LS_ERR_UNSUPPORTED, "save each field as an array of its own",
            "%s: holds records (a structured type)", h->path);
  LSI_TRY(take_text(h, h->descr, sizeof h->descr));
  h->has_descr = true;
  return LS_OK;
}

static ls_status take_dict(header *h) {
  if (!take(h, '{')) return malformed(h, "'{'");
  while (!take(h, '}')) {
    char key[24];
    LSI_TRY(take_text(h, key, sizeof key));
    if (!take(h, ':')) return malformed(h, "':'");
    if (strcmp(key, "descr") == 0) LSI_TRY(take_descr(h));
    else if (strcmp(key, "fortran_order") == 0) LSI_TRY(take_order(h));
    else if (strcmp(key, "shape") == 0) LSI_TRY(take_shape(h));
    else LSI_FAIL(LS_ERR_CORRUPT, NULL, "%s: NPY header: unknown key '%s'", h->path, key);
    skip_space(h);
    if (!take(h, ',') && *h->next != '}') return malformed(h, "',' or '}'");
  }
  LSI_CHECK(h->has_descr && h->has_order && h->has_shape, LS_ERR_CORRUPT, NULL,
            "%s: NPY header: descr, fortran_order or shape is missing", h->path);
  return LS_OK;
}

static ls_status set_type(const header *h, lsi_source *source) {
  static const struct {
    const char *descr;
    ls_dtype dtype;
  } types[] = {{"u1", LS_UINT8}, {"i1", LS_INT8},    {"b1", LS_UINT8},   {"u2", LS_UINT16},
               {"i2", LS_INT16}, {"u4", LS_UINT32},  {"i4", LS_INT32},   {"u8", LS_UINT64},
               {"i8", LS_INT64}, {"f2", LS_FLOAT32}, {"f4", LS_FLOAT32}, {"f8", LS_FLOAT64}};
  const char *descr = h->descr, *kind = descr;
  LSI_CHECK(descr[0] != '>', LS_ERR_UNSUPPORTED, "save it as a.astype(a.dtype.newbyteorder('<'))",
            "%s: values are big-endian ('%s')", h->path, descr);
  LSI_CHECK(!strchr(descr, 'O'), LS_ERR_UNSUPPORTED, "save numbers, not Python objects",
            "%s: holds Python objects ('%s')", h->path, descr);
  if (*kind == '<' || *kind == '|' || *kind == '=') kind++;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(kind, types[i].descr) != 0) continue;
    source->dtype = types[i].dtype;
    source->half = strcmp(kind, "f2") == 0;
    source->stored_bytes = source->half ? 2 : lsi_dtype_size(source->dtype);
    return LS_OK;
  }
  LSI_FAIL(LS_ERR_UNSUPPORTED, "save it as integers, float16, float32, float64 or bool",
           "%s: values of type '%s'", h->path, descr);
}

static ls_status read_dict(lsi_bytes *bytes, const char *path, char **out) {
  unsigned char magic[8], size[4] = {0};
  LSI_TRY(lsi_bytes_read(bytes, magic, sizeof magic));
  LSI_CHECK(memcmp(magic, "\x93NUMPY", 6) == 0, LS_ERR_FORMAT, NULL, "%s: not an NPY file", path);
  LSI_CHECK(magic[6] >= 1 && magic[6] <= 3, LS_ERR_UNSUPPORTED, NULL,
            "%s: NPY version %d; 1 to 3 are read", path, magic[6]);
  LSI_TRY(lsi_bytes_read(bytes, size, magic[6] == 1 ? 2 : 4));
  size_t n = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
  LSI_CHECK(n <= MAX_HEADER, LS_ERR_CORRUPT, NULL, "%s: NPY header of %zu bytes", path, n);
  char *text = NULL;
  LSI_TRY(lsi_alloc("NPY header", n + 1, 1, &text));
  ls_status status = lsi_bytes_read(bytes, text, n);
  if (status != LS_OK) {
    lsi_free(text);
    return status;
  }
  *out = text;
  return LS_OK;
}

ls_status lsi_npy_open(lsi_bytes *bytes, lsi_source *out) {
  header h = {.path = lsi_bytes_path(bytes)};
  char *text = NULL;
  LSI_TRY(read_dict(bytes, h.path, &text));
  h.next = text;
  ls_status status = take_dict(&h);
  lsi_free(text);
  LSI_TRY(status);
  lsi_source source = {.format = "NPY", .bytes = bytes, .rank = h.rank};
  LSI_TRY(set_type(&h, &source));
  /* One-dimensional arrays are the same in both orders. */
  LSI_CHECK(!h.fortran || h.rank < 2, LS_ERR_UNSUPPORTED, "save it as numpy.ascontiguousarray(a)",
            "%s: the array is in Fortran order", h.path);
  memcpy(source.dims, h.dims, sizeof h.dims);
  LSI_TRY(lsi_source_measure(&source));
  LSI_TRY(lsi_bytes_claim(bytes, (uint64_t)source.dims[0] * (uint64_t)source.row_values *
                                     source.stored_bytes));
  LSI_TRY(lsi_strdup(h.path, &source.path));
  *out = source;
  return LS_OK;
}
