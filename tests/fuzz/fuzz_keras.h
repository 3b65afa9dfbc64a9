/* SPDX-License-Identifier: MIT */
#ifndef LST_FUZZ_KERAS_H
#define LST_FUZZ_KERAS_H
/* What is done with any file that may be a model: all that `train`, `export` and `predict` would read of it. */
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras3_config.h"
#include "ckpt/keras_config.h"
#include "ckpt/model_file.h"
#include "fuzz_input.h"
#include "optim/optimizer.h"

/* HDF5 asks for what a damaged file claims, copes with NULL, and keeps memory of its own. */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

enum { FUZZ_MANY_PARAMS = 1 << 22 };

static inline void fuzz_optimizer(lsi_model_file *file, const lsi_net *net, const char *training) {
  lsi_compile compile;
  lsi_optimizer *optimizer = NULL;
  if (!training || lsi_keras_training_parse(training, &compile) != LS_OK || !lsi_model_file_has_optimizer(file)) return;
  if (lsi_optimizer_create(&compile.optimizer, &net->layout, &optimizer) == LS_OK)
    lsi_model_file_read_optimizer(file, net, optimizer);
  lsi_optimizer_destroy(&optimizer);
}

/* `net` NULL: the file's own. */
static inline void fuzz_model_file(const char *path, lsi_net *net) {
  lsi_model_file *file = NULL;
  lsi_net *own = NULL;
  if ((net ? lsi_model_file_open_weights(path, &file) : lsi_model_file_open(path, &file)) != LS_OK) return;
  if (!net && lsi_keras_model_parse_within(lsi_model_file_model_json(file), lsi_model_file_most_weights(file), &own) == LS_OK) net = own;
  if (net && net->layout.size < FUZZ_MANY_PARAMS && lsi_model_file_has_weights(file)) {
    lsi_model_file_read_weights(file, net);
    fuzz_optimizer(file, net, own ? lsi_model_file_training_json(file)
                                  : "{\"loss\": \"mse\", \"optimizer_config\": {\"class_name\": \"Adam\", \"config\": {}}}");
  }
  lsi_net_destroy(&own);
  lsi_model_file_close(&file);
}

/* A config that is read is written, and what is written says the same net. */
static inline void fuzz_config(const char *config) {
  lsi_net *net = NULL, *again = NULL;
  lsi_compile compile;
  char *training = NULL, *text = NULL, *one = NULL, *two = NULL;
  bool compiled = lsi_keras3_training_json(config, &training) == LS_OK && training && lsi_keras_training_parse(training, &compile) == LS_OK;
  if (lsi_keras_model_parse_within(config, FUZZ_MANY_PARAMS, &net) == LS_OK &&
      lsi_keras3_config_json(net, compiled ? &compile : NULL, &text) == LS_OK) {
    if (lsi_keras_model_parse(text, &again) != LS_OK || lsi_keras_model_json(net, &one) != LS_OK || lsi_keras_model_json(again, &two) != LS_OK ||
        strcmp(one, two) != 0) {
      fprintf(stderr, "written: %s\n%s\n%s\n%s\n", text, one ? one : ls_last_error()->message, two ? two : "", config);
      abort();
    }
  }
  lsi_free(one);
  lsi_free(two);
  lsi_free(text);
  lsi_free(training);
  lsi_net_destroy(&again);
  lsi_net_destroy(&net);
}
#endif
