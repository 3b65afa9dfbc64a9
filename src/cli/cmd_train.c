/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune.h"

static const cli_option options[] = {
    {"set", 's', "KEY=VALUE", "Override a key of the config; may be repeated"},
    {"out", 'o', "DIR", "Run folder (default: runs/NAME-OF-CONFIG)"},
    {"resume", CLI_RESUME, "auto|never|FILE",
     "auto (default): go on from the run folder's newest checkpoint; never: start over; FILE: from "
     "this checkpoint"},
    {"verbose", CLI_VERBOSE, "0|1|2",
     "0 silent, 1 progress bar, 2 one line an epoch (default: fit.verbose)"},
    {"timeline", CLI_TIMELINE, "FILE",
     "Write what all ranks did in some steps to FILE, to be opened in ui.perfetto.dev (which "
     "steps: "
     "profile.timeline_start, profile.timeline_steps)"},
    {"profile", CLI_PROFILE, NULL, "Print at the end where the time went"},
    {"tuned", CLI_TUNED, "FILE|never",
     "Settings found by `lockstep tune` (default: CONFIG with the ending .tune, when it is there)"},
    {"threads", 't', "N", "Threads a rank (default: parallel.threads)"},
    {"time-limit", CLI_TIME_LIMIT, "SECONDS",
     "Stop before this time is over, with a checkpoint and exit code 75 (default: "
     "checkpoint.time_limit); within a Slurm job, its end counts as well"},
    {0},
};

/* Everything one training holds. */
typedef struct training {
  const cli_args *args;
  char dir[1024];
  int verbose;
  ls_context *context;
  ls_config *config;
  ls_model *model;
  ls_dataset *train, *validation, *test;
  ls_fit_spec fit;
  char tune_path[1100];
  tune_setting tuned; /* ranks 0: none */
} training;

/* runs/fashion_mnist for configs/fashion_mnist.yaml */
static void default_dir(const char *config, char *dir, size_t size) {
  const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config;
  const char *dot = strrchr(name, '.');
  int length = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));
  snprintf(dir, size, "runs/%.*s", length, name);
}

/* Of this start, before MPI is up. */
static int launched_ranks(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (getenv(names[i]))
      return atoi(getenv(names[i]));
  return 1;
}

/* What `lockstep tune` found fills in what nobody has said. */
static void use_tuned(void *user, const ls_config *config, ls_context_spec *spec) {
  training *t = user;
  const char *named = t->args->value[CLI_TUNED];
  tune_setting *tuned = &t->tuned;
  if (named && strcmp(named, "never") == 0)
    return;
  if (named)
    snprintf(t->tune_path, sizeof t->tune_path, "%s", named);
  else
    tune_default_path(t->args->files[0], t->tune_path, sizeof t->tune_path);
  if (!tune_read(t->tune_path, named != NULL, config, launched_ranks(), tuned))
    return;
  if (!spec->threads && !getenv("OMP_NUM_THREADS"))
    spec->threads = tuned->threads;
  if (!spec->thread_work)
    spec->thread_work = tuned->thread_work;
}

static int prepare(training *t, int64_t verbose, int64_t time_limit) {
  ls_status status = ls_config_build_model(t->context, t->config, &t->model);
  if (status != LS_OK)
    return cli_fail_config(status);
  status = ls_config_open_data(t->context, t->config, &t->train, &t->validation, &t->test);
  if (status != LS_OK)
    return cli_fail(status);
  status = ls_config_fit_spec(t->config, &t->fit);
  if (status != LS_OK)
    return cli_fail(status);
  if (!t->fit.bucket_bytes)
    t->fit.bucket_bytes = 1024 * t->tuned.bucket_kib;
  if (verbose >= 0)
    t->fit.verbose = (int)verbose;
  if (time_limit)
    t->fit.run.time_limit = (double)time_limit;
  t->verbose = t->fit.verbose;
  if (t->args->value[CLI_TIMELINE])
    t->fit.profile.timeline = t->args->value[CLI_TIMELINE];
  if (t->args->value[CLI_PROFILE])
    t->fit.profile.report = true;
  t->fit.run.dir = t->dir;
  t->fit.run.resume = t->args->value[CLI_RESUME];
  return CLI_OK;
}

static int announce(const training *t) {
  ls_dataset_info info;
  if (!t->verbose || !cli_is_first())
    return CLI_OK;
  ls_status status = ls_model_summary(t->model, stdout);
  if (status != LS_OK)
    return cli_fail(status);
  ls_dataset_describe(t->train, &info);
  printf("Training on %lld samples", (long long)info.n_samples);
  if (t->fit.validation_split > 0)
    printf(" (the last %g%% held out for validation)", 100 * t->fit.validation_split);
  if (t->validation) {
    ls_dataset_describe(t->validation, &info);
    printf(", validating on %lld", (long long)info.n_samples);
  }
  int ranks = ls_context_size(t->context), threads = ls_context_threads(t->context);
  printf(": %d rank%s x %d thread%s, %lld samples a step\n\n", ranks, ranks > 1 ? "s" : "", threads,
         threads > 1 ? "s" : "", (long long)t->fit.batch_size);
  if (t->tuned.ranks)
    printf("Settings found by lockstep tune: %s\n\n", t->tune_path);
  fflush(stdout);
  return CLI_OK;
}

static int interrupted(const training *t) {
  char hint[1200];
  snprintf(hint, sizeof hint,
           "the same command resumes from the checkpoint in %s/checkpoints, on any number of ranks "
           "and threads",
           t->dir);
  cli_note(hint, "%s", ls_last_error()->message);
  return CLI_INTERRUPTED;
}

static int fit(training *t) {
  ls_status status = ls_model_fit(t->model, t->train, t->validation, &t->fit, NULL);
  if (status == LS_ERR_INTERRUPTED)
    return interrupted(t);
  return status == LS_OK ? CLI_OK : cli_fail(status);
}

static int test(training *t) {
  int n = ls_model_metric_count(t->model);
  double *values = t->test ? calloc((size_t)n, sizeof *values) : NULL;
  if (!values)
    return CLI_OK;
  ls_status status = ls_model_evaluate(t->model, t->test, 0, 0, values);
  if (status == LS_OK && t->verbose) {
    printf("\ntest");
    for (int i = 0; i < n; i++) {
      printf(" - ");
      cli_print_value(ls_model_metric_name(t->model, i), values[i]);
    }
    printf("\n");
  }
  free(values);
  if (status == LS_ERR_INTERRUPTED)
    return interrupted(t);
  return status == LS_OK ? CLI_OK : cli_fail(status);
}

/* The value of "  KEY: VALUE" in the resolved config, or "". */
static void resolved(const training *t, const char *key, char *value, size_t size) {
  char head[64];
  snprintf(head, sizeof head, "\n  %s: ", key);
  const char *line = strstr(ls_config_text(t->config), head);
  line = line ? line + strlen(head) : "";
  snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* A data set for the commands to try next: as the config names it, or beside the config. */
static void data_name(const training *t, char *name, size_t size) {
  static const char *const keys[] = {"test", "validation", "train"};
  const char *config = t->args->files[0], *slash = strrchr(config, '/');
  int folder = slash ? (int)(slash - config) + 1 : 0;
  for (int i = 0; i < 3; i++) {
    char path[1024];
    resolved(t, keys[i], path, sizeof path);
    snprintf(name, size, "%s", path);
    if (*path && access(name, R_OK) == 0)
      return;
    snprintf(name, size, "%.*s%s", folder, config, path);
    if (*path && access(name, R_OK) == 0)
      return;
  }
  snprintf(name, size, "DATA.h5");
}

/* " --x features --y labels", where the config has such names. */
static void data_flags(const training *t, char *flags, size_t size) {
  static const char *const keys[] = {"x", "y"};
  size_t used = 0;
  flags[0] = 0;
  for (int i = 0; i < 2; i++) {
    char name[200];
    resolved(t, keys[i], name, sizeof name);
    if (*name && strcmp(name, keys[i]) != 0 && used < size)
      used += (size_t)snprintf(flags + used, size - used, " --%s %s", keys[i], name);
  }
}

static int conclude(const training *t) {
  char hex[33], data[1200], flags[500];
  ls_status status = ls_model_digest(t->model, hex);
  if (status != LS_OK)
    return cli_fail(status);
  if (!t->verbose)
    return CLI_OK;
  data_name(t, data, sizeof data);
  data_flags(t, flags, sizeof flags);
  printf("\nmodel    %s/model.h5\nhistory  %s/history.csv\nconfig   %s/config.yaml\ndigest   %s\n",
         t->dir, t->dir, t->dir, hex);
  printf("\nNext:\n"
         "  lockstep evaluate %s/model.h5 %s%s\n"
         "  lockstep predict %s/model.h5 %s%s --out predictions.h5\n"
         "  lockstep inspect %s/model.h5\n",
         t->dir, data, flags, t->dir, data, flags, t->dir);
  return CLI_OK;
}

static void finish(training *t) {
  ls_dataset_destroy(&t->test);
  ls_dataset_destroy(&t->validation);
  ls_dataset_destroy(&t->train);
  ls_model_destroy(&t->model);
  ls_config_destroy(&t->config);
  ls_context_destroy(&t->context);
}

static int run(const cli_args *args) {
  training t = {.args = args};
  int64_t threads, verbose, time_limit;
  if (!cli_int(args, &cli_train, 't', 1, 4096, 0, &threads) ||
      !cli_int(args, &cli_train, CLI_TIME_LIMIT, 1, 1000000000, 0, &time_limit) ||
      !cli_int(args, &cli_train, CLI_VERBOSE, 0, 2, -1, &verbose))
    return CLI_USAGE;
  if (args->value['o'])
    snprintf(t.dir, sizeof t.dir, "%s", args->value['o']);
  else
    default_dir(args->files[0], t.dir, sizeof t.dir);
  size_t length = strlen(t.dir);
  if (length > 1 && t.dir[length - 1] == '/')
    t.dir[length - 1] = 0;
  int code = cli_start(args->files[0], args, threads, use_tuned, &t, &t.context, &t.config);
  if (code == CLI_OK)
    code = prepare(&t, verbose, time_limit);
  if (code == CLI_OK)
    code = announce(&t);
  if (code == CLI_OK)
    code = fit(&t);
  if (code == CLI_OK)
    code = test(&t);
  if (code == CLI_OK)
    code = conclude(&t);
  finish(&t);
  return code;
}

const cli_verb cli_train = {
    .name = "train",
    .files = "CONFIG",
    .min_files = 1,
    .max_files = 1,
    .summary = "Train the model of a config; keeps its files in a run folder.",
    .options = options,
    .run = run,
    .examples =
        "Examples:\n"
        "  lockstep train configs/fashion_mnist.yaml\n"
        "  mpirun -n 4 lockstep train configs/fashion_mnist.yaml --threads 1 --verbose 2\n"
        "  lockstep train my.yaml --set fit.epochs=30 --set compile.optimizer.learning_rate=0.01\n"
        "  lockstep train my.yaml --set 'model.layers[1].units=200' --out runs/wide --resume "
        "never\n"
        "\n"
        "The run folder gets model.h5, history.csv, config.yaml and checkpoints/. A stopped or "
        "killed "
        "run goes on when the same command is given again, on any number of ranks and threads, and "
        "ends with the same bits. Every config key: configs/reference.yaml.",
};
