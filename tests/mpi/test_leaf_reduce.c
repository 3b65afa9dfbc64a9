//RANKS 1 2 3 4 5 8
/* SPDX-License-Identifier: MIT */
/* Sums over leaves: the bits of the one-rank tree, and the OR of all flags, call after call. */
#include "mpi_test.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "math/team.h"
#include "par/leaf_reduce.h"

enum { MAX_LEAVES = 90, MAX_VALUES = 40 };

static double leaf_value(int call, int leaf, size_t j) {
  uint64_t bits =
      lsi_mix64(((uint64_t)call << 40) ^ ((uint64_t)leaf << 24) ^ (j * 0x9e3779b97f4a7c15u));
  return ldexp((double)(int64_t)bits, (int)(bits & 31) - 70);
}

static double tree_value(int call, int n_leaves, int level, int i, size_t j) {
  if (level == 0)
    return leaf_value(call, i, j);
  double left = tree_value(call, n_leaves, level - 1, 2 * i, j);
  if ((int64_t)(2 * i + 1) << (level - 1) >= n_leaves)
    return left;
  return left + tree_value(call, n_leaves, level - 1, 2 * i + 1, j);
}

static void one_call(lsi_leaf_reduce *reduce, const lsi_comm *comm, int call) {
  int n_leaves = draw(1, (uint64_t)call, 1, MAX_LEAVES);
  size_t n = (size_t)draw(2, (uint64_t)call, 0, MAX_VALUES);
  lsi_leaf_plan plan;
  lsi_leaf_plan_init(&plan, n_leaves, 1, comm->size, comm->rank);
  double values[MAX_LEAVES * MAX_VALUES + 1], out[MAX_VALUES + 1];
  for (int l = plan.leaf_begin; l < plan.leaf_end; l++)
    for (size_t j = 0; j < n; j++)
      values[(size_t)(l - plan.leaf_begin) * n + j] = leaf_value(call, l, j);
  uint32_t flags = call % 3 == 0 ? 1u << comm->rank : 0,
           expected = call % 3 == 0 ? (1u << comm->size) - 1 : 0;
  if (draw(3, (uint64_t)(call * 64 + comm->rank), 0, 9) == 0)
    usleep(200);
  CHECK_OK(lsi_leaf_reduce_sum(reduce, &plan, values, n, out, call % 5 == 1 ? NULL : &flags));
  memset(values, 0xff, sizeof values);
  if (call % 5 != 1)
    CHECK(flags == expected, "call %d: flags %x, not %x", call, flags, expected);
  for (size_t j = 0; j < n; j++) {
    double want = tree_value(call, n_leaves, lsi_tree_height(n_leaves), 0, j);
    CHECK(memcmp(&out[j], &want, sizeof want) == 0, "call %d: value %zu of %d leaves is %a, not %a",
          call, j, n_leaves, out[j], want);
  }
}

static void calls(const lsi_comm *comm) {
  lsi_leaf_reduce *reduce;
  int most = (MAX_LEAVES + comm->size - 1) / comm->size;
  CHECK_OK(lsi_leaf_reduce_create(comm, MAX_VALUES, comm->rank == 0 ? most : 1,
                                  &reduce)); /* the largest counts */
  for (int call = 0; call < 150; call++)
    one_call(reduce, comm, call);
  lsi_leaf_plan plan;
  double none[1], out[1];
  lsi_leaf_plan_init(&plan, 10, 1, comm->size, comm->rank);
  CHECK(lsi_leaf_reduce_sum(reduce, &plan, none, MAX_VALUES + 1, out, NULL) == LS_ERR_ARG,
        "too many values");
  lsi_leaf_plan_init(&plan, 100000, 1, comm->size, comm->rank);
  CHECK(lsi_leaf_reduce_sum(reduce, &plan, none, 1, out, NULL) == LS_ERR_ARG, "too many leaves");
  lsi_leaf_reduce_destroy(&reduce);
  lsi_leaf_reduce_destroy(&reduce);
}

int main(void) {
  mpi_test_begin();
  calls(&world);
  lsi_comm apart = world; /* as if each rank had a node of its own: by messages */
  apart.node_size = 1;
  apart.node_rank = 0;
  apart.node = MPI_COMM_SELF;
  apart.n_nodes = world.size;
  calls(&apart);
  return mpi_test_end();
}
