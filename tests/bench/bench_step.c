/* SPDX-License-Identifier: MIT */
/*
 * Trains one net on random samples in memory and reports times when asked: our side of the
 * comparisons. Started and told what to do by tests/bench/ours.py:
 *
 *   bench_step CONFIG CONTROL STEPS N_INPUTS N_OUTPUTS step|fit float32|uint8 [KEY=VALUE ...] [out=RUN]
 *
 * Each rank reads numbers from the named pipe CONTROL.<rank>, so that an idle rank sleeps. E:
 * measure E epochs of STEPS steps; 0 or the pipe's end: leave. Rank 0 answers with a line of JSON.
 * RUN is a run folder, for checkpoints. `step` measures inside one fit, `fit` a whole call of fit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "math/gemm.h"
#include "train/trainer.h"

#include <lockstep/lockstep.h>

typedef struct bench {
  int64_t steps; /* an epoch */
  int64_t n_inputs, batch, n_outputs;
  bool whole_fit, is_uint8;
  FILE *control;
  ls_context *context;
  ls_config *config;
  ls_dataset *data;
  ls_model *model;
  ls_fit_spec fit;
  void *x;
  int32_t *y;
  long base_kib;        /* resident before the model and its training exist */
  int64_t epochs, left; /* of the running measurement */
  double start_s;
  lsi_phase_times before;
} bench;

static void fail(const char *what) {
  fprintf(stderr, "bench_step: %s: %s\n", what, ls_last_error()->message);
  exit(1);
}

static void must(ls_status status, const char *what) {
  if (status != LS_OK)
    fail(what);
}

/* A field of /proc/self/status in KiB. */
static long status_kib(const char *field) {
  char line[256];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, field, strlen(field)) == 0)
      kib = strtol(line + strlen(field) + 1, NULL, 10);
  if (file)
    fclose(file);
  return kib;
}

/* Epochs to measure next. */
static int64_t next_command(bench *b) {
  char line[64];
  if (!fgets(line, sizeof line, b->control))
    return 0;
  return strtoll(line, NULL, 10);
}

/* ---- samples ---- */
static uint32_t draw(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void make_samples(bench *b, int64_t n) {
  size_t count = (size_t)(n * b->n_inputs);
  uint32_t state = 7;
  b->x = malloc(count * (b->is_uint8 ? 1 : sizeof(float)));
  b->y = malloc((size_t)n * sizeof *b->y);
  if (!b->x || !b->y)
    exit(1);
  for (size_t i = 0; i < count; i++) {
    uint32_t value = draw(&state) & 255;
    if (b->is_uint8)
      ((uint8_t *)b->x)[i] = (uint8_t)value;
    else
      ((float *)b->x)[i] = (float)value / 255.0f;
  }
  for (int64_t i = 0; i < n; i++)
    b->y[i] = (int32_t)(draw(&state) % (uint32_t)b->n_outputs);
}

static void open_samples(bench *b) {
  int64_t n = b->steps * b->batch;
  make_samples(b, n);
  ls_memory_spec spec = {.n_samples = n,
                         .x_rank = 1,
                         .x_shape = {b->n_inputs},
                         .x_dtype = b->is_uint8 ? LS_UINT8 : LS_FLOAT32,
                         .x = b->x,
                         .y_dtype = LS_INT32,
                         .y = b->y,
                         .scale = b->is_uint8 ? 1.0 / 255 : 1};
  must(ls_dataset_from_memory(b->context, &spec, &b->data), "data");
}

/* ---- measuring ---- */
static void report(const bench *b, const ls_trainer *t, double seconds) {
  if (ls_context_rank(b->context) != 0)
    return;
  double per_step = 1e6 / (double)(b->epochs * b->steps);
  printf("{\"us_per_step\": %.3f, \"base_kib\": %ld, \"peak_kib\": %ld", seconds * per_step,
         b->base_kib, status_kib("VmHWM"));
  if (t)
    printf(", \"forward\": %.3f, \"loss\": %.3f, \"backward\": %.3f, \"exchange\": %.3f, "
           "\"update\": %.3f, \"fetch\": %.3f",
           (t->times.forward - b->before.forward) * per_step,
           (t->times.loss - b->before.loss) * per_step,
           (t->times.backward - b->before.backward) * per_step,
           (t->times.exchange - b->before.exchange) * per_step,
           (t->times.update - b->before.update) * per_step,
           (t->times.fetch - b->before.fetch) * per_step);
  printf("}\n");
  fflush(stdout);
}

static ls_status epoch_begin(void *user, ls_trainer *trainer, int64_t epoch) {
  bench *b = user;
  (void)epoch;
  if (b->left < b->epochs)
    return LS_OK;
  b->before = trainer->times;
  b->start_s = lsi_clock_s();
  return LS_OK;
}

static ls_status epoch_end(void *user, ls_trainer *trainer, int64_t epoch, const ls_logs *logs) {
  bench *b = user;
  (void)epoch, (void)logs;
  if (--b->left > 0)
    return LS_OK;
  report(b, trainer, lsi_clock_s() - b->start_s);
  b->left = b->epochs = next_command(b);
  if (!b->epochs)
    ls_trainer_stop(trainer);
  return LS_OK;
}

/* One endless fit, measured between its epochs. */
static void measure_steps(bench *b) {
  ls_callback callback = {.user = b, .on_epoch_begin = epoch_begin, .on_epoch_end = epoch_end};
  b->fit.epochs = 1000000000;
  b->fit.steps_per_epoch = b->steps;
  b->fit.user_callbacks = &callback;
  b->fit.n_user_callbacks = 1;
  b->left = b->epochs = next_command(b);
  if (b->epochs)
    must(ls_model_fit(b->model, b->data, NULL, &b->fit, NULL), "fit");
}

static void measure_fits(bench *b) {
  while ((b->epochs = next_command(b)) > 0) {
    b->fit.epochs = b->epochs;
    MPI_Barrier(MPI_COMM_WORLD);
    b->start_s = lsi_clock_s();
    must(ls_model_fit(b->model, b->data, NULL, &b->fit, NULL), "fit");
    report(b, NULL, lsi_clock_s() - b->start_s);
  }
}

static void hello(const bench *b) {
  lsi_kernel_info info;
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  if (ls_context_rank(b->context) != 0)
    return;
  lsi_gemm_kernel_info(&info);
  MPI_Get_library_version(mpi, &length);
  mpi[strcspn(mpi, ",\n")] = '\0';
  printf("{\"lockstep\": \"%s\", \"mpi\": \"%s\", \"blis\": \"%s\", \"kernels\": \"%s\", "
         "\"own_kernels\": \"%s\"}\n",
         LS_VERSION, mpi, info.blis_version, info.blis_kernels, info.own_kernels);
  fflush(stdout);
}

static void start(bench *b, const char *config, const char *control, int n_sets,
                  const char *const *sets) {
  char path[1100];
  ls_config *first;
  must(ls_config_read(config, sets, n_sets, &first), "config");
  ls_context_spec context = ls_context_spec_default();
  must(ls_config_context_spec(first, &context), "config");
  context.allow_idle = true;
  must(ls_context_create(&context, &b->context), "start");
  ls_config_destroy(&first);
  must(ls_config_read_all(b->context, config, sets, n_sets, &b->config), "config");
  must(ls_config_fit_spec(b->config, &b->fit), "config");
  snprintf(path, sizeof path, "%s.%d", control, ls_context_rank(b->context));
  b->control = fopen(path, "r");
  if (!b->control)
    perror(path), exit(1);
  hello(b);
}

int main(int argc, char **argv) {
  if (argc < 8) {
    fputs("usage: bench_step CONFIG CONTROL STEPS N_INPUTS N_OUTPUTS step|fit float32|uint8 "
          "[KEY=VALUE ...] [out=RUN]\n",
          stderr);
    return 2;
  }
  bench b = {.steps = strtoll(argv[3], NULL, 10),
             .n_inputs = strtoll(argv[4], NULL, 10),
             .n_outputs = strtoll(argv[5], NULL, 10)};
  b.whole_fit = strcmp(argv[6], "fit") == 0;
  b.is_uint8 = strcmp(argv[7], "uint8") == 0;
  const char *out = strncmp(argv[argc - 1], "out=", 4) == 0 ? argv[--argc] + 4 : NULL;
  start(&b, argv[1], argv[2], argc - 8, (const char *const *)argv + 8);
  b.fit.run.dir = out;
  b.batch = b.fit.batch_size;
  open_samples(&b);
  b.base_kib = status_kib("VmRSS");
  must(ls_config_build_model(b.context, b.config, &b.model), "model");
  if (b.whole_fit)
    measure_fits(&b);
  else
    measure_steps(&b);
  fclose(b.control);
  ls_model_destroy(&b.model);
  ls_dataset_destroy(&b.data);
  ls_config_destroy(&b.config);
  ls_context_destroy(&b.context);
  free(b.x);
  free(b.y);
  return 0;
}
