/* SPDX-License-Identifier: MIT */
#ifndef LST_CONVERT_SUPPORT_H
#define LST_CONVERT_SUPPORT_H
/* Sources to convert, and the data set that came out. */
#include "unit/store/temp_dir.h"

#include <stdbool.h>

#include "data/convert.h"
#include "data/dataset.h"

static inline const char *out_path(void) {
  return temp_path("out.h5");
}

static inline const char *text_file(const char *name, const char *text) {
  const char *path = temp_path(name);
  temp_file(path, text, strlen(text));
  return path;
}

static inline ls_dataset *open_out(void) {
  ls_dataset *d = NULL;
  assert_ok(lsi_dataset_open_local(&(ls_hdf5_spec){.path = out_path()}, &d));
  return d;
}

static inline size_t npy_bytes(char *out, int version, const char *dict, const void *values,
                               size_t n) {
  size_t length = strlen(dict);
  memcpy(out, "\x93NUMPY", 6);
  out[6] = (char)version, out[7] = 0;
  char *at = out + 8;
  *at++ = (char)(length & 255), *at++ = (char)(length >> 8);
  if (version > 1) *at++ = 0, *at++ = 0;
  memcpy(at, dict, length);
  memcpy(at + length, values, n);
  return (size_t)(at - out) + length + n;
}
#endif
