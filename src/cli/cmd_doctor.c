/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"

static const cli_option options[] = {
    {"threads", 't', "N", "Threads a rank"},
    {0},
};

static int run(const cli_args *args) {
  ls_context_spec spec = ls_context_spec_default();
  ls_context *context = NULL;
  int64_t threads;
  if (!cli_int(args, &cli_doctor, 't', 1, 4096, 0, &threads))
    return CLI_USAGE;
  spec.threads = (int)threads;
  spec.allow_idle = true; /* plainly run, it tells of this machine */
  ls_status status = ls_context_create(&spec, &context);
  if (status == LS_OK)
    status = ls_doctor(context, stdout);
  int code = status == LS_OK ? CLI_OK : cli_fail(status);
  ls_context_destroy(&context);
  return code;
}

const cli_verb cli_doctor = {
    .name = "doctor",
    .files = "",
    .max_files = 0,
    .summary = "Versions, kernels, rank and thread map, and a self-check.",
    .options = options,
    .run = run,
    .examples = "Examples:\n"
                "  lockstep doctor\n"
                "  mpirun -n 4 lockstep doctor --threads 1\n",
};
