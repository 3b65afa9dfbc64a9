/* SPDX-License-Identifier: MIT */
/* export: a model file in another program's format, which the ending of its name decides. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const cli_option no_options[] = {{0}};

typedef struct export_format {
  const char *ending, *name;
  ls_status (*write)(const ls_model *model, const char *path);
  bool state; /* holds the optimizer's state */
} export_format;

static const export_format formats[] = {
    {".keras", "Keras 3", ls_model_save, true},
    {".weights.h5", "weights for Keras 3", ls_model_save, true},
    {".h5", "Keras 2 and 3", ls_model_save, false},
    {".onnx", "ONNX", ls_model_export_onnx, false},
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

static void report(const cli_args *args, const export_format *format, int64_t iteration) {
  printf("%s: %s, from %s", args->files[1], format->name, args->files[0]);
  if (format->state && iteration > 0)
    printf("; optimizer at iteration %lld", (long long)iteration);
  else if (format->state)
    printf("; optimizer at iteration 0, its slots as they begin (a run's checkpoints carry them trained)");
  printf("\n");
}

static int run(const cli_args *args) {
  const char *out = args->files[1];
  const export_format *format = format_of(out);
  ls_context *context = NULL;
  ls_model *model = NULL;
  if (!format)
    return cli_usage("export", "%s: expected a name ending in .keras, .weights.h5, .h5 or .onnx", out);
  ls_status status = ls_context_create(NULL, &context);
  if (status == LS_OK)
    status = ls_model_load(context, args->files[0], &model);
  if (status == LS_OK)
    status = format->write(model, out);
  if (status == LS_OK && ls_context_rank(context) == 0)
    report(args, format, ls_model_iteration(model));
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
    .summary = "Write a model or checkpoint for Keras or onnxruntime.",
    .options = no_options,
    .run = run,
    .examples =
        "Examples:\n"
        "  lockstep export runs/x/checkpoints/ckpt-000000008440.h5 x.keras\n"
        "  lockstep export runs/x/model.h5 x.weights.h5\n"
        "  lockstep export from_keras.keras model.h5\n"
        "  lockstep export runs/fashion_mnist/model.h5 fashion_mnist.onnx\n"
        "\n"
        "OUT's ending decides: .keras (Keras 3), .weights.h5 (its weights alone), .h5 (Keras 2 and "
        "3), or "
        ".onnx. The first two hold the optimizer's state, too, when MODEL does: a checkpoint or a "
        ".keras "
        "file. An .onnx file holds the net as it predicts: onnxruntime runs it, for any batch "
        "size.\n",
};
