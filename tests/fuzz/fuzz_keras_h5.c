/* SPDX-License-Identifier: MIT */
/* A whole model in HDF5, as Keras 2 and 3 write them. */
#include "fuzz_keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[32];
  int fd = fuzz_file(data, n, path);
  fuzz_model_file(path, NULL);
  close(fd);
  return 0;
}
