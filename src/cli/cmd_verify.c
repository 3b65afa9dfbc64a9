/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const cli_option options[] = {
    {"from", CLI_FROM, "EPOCH",
     "First epoch to recompute (default: what follows the last but one checkpoint)"},
    {"to", CLI_TO, "EPOCH", "Last epoch to recompute (default: the run's last)"},
    {"set", 's', "KEY=VALUE",
     "Override a key of the run's config, such as data.train or parallel.threads; may be repeated"},
    {"threads", 't', "N", "Threads a rank"},
    {0},
};

static ls_status verify(ls_context *context, ls_config *config, const ls_verify_spec *spec) {
  ls_model *model = NULL;
  ls_dataset *train = NULL, *validation = NULL, *test = NULL;
  ls_fit_spec fit;
  ls_status status = ls_config_build_model(context, config, &model);
  if (status == LS_OK)
    status = ls_config_open_data(context, config, &train, &validation, &test);
  if (status == LS_OK)
    status = ls_config_fit_spec(config, &fit);
  if (status == LS_OK)
    status = ls_model_verify(model, train, validation, &fit, spec);
  ls_dataset_destroy(&test);
  ls_dataset_destroy(&validation);
  ls_dataset_destroy(&train);
  ls_model_destroy(&model);
  return status;
}

static int run(const cli_args *args) {
  char dir[1024], path[1100];
  ls_context *context = NULL;
  ls_config *config = NULL;
  int64_t threads, from, to;
  if (!cli_int(args, &cli_verify, 't', 1, 4096, 0, &threads) ||
      !cli_int(args, &cli_verify, CLI_FROM, 1, 1000000000, 0, &from) ||
      !cli_int(args, &cli_verify, CLI_TO, 1, 1000000000, 0, &to))
    return CLI_USAGE;
  snprintf(dir, sizeof dir, "%s", args->files[0]);
  size_t length = strlen(dir);
  if (length > 1 && dir[length - 1] == '/')
    dir[length - 1] = 0;
  snprintf(path, sizeof path, "%s/config.yaml", dir);
  if (!cli_under_launcher() && access(path, F_OK) != 0) {
    cli_error("name the folder that lockstep train --out wrote", "%s: is no run folder (there is no %s)", dir, path);
    return CLI_USAGE;
  }
  int code = cli_start(path, args, threads, NULL, NULL, &context, &config);
  if (code == CLI_OK) {
    ls_verify_spec spec = {.run_dir = dir, .from_epoch = from, .to_epoch = to, .out = stdout};
    ls_status status = verify(context, config, &spec);
    code = status == LS_OK ? CLI_OK : cli_fail(status);
  }
  ls_config_destroy(&config);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_verify = {
    .name = "verify",
    .files = "RUN",
    .min_files = 1,
    .max_files = 1,
    .summary = "Recompute epochs of a finished run; are all bits the same?",
    .options = options,
    .run = run,
    .examples =
        "Examples:\n"
        "  lockstep verify runs/fashion_mnist\n"
        "  mpirun -n 3 lockstep verify runs/fashion_mnist --from 1 --threads 1\n"
        "  lockstep verify runs/x --from 5 --to 8 --set data.train=/elsewhere/train.h5\n"
        "\n"
        "RUN is a run folder. Its certificate.json holds, for each epoch, digests of weights and "
        "optimizer,\n"
        "loss and metrics, kernel set and version. Any number of ranks and threads will do. "
        "Nothing is\n"
        "written. Exit code 0: agrees; 1: differs, and the first epoch that does is named.\n",
};
