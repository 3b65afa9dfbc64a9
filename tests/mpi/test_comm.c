//RANKS 1 2 3 5
/* SPDX-License-Identifier: MIT */
/* Agreement: whatever happens on one rank, all ranks hear the same. */
#include "mpi_test.h"

#include <string.h>

#include "base/memory.h"

static void same_error_everywhere(void) {
  CHECK_OK(lsi_agree(&world, LS_OK));
  for (int failing = 0; failing < world.size; failing++) {
    ls_status mine = LS_OK;
    if (world.rank >= failing) /* several fail: the lowest is heard */
      mine =
          lsi_error_set(LS_ERR_SHAPE, "mend it", "rank %d saw %d, not %d", world.rank, failing, 42);
    ls_status status = lsi_agree(&world, mine);
    char expected[64];
    snprintf(expected, sizeof expected, "rank %d saw %d, not 42", failing, failing);
    const ls_error *error = ls_last_error();
    CHECK(status == LS_ERR_SHAPE, "status %d", (int)status);
    CHECK(error->status == status && error->rank == failing, "record: %d of rank %d",
          (int)error->status, error->rank);
    CHECK(strcmp(error->message, expected) == 0, "message \"%s\", expected \"%s\"", error->message,
          expected);
    CHECK(strcmp(error->advice, "mend it") == 0, "advice \"%s\"", error->advice);
  }
}

static void bare_status_gets_a_message(void) {
  lsi_error_clear();
  ls_status status = lsi_agree(&world, world.rank == world.size - 1 ? LS_ERR_IO : LS_OK);
  CHECK(status == LS_ERR_IO, "status %d", (int)status);
  CHECK(strcmp(ls_last_error()->message, "input/output error") == 0, "message \"%s\"",
        ls_last_error()->message);
}

static void difference_is_named(void) {
  CHECK_OK(lsi_agree_same(&world, "nothing", NULL, 0));
  CHECK_OK(lsi_agree_same(&world, "config", "a: 1", 4));
  for (int odd = 1; odd < world.size; odd++) {
    const char *text = world.rank == odd ? "a: 2" : "a: 1";
    ls_status status = lsi_agree_same(&world, "config", text, 4);
    char expected[128];
    snprintf(expected, sizeof expected,
             "the ranks differ in config: rank 0 has \"a: 1\", rank %d has \"a: 2\"", odd);
    CHECK(status == LS_ERR_NOT_SAME, "status %d", (int)status);
    CHECK(strcmp(ls_last_error()->message, expected) == 0, "message \"%s\"",
          ls_last_error()->message);
    status = lsi_agree_same(&world, "length", "abcd", world.rank == odd ? 3 : 4);
    CHECK(status == LS_ERR_NOT_SAME, "status %d for a prefix", (int)status);
    float value = world.rank == odd ? -0.0f : 0.0f; /* bytes count, not values */
    status = lsi_agree_same(&world, "value", &value, sizeof value);
    CHECK(status == LS_ERR_NOT_SAME, "status %d for -0.0", (int)status);
  }
}

static void broadcasts(void) {
  enum { N = 3 << 20 };
  unsigned char *bytes;
  CHECK_OK(LSI_ALLOC("bytes", N, &bytes));
  for (int i = 0; world.rank == 0 && i < N; i++)
    bytes[i] = (unsigned char)(i * 7 + i / 251);
  CHECK_OK(lsi_bcast(&world, bytes, N));
  for (int i = 0; i < N; i++)
    CHECK(bytes[i] == (unsigned char)(i * 7 + i / 251), "byte %d is %d", i, bytes[i]);
  lsi_free(bytes);
  char original[] = "line 1\nline 2\n";
  char *text = world.rank == 0 ? original : NULL;
  CHECK_OK(lsi_bcast_text(&world, &text));
  CHECK(strcmp(text, original) == 0, "text \"%s\"", text);
  if (world.rank != 0)
    lsi_free(text);
}

static void mpi_errors_are_returned(void) {
  ls_status status =
      lsi_mpi_status(MPI_Bcast(&world, 1, MPI_INT, world.size, world.comm), "MPI_Bcast(bad root)");
  CHECK(status == LS_ERR_MPI, "status %d", (int)status);
  CHECK(strstr(ls_last_error()->message, "MPI_Bcast(bad root) failed: MPI_ERR_ROOT"),
        "message \"%s\"", ls_last_error()->message);
}

int main(void) {
  mpi_test_begin();
  CHECK(world.node_size == world.size && world.n_nodes == 1, "node size %d, nodes %d",
        world.node_size, world.n_nodes);
  same_error_everywhere();
  bare_status_gets_a_message();
  difference_is_named();
  broadcasts();
  mpi_errors_are_returned();
  return mpi_test_end();
}
