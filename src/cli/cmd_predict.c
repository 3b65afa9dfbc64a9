/* SPDX-License-Identifier: MIT */
/* predict: one row a sample, in the data's order, to HDF5, CSV, NPY or the screen. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "out_file.h"

static const cli_option options[] = {
    {"out", 'o', "FILE", "Write to FILE.h5 (dataset y), FILE.csv or FILE.npy (default: CSV on the screen)"},
    {"argmax", CLI_ARGMAX, NULL, "The class with the largest output instead of all outputs"},
    {"batch-size", 'b', "N", "Samples at a time (default 32)"},
    CLI_DATA_OPTIONS,
    {"threads", 't', "N", "Threads a rank"},
    {0},
};

/* Where predictions go; lives on the first rank, which is the only one that is called. */
typedef struct sink {
  const char *path; /* NULL: the screen */
  bool npy, argmax;
  int64_t n_rows, n_columns;
  FILE *file; /* of `out`, or the screen; NULL: not open yet */
  cli_out out;
  char problem[1200]; /* what went wrong here, for the report */
} sink;

static ls_status trouble(sink *s, const char *what) {
  snprintf(s->problem, sizeof s->problem, "%s: %s: %s", s->path ? s->path : "output", what,
           strerror(errno));
  return errno == ENOSPC ? LS_ERR_NO_SPACE : LS_ERR_IO;
}

/* NPY format 1.0: magic, version, length of the header, header padded to a multiple of 64 bytes. */
static void write_npy_header(sink *s) {
  char dict[128], shape[64];
  if (s->argmax)
    snprintf(shape, sizeof shape, "(%lld,)", (long long)s->n_rows);
  else
    snprintf(shape, sizeof shape, "(%lld, %lld)", (long long)s->n_rows, (long long)s->n_columns);
  int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                   s->argmax ? "<i4" : "<f4", shape);
  int total = (10 + n + 1 + 63) / 64 * 64, length = total - 10;
  fwrite("\x93NUMPY\x01\x00", 1, 8, s->file);
  fputc(length & 255, s->file);
  fputc(length >> 8, s->file);
  fprintf(s->file, "%-*s\n", length - 1, dict);
}

static ls_status open_sink(sink *s) {
  s->file = stdout;
  if (!s->path)
    return LS_OK;
  bool opened = cli_out_open(&s->out, s->path);
  s->file = s->out.stream;
  if (!opened)
    return trouble(s, "cannot write");
  if (s->npy)
    write_npy_header(s);
  return LS_OK;
}

static void write_row(sink *s, const float *row, int64_t n) {
  int32_t best = 0;
  for (int32_t j = 1; j < n; j++)
    if (row[j] > row[best])
      best = j;
  if (s->npy && s->argmax)
    fwrite(&best, sizeof best, 1, s->file);
  else if (s->npy)
    fwrite(row, sizeof *row, (size_t)n, s->file);
  else if (s->argmax)
    fprintf(s->file, "%d\n", best);
  else
    for (int64_t j = 0; j < n; j++)
      fprintf(s->file, "%.9g%c", (double)row[j], j + 1 < n ? ',' : '\n');
}

static ls_status take(void *user, int64_t first, int64_t n_rows, int64_t n_outputs,
                      const float *values) {
  sink *s = user;
  (void)first;
  if (!s->file) {
    ls_status status = open_sink(s);
    if (status != LS_OK)
      return status;
  }
  for (int64_t i = 0; i < n_rows; i++)
    write_row(s, values + i * n_outputs, n_outputs);
  return ferror(s->file) ? trouble(s, "cannot write") : LS_OK;
}

/* Complete the file, or remove what there is of it. */
static ls_status close_sink(sink *s, ls_status status) {
  if (!s->file || !s->path)
    return status;
  if (status == LS_OK && !cli_out_keep(&s->out))
    return trouble(s, "cannot write");
  cli_out_drop(&s->out);
  return status;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static void print_done(const char *path, int64_t n_rows, bool classes) {
  printf("%s: %lld predictions%s\n", path, (long long)n_rows, classes ? " (classes)" : "");
}

static int predict_hdf5(const sink *s, int64_t batch_size, ls_model *model, ls_dataset *data) {
  ls_status status = ls_model_predict_file(model, data, batch_size, s->argmax, s->path);
  if (status != LS_OK)
    return cli_fail(status);
  print_done(s->path, s->n_rows, s->argmax);
  return CLI_OK;
}

static int predict(const cli_args *args, int64_t batch_size, ls_context *context, ls_model *model,
                   ls_dataset *data) {
  ls_dataset_info info;
  ls_dataset_describe(data, &info);
  sink s = {.path = args->value['o'],
            .argmax = args->value[CLI_ARGMAX] != NULL,
            .n_rows = info.n_samples,
            .n_columns = ls_model_output_size(model)};
  s.npy = s.path && ends_with(s.path, ".npy");
  if (s.argmax && s.n_columns == 1)
    return cli_usage("predict", "--argmax: the model has one output; for a sigmoid, class 1 is an "
                                "output above 0.5");
  if (s.path && ends_with(s.path, ".h5"))
    return predict_hdf5(&s, batch_size, model, data);
  ls_status status = ls_model_predict_to(model, data, batch_size, take, &s);
  bool first = ls_context_rank(context) == 0;
  if (first && status == LS_OK && !s.file)
    status = open_sink(&s); /* no samples: an empty file */
  status = close_sink(&s, status);
  if (s.problem[0]) {
    cli_error("check the folder of --out, its permissions and its free space", "%s", s.problem);
    return CLI_FAILURE;
  }
  if (status != LS_OK)
    return cli_fail(status);
  if (s.path && first)
    print_done(s.path, s.n_rows, s.argmax);
  return CLI_OK;
}

static bool same_file(const char *a, const char *b) {
  struct stat first, second;
  return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

static int run(const cli_args *args) {
  ls_context_spec spec = ls_context_spec_default();
  ls_hdf5_spec file;
  ls_context *context = NULL;
  ls_model *model = NULL;
  ls_dataset *data = NULL;
  int64_t threads, batch_size;
  const char *out = args->value['o'];
  if (!cli_int(args, &cli_predict, 't', 1, 4096, 0, &threads) ||
      !cli_int(args, &cli_predict, 'b', 1, 1000000000, 0, &batch_size) ||
      !cli_data(args, &cli_predict, args->files[1], &file))
    return CLI_USAGE;
  if (out && !ends_with(out, ".csv") && !ends_with(out, ".npy") && !ends_with(out, ".h5"))
    return cli_usage("predict", "--out %s: expected a name ending in .h5, .csv or .npy", out);
  for (int i = 0; out && i < args->n_files; i++)
    if (same_file(out, args->files[i]))
      return cli_usage("predict", "--out %s would replace %s", out, args->files[i]);
  spec.threads = (int)threads;
  spec.allow_idle = true; /* one process of a batch script is enough to look at a result */
  ls_status status = ls_context_create(&spec, &context);
  if (status == LS_OK)
    status = ls_model_load(context, args->files[0], &model);
  if (status == LS_OK)
    status = ls_dataset_open(context, &file, &data);
  int code = status == LS_OK ? predict(args, batch_size, context, model, data) : cli_fail(status);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_predict = {
    .name = "predict",
    .files = "MODEL DATA",
    .min_files = 2,
    .max_files = 2,
    .summary = "Outputs of a model for every sample of a data set, in order.",
    .options = options,
    .run = run,
    .examples =
        "Examples:\n"
        "  lockstep predict runs/fashion_mnist/model.h5 data/fashion_mnist_test.h5 --out p.h5\n"
        "  lockstep predict runs/fashion_mnist/model.h5 data/fashion_mnist_test.h5 --out p.csv\n"
        "  lockstep predict runs/fashion_mnist/model.h5 data/fashion_mnist_test.h5 --argmax | "
        "head\n",
};
