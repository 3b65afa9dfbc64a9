//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/* The context through its public face: size, threads, refusals that all ranks share, and doctor. */
#include "mpi_test.h"

#include <stdlib.h>
#include <string.h>
#include <lockstep/context.h>

static void runs_doctor(ls_context *context) {
  char text[8192] = "";
  FILE *out = fmemopen(text, sizeof text, "w");
  CHECK_OK(ls_doctor(context, out));
  fclose(out);
  bool prints = ls_context_rank(context) == 0;
  CHECK((strstr(text, "PASS  matrix products") != NULL) == prints, "%s", text);
  const char *sums = ls_context_size(context) > 1 ? "PASS  exchange over" : "PASS  sums of gradients";
  CHECK((strstr(text, sums) != NULL) == prints, "%s", text);
  CHECK(strstr(text, "FAIL") == NULL, "%s", text);
}

static void refusals(int rank) {
  ls_context *context = NULL;
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = rank == 0 ? -1 : 1; /* one rank's mistake is everyone's error */
  CHECK(ls_context_create(&spec, &context) == LS_ERR_ARG, "threads -1");
  CHECK(context == NULL && ls_last_error()->rank == 0, "rank %d is named", ls_last_error()->rank);
  spec.threads = 1;
  spec.kernels = "no-such-kernels";
  CHECK(ls_context_create(&spec, &context) == LS_ERR_ARG, "unknown kernels");
}

int main(void) {
  int rank, size;
  ls_context *context = NULL, *second = NULL;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  world.rank = rank;
  refusals(rank);
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = 2;
  spec.log = fopen("/dev/null", "w");
  CHECK_OK(ls_context_create(&spec, &context));
  CHECK(ls_context_rank(context) == rank && ls_context_size(context) == size, "rank %d of %d", rank,
        size);
  CHECK(ls_context_threads(context) == 2, "%d threads", ls_context_threads(context));
  CHECK(ls_context_create(&spec, &second) == LS_ERR_STATE, "only one may live");
  runs_doctor(context);
  ls_context_destroy(&context);
  ls_context_destroy(&context);
  unsetenv("OMP_NUM_THREADS");
  CHECK_OK(ls_context_create(NULL, &context)); /* a new one after the old one */
  CHECK(ls_context_threads(context) >= 1, "%d threads", ls_context_threads(context));
  ls_context_destroy(&context);
  int finalized;
  MPI_Finalized(&finalized);
  CHECK(!finalized, "MPI was not ours to end");
  fclose(spec.log);
  MPI_Finalize();
  return 0;
}
