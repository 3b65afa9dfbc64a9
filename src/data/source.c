/* SPDX-License-Identifier: MIT */
#include "data/source.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/decode.h"

ls_status lsi_source_measure(lsi_source *source) {
  const char *path = source->path ? source->path : lsi_bytes_path(source->bytes);
  LSI_CHECK(source->rank >= 1 && source->rank <= LS_MAX_RANK, LS_ERR_UNSUPPORTED, NULL,
            "%s: has %d dimensions; 1 to %d are read", path, source->rank, (int)LS_MAX_RANK);
  int64_t values = 1, bytes;
  bool fits = source->dims[0] >= 0;
  for (int i = 1; i < source->rank; i++)
    fits =
        fits && source->dims[i] >= 0 && !__builtin_mul_overflow(values, source->dims[i], &values);
  size_t value_bytes = lsi_dtype_size(source->dtype);
  fits = fits && !__builtin_mul_overflow(values, (int64_t)value_bytes, &bytes);
  int64_t total;
  fits = fits && !__builtin_mul_overflow(bytes, source->dims[0], &total);
  LSI_CHECK(fits, LS_ERR_CORRUPT, NULL, "%s: the header claims more values than can be counted",
            path);
  LSI_CHECK(total > 0, LS_ERR_SHAPE, "give it at least one sample",
            "%s: the array is empty (%lld rows)", path, (long long)source->dims[0]);
  source->row_values = values;
  source->row_bytes = (size_t)values * value_bytes;
  return LS_OK;
}

static void swap_values(void *values, size_t n, size_t size) {
  if (size == 2) {
    uint16_t *v = values;
    for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap16(v[i]);
  } else if (size == 4) {
    uint32_t *v = values;
    for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap32(v[i]);
  } else if (size == 8) {
    uint64_t *v = values;
    for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap64(v[i]);
  }
}

static float half_to_float(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 1023;
  float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                : exponent == 0 ? ldexpf((float)fraction, -24)
                                : ldexpf((float)(fraction + 1024), exponent - 25);
  return half & 0x8000 ? -value : value;
}

/* The packed halves stand in the upper half of the buffer, so that the floats never overtake them.
 */
static void widen_halves(float *out, size_t n) {
  const unsigned char *packed = (const unsigned char *)out + n * sizeof(uint16_t);
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, packed + i * sizeof half, sizeof half);
    out[i] = half_to_float(half);
  }
}

static ls_status read_stored(lsi_source *source, size_t values, void *out) {
  size_t packed = values * source->stored_bytes;
  char *place = source->half ? (char *)out + packed : out;
  LSI_TRY(lsi_bytes_read(source->bytes, place, packed));
  if (source->half) widen_halves(out, values);
  else if (source->swap) swap_values(out, values, source->stored_bytes);
  return LS_OK;
}

static ls_status check_rows(const lsi_source *source, int64_t n) {
  LSI_CHECK(n >= 0 && n <= source->dims[0] - source->next_row, LS_ERR_ARG, NULL,
            "%s: rows %lld to %lld of %lld", source->path, (long long)source->next_row,
            (long long)(source->next_row + n), (long long)source->dims[0]);
  return LS_OK;
}

static ls_status advance(lsi_source *source, int64_t n) {
  source->next_row += n;
  if (source->bytes && source->next_row == source->dims[0])
    return lsi_bytes_expect_end(source->bytes);
  return LS_OK;
}

ls_status lsi_source_read(lsi_source *source, int64_t n, void *out) {
  LSI_TRY(check_rows(source, n));
  if (source->values)
    memcpy(out, (char *)source->values + (size_t)source->next_row * source->row_bytes,
           (size_t)n * source->row_bytes);
  else LSI_TRY(read_stored(source, (size_t)n * (size_t)source->row_values, out));
  return advance(source, n);
}

ls_status lsi_source_skip(lsi_source *source, int64_t n) {
  LSI_TRY(check_rows(source, n));
  if (source->bytes)
    LSI_TRY(lsi_bytes_skip(source->bytes,
                           (uint64_t)n * (uint64_t)source->row_values * source->stored_bytes));
  return advance(source, n);
}

void lsi_source_close(lsi_source *source) {
  lsi_bytes_close(&source->bytes);
  lsi_free(source->path);
  lsi_free(source->values);
  lsi_free(source->class_names);
  memset(source, 0, sizeof *source);
}

ls_status lsi_format_detect(lsi_bytes *bytes, lsi_format *out) {
  unsigned char head[4096];
  size_t n;
  LSI_TRY(lsi_bytes_peek(bytes, head, sizeof head, &n));
  const char *path = lsi_bytes_path(bytes);
  LSI_CHECK(n > 0, LS_ERR_FORMAT, "copy or download the file again", "%s: the file is empty",
            path);
  LSI_CHECK(n < 8 || memcmp(head, "\x89HDF\r\n\x1a\n", 8) != 0, LS_ERR_FORMAT, "use it as it is",
            "%s: is an HDF5 file already", path);
  LSI_CHECK(n < 4 || memcmp(head, "PK\3\4", 4) != 0, LS_ERR_UNSUPPORTED,
            "unpack it; .npz holds one .npy an array", "%s: is a zip archive (NPZ?)", path);
  if (n >= 6 && memcmp(head, "\x93NUMPY", 6) == 0) *out = LSI_FORMAT_NPY;
  else if (n >= 4 && head[0] == 0 && head[1] == 0) *out = LSI_FORMAT_IDX;
  else {
    LSI_CHECK(!memchr(head, 0, n), LS_ERR_FORMAT, NULL, "%s: is neither IDX, NPY nor CSV", path);
    *out = LSI_FORMAT_TEXT;
  }
  return LS_OK;
}
