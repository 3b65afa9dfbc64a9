/* SPDX-License-Identifier: MIT */
/* A .keras file as it comes; and the input as its config.json, so that what no CRC guards reaches the parsers. */
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras3_config.h"
#include "ckpt/keras_archive.h"
#include "ckpt/keras_config.h"
#include "ckpt/model_file.h"
#include "fuzz_input.h"

/* As in fuzz_checkpoint.c: HDF5 asks for what a damaged file claims. */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

static void parse_config(const char *config) {
  enum { MANY = 1 << 20 };
  lsi_net *net = NULL;
  lsi_compile compile;
  char *training = NULL;
  if (strlen(config) < MANY && lsi_keras_model_parse(config, &net) == LS_OK) {
    char *text = NULL;
    if (lsi_keras3_config_json(net, NULL, &text) == LS_OK)
      lsi_free(text);
  }
  lsi_net_destroy(&net);
  if (lsi_keras3_training_json(config, &training) == LS_OK && training)
    lsi_keras_training_parse(training, &compile);
  lsi_free(training);
}

static void read_model(const char *path) {
  lsi_model_file *file = NULL;
  lsi_net *net = NULL;
  if (lsi_model_file_open(path, &file) == LS_OK && lsi_keras_model_parse(lsi_model_file_model_json(file), &net) == LS_OK &&
      lsi_model_file_has_weights(file))
    lsi_model_file_read_weights(file, net);
  lsi_net_destroy(&net);
  lsi_model_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[32], *text;
  int fd = fuzz_file(data, n, path);
  lsi_keras_archive archive = {0};
  if (lsi_keras_archive_read(path, &archive) != LS_OK && (archive.config || archive.weights))
    abort(); /* out parameters are for success only */
  lsi_keras_archive_clear(&archive);
  read_model(path);
  close(fd);
  if (LSI_ALLOC("fuzz config", n + 1, &text) != LS_OK)
    return 0;
  if (n > 0)
    memcpy(text, data, n);
  parse_config(text);
  lsi_free(text);
  return 0;
}
