/* SPDX-License-Identifier: MIT */
/* lockstep tune: which ranks x threads, bucket size and thread plan are fastest here. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune.h"

static const cli_option options[] = {
    {"set", 's', "KEY=VALUE", "Override a key of the config; may be repeated"},
    {"out", 'o', "FILE",
     "Tune file (default: CONFIG with the ending .tune, where train looks for it)"},
    {"seconds", CLI_SECONDS, "N", "Time of each trial (default: 1)"},
    {0},
};

enum { GROUPS = 8, MAX_TRIALS = 96, PASSES = 2 };
static const double WORTH_IT = 0.98; /* another setting than the default must save 2 per cent */

/* The search so far. */
typedef struct search {
  const cli_args *args;
  int64_t steps; /* of each group of a trial */
  int cores;
  char digest[33]; /* of every trial */
  bool differs;
  int n_trials, n_failed;
  long long bytes; /* of parameters */
  tune_file found;
} search;

/* ---- trials ---- */

static void print_setting(const tune_setting *s) {
  printf("  %3d x %-3d  %10lld  %11lld  ", s->ranks, s->threads,
         (long long)(s->bucket_kib ? s->bucket_kib : 4096),
         (long long)(s->thread_work ? s->thread_work : 500000));
}

/* Time the setting; keep the better time when it has one already. */
static bool measure(search *s, tune_setting *setting) {
  tune_outcome outcome;
  print_setting(setting);
  s->n_trials++;
  if (!tune_try(s->args, setting, NULL, s->steps, GROUPS, &outcome)) {
    printf("failed: %s\n", outcome.trouble);
    s->n_failed++;
    return false;
  }
  printf("%12.1f\n", outcome.us_per_step);
  s->bytes = outcome.bytes;
  if (!*s->digest)
    snprintf(s->digest, sizeof s->digest, "%s", outcome.digest);
  if (strcmp(s->digest, outcome.digest) != 0) {
    printf("  DIFFERENT BITS: digest %s, before %s\n", outcome.digest, s->digest);
    s->differs = true;
  }
  if (!(setting->us_per_step > 0) || outcome.us_per_step < setting->us_per_step)
    setting->us_per_step = outcome.us_per_step;
  return true;
}

/* Each of n in turn, twice over; returns the fastest, the first one unless another is worth it.
 * Failed ones drop out. */
static const tune_setting *fastest(search *s, tune_setting *settings, int n) {
  bool failed[MAX_TRIALS] = {false};
  const tune_setting *best = NULL;
  for (int pass = 0; pass < PASSES; pass++)
    for (int i = 0; i < n; i++)
      if (!failed[i] && !(pass == 0 && settings[i].us_per_step > 0))
        failed[i] = !measure(s, &settings[i]);
  for (int i = 0; i < n; i++)
    if (!failed[i] && (!best || settings[i].us_per_step < WORTH_IT * best->us_per_step))
      best = &settings[i];
  return best;
}

/* ---- what is tried ---- */

/* For a number of ranks: all the threads there are cores for, one thread; then, around the better,
 * buckets and thread plans. */
static bool tune_ranks(search *s, int ranks) {
  static const int64_t buckets[] = {256, 1024, 16384}, works[] = {100000, 2000000};
  tune_setting tried[8] = {{.ranks = ranks, .threads = s->cores / ranks},
                           {.ranks = ranks, .threads = 1}};
  const tune_setting *best = fastest(s, tried, tried[0].threads > 1 ? 2 : 1);
  if (!best)
    return false;
  tune_setting around[8] = {*best};
  int n = 1;
  for (size_t i = 0; i < sizeof buckets / sizeof *buckets && ranks > 1; i++)
    if (s->bytes > 1024 * buckets[i])
      around[n++] =
          (tune_setting){.ranks = ranks, .threads = best->threads, .bucket_kib = buckets[i]};
  for (size_t i = 0; i < sizeof works / sizeof *works && best->threads > 1; i++)
    around[n++] = (tune_setting){.ranks = ranks, .threads = best->threads, .thread_work = works[i]};
  best = n > 1 ? fastest(s, around, n) : best;
  s->found.settings[s->found.n++] = best ? *best : around[0];
  return true;
}

/* 1, 2, 4, ... and all cores. */
static bool tune_layouts(search *s) {
  bool any = false;
  for (int ranks = 1; ranks <= s->cores && s->found.n < CLI_MAX_TUNED; ranks *= 2) {
    any = tune_ranks(s, ranks) || any;
    if (ranks < s->cores && ranks * 2 > s->cores && s->found.n < CLI_MAX_TUNED)
      any = tune_ranks(s, s->cores) || any;
  }
  return any;
}

/* So many steps that a group takes its share of the trial. */
static bool choose_steps(search *s, double seconds) {
  tune_setting one = {.ranks = 1, .threads = 1};
  tune_outcome outcome;
  if (!tune_try(s->args, &one, NULL, 2, 3, &outcome)) {
    cli_error(NULL, "%s", outcome.trouble);
    return false;
  }
  double steps = seconds * 1e6 / GROUPS / outcome.us_per_step;
  s->steps = steps < 2 ? 2 : steps > 100000 ? 100000 : (int64_t)steps;
  return true;
}

/* ---- what comes of it ---- */

static const tune_setting *best_of_all(const search *s) {
  const tune_setting *best = &s->found.settings[0];
  for (int i = 1; i < s->found.n; i++)
    if (s->found.settings[i].us_per_step < best->us_per_step)
      best = &s->found.settings[i];
  return best;
}

/* Other kernel sets round otherwise: they are proposed, never chosen. */
static void propose_kernels(search *s, const tune_setting *best) {
  static const char *const names[] = {"skx", "zen3", "zen2", "zen", "haswell"};
  const char *fastest_name = NULL;
  double us = best->us_per_step;
  printf("\nother kernel sets, which round otherwise:\n");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    tune_outcome outcome;
    if (!tune_try(s->args, best, names[i], s->steps, GROUPS, &outcome))
      continue; /* not in this BLIS, or not for this CPU */
    printf("  %-10s %12.1f us a step, %s\n", names[i], outcome.us_per_step,
           strcmp(outcome.digest, s->digest) == 0 ? "the same bits" : "other bits");
    if (strcmp(outcome.digest, s->digest) != 0 && outcome.us_per_step < WORTH_IT * us) {
      us = outcome.us_per_step;
      fastest_name = names[i];
    }
  }
  if (fastest_name)
    printf("%s would be %.2f times as fast. It changes the bits of the result, so it is yours to "
           "choose: --set "
           "parallel.kernels=%s\n",
           fastest_name, best->us_per_step / us, fastest_name);
  else
    printf("none is faster by 2%%: nothing to gain there\n");
}

static int conclude(search *s, const char *path) {
  const tune_setting *best = best_of_all(s);
  const char *config = s->args->files[0];
  char line[1200];
  if (s->differs) {
    cli_error("lockstep doctor checks this machine; please report it",
              "settings that must not change the result did: nothing "
              "is written");
    return CLI_FAILURE;
  }
  printf("\none digest over %d trials: %s\n", s->n_trials - s->n_failed, s->digest);
  propose_kernels(s, best);
  if (!tune_write(path, config, &s->found))
    return CLI_FAILURE;
  tune_launch_line(best, config, line, sizeof line);
  printf("\nwritten: %s\nfastest: %s    (%.1f us a step)\n", path, line, best->us_per_step);
  return CLI_OK;
}

/* Cores this process may use. */
static int usable_cores(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                      : (int)sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n;
}

static int search_all(search *s, const char *path, double seconds) {
  printf("%s\n%d cores; %s: trials of about %g s\n\n", s->found.cpu, s->cores, s->args->files[0],
         seconds);
  fflush(stdout);
  if (!choose_steps(s, seconds))
    return CLI_FAILURE;
  printf("ranks x threads  bucket KiB  thread work     us a step\n");
  if (!tune_layouts(s)) {
    cli_error(NULL, "no setting works here");
    return CLI_FAILURE;
  }
  return conclude(s, path);
}

/* Seconds of a trial, from --seconds; false when an error was reported. */
static bool take_seconds(const cli_args *args, double *out) {
  const char *text = args->value[CLI_SECONDS];
  char *end = NULL;
  *out = text ? strtod(text, &end) : 1;
  if (text && (end == text || *end || !(*out >= 0.01 && *out <= 100)))
    return cli_usage("tune", "--seconds %s: expected a number from 0.01 to 100", text), false;
  return true;
}

static int run(const cli_args *args) {
  char path[1100];
  double seconds;
  ls_config *config = NULL;
  if (tune_is_trial())
    return tune_run_trial(args);
  if (!take_seconds(args, &seconds))
    return CLI_USAGE;
  if (getenv("OMPI_COMM_WORLD_SIZE"))
    return cli_usage("tune", "start it without mpirun: it starts its own ranks");
  if (ls_config_read(args->files[0], args->sets, args->n_sets, &config) != LS_OK)
    return cli_fail(ls_last_error()->status), CLI_USAGE;
  search s = {.args = args, .cores = usable_cores()};
  tune_describe(config, &s.found);
  ls_config_destroy(&config);
  if (args->value['o'])
    snprintf(path, sizeof path, "%s", args->value['o']);
  else
    tune_default_path(args->files[0], path, sizeof path);
  return tune_can_write(path) ? search_all(&s, path, seconds) : CLI_FAILURE;
}

const cli_verb cli_tune = {
    .name = "tune",
    .files = "CONFIG",
    .min_files = 1,
    .max_files = 1,
    .summary = "Find the fastest ranks, threads and buckets for a config.",
    .options = options,
    .run = run,
    .examples = "Examples:\n"
                "  lockstep tune my.yaml\n"
                "  lockstep tune my.yaml --seconds 5 --out fast.tune && lockstep train my.yaml "
                "--tuned fast.tune\n"
                "\n"
                "Tries ranks x threads, bucket sizes and thread plans in short trainings that "
                "leave nothing behind, and writes the best "
                "for each number of ranks to CONFIG's name with the ending .tune. `lockstep train` "
                "reads that file and takes from it "
                "what neither the command line, the config nor OMP_NUM_THREADS says. It holds for "
                "this machine, model and batch size; "
                "where one of them is another, train says so and ignores it. None of this changes "
                "a bit of the result, which tune checks. "
                "Another kernel set would; tune tells what it would bring.\n"
                "\n"
                "Nothing else should run meanwhile.",
};
