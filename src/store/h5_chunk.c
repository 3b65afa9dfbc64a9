/* SPDX-License-Identifier: MIT */
#include "store/h5_chunk.h"

#include <libdeflate.h>
#include <string.h>

#include "base/memory.h"
#include "store/h5_error.h"

enum { CHECKSUM = 4 };

struct lsi_h5_unpacker {
  struct libdeflate_decompressor *inflater;
  size_t room;              /* of each buffer */
  uint8_t *packed, *halfway; /* as stored; between two filters */
};

/* Compression may lengthen a chunk a little (zlib: 5 bytes in 16 KiB), checksums add theirs. */
static size_t buffer_room(size_t chunk_bytes) {
  return chunk_bytes + chunk_bytes / 256 + 4096;
}

size_t lsi_h5_unpacker_bytes(size_t chunk_bytes) {
  return 2 * buffer_room(chunk_bytes);
}

ls_status lsi_h5_unpacker_create(size_t chunk_bytes, lsi_h5_unpacker **out) {
  lsi_h5_unpacker *u;
  LSI_TRY(LSI_ALLOC("chunk reader", 1, &u));
  u->room = buffer_room(chunk_bytes);
  u->inflater = libdeflate_alloc_decompressor();
  ls_status status = u->inflater ? LS_OK : lsi_error_set(LS_ERR_MEMORY, NULL, "chunk reader: out of memory");
  if (status == LS_OK) status = lsi_alloc("chunk reader", u->room, 1, &u->packed);
  if (status == LS_OK) status = lsi_alloc("chunk reader", u->room, 1, &u->halfway);
  if (status != LS_OK) {
    lsi_h5_unpacker_destroy(&u);
    return status;
  }
  *out = u;
  return LS_OK;
}

void lsi_h5_unpacker_destroy(lsi_h5_unpacker **unpacker) {
  lsi_h5_unpacker *u = *unpacker;
  if (!u) return;
  if (u->inflater) libdeflate_free_decompressor(u->inflater);
  lsi_free(u->packed);
  lsi_free(u->halfway);
  lsi_free(u);
  *unpacker = NULL;
}

/* ---- checksum ---- */

static uint32_t fold(uint32_t sum) {
  return (sum & 0xffff) + (sum >> 16);
}

/* 360 words can be added before 32 bits overflow. */
uint32_t lsi_h5_fletcher32(const void *bytes, size_t n) {
  const uint8_t *p = bytes;
  uint32_t a = 0, b = 0;
  for (size_t words = n / 2; words > 0;) {
    size_t part = words < 360 ? words : 360;
    words -= part;
    for (; part > 0; part--, p += 2) {
      a += (uint32_t)p[0] << 8 | p[1];
      b += a;
    }
    a = fold(a);
    b = fold(b);
  }
  if (n % 2) {
    a = fold(a + ((uint32_t)*p << 8));
    b = fold(b + a);
  }
  return fold(b) << 16 | fold(a);
}

static bool checksum_fits(const uint8_t *bytes, size_t n) {
  const uint8_t *end = bytes + n;
  uint32_t stored = end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
  uint32_t sum = lsi_h5_fletcher32(bytes, n);
  /* HDF5 1.6.2 wrote the bytes of each half the other way round on little-endian machines. */
  uint32_t old = (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff);
  return stored == sum || stored == old;
}

/* ---- shuffle ---- */

/* Plane b holds byte b of every element; a rest shorter than an element follows as it is. */
static void unshuffle(const uint8_t *in, size_t n, size_t element, uint8_t *out) {
  size_t count = element ? n / element : 0;
  if (element < 2 || count < 2) {
    memcpy(out, in, n);
    return;
  }
  for (size_t b = 0; b < element; b++)
    for (size_t i = 0; i < count; i++) out[i * element + b] = in[b * count + i];
  memcpy(out + count * element, in + count * element, n - count * element);
}

/* ---- the pipeline ---- */

static bool applies(int i, uint32_t skipped) {
  return !(skipped >> i & 1);
}

/* Bytes that went into filter i when the chunk was written: the chunk and the checksums before. */
static size_t bytes_before(const lsi_h5_filters *f, int i, uint32_t skipped, size_t n_out) {
  for (int k = 0; k < i; k++)
    if (f->id[k] == H5Z_FILTER_FLETCHER32 && applies(k, skipped)) n_out += CHECKSUM;
  return n_out;
}

static bool is_last(int i, uint32_t skipped) {
  for (int k = 0; k < i; k++)
    if (applies(k, skipped)) return false;
  return true;
}

static ls_status damaged(const char *how) {
  LSI_FAIL(LS_ERR_CORRUPT, "copy or make the file again", "damaged: %s", how);
}

ls_status lsi_h5_unpack(lsi_h5_unpacker *u, const lsi_h5_filters *f, uint32_t skipped,
                        const void *packed, size_t n_packed, void *out, size_t n_out) {
  const uint8_t *in = packed;
  size_t n = n_packed;
  if (bytes_before(f, f->n, skipped, n_out) > u->room) return damaged("a chunk is larger than it should be");
  for (int i = f->n - 1; i >= 0; i--) {
    size_t wanted = bytes_before(f, i, skipped, n_out);
    if (!applies(i, skipped)) continue;
    if (f->id[i] == H5Z_FILTER_FLETCHER32) {
      if (n < CHECKSUM) return damaged("a chunk is too short for its checksum");
      n -= CHECKSUM;
      if (!checksum_fits(in, n)) return damaged("the checksum (fletcher32) does not fit");
      continue;
    }
    uint8_t *to = is_last(i, skipped) ? out : in == u->halfway ? u->packed : u->halfway;
    if (f->id[i] == H5Z_FILTER_DEFLATE) {
      if (libdeflate_zlib_decompress(u->inflater, in, n, to, wanted, NULL) != LIBDEFLATE_SUCCESS)
        return damaged("a compressed chunk cannot be unpacked");
      n = wanted;
    } else {
      if (n != wanted) return damaged("a chunk has the wrong size");
      unshuffle(in, n, f->element[i], to);
    }
    in = to;
  }
  if (n != n_out) return damaged("a chunk has the wrong size");
  if (in != out) memcpy(out, in, n);
  return LS_OK;
}

/* ---- from the file ---- */

static ls_status cannot_read(void) {
  bool device = lsi_h5_reason_has("errno = ");
  LSI_FAIL(device ? LS_ERR_IO : LS_ERR_CORRUPT, device ? "check the disk or the network" : "copy or make the file again",
           "cannot be read: %s", lsi_h5_reason());
}

static ls_status read_packed(const lsi_h5_array *array, lsi_h5_unpacker *u, const hsize_t *corner,
                             size_t *n, uint32_t *skipped) {
  hsize_t stored = 0;
  if (H5Dget_chunk_storage_size(array->id, corner, &stored) < 0 && !lsi_h5_reason_has("is not allocated")) return cannot_read();
  *n = (size_t)stored;
  if (stored == 0) return LS_OK;
  if (stored > u->room) return damaged("a chunk is larger than it should be");
  return H5Dread_chunk(array->id, H5P_DEFAULT, corner, skipped, u->packed) < 0 ? cannot_read() : LS_OK;
}

ls_status lsi_h5_chunk_read(const lsi_h5_array *array, lsi_h5_unpacker *unpacker, const char *what,
                            const uint64_t *corner, void *out, bool *found) {
  hsize_t at[8];
  size_t n = 0;
  uint32_t skipped = 0;
  lsi_h5_init();
  for (int i = 0; i < array->rank; i++) at[i] = corner[i];
  ls_status status = read_packed(array, unpacker, at, &n, &skipped);
  *found = n > 0;
  if (status == LS_OK && *found)
    status = lsi_h5_unpack(unpacker, &array->filters, skipped, unpacker->packed, n, out,
                           (size_t)array->chunk_bytes);
  if (status != LS_OK) {
    uint64_t last = corner[0] + array->chunk_dims[0] < array->dims[0] ? corner[0] + array->chunk_dims[0] : array->dims[0];
    lsi_error_prefix("%s, rows %llu to %llu", what, (unsigned long long)corner[0], (unsigned long long)last - 1);
  }
  return status;
}
