/* SPDX-License-Identifier: MIT */
#ifndef CMOCKA_GROUP_H
#define CMOCKA_GROUP_H
/* Tests of the public interface on several ranks: a context, and one folder for all ranks. */
#include "unit/store/temp_dir.h"

#include <mpi.h>
#include <stdbool.h>
#include <string.h>

#include <lockstep/lockstep.h>

static ls_context *context;
static char shared_dir[64]; /* rank 0's temp_dir, on all ranks */

static bool group_begin(void) {
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = 1;
  if (ls_context_create(&spec, &context) != LS_OK || temp_dir_create(NULL) != 0)
    return false;
  memcpy(shared_dir, temp_dir, sizeof shared_dir);
  MPI_Bcast(shared_dir, sizeof shared_dir, MPI_CHAR, 0, MPI_COMM_WORLD);
  return true;
}

static int group_end(int failures) {
  MPI_Barrier(MPI_COMM_WORLD);
  temp_dir_remove(NULL);
  ls_context_destroy(&context);
  return failures;
}
#endif
