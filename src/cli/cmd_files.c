/* SPDX-License-Identifier: MIT */
/* inspect, digest and diff: looks at files, without MPI. */
#include <stdio.h>

#include "cli.h"

static const cli_option no_options[] = {{0}};

/* All of them, also behind one that fails. */
static int each_file(const cli_args *args, ls_status (*show)(int index, const char *path)) {
  int code = CLI_OK;
  for (int i = 0; i < args->n_files; i++) {
    ls_status status = show(i, args->files[i]);
    fflush(stdout); /* an error stands behind what came before it */
    if (status != LS_OK)
      code = cli_fail(status);
  }
  return code;
}

static ls_status inspect(int index, const char *path) {
  if (index > 0)
    printf("\n");
  return ls_inspect(path, stdout);
}

static int run_inspect(const cli_args *args) {
  return each_file(args, inspect);
}

const cli_verb cli_inspect = {
    .name = "inspect",
    .files = "FILE...",
    .min_files = 1,
    .max_files = CLI_MAX_FILES,
    .summary = "What a data set, model or checkpoint file holds.",
    .options = no_options,
    .run = run_inspect,
    .one_process = true,
    .examples = "Examples:\n"
                "  lockstep inspect data/fashion_mnist_train.h5\n"
                "  lockstep inspect runs/fashion_mnist/model.h5\n",
};

static ls_status print_digest(int index, const char *path) {
  char hex[33];
  (void)index;
  ls_status status = ls_digest_file(path, hex);
  if (status == LS_OK)
    printf("%s  %s\n", hex, path);
  return status;
}

static int run_digest(const cli_args *args) {
  return each_file(args, print_digest);
}

const cli_verb cli_digest = {
    .name = "digest",
    .files = "FILE...",
    .min_files = 1,
    .max_files = CLI_MAX_FILES,
    .summary = "Hash of the parameters' bits: equal models, equal digests.",
    .options = no_options,
    .run = run_digest,
    .one_process = true,
    .examples = "Examples:\n"
                "  lockstep digest runs/fashion_mnist/model.h5\n"
                "  lockstep digest runs/*/model.h5\n",
};

static int run_diff(const cli_args *args) {
  ls_status status = ls_diff_files(args->files[0], args->files[1], stdout);
  if (status == LS_ERR_DIFFERENT)
    return CLI_FAILURE; /* said on stdout */
  return status == LS_OK ? CLI_OK : cli_fail(status);
}

const cli_verb cli_diff = {
    .name = "diff",
    .files = "A B",
    .min_files = 2,
    .max_files = 2,
    .summary = "Compare two models or checkpoints bit for bit.",
    .options = no_options,
    .run = run_diff,
    .one_process = true,
    .examples = "Examples:\n"
                "  lockstep diff runs/one/model.h5 runs/two/model.h5\n"
                "\n"
                "Prints the first tensor and element that differ and the largest difference in "
                "ulps. Exit code 0 "
                "only for equal bits.",
};
