/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_CONTEXT_H
#define LOCKSTEP_CONTEXT_H
/** The ranks and threads a program trains with. One context a process. */
#ifdef __cplusplus /* without MPI's C++ bindings, which are gone from the standard and want a library of their own */
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#endif
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <lockstep/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ls_context ls_context;

typedef struct ls_context_spec {
  MPI_Comm comm;       /* its group is used; MPI_COMM_NULL: MPI_COMM_WORLD */
  int threads;         /* OpenMP threads a rank; 0: OMP_NUM_THREADS, else the cores this rank may use */
  int64_t thread_work; /* multiply-adds from which a product is given to all threads; 0: 500,000 */
  const char *kernels; /* BLIS kernel set: NULL or "auto", or a BLIS sub-configuration name */
  bool allow_singleton; /* accept one rank although the launcher started several processes */
  bool allow_idle;      /* accept one rank that no launcher started, in a Slurm allocation of several tasks */
  FILE *log;           /* notes and warnings, on rank 0; NULL: stderr */
  bool catch_signals;  /* SIGINT, SIGTERM and SIGUSR1 stop fit and evaluate from now to the end of the
                          process, whenever they come; otherwise they stop fit while it runs */
  double deadline_seconds; /* how long a rank waits for another one: LS_ERR_DEADLINE; 0: for ever. Rank 0's counts */
} ls_context_spec;

/** The exit code of a process that gave up waiting for others (sysexits.h calls it EX_PROTOCOL). */
#define LS_EXIT_DEADLINE 76

/** MPI_COMM_WORLD, automatic threads and kernels, notes to stderr, a deadline of 120 s. Not collective. */
LS_API ls_context_spec ls_context_spec_default(void);

/**
 * Start: MPI_Init_thread if the program has not, duplicate the communicator, choose threads and the
 * BLIS kernel set, and check that the launch is sound (a launch that silently became N singletons
 * is refused with the command that works) and that all ranks run one build and one kernel set.
 *
 * Collective on spec->comm. Only one context may live at a time.
 *
 * @param[in]  spec  NULL for the defaults
 * @param[out] out   owned by the caller; ls_context_destroy
 * @return LS_OK, or the same error on every rank: LS_ERR_LAUNCH, LS_ERR_NOT_SAME, LS_ERR_ARG
 */
LS_API ls_status ls_context_create(const ls_context_spec *spec, ls_context **out);

/**
 * Collective. Finalizes MPI if ls_context_create initialised it. NULL is fine; clears the pointer.
 *
 * After LS_ERR_DEADLINE the ranks cannot meet again, and MPI_Finalize would never return. If the context initialised MPI, this
 * function then ends the process and the job with LS_EXIT_DEADLINE (MPI_Abort on the rank of the error's record); else the
 * program must call MPI_Abort itself.
 */
LS_API void ls_context_destroy(ls_context **context);

/**
 * Not collective. Of NULL: -1, 0 and 0. Ranks are numbered node by node, in the order of each node's lowest rank in spec->comm:
 * as there, when a node's ranks are neighbours there; rank 0 is rank 0 in any case.
 */
LS_API int ls_context_rank(const ls_context *context);
LS_API int ls_context_size(const ls_context *context);
LS_API int ls_context_threads(const ls_context *context);

/**
 * Print versions, the kernel set and why, the rank x thread x core map, and run the contract's
 * self-check on this machine. Collective; prints on rank 0.
 * @return LS_OK, or LS_ERR_DIFFERENT when the self-check found unequal bits
 */
LS_API ls_status ls_doctor(ls_context *context, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
