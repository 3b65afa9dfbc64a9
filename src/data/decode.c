/* SPDX-License-Identifier: MIT */
#include "data/decode.h"

#include <stdio.h>
#include <string.h>

#include "math/clones.h"

/* type, C type, name */
#define DTYPE_MAP(X)                                                                               \
  X(LS_UINT8, uint8_t, "uint8")                                                                    \
  X(LS_INT8, int8_t, "int8")                                                                       \
  X(LS_UINT16, uint16_t, "uint16")                                                                 \
  X(LS_INT16, int16_t, "int16")                                                                    \
  X(LS_UINT32, uint32_t, "uint32")                                                                 \
  X(LS_INT32, int32_t, "int32")                                                                    \
  X(LS_UINT64, uint64_t, "uint64")                                                                 \
  X(LS_INT64, int64_t, "int64")                                                                    \
  X(LS_FLOAT32, float, "float32")                                                                  \
  X(LS_FLOAT64, double, "float64")

size_t lsi_dtype_size(ls_dtype dtype) {
  switch (dtype) {
#define SIZE_OF(id, type, name)                                                                    \
  case id:                                                                                         \
    return sizeof(type);
    DTYPE_MAP(SIZE_OF)
#undef SIZE_OF
  }
  return 0;
}

const char *lsi_dtype_name(ls_dtype dtype) {
  switch (dtype) {
#define NAME_OF(id, type, name)                                                                    \
  case id:                                                                                         \
    return name;
    DTYPE_MAP(NAME_OF)
#undef NAME_OF
  }
  return "unknown";
}

bool lsi_dtype_is_integer(ls_dtype dtype) {
  return dtype >= LS_UINT8 && dtype <= LS_INT64;
}

static void decode_values(const lsi_decoder *d, const void *stored, size_t n, float *restrict out) {
  double scale = d->scale, offset = d->offset;
  switch (d->dtype) {
#define DECODE(id, type, name)                                                                     \
  case id: {                                                                                       \
    const type *restrict in = stored;                                                              \
    for (size_t i = 0; i < n; i++)                                                                 \
      out[i] = (float)((double)in[i] * scale + offset);                                            \
    break;                                                                                         \
  }
    DTYPE_MAP(DECODE)
#undef DECODE
  }
}

/*
 * Bytes in float32: scale is split into high, of 16 bits, whose product with a byte is exact, and
 * low, the rest. A tenth of the time of the conversion through float64 (25,088 bytes: 1 us for 10),
 * and used when it gives the same bits for every byte there is.
 */
LSI_CLONES static void decode_bytes(const lsi_decoder *d, const uint8_t *restrict in, size_t n,
                                    float *restrict out) {
  const float high = d->high, low = d->low, offset = (float)d->offset;
  for (size_t i = 0; i < n; i++) {
    const float value = (float)in[i];
    out[i] = value * high + (value * low + offset);
  }
}

static void try_bytes(lsi_decoder *d) {
  uint8_t byte[256];
  float want[256], got[256];
  d->high = (float)d->scale;
  uint32_t bits;
  memcpy(&bits, &d->high, sizeof bits);
  bits &= ~UINT32_C(0xff);
  memcpy(&d->high, &bits, sizeof bits);
  d->low = (float)(d->scale - (double)d->high);
  for (int i = 0; i < 256; i++)
    byte[i] = (uint8_t)i;
  decode_values(d, byte, 256, want);
  decode_bytes(d, byte, 256, got);
  d->bytes = memcmp(want, got, sizeof want) == 0;
}

void lsi_decoder_init(lsi_decoder *decoder, ls_dtype dtype, double scale, double offset) {
  *decoder = (lsi_decoder){.dtype = dtype, .scale = scale, .offset = offset};
  if (dtype == LS_UINT8)
    try_bytes(decoder);
  decoder->copy = dtype == LS_FLOAT32 && scale == 1 && offset == 0;
}

void lsi_decode(const lsi_decoder *decoder, const void *stored, size_t n, float *out) {
  if (decoder->copy) {
    memcpy(out, stored, n * sizeof *out);
  } else if (decoder->bytes) {
    decode_bytes(decoder, stored, n, out);
  } else {
    decode_values(decoder, stored, n, out);
  }
}

bool lsi_decode_label(ls_dtype dtype, const void *stored, int32_t *out, char text[24]) {
  int64_t value = 0;
  switch (dtype) {
#define AS_INT64(id, type, name)                                                                   \
  case id: {                                                                                       \
    type raw;                                                                                      \
    memcpy(&raw, stored, sizeof raw);                                                              \
    value = (int64_t)raw;                                                                          \
    break;                                                                                         \
  }
    AS_INT64(LS_UINT8, uint8_t, )
    AS_INT64(LS_INT8, int8_t, )
    AS_INT64(LS_UINT16, uint16_t, )
    AS_INT64(LS_INT16, int16_t, )
    AS_INT64(LS_UINT32, uint32_t, )
    AS_INT64(LS_INT32, int32_t, )
    AS_INT64(LS_UINT64, uint64_t, )
    AS_INT64(LS_INT64, int64_t, )
#undef AS_INT64
  default:
    break;
  }
  bool fits = value >= INT32_MIN && value <= INT32_MAX;
  if (dtype == LS_UINT64 && value < 0)
    fits = false; /* above INT64_MAX */
  if (fits)
    *out = (int32_t)value;
  else if (dtype == LS_UINT64)
    snprintf(text, 24, "%llu", (unsigned long long)value);
  else
    snprintf(text, 24, "%lld", (long long)value);
  return fits;
}
