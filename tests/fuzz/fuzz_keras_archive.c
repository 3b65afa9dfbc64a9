/* SPDX-License-Identifier: MIT */
/* A .keras file: read, or refused with nothing left behind. */
#include "ckpt/keras_archive.h"
#include "fuzz_keras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[32];
  int fd = fuzz_file(data, n, path);
  lsi_keras_archive archive = {0};
  if (lsi_keras_archive_read(path, &archive) != LS_OK && (archive.config || archive.weights)) abort(); /* out parameters are for success only */
  lsi_keras_archive_clear(&archive);
  fuzz_model_file(path, NULL);
  close(fd);
  return 0;
}
