/* SPDX-License-Identifier: MIT */
/*
 * IDX, the format of MNIST and its kin: 0, 0, type, rank, then each dimension as 4 bytes and the
 * values, all big-endian (LeCun, Cortes, Burges: "The MNIST database of handwritten digits").
 */
#include "base/memory.h"
#include "data/decode.h"
#include "data/source.h"

static bool dtype_of(unsigned char code, ls_dtype *out) {
  switch (code) {
  case 0x08: *out = LS_UINT8; return true;
  case 0x09: *out = LS_INT8; return true;
  case 0x0B: *out = LS_INT16; return true;
  case 0x0C: *out = LS_INT32; return true;
  case 0x0D: *out = LS_FLOAT32; return true;
  case 0x0E: *out = LS_FLOAT64; return true;
  default: return false;
  }
}

ls_status lsi_idx_open(lsi_bytes *bytes, lsi_source *out) {
  const char *path = lsi_bytes_path(bytes);
  lsi_source source = {.format = "IDX", .bytes = bytes, .swap = true};
  unsigned char head[4];
  LSI_TRY(lsi_bytes_read(bytes, head, sizeof head));
  LSI_CHECK(head[0] == 0 && head[1] == 0, LS_ERR_FORMAT, NULL,
            "%s: not an IDX file (it starts with %02x %02x)", path, head[0], head[1]);
  LSI_CHECK(dtype_of(head[2], &source.dtype), LS_ERR_FORMAT, "IDX knows 08 09 0B 0C 0D 0E",
            "%s: not an IDX file (type code %02x)", path, head[2]);
  source.rank = head[3];
  LSI_CHECK(source.rank >= 1 && source.rank <= LS_MAX_RANK, LS_ERR_UNSUPPORTED, NULL,
            "%s: IDX array of %d dimensions; 1 to %d are read", path, source.rank,
            (int)LS_MAX_RANK);
  for (int i = 0; i < source.rank; i++) {
    unsigned char b[4];
    LSI_TRY(lsi_bytes_read(bytes, b, sizeof b));
    source.dims[i] = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
  }
  source.stored_bytes = lsi_dtype_size(source.dtype);
  LSI_TRY(lsi_source_measure(&source));
  LSI_TRY(lsi_bytes_claim(bytes, (uint64_t)source.dims[0] * source.row_bytes));
  LSI_TRY(lsi_strdup(path, &source.path));
  *out = source;
  return LS_OK;
}
