/* SPDX-License-Identifier: MIT */
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  return fuzz_binary_source(data, n, lsi_npy_open);
}
