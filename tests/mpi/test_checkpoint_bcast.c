//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/* A checkpoint read by rank 0 is the same on all ranks. */
#include "mpi_test.h"

#include <string.h>
#include <unistd.h>

#include "ckpt/checkpoint.h"

int main(void) {
  mpi_test_begin();
  lsi_checkpoint *c = NULL;
  CHECK_OK(lsi_checkpoint_bcast(&world, &c));
  CHECK(c == NULL, "no checkpoint is none everywhere");
  static float params[100000];
  for (int i = 0; i < 100000; i++)
    params[i] = (float)i * 0.3f;
  int64_t position[2] = {-7, 1ll << 60};
  char dir[] = "/tmp/lockstep-bcast-XXXXXX";
  if (world.rank == 0) {
    lsi_ckpt_array arrays[] = {{"params", LSI_CKPT_F32, 2, {1000, 100}, params},
                               {"position", LSI_CKPT_I64, 1, {2}, position}};
    lsi_ckpt_text texts[] = {{"config", "fit: {epochs: 3}\n"}, {"empty", ""}};
    CHECK(mkdtemp(dir) != NULL, "%s", dir);
    CHECK_OK(lsi_checkpoint_write(dir, 12, arrays, 2, texts, 2, 2, false));
    CHECK_OK(lsi_checkpoint_read_newest(dir, &c));
  }
  CHECK_OK(lsi_checkpoint_bcast(&world, &c));
  CHECK(c && lsi_checkpoint_iteration(c) == 12, "it is there");
  CHECK(strstr(lsi_checkpoint_path(c), "ckpt-000000000012.h5"), "path %s", lsi_checkpoint_path(c));
  CHECK(lsi_checkpoint_array_count(c) == 2, "%d arrays", lsi_checkpoint_array_count(c));
  CHECK(memcmp(lsi_checkpoint_array(c, "params")->data, params, sizeof params) == 0, "params");
  CHECK(memcmp(lsi_checkpoint_array(c, "position")->data, position, sizeof position) == 0,
        "position");
  CHECK(strcmp(lsi_checkpoint_text(c, "config"), "fit: {epochs: 3}\n") == 0, "config");
  CHECK(strcmp(lsi_checkpoint_text(c, "empty"), "") == 0, "empty");
  if (world.rank == 0) {
    unlink(lsi_checkpoint_path(c));
    rmdir(dir);
  }
  lsi_checkpoint_destroy(&c);
  return mpi_test_end();
}
