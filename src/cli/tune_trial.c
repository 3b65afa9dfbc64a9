/* SPDX-License-Identifier: MIT */
/*
 * A trial is the command itself, started anew by mpirun with the setting in its environment: a
 * crash or a hang of one cannot harm the search, and what is measured is what train will do.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tune.h"

#define TRIAL "LOCKSTEP_TUNE_TRIAL"
enum { MAX_GROUPS = 64, MAX_WORDS = 2 * CLI_MAX_SETS + 32, TIMEOUT_S = 300 };

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- in the trial ---- */

typedef struct trial {
  double begin_s, seconds[MAX_GROUPS + 1]; /* of each epoch; the first warms up */
  int n;
} trial;

static ls_status begin_group(void *user, ls_trainer *trainer, int64_t epoch) {
  (void)trainer, (void)epoch;
  ((trial *)user)->begin_s = now_s();
  return LS_OK;
}

static ls_status end_group(void *user, ls_trainer *trainer, int64_t epoch, const ls_logs *logs) {
  trial *t = user;
  (void)trainer, (void)epoch, (void)logs;
  if (t->n <= MAX_GROUPS)
    t->seconds[t->n++] = now_s() - t->begin_s;
  return LS_OK;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static long long parameter_bytes(const ls_model *model) {
  long long count = 0;
  for (int i = 0; i < ls_model_weight_count(model); i++) {
    ls_weight_info info;
    if (ls_model_weight_info(model, i, &info) == LS_OK)
      count += (long long)info.count;
  }
  return count * (long long)sizeof(float);
}

static ls_status train(ls_context *context, const ls_config *config, int64_t steps, int groups) {
  ls_model *model = NULL;
  ls_dataset *data = NULL, *validation = NULL, *test = NULL;
  ls_fit_spec fit;
  trial t = {0};
  ls_callback watch = {.user = &t, .on_epoch_begin = begin_group, .on_epoch_end = end_group};
  char digest[33];
  ls_status status = ls_config_build_model(context, config, &model);
  if (status == LS_OK)
    status = ls_config_open_data(context, config, &data, &validation, &test);
  if (status == LS_OK)
    status = ls_config_fit_spec(config, &fit);
  if (status == LS_OK) { /* the steps of a training, and nothing around them */
    fit.epochs = groups + 1;
    fit.initial_epoch = 0;
    fit.steps_per_epoch = steps;
    fit.verbose = fit.n_callbacks = 0;
    fit.user_callbacks = &watch;
    fit.n_user_callbacks = 1;
    fit.validation_freq = groups + 2;
    fit.profile = (ls_profile_spec){0};
    status = ls_model_fit(model, data, NULL, &fit, NULL);
  }
  if (status == LS_OK)
    status = ls_model_digest(model, digest);
  if (status == LS_OK && ls_context_rank(context) == 0) {
    qsort(t.seconds + 1, (size_t)groups, sizeof *t.seconds, ascending);
    printf("trial %.3f %lld %s\n", t.seconds[1 + groups / 2] * 1e6 / (double)steps,
           parameter_bytes(model), digest);
    fflush(stdout);
  }
  ls_dataset_destroy(&test);
  ls_dataset_destroy(&validation);
  ls_dataset_destroy(&data);
  ls_model_destroy(&model);
  return status;
}

bool tune_is_trial(void) {
  return getenv(TRIAL) != NULL;
}

int tune_run_trial(const cli_args *args) {
  long long steps;
  int groups;
  ls_context_spec spec;
  ls_context *context = NULL;
  ls_config *config = NULL;
  if (sscanf(getenv(TRIAL), "%lld %d", &steps, &groups) != 2 || steps < 1 || groups < 1 ||
      groups > MAX_GROUPS)
    return CLI_USAGE;
  ls_status status = ls_config_read(args->files[0], args->sets, args->n_sets, &config);
  if (status == LS_OK)
    status = ls_config_context_spec(config, &spec);
  if (status == LS_OK) {
    spec.allow_idle = true; /* one rank without a launcher is a setting like another */
    status = ls_context_create(&spec, &context);
  }
  if (status == LS_OK)
    status = train(context, config, steps, groups);
  int code = status == LS_OK ? CLI_OK : cli_fail(status);
  ls_config_destroy(&config);
  ls_context_destroy(&context);
  return code;
}

/* ---- outside of it ---- */

typedef struct words {
  const char *list[MAX_WORDS + 1];
  int n;
  char text[8][64]; /* made here */
  int n_text;
} words;

static void add(words *w, const char *word) {
  if (w->n < MAX_WORDS)
    w->list[w->n++] = word;
}

static void add_set(words *w, const char *key, long long value) {
  char *text = w->text[w->n_text++];
  snprintf(text, sizeof w->text[0], "parallel.%s=%lld", key, value);
  add(w, "--set");
  add(w, text);
}

static void make_command(words *w, const cli_args *args, const tune_setting *s, const char *kernels,
                         const char *self) {
  if (s->ranks > 1) {
    char *ranks = w->text[w->n_text++], *slots = w->text[w->n_text++];
    snprintf(ranks, sizeof w->text[0], "%d", s->ranks);
    snprintf(slots, sizeof w->text[0], "slot:PE=%d", s->threads);
    const char *const start[] = {"mpirun", "-n", ranks, "--map-by", slots, "--bind-to", "core"};
    for (size_t i = 0; i < sizeof start / sizeof *start; i++)
      add(w, start[i]);
  }
  add(w, self);
  add(w, "tune");
  add(w, args->files[0]);
  for (int i = 0; i < args->n_sets; i++)
    add(w, "--set"), add(w, args->sets[i]);
  add_set(w, "threads", s->threads);
  add_set(w, "thread_work", (long long)s->thread_work);
  add_set(w, "bucket_kib", (long long)s->bucket_kib);
  if (kernels) {
    char *text = w->text[w->n_text++];
    snprintf(text, sizeof w->text[0], "parallel.kernels=%s", kernels);
    add(w, "--set"), add(w, text);
  }
  w->list[w->n] = NULL;
}

/* The child: dies with us, says everything into the pipe. */
static void become(const words *w, int out, pid_t parent, int64_t steps, int groups) {
  char text[64];
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    _exit(1);
  snprintf(text, sizeof text, "%lld %d", (long long)steps, groups);
  setenv(TRIAL, text, 1);
  dup2(out, 1);
  dup2(out, 2);
  close(out);
  execvp(w->list[0], (char *const *)w->list);
  dprintf(2, "%s: %s\n", w->list[0], strerror(errno));
  _exit(127);
}

/* One line of what the child says: its result, or what may be its trouble. */
static void take_line(const char *line, tune_outcome *out) {
  if (sscanf(line, "trial %lf %lld %32[0-9a-f]", &out->us_per_step, &out->bytes, out->digest) == 3)
    return;
  bool is_error = strncmp(line, "lockstep: error: ", 17) == 0;
  if ((is_error || !*out->trouble) && strspn(line, "- ") != strlen(line))
    snprintf(out->trouble, sizeof out->trouble, "%s", is_error ? line + 17 : line);
}

/* Read until the pipe's end or the deadline. */
static bool listen_to(int in, tune_outcome *out) {
  char buffer[4096];
  size_t used = 0;
  double deadline = now_s() + TIMEOUT_S;
  for (;;) {
    struct pollfd poll_in = {.fd = in, .events = POLLIN};
    double left_s = deadline - now_s();
    int ready = poll(&poll_in, 1, left_s > 0 ? (int)(1000 * left_s) : 0);
    if (ready == 0)
      return false;
    ssize_t n = ready < 0 ? -1 : read(in, buffer + used, sizeof buffer - 1 - used);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return true;
    used += (size_t)n;
    buffer[used] = '\0';
    char *line = buffer;
    for (char *end; (end = strchr(line, '\n')); line = end + 1)
      *end = '\0', take_line(line, out);
    used = strlen(line);
    if (used >= sizeof buffer - 1)
      used = 0;
    memmove(buffer, line, used);
  }
}

bool tune_try(const cli_args *args, const tune_setting *setting, const char *kernels, int64_t steps,
              int groups, tune_outcome *out) {
  char self[4096];
  int pipes[2];
  words w = {.n = 0};
  memset(out, 0, sizeof *out);
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n > 0 ? n : 0] = '\0';
  make_command(&w, args, setting, kernels, n > 0 ? self : "lockstep");
  fflush(stdout);
  pid_t parent = getpid(), child = pipe(pipes) == 0 ? fork() : -1;
  if (child == 0)
    become(&w, pipes[1], parent, steps, groups);
  if (child < 0)
    return snprintf(out->trouble, sizeof out->trouble, "cannot start a process: %s",
                    strerror(errno)),
           false;
  close(pipes[1]);
  if (!listen_to(pipes[0], out)) {
    snprintf(out->trouble, sizeof out->trouble, "no end within %d s", TIMEOUT_S);
    kill(child, SIGTERM);
    out->digest[0] = '\0';
  }
  close(pipes[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && *out->digest;
  if (!good && !*out->trouble)
    snprintf(out->trouble, sizeof out->trouble, "ended with status %d", status);
  return good;
}
