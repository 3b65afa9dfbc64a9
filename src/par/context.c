/* SPDX-License-Identifier: MIT */
#include <lockstep/context.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "math/team.h"
#include "par/comm.h"
#include "par/context.h"
#include "par/watchdog.h"
#include "par/idle_cores.h"
#include "par/launch.h"
#include "par/peers.h"
#include "par/signals.h"

struct ls_context {
  lsi_comm comm;
  lsi_cores cores;
  int threads;
  double deadline_s;
  bool owns_mpi; /* MPI_Init_thread was ours, so MPI_Finalize is */
};

static bool context_lives;
static double mpi_init_s; /* seconds that MPI_Init_thread took; 0: it was not ours */

static const char *process_getenv(void *user, const char *name) {
  (void)user;
  return getenv(name);
}

ls_context_spec ls_context_spec_default(void) {
  return (ls_context_spec){.comm = MPI_COMM_NULL, .deadline_seconds = 120};
}

int ls_context_rank(const ls_context *context) {
  return context ? context->comm.rank : -1;
}

int ls_context_size(const ls_context *context) {
  return context ? context->comm.size : 0;
}

int ls_context_threads(const ls_context *context) {
  return context ? context->threads : 0;
}

const lsi_comm *lsi_context_comm(const ls_context *context) {
  return &context->comm;
}

const lsi_cores *lsi_context_cores(const ls_context *context) {
  return &context->cores;
}

double lsi_context_mpi_init_s(void) {
  return mpi_init_s;
}

/* Open MPI takes a process that sees a step's number for one of srun's tasks. */
static ls_status init_mpi(bool hide_step, double deadline_s, int *provided) {
  static const char *const names[] = {"SLURM_STEP_ID", "SLURM_STEPID"};
  char *kept[2] = {NULL, NULL};
  for (int i = 0; i < 2 && hide_step; i++) {
    const char *value = getenv(names[i]);
    if (value && !(kept[i] = strdup(value)))
      LSI_FAIL(LS_ERR_MEMORY, NULL, "no memory to start MPI");
    unsetenv(names[i]);
  }
  lsi_watchdog *watchdog;
  LSI_TRY(lsi_watchdog_begin("the start of MPI (MPI_Init)", deadline_s, &watchdog));
  double begin = lsi_clock_s();
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, provided);
  mpi_init_s = lsi_clock_s() - begin;
  lsi_watchdog_end(&watchdog);
  for (int i = 0; i < 2; i++) {
    if (kept[i])
      setenv(names[i], kept[i], 1);
    free(kept[i]);
  }
  return code == MPI_SUCCESS ? LS_OK : lsi_mpi_status(code, "MPI_Init_thread");
}

/* One thread at a time calls MPI: SERIALIZED is asked for, FUNNELED is enough. */
static ls_status start_mpi(const ls_context_spec *spec, bool *ours, int *provided) {
  int initialized = 0, finalized = 0;
  LSI_TRY_MPI(MPI_Initialized(&initialized));
  LSI_TRY_MPI(MPI_Finalized(&finalized));
  LSI_CHECK(!finalized, LS_ERR_STATE,
            "create the context again only in a new process, or call MPI_Init_thread and "
            "MPI_Finalize in your program",
            "MPI has been finalized and cannot start again");
  *ours = !initialized;
  if (initialized) {
    LSI_TRY_MPI(MPI_Query_thread(provided));
    return LS_OK;
  }
  bool hide_step = false;
#ifdef OPEN_MPI
  LSI_TRY(lsi_launch_check_environment(process_getenv, NULL, spec->allow_singleton, &hide_step));
#endif
  return init_mpi(hide_step, spec->deadline_seconds, provided);
}

static ls_status check_launch(const ls_context_spec *spec) {
  if (spec->allow_singleton)
    return LS_OK;
  char library[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0, world_size = 1;
  LSI_TRY_MPI(MPI_Get_library_version(library, &length));
  LSI_TRY_MPI(MPI_Comm_size(MPI_COMM_WORLD, &world_size));
  library[strcspn(library, ",\n")] = '\0'; /* "Open MPI v4.1.4, package: ..." */
  return lsi_launch_check_size(process_getenv, NULL, world_size, spec->allow_idle, library);
}

static ls_status check_deadline(double seconds) {
  LSI_CHECK(seconds >= 0 && seconds <= 1e9, LS_ERR_ARG, "0 waits for ever",
            "deadline_seconds is %g, must be from 0 to 1e9", seconds);
  return LS_OK;
}

/* The first rank's, as a process that could not read the config has the default. */
static ls_status choose_deadline(ls_context *context, const ls_context_spec *spec) {
  double seconds = spec->deadline_seconds;
  LSI_TRY(lsi_agree(&context->comm, check_deadline(seconds)));
  LSI_TRY(lsi_bcast(&context->comm, &seconds, sizeof seconds));
  lsi_comm_set_deadline(&context->comm, seconds);
  context->deadline_s = seconds;
  return LS_OK;
}

static ls_status check_threads(int threads) {
  LSI_CHECK(threads >= 0, LS_ERR_ARG, "0 chooses automatically", "threads is %d, must be 0 or more",
            threads);
  return LS_OK;
}

static ls_status check_thread_work(int64_t work) {
  LSI_CHECK(work >= 0, LS_ERR_ARG, "0 means the default", "thread_work is %lld, must be 0 or more",
            (long long)work);
  return LS_OK;
}

static ls_status choose_threads(ls_context *context, const ls_context_spec *spec, int mpi_level) {
  ls_status status = check_threads(spec->threads);
  if (status == LS_OK)
    status = check_thread_work(spec->thread_work);
  LSI_TRY(lsi_agree(&context->comm, status));
  LSI_TRY(lsi_cores_find(&context->comm, &context->cores));
  context->threads = lsi_cores_threads(&context->cores, spec->threads, getenv("OMP_NUM_THREADS"));
  lsi_team_set_size(context->threads);
  lsi_team_set_worth((double)spec->thread_work);
  if (mpi_level < MPI_THREAD_FUNNELED && context->threads > 1)
    lsi_log_warn(
        "MPI was initialised without thread support: call MPI_Init_thread with MPI_THREAD_FUNNELED "
        "or higher instead of MPI_Init");
  LSI_TRY(lsi_cores_warn(&context->comm, &context->cores, context->threads));
  bool by_binding = spec->threads == 0 && !getenv("OMP_NUM_THREADS");
  return lsi_idle_cores_note(&context->comm, &context->cores, by_binding);
}

/* Programs or kernel sets that differ would give bits that differ. */
static ls_status agree_on_build(const ls_context *context, const ls_context_spec *spec) {
  LSI_TRY(lsi_agree(&context->comm, lsi_gemm_select_kernels(spec->kernels)));
  lsi_kernel_info info;
  lsi_gemm_kernel_info(&info);
  char identity[160];
  snprintf(identity, sizeof identity, "lockstep %s, BLIS %s, kernels %s", LS_VERSION,
           info.blis_version, info.blis_kernels);
  ls_status status =
      lsi_agree_same(&context->comm, "program or BLIS kernel set", identity, strlen(identity));
  if (status != LS_ERR_NOT_SAME)
    return status;
  return lsi_error_set(
      status,
      "install one build on all nodes; when their CPUs differ, pin a kernel set that all can run "
      "(parallel.kernels in the config, e.g. haswell)",
      "%s", ls_last_error()->message);
}

static ls_status settle(ls_context *context, const ls_context_spec *spec, int mpi_level) {
  lsi_error_set_rank(context->comm.rank);
  lsi_log_configure(LSI_LOG_INFO, context->comm.rank != 0 ? NULL : spec->log ? spec->log : stderr);
  LSI_TRY(choose_deadline(context, spec));
  LSI_TRY(choose_threads(context, spec, mpi_level));
  return agree_on_build(context, spec);
}

static ls_status create_comm(const ls_context_spec *spec, lsi_comm *out) {
  MPI_Comm parent = spec->comm == MPI_COMM_NULL ? MPI_COMM_WORLD : spec->comm;
  lsi_watchdog *watchdog;
  LSI_TRY(lsi_watchdog_begin("meeting the other ranks", spec->deadline_seconds, &watchdog));
  ls_status status = lsi_comm_create(parent, out);
  lsi_watchdog_end(&watchdog);
  return status;
}

static void finalize_mpi(double deadline_s) {
  lsi_watchdog *watchdog = NULL;
  (void)lsi_watchdog_begin("the end of MPI (MPI_Finalize)", deadline_s, &watchdog);
  MPI_Finalize();
  lsi_watchdog_end(&watchdog);
}

ls_status ls_context_create(const ls_context_spec *spec, ls_context **out) {
  ls_context_spec defaults = ls_context_spec_default();
  LSI_NOT_NULL(out);
  if (!spec)
    spec = &defaults;
  LSI_CHECK(!context_lives, LS_ERR_STATE, "destroy the other one first",
            "a context exists already in this process");
  if (spec->catch_signals)
    lsi_signals_install();
  int mpi_level = MPI_THREAD_SINGLE;
  bool owns_mpi = false;
  LSI_TRY(start_mpi(spec, &owns_mpi, &mpi_level));
  ls_context *context = NULL;
  ls_status status = check_launch(spec);
  if (status == LS_OK)
    status = LSI_ALLOC("context", 1, &context);
  if (status != LS_OK)
    goto fail_mpi;
  LSI_TRY_GOTO(status, fail_context, create_comm(spec, &context->comm));
  LSI_TRY_GOTO(status, fail_comm, settle(context, spec, mpi_level));
  context->owns_mpi = owns_mpi;
  context_lives = true;
  *out = context;
  return LS_OK;
fail_comm:
  lsi_log_configure(LSI_LOG_WARN, NULL); /* the sink is the caller's */
  lsi_comm_destroy(&context->comm);
fail_context:
  lsi_free(context);
fail_mpi:
  if (owns_mpi)
    finalize_mpi(spec->deadline_seconds);
  return status;
}

/* The ranks cannot meet any more: MPI_Finalize would wait for ever. */
static void leave_if_lost(const ls_context *context) {
  const lsi_peers *peers = context->comm.peers;
  if (atomic_load(&peers->lost) && context->owns_mpi)
    lsi_watchdog_abandon(peers->error.rank == context->comm.rank);
}

void ls_context_destroy(ls_context **context) {
  if (!context || !*context)
    return;
  leave_if_lost(*context);
  bool owns_mpi = (*context)->owns_mpi;
  double deadline_s = (*context)->deadline_s;
  lsi_comm_destroy(&(*context)->comm);
  lsi_free(*context);
  *context = NULL;
  context_lives = false;
  lsi_log_configure(LSI_LOG_WARN, NULL);
  lsi_error_set_rank(-1);
  if (owns_mpi)
    finalize_mpi(deadline_s);
}
