/* SPDX-License-Identifier: MIT */
/* Weights alone, in Keras 2's and Keras 3's layouts, for the net that the seeds are of. */
#include "fuzz_keras.h"

static const char model[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
    "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 3], \"name\": \"i\"}},"
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"one\", \"units\": 2}},"
    "{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"two\"}}]}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[32];
  lsi_net *net = NULL;
  if (lsi_keras_model_parse(model, &net) != LS_OK) abort();
  int fd = fuzz_file(data, n, path);
  fuzz_model_file(path, net);
  close(fd);
  lsi_net_destroy(&net);
  return 0;
}
