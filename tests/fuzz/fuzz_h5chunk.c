/* SPDX-License-Identifier: MIT */
/*
 * A chunk of an HDF5 data set, unpacked: exactly the bytes that were asked for, or refused.
 *
 *   filters | skipped | n_out (2, little-endian) | per filter: which (0 shuffle, 1 deflate, 2 fletcher32), element | the chunk as stored
 */
#include "fuzz_input.h"
#include "store/h5_chunk.h"

enum { HEAD = 4 };

static volatile uint8_t sink;

static size_t read_filters(const uint8_t *data, size_t n, lsi_h5_filters *out) {
  static const int ids[] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32};
  size_t at = HEAD;
  for (; out->n < data[0] % (LSI_H5_MAX_FILTERS + 1) && at + 2 <= n; out->n++, at += 2) {
    out->id[out->n] = ids[data[at] % 3];
    out->element[out->n] = data[at + 1] == 0xff ? UINT32_MAX : data[at + 1];
  }
  return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  lsi_h5_filters filters = {0};
  lsi_h5_unpacker *unpacker;
  if (n < HEAD) return 0;
  size_t n_out = data[2] | (size_t)data[3] << 8, at = read_filters(data, n, &filters);
  uint8_t *out = malloc(n_out ? n_out : 1);
  if (!out || lsi_h5_unpacker_create(n_out, &unpacker) != LS_OK) exit(2);
  ls_status status = lsi_h5_unpack(unpacker, &filters, data[1], data + at, n - at, out, n_out);
  for (size_t i = 0; status == LS_OK && i < n_out; i++) sink ^= out[i]; /* what is accepted is whole, or memory checkers will say */
  lsi_h5_unpacker_destroy(&unpacker);
  free(out);
  return 0;
}
