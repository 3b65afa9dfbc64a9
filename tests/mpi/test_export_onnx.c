//RANKS 1 3
/* SPDX-License-Identifier: MIT */
/* Exporting is collective: one file, and one rank's failure is everyone's. */
#include "mpi_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lockstep/lockstep.h>

static void exports(ls_context *context, const char *folder) {
  ls_model *model;
  char path[128];
  CHECK_OK(ls_model_create(context, NULL, &model));
  CHECK_OK(ls_model_add_input(model, 1, (int64_t[]){4}));
  CHECK_OK(ls_model_add_dense(model, &(ls_dense_spec){.units = 3, .activation = "softmax"}));
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  CHECK(ls_model_export_onnx(model, path) == LS_ERR_STATE, "no weights yet");
  CHECK_OK(ls_model_initialize(model, 1));
  CHECK_OK(ls_model_export_onnx(model, path));
  CHECK(world.rank != 0 || access(path, R_OK) == 0, "%s is not there", path);
  if (world.rank == 0) remove(path);
  snprintf(path, sizeof path, "%s/no/such/folder/model.onnx", folder);
  CHECK(ls_model_export_onnx(model, path) == LS_ERR_NOT_FOUND, "no folder");
  CHECK(ls_last_error()->rank == 0, "rank %d is named", ls_last_error()->rank);
  ls_model_destroy(&model);
}

int main(void) {
  char folder[] = "/tmp/lockstep-mpi-test-XXXXXX";
  ls_context *context = NULL;
  mpi_test_begin();
  CHECK(world.rank != 0 || mkdtemp(folder), "a folder");
  CHECK_OK(ls_context_create(NULL, &context));
  exports(context, folder);
  if (world.rank == 0) rmdir(folder);
  ls_context_destroy(&context);
  return mpi_test_end();
}
