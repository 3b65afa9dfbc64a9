/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

static const cli_option options[] = {
    {"batch-size", 'b', "N",
     "Samples at a time (default 32); matters only for activity regularizers"},
    {"threads", 't', "N", "Threads a rank"},
    CLI_DATA_OPTIONS,
    {"json", CLI_JSON, NULL, "Print one JSON object with every digit"},
    {0},
};

/* The shortest digits that read back as the same number; JSON has no NaN. */
static void print_number(double value) {
  char text[40] = "null";
  for (int digits = 15; isfinite(value) && digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  fputs(text, stdout);
}

static void print_json(const ls_model *model, const ls_dataset_info *info, const double *values) {
  printf("{\"samples\": %lld", (long long)info->n_samples);
  for (int i = 0; i < ls_model_metric_count(model); i++) {
    printf(", \"%s\": ", ls_model_metric_name(model, i));
    print_number(values[i]);
  }
  printf("}\n");
}

static void print_line(const ls_model *model, const ls_dataset_info *info, const double *values) {
  printf("%lld samples", (long long)info->n_samples);
  for (int i = 0; i < ls_model_metric_count(model); i++) {
    printf(" - ");
    cli_print_value(ls_model_metric_name(model, i), values[i]);
  }
  printf("\n");
}

static ls_status evaluate(ls_model *model, ls_dataset *data, int64_t batch_size, bool json) {
  ls_dataset_info info;
  int n = ls_model_metric_count(model);
  double *values = calloc((size_t)n + 1, sizeof *values);
  if (!values)
    return LS_ERR_MEMORY;
  ls_dataset_describe(data, &info);
  ls_status status = ls_model_evaluate(model, data, batch_size, 0, values);
  if (status == LS_OK)
    (json ? print_json : print_line)(model, &info, values);
  free(values);
  return status;
}

static int run(const cli_args *args) {
  ls_context_spec spec = ls_context_spec_default();
  ls_hdf5_spec file;
  ls_context *context = NULL;
  ls_model *model = NULL;
  ls_dataset *data = NULL;
  int64_t threads, batch_size;
  if (!cli_int(args, &cli_evaluate, 't', 1, 4096, 0, &threads) ||
      !cli_int(args, &cli_evaluate, 'b', 1, 1000000000, 0, &batch_size) ||
      !cli_data(args, &cli_evaluate, args->files[1], &file))
    return CLI_USAGE;
  spec.threads = (int)threads;
  spec.allow_idle = true; /* one process of a batch script is enough to look at a result */
  ls_status status = ls_context_create(&spec, &context);
  if (status == LS_OK)
    status = ls_model_load(context, args->files[0], &model);
  if (status == LS_OK)
    status = ls_dataset_open(context, &file, &data);
  if (status == LS_OK)
    status = evaluate(model, data, batch_size, args->value[CLI_JSON] != NULL);
  int code = status == LS_OK ? CLI_OK : cli_fail(status);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_evaluate = {
    .name = "evaluate",
    .files = "MODEL DATA",
    .min_files = 2,
    .max_files = 2,
    .summary = "Loss and metrics of a model on a data set.",
    .options = options,
    .run = run,
    .examples = "Examples:\n"
                "  lockstep evaluate runs/fashion_mnist/model.h5 data/fashion_mnist_test.h5\n"
                "  mpirun -n 2 lockstep evaluate runs/fashion_mnist/model.h5 "
                "data/fashion_mnist_test.h5 --json\n"
                "  lockstep evaluate runs/large/model.h5 'data/part-*.h5' --memory-limit-mib 4096\n",
};
