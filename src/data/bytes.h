/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_BYTES_H
#define LSI_DATA_BYTES_H
/* A file read from front to back, gzipped or not (told by its content). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct lsi_bytes lsi_bytes;

ls_status lsi_bytes_open(const char *path, lsi_bytes **out);
void lsi_bytes_close(lsi_bytes **bytes);
const char *lsi_bytes_path(const lsi_bytes *bytes);

/* The first bytes, up to n; less at the end of a shorter file. The position does not move: call it
 * first. */
ls_status lsi_bytes_peek(lsi_bytes *bytes, void *out, size_t n, size_t *got);
/* Exactly n bytes; LS_ERR_CORRUPT with both sizes when the file ends before. */
ls_status lsi_bytes_read(lsi_bytes *bytes, void *out, size_t n);
ls_status lsi_bytes_skip(lsi_bytes *bytes, uint64_t n);
/* Fails unless a header that claims `rest` more bytes can be true: exact for plain files, by the
   largest possible compression for gzipped ones. No memory need be taken for a lie. */
ls_status lsi_bytes_claim(const lsi_bytes *bytes, uint64_t rest);
ls_status lsi_bytes_expect_end(lsi_bytes *bytes); /* nothing may follow */
/* All of it, NUL-terminated; at most `limit` bytes. Free with lsi_free. */
ls_status lsi_bytes_all(lsi_bytes *bytes, size_t limit, char **text, size_t *n);
#endif
