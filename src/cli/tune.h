/* SPDX-License-Identifier: MIT */
#ifndef CLI_TUNE_H
#define CLI_TUNE_H
/* What `lockstep tune` finds out, and how `lockstep train` comes by it. None of it changes a bit of
 * a result. */
#include "cli.h"

enum { CLI_MAX_TUNED = 32 };

/* One way to run a config. 0 stands for the default. */
typedef struct tune_setting {
  int ranks, threads;
  int64_t thread_work, bucket_kib;
  double us_per_step;
} tune_setting;

/* The tune file: for this machine and net, the best setting for each number of ranks. (tune_file.c)
 */
typedef struct tune_file {
  char cpu[160];
  long cores;
  char version[32];
  char net[17]; /* hash of the model section and the batch size */
  int n;
  tune_setting settings[CLI_MAX_TUNED];
} tune_file;

/* Who we are: everything but the settings. */
void tune_describe(const ls_config *config, tune_file *file);
/* configs/net.yaml -> configs/net.tune */
void tune_default_path(const char *config, char *path, size_t size);
/* Could it be written? Asked before minutes are spent on what goes into it. False: says why. */
bool tune_can_write(const char *path);
/* False when it cannot be written; says why. */
bool tune_write(const char *path, const char *config, const tune_file *file);
/*
 * The setting for a number of ranks, when the file is there, was made on this machine for this net,
 * and knows that number. A file that does not fit is said and ignored; so is, when `wanted` (the
 * user named it), one that is not there.
 */
bool tune_read(const char *path, bool wanted, const ls_config *config, int ranks,
               tune_setting *out);
/* "mpirun -n 2 --map-by slot:PE=1 --bind-to core lockstep train net.yaml" */
void tune_launch_line(const tune_setting *setting, const char *config, char *line, size_t size);

/* One trial: `ranks` processes train for groups x steps steps after a warm-up of as many as one
 * group. (tune_trial.c) */
typedef struct tune_outcome {
  double us_per_step; /* median of the groups */
  long long bytes;    /* of parameters */
  char digest[33];    /* of the parameters at the end */
  char trouble[256];  /* why there was none of it; "" when all is well */
} tune_outcome;
/* `kernels` NULL: the config's. False when it failed; trouble tells. */
bool tune_try(const cli_args *args, const tune_setting *setting, const char *kernels, int64_t steps,
              int groups, tune_outcome *out);
/* This process is one of a trial's: run it and give the exit code. */
bool tune_is_trial(void);
int tune_run_trial(const cli_args *args);
#endif
