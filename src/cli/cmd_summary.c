/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const cli_option options[] = {
    {"set", 's', "KEY=VALUE", "Override a key of the config; may be repeated"},
    {0},
};

/* By content: HDF5, a zip (.keras), or JSON make it a model file; a YAML text in braces ends in .yaml. */
static bool is_model(const char *path) {
  char head[8] = "";
  size_t length = strlen(path);
  FILE *file = fopen(path, "rb");
  size_t n = file ? fread(head, 1, sizeof head, file) : 0;
  if (file)
    fclose(file);
  if (length > 5 && strcmp(path + length - 5, ".json") == 0)
    return true;
  return n == sizeof head && (memcmp(head, "\x89HDF\r\n\x1a\n", sizeof head) == 0 ||
                              memcmp(head, "PK\3\4", 4) == 0);
}

static int summarize(const cli_args *args, ls_context *context, ls_model **model) {
  ls_config *config = NULL;
  ls_status status;
  bool file = is_model(args->files[0]);
  if (file && args->n_sets)
    return cli_usage("summary", "--set %s: %s is a model, not a config", args->sets[0],
                     args->files[0]);
  if (file) {
    status = ls_model_load(context, args->files[0], model);
  } else {
    status = ls_config_read_all(context, args->files[0], args->sets, args->n_sets, &config);
    if (status == LS_OK)
      status = ls_config_build_model(context, config, model);
  }
  if (status == LS_OK && ls_context_rank(context) == 0)
    status = ls_model_summary(*model, stdout);
  ls_config_destroy(&config);
  return status == LS_OK ? CLI_OK : (cli_fail(status), file ? CLI_FAILURE : CLI_USAGE);
}

static int run(const cli_args *args) {
  ls_context *context = NULL;
  ls_model *model = NULL;
  ls_context_spec spec = ls_context_spec_default();
  spec.allow_singleton = true; /* nothing is shared, nothing is written */
  ls_status status = ls_context_create(&spec, &context);
  int code = status == LS_OK ? summarize(args, context, &model) : cli_fail(status);
  ls_model_destroy(&model);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_summary = {
    .name = "summary",
    .files = "CONFIG|MODEL",
    .min_files = 1,
    .max_files = 1,
    .summary = "Table of a model's layers, shapes and parameters.",
    .options = options,
    .run = run,
    .examples = "Examples:\n"
                "  lockstep summary configs/fashion_mnist.yaml\n"
                "  lockstep summary configs/fashion_mnist.yaml --set 'model.layers[1].units=300'\n"
                "  lockstep summary runs/fashion_mnist/model.h5\n"
                "  lockstep summary from_keras.keras\n",
};
