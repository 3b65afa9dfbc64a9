/* SPDX-License-Identifier: MIT */
#include <lockstep/context.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "math/team.h"
#include "par/comm.h"
#include "par/context.h"
#include "par/idle_cores.h"
#include "par/launch.h"
#include "par/signals.h"

struct ls_context {
  lsi_comm comm;
  lsi_cores cores;
  int threads;
  bool owns_mpi; /* MPI_Init_thread was ours, so MPI_Finalize is */
};

static bool context_lives;

static const char *process_getenv(void *user, const char *name) {
  (void)user;
  return getenv(name);
}

ls_context_spec ls_context_spec_default(void) {
  return (ls_context_spec){.comm = MPI_COMM_NULL};
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

/* Open MPI takes a process that sees a step's number for one of srun's tasks. */
static ls_status init_mpi(bool hide_step, int *provided) {
  static const char *const names[] = {"SLURM_STEP_ID", "SLURM_STEPID"};
  char *kept[2] = {NULL, NULL};
  for (int i = 0; i < 2 && hide_step; i++) {
    const char *value = getenv(names[i]);
    if (value && !(kept[i] = strdup(value)))
      LSI_FAIL(LS_ERR_MEMORY, NULL, "no memory to start MPI");
    unsetenv(names[i]);
  }
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, provided);
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
  return init_mpi(hide_step, provided);
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

static ls_status check_threads(int threads) {
  LSI_CHECK(threads >= 0, LS_ERR_ARG, "0 chooses automatically", "threads is %d, must be 0 or more",
            threads);
  return LS_OK;
}

static ls_status choose_threads(ls_context *context, const ls_context_spec *spec, int mpi_level) {
  LSI_TRY(lsi_agree(&context->comm, check_threads(spec->threads)));
  LSI_TRY(lsi_cores_find(&context->comm, &context->cores));
  context->threads = lsi_cores_threads(&context->cores, spec->threads, getenv("OMP_NUM_THREADS"));
  lsi_team_set_size(context->threads);
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
  LSI_TRY(choose_threads(context, spec, mpi_level));
  return agree_on_build(context, spec);
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
  MPI_Comm parent = spec->comm == MPI_COMM_NULL ? MPI_COMM_WORLD : spec->comm;
  LSI_TRY_GOTO(status, fail_context, lsi_comm_create(parent, &context->comm));
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
    MPI_Finalize();
  return status;
}

void ls_context_destroy(ls_context **context) {
  if (!context || !*context)
    return;
  bool owns_mpi = (*context)->owns_mpi;
  lsi_comm_destroy(&(*context)->comm);
  lsi_free(*context);
  *context = NULL;
  context_lives = false;
  lsi_log_configure(LSI_LOG_WARN, NULL);
  lsi_error_set_rank(-1);
  if (owns_mpi)
    MPI_Finalize();
}
