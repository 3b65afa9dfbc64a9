/* SPDX-License-Identifier: MIT */
/* config.json of a .keras file, model_config of an .h5 file, to_json(): the same parser, without CRC or HDF5 before it. */
#include "fuzz_keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  enum { MANY = 1 << 18 };
  char *text;
  if (n > MANY || LSI_ALLOC("fuzz config", n + 1, &text) != LS_OK) return 0;
  if (n > 0) memcpy(text, data, n);
  fuzz_config(text);
  lsi_free(text);
  return 0;
}
