/* SPDX-License-Identifier: MIT */
/* A checkpoint file as it comes; with its seal renewed, so that the damage reaches HDF5 and the
   index; and the input as an index. Each is read or refused. */
#include <string.h>

#include "base/memory.h"
#include "ckpt/checkpoint_file.h"
#include "ckpt/checkpoint_index.h"
#include "fuzz_input.h"

/* A damaged size makes HDF5 ask for terabytes, and HDF5 1.10 forgets some memory of its own then:
 * neither is ours. */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

static void read_file(const uint8_t *data, size_t n) {
  char path[32];
  int fd = fuzz_file(data, n, path);
  lsi_checkpoint *checkpoint = NULL;
  if (lsi_checkpoint_read(path, &checkpoint) != LS_OK && checkpoint)
    abort(); /* out parameters are for success only */
  lsi_checkpoint_destroy(&checkpoint);
  close(fd);
}

static void read_sealed(const uint8_t *data, size_t n) {
  void *bytes;
  size_t n_bytes = n > LSI_CKPT_SEAL ? n - LSI_CKPT_SEAL : n;
  if (lsi_alloc("fuzz input", n, 1, &bytes) != LS_OK)
    return;
  if (n > 0)
    memcpy(bytes, data, n);
  if (lsi_ckpt_seal(&bytes, &n_bytes) == LS_OK)
    read_file(bytes, n_bytes);
  lsi_free(bytes);
}

static void parse_index(const uint8_t *data, size_t n) {
  char *text;
  lsi_checkpoint *checkpoint = NULL;
  if (LSI_ALLOC("fuzz index", n + 1, &text) != LS_OK)
    return;
  if (n > 0)
    memcpy(text, data, n);
  lsi_ckpt_index_parse("index", text, &checkpoint);
  lsi_checkpoint_destroy(&checkpoint);
  lsi_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  read_file(data, n);
  read_sealed(data, n);
  parse_index(data, n);
  return 0;
}
