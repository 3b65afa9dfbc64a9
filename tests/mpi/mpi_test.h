/* SPDX-License-Identifier: MIT */
#ifndef LS_TESTS_MPI_TEST_H
#define LS_TESTS_MPI_TEST_H
/* Checks for tests under mpirun: the first failure prints rank, place and text, and ends the job.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/rng.h"
#include "par/comm.h"

static lsi_comm world;

#define CHECK(condition, ...)                                                                      \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "rank %d: %s:%d: %s: ", world.rank, __FILE__, __LINE__, #condition);         \
      fprintf(stderr, __VA_ARGS__);                                                                \
      fprintf(stderr, " (last error: %s)\n", ls_last_error()->message);                            \
      MPI_Abort(MPI_COMM_WORLD, 1);                                                                \
    }                                                                                              \
  } while (0)
#define CHECK_OK(call) CHECK((call) == LS_OK, "must succeed")

static inline void mpi_test_begin(void) {
  int provided;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
  lsi_error_set_rank(world.rank);
  CHECK_OK(lsi_comm_create(MPI_COMM_WORLD, &world));
}

static inline int mpi_test_end(void) {
  if (world.rank == 0)
    printf("ok on %d rank(s)\n", world.size);
  lsi_comm_destroy(&world);
  MPI_Finalize();
  return 0;
}

/* A uniform integer in [low, high]: the same on every rank for the same (test, index). */
static inline int draw(uint64_t test, uint64_t index, int low, int high) {
  lsi_rng rng = lsi_rng_make(7, LSI_RNG_TEST, test, 0);
  return low + (int)(lsi_rng_double(rng, index, 0) * (double)(high - low + 1));
}
#endif
