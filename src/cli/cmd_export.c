/* SPDX-License-Identifier: MIT */
/* export: a model file in another program's format, which the ending of its name decides. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const cli_option no_options[] = {{0}};

typedef struct export_format {
  const char *ending, *name;
  ls_status (*write)(const ls_model *model, const char *path);
} export_format;

static const export_format formats[] = {
    {".onnx", "ONNX", ls_model_export_onnx},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static const export_format *format_of(const char *path) {
  for (int i = 0; i < N_FORMATS; i++) {
    size_t n = strlen(path), m = strlen(formats[i].ending);
    if (n > m && strcmp(path + n - m, formats[i].ending) == 0)
      return &formats[i];
  }
  return NULL;
}

static int run(const cli_args *args) {
  const char *out = args->files[1];
  const export_format *format = format_of(out);
  ls_context *context = NULL;
  ls_model *model = NULL;
  if (!format)
    return cli_usage("export", "%s: expected a name ending in .onnx", out);
  ls_status status = ls_context_create(NULL, &context);
  if (status == LS_OK)
    status = ls_model_load(context, args->files[0], &model);
  if (status == LS_OK)
    status = format->write(model, out);
  if (status == LS_OK && ls_context_rank(context) == 0)
    printf("%s: %s, from %s\n", out, format->name, args->files[0]);
  int code = status == LS_OK ? CLI_OK : cli_fail(status);
  ls_model_destroy(&model);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_export = {
    .name = "export",
    .files = "MODEL OUT",
    .min_files = 2,
    .max_files = 2,
    .summary = "Write a model for other programs: OUT.onnx.",
    .options = no_options,
    .run = run,
    .examples = "Examples:\n"
                "  lockstep export runs/fashion_mnist/model.h5 fashion_mnist.onnx\n"
                "\n"
                "An .onnx file holds the net as it predicts: onnxruntime runs it, for any batch size.\n",
};
