/* SPDX-License-Identifier: MIT */
/* A program that only initialises MPI, and says when it had: what a start cannot be faster than. */
#include <mpi.h>
#include <stdio.h>

#include "base/clock.h"

int main(void) {
  int provided;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  printf("%.6f\n", lsi_clock_s());
  MPI_Finalize();
  return 0;
}
