/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_DECODE_H
#define LSI_DATA_DECODE_H
/*
 * Stored values to what the model sees, by one formula on every machine:
 *
 *     x = (float)((double)stored * scale + offset)
 *
 * Product and sum are rounded to double, one after the other (no fused multiply-add), so a byte
 * scaled by 1/255 gives the float nearest to byte / 255.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lockstep/dataset.h>
#include "base/status.h"

size_t lsi_dtype_size(ls_dtype dtype);      /* bytes; 0: no such type */
const char *lsi_dtype_name(ls_dtype dtype); /* numpy's: "uint8" */
bool lsi_dtype_is_integer(ls_dtype dtype);

typedef struct lsi_decoder {
  ls_dtype dtype;
  double scale, offset;
  bool copy;  /* float32 without scale: the same bits */
  bool bytes; /* uint8 through high and low: the same bits as through scale and offset */
  float high, low;
} lsi_decoder;

void lsi_decoder_init(lsi_decoder *decoder, ls_dtype dtype, double scale, double offset);
void lsi_decode(const lsi_decoder *decoder, const void *stored, size_t n, float *out);

/* One integer of an integer type as a label; false when it does not fit into int32. `text` [24]
 * gets its digits then. */
bool lsi_decode_label(ls_dtype dtype, const void *stored, int32_t *out, char text[24]);
#endif
