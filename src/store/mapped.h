/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_MAPPED_H
#define LSI_STORE_MAPPED_H
/*
 * A file seen as memory: where its pages are in the page cache anyway, small pieces of it cost a copy
 * and no call. A page that cannot be read (an I/O error, a file that was cut) would end the process
 * with SIGBUS; here such a page becomes zeros and the mapping is marked broken, so that who reads
 * looks at the mark afterwards and, if need be, reads again by pread, which says what is wrong. (The
 * way of systemd's journal, src/basic/sigbus.c.)
 *
 * While there is a mapping, SIGBUS has a handler, which passes on what is not about one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lsi_mapped lsi_mapped;

/* Bytes [0, n_bytes) of an open file; NULL when there can be none: then read it otherwise. */
lsi_mapped *lsi_mapped_create(int descriptor, size_t n_bytes);
void lsi_mapped_destroy(lsi_mapped **mapped);
const char *lsi_mapped_bytes(const lsi_mapped *mapped);
/* What was read since it was made may be wrong: a page was missing, or the file has become shorter. */
bool lsi_mapped_is_broken(lsi_mapped *mapped);

/* Is this byte of a file in the page cache? false also when the system cannot tell. */
bool lsi_file_is_cached(int descriptor, uint64_t at);
#endif
