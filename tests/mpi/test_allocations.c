//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/*
 * No allocation in the step loop. This program's malloc and its kin stand before the C library's,
 * so all libraries of the process use them; while steps run they count calls by the library they
 * came from. Nothing of ours, BLIS's and OpenMP's may allocate; what MPI does inside its own calls
 * on several ranks is its affair.
 */
#include "mpi_test.h"

#include <dlfcn.h>
#include <string.h>

#include <lockstep/lockstep.h>

enum { N = 480, FEATURES = 96, BATCH = 40, FIRST_STEP = 3, LAST_STEP = 11, MAX_SEEN = 256 };

/* ---- the counter ---- */
static struct {
  bool on;
  int n;
  void *callers[MAX_SEEN];
} seen;

#ifndef LS_SANITIZED
static void note(void *caller) {
  if (!__atomic_load_n(&seen.on, __ATOMIC_ACQUIRE))
    return;
  int i = __atomic_fetch_add(&seen.n, 1, __ATOMIC_RELAXED);
  if (i < MAX_SEEN)
    seen.callers[i] = caller;
}

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  note(__builtin_return_address(0));
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  note(__builtin_return_address(0));
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  note(__builtin_return_address(0));
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size) {
  note(__builtin_return_address(0));
  return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size) {
  note(__builtin_return_address(0));
  *out = __libc_memalign(align, size);
  return *out ? 0 : 12; /* ENOMEM */
}
#endif

static bool is_mpi(const char *library) {
  static const char *const parts[] = {"libmpi", "libopen-", "mca_",   "libevent", "libpmix",
                                      "libucp", "libuct",   "libucs", "libfabric"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (strstr(library, parts[i]))
      return true;
  return false;
}

/* Calls from outside of MPI, each named. */
static int count_forbidden(const char *what) {
  int forbidden = 0;
  for (int i = 0; i < seen.n && i < MAX_SEEN; i++) {
    Dl_info where = {0};
    const char *library =
        dladdr(seen.callers[i], &where) && where.dli_fname ? where.dli_fname : "?";
    if (is_mpi(library) && world.size > 1)
      continue;
    forbidden++;
    fprintf(stderr, "rank %d: %s: an allocation in the step, from %s (%s + %#zx)\n", world.rank,
            what, library, where.dli_sname ? where.dli_sname : "?",
            (size_t)((char *)seen.callers[i] - (char *)where.dli_fbase));
  }
  return forbidden;
}

static ls_status watch(void *user, ls_trainer *trainer, int64_t batch, const ls_logs *logs) {
  (void)user, (void)trainer, (void)logs;
  if (batch == FIRST_STEP)
    __atomic_store_n(&seen.on, true, __ATOMIC_RELEASE);
  if (batch == LAST_STEP)
    __atomic_store_n(&seen.on, false, __ATOMIC_RELEASE);
  return LS_OK;
}

/* ---- what is trained ---- */
typedef struct net_case {
  const char *name, *optimizer, *exchange;
  bool normalize, drop, timeline;
} net_case;

static const net_case cases[] = {
    {"plain", "SGD(0.1)", "auto", false, false, false},
    {"Adam, clipped, normalized, dropped", "Adam(0.01, clipnorm=1.0)", "auto", true, true, false},
    {"messages", "SGD(0.1, momentum=0.9)", "mpi", false, false, false},
    {"recorded", "SGD(0.1)", "auto", false, false, true},
};

static ls_model *build(ls_context *context, const net_case *c) {
  ls_model *model;
  CHECK_OK(ls_model_create(context, NULL, &model));
  CHECK_OK(ls_model_add_input(model, 1, (int64_t[]){FEATURES}));
  CHECK_OK(ls_model_add_dense(model, &(ls_dense_spec){.units = 200, .activation = "relu"}));
  if (c->normalize)
    CHECK_OK(
        ls_model_add_batch_normalization(model, &(ls_batch_normalization_spec){.momentum = 0}));
  if (c->drop)
    CHECK_OK(ls_model_add_dropout(model, 0.2, 0, NULL));
  CHECK_OK(ls_model_add_dense(model, &(ls_dense_spec){.units = 300, .activation = "sigmoid"}));
  CHECK_OK(ls_model_add_dense(model, &(ls_dense_spec){.units = 5, .activation = "softmax"}));
  CHECK_OK(ls_model_compile(model, &(ls_compile_spec){.optimizer = c->optimizer,
                                                      .loss = "sparse_categorical_crossentropy",
                                                      .metrics = (const char *[]){"accuracy"},
                                                      .n_metrics = 1}));
  return model;
}

static void train(ls_context *context, const net_case *c) {
  static uint8_t x[N * FEATURES];
  static int32_t y[N];
  ls_dataset *data;
  for (int i = 0; i < N * FEATURES; i++)
    x[i] = (uint8_t)(i * 2654435761u >> 24);
  for (int i = 0; i < N; i++)
    y[i] = i % 5;
  CHECK_OK(ls_dataset_from_memory(context,
                                  &(ls_memory_spec){.n_samples = N,
                                                    .x_rank = 1,
                                                    .x_shape = {FEATURES},
                                                    .x_dtype = LS_UINT8,
                                                    .x = x,
                                                    .y_dtype = LS_INT32,
                                                    .y = y,
                                                    .scale = 1.0 / 255},
                                  &data));
  ls_model *model = build(context, c);
  ls_callback callback = {.on_train_batch_end = watch};
  ls_fit_spec fit = {.batch_size = BATCH,
                     .exchange = c->exchange,
                     .user_callbacks = &callback,
                     .n_user_callbacks = 1};
  char file[64]; /* written after the last step, which is beyond the watched ones */
  snprintf(file, sizeof file, "test_allocations.%d.json", world.size);
  if (c->timeline)
    fit.profile = (ls_profile_spec){.timeline = file, .timeline_steps = LAST_STEP + 1};
  seen.n = 0;
  CHECK_OK(ls_model_fit(model, data, NULL, &fit, NULL));
  if (c->timeline && world.rank == 0)
    CHECK(remove(file) == 0, "the timeline was not written");
  CHECK(count_forbidden(c->name) == 0, "%s: the step allocates", c->name);
  ls_model_destroy(&model);
  ls_dataset_destroy(&data);
}

/* The counter counts: a test that could not fail would be worth nothing. */
static void check_counter(void) {
  seen.n = 0;
  seen.on = true;
  void *volatile block = malloc(8);
  seen.on = false;
  free(block);
  CHECK(seen.n == 1, "%d allocations were seen, of one", seen.n);
}

int main(void) {
#ifdef LS_SANITIZED
  puts("the sanitizers have an allocator of their own");
  return 77;
#endif
  mpi_test_begin();
  check_counter();
  for (int threads = 1; threads <= 2; threads++) {
    ls_context *context;
    ls_context_spec spec = ls_context_spec_default();
    spec.threads = threads;
    CHECK_OK(ls_context_create(&spec, &context));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      train(context, &cases[i]);
    ls_context_destroy(&context);
  }
  return mpi_test_end();
}
