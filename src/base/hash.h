/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_HASH_H
#define LSI_BASE_HASH_H
/* Streaming 128-bit XXH3 (xxHash). A digest is written as 32 lower-case hex digits. */
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum { LSI_DIGEST_HEX = 33 }; /* 32 digits and NUL */

typedef struct lsi_hash lsi_hash;

ls_status lsi_hash_create(lsi_hash **out);
void lsi_hash_update(lsi_hash *hash, const void *data, size_t n_bytes);
void lsi_hash_hex(const lsi_hash *hash, char hex[LSI_DIGEST_HEX]); /* may be called repeatedly */
void lsi_hash_value(const lsi_hash *hash, uint64_t half[2]);             /* the same number */
void lsi_hash_destroy(lsi_hash **hash);

void lsi_hash_bytes(const void *data, size_t n_bytes, char hex[LSI_DIGEST_HEX]); /* one shot */
void lsi_hash_bytes_value(const void *data, size_t n_bytes, uint64_t half[2]);
#endif
