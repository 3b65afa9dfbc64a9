/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_LAUNCH_H
#define LSI_PAR_LAUNCH_H
/*
 * Was this process started as the user meant it? A launcher that does not speak to this MPI library
 * starts N processes that each believe to be alone: N trainings of the whole data, all writing the
 * same files. Pure: the environment comes through a callback.
 */
#include <stdbool.h>
#include "base/status.h"

typedef const char *(*lsi_getenv)(void *user, const char *name);

/*
 * Before MPI_Init: an srun step without any process manager, where Open MPI would stop the program
 * with a message of its own. A step of several tasks: LS_ERR_LAUNCH with the command that works. A
 * shell (`srun --pty bash`, salloc's) or `any` step: fine alone, but Open MPI must not see the step's
 * number while it starts: *hide_step.
 */
ls_status lsi_launch_check_environment(lsi_getenv get, void *user, bool any, bool *hide_step);

/*
 * After MPI_Init: `size` is MPI_COMM_WORLD's. Only size 1 can be wrong. The first of these that is
 * set decides, as it is the nearest to this process: OMPI_COMM_WORLD_SIZE (mpirun), PMI_SIZE
 * (hydra, srun --mpi=pmi2), SLURM_STEP_NUM_TASKS (srun), SLURM_NTASKS (the allocation, seen from
 * its batch script or shell). More than 1: LS_ERR_LAUNCH. So `mpirun -n 1` and `srun -n 1` are the
 * way to ask for one rank within an allocation of many; with `allow_idle` the allocation does not count.
 */
ls_status lsi_launch_check_size(lsi_getenv get, void *user, int size, bool allow_idle,
                                const char *mpi_library);
#endif
