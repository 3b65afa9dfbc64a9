//RANKS 1 2 3
/* SPDX-License-Identifier: MIT */
/* A checkpoint read by rank 0 is the same on all ranks; its floats go to those that need them. */
#include "mpi_test.h"

#include <string.h>
#include <unistd.h>

#include "ckpt/checkpoint.h"
#include "par/shares.h"

enum { N = 100000, BEFORE = 512 };

/* All of "params" to all ranks; of "slots", which begin at BEFORE in their arena, each rank's share. */
static void deal(lsi_checkpoint *c, const float *values) {
  static float params[N], slots[BEFORE + N];
  const lsi_range ranges[] = {{0, 70000}, {70000, BEFORE + N}};
  lsi_shares *shares = NULL;
  CHECK_OK(lsi_shares_create(&world, ranges, 2, &shares));
  CHECK(lsi_checkpoint_deal(&world, c, "params", N - 1, NULL, 0, params) == LS_ERR_SHAPE, "another size");
  CHECK(lsi_checkpoint_deal(&world, c, "parameters", N, NULL, 0, params) == LS_ERR_NOT_FOUND, "another name");
  CHECK_OK(lsi_checkpoint_deal(&world, c, "params", N, NULL, 0, params));
  CHECK(memcmp(params, values, sizeof params) == 0, "params");
  for (int i = 0; i < BEFORE + N; i++) slots[i] = -1;
  CHECK_OK(lsi_checkpoint_deal(&world, c, "slots", N, shares, BEFORE, slots + BEFORE));
  int wrong = 0;
  for (size_t i = 0; i < BEFORE + N; i++) {
    size_t end;
    bool mine = i >= BEFORE && lsi_shares_owner(shares, i, &end) == world.rank;
    wrong += slots[i] != (mine ? values[i - BEFORE] : -1);
  }
  CHECK(wrong == 0, "%d of a share's elements are wrong", wrong);
  lsi_shares_destroy(&shares);
}

int main(void) {
  mpi_test_begin();
  lsi_checkpoint *c = NULL;
  CHECK_OK(lsi_checkpoint_bcast(&world, &c));
  CHECK(c == NULL, "no checkpoint is none everywhere");
  static float params[N];
  for (int i = 0; i < N; i++)
    params[i] = (float)i * 0.3f;
  int64_t position[2] = {-7, 1ll << 60};
  char dir[] = "/tmp/lockstep-bcast-XXXXXX";
  if (world.rank == 0) {
    lsi_ckpt_array arrays[] = {{"params", LSI_CKPT_F32, 2, {1000, 100}, params}, {"slots", LSI_CKPT_F32, 1, {N}, params},
                               {"position", LSI_CKPT_I64, 1, {2}, position}};
    lsi_ckpt_text texts[] = {{"config", "fit: {epochs: 3}\n"}, {"empty", ""}};
    CHECK(mkdtemp(dir) != NULL, "%s", dir);
    CHECK_OK(lsi_checkpoint_write(dir, 12, arrays, 3, texts, 2, 2, false));
    CHECK_OK(lsi_checkpoint_read_newest(dir, &c));
  }
  CHECK_OK(lsi_checkpoint_bcast(&world, &c));
  CHECK(c && lsi_checkpoint_iteration(c) == 12, "it is there");
  CHECK(strstr(lsi_checkpoint_path(c), "ckpt-000000000012.h5"), "path %s", lsi_checkpoint_path(c));
  CHECK(lsi_checkpoint_array_count(c) == 3, "%d arrays", lsi_checkpoint_array_count(c));
  deal(c, params);
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
