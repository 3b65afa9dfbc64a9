/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/memory.h"

struct lsi_hash {
  XXH3_state_t *state;
};

static void to_hex(XXH128_hash_t value, char hex[LSI_DIGEST_HEX]) {
  XXH128_canonical_t canonical; /* big-endian on every machine */
  XXH128_canonicalFromHash(&canonical, value);
  for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", canonical.digest[i]);
}

ls_status lsi_hash_create(lsi_hash **out) {
  lsi_hash *hash;
  LSI_TRY(LSI_ALLOC("hash", 1, &hash));
  hash->state = XXH3_createState();
  if (!hash->state) {
    lsi_free(hash);
    LSI_FAIL(LS_ERR_MEMORY, NULL, "hash: cannot allocate its state");
  }
  XXH3_128bits_reset(hash->state);
  *out = hash;
  return LS_OK;
}

void lsi_hash_update(lsi_hash *hash, const void *data, size_t n_bytes) {
  XXH3_128bits_update(hash->state, data, n_bytes);
}

void lsi_hash_hex(const lsi_hash *hash, char hex[LSI_DIGEST_HEX]) {
  to_hex(XXH3_128bits_digest(hash->state), hex);
}

static void to_halves(XXH128_hash_t value, uint64_t half[2]) {
  half[0] = value.high64;
  half[1] = value.low64;
}

void lsi_hash_value(const lsi_hash *hash, uint64_t half[2]) {
  to_halves(XXH3_128bits_digest(hash->state), half);
}

void lsi_hash_bytes_value(const void *data, size_t n_bytes, uint64_t half[2]) {
  to_halves(XXH3_128bits(data, n_bytes), half);
}

void lsi_hash_destroy(lsi_hash **hash) {
  if (!*hash) return;
  XXH3_freeState((*hash)->state);
  lsi_free(*hash);
  *hash = NULL;
}

void lsi_hash_bytes(const void *data, size_t n_bytes, char hex[LSI_DIGEST_HEX]) {
  to_hex(XXH3_128bits(data, n_bytes), hex);
}
