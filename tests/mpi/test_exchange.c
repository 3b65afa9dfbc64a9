//RANKS 1 2 3 4 5 8
/* SPDX-License-Identifier: MIT */
/* The gradient exchange gives the bits of the one-rank tree, whatever the ranks, kind, ranges and
 * threads. */
#include "mpi_test.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "math/team.h"
#include "par/exchange_kinds.h"

enum { MAX_LEAVES = 70, MAX_N = 1200000 };

static lsi_comm *comm = &world; /* or one whose nodes are only said to be some */

/* Magnitudes far apart and both signs, so that every other order of additions shows. */
static float leaf_value(int step, int leaf, size_t j) {
  uint64_t bits =
      lsi_mix64(((uint64_t)step << 40) ^ ((uint64_t)leaf << 24) ^ (j * 0x9e3779b97f4a7c15u));
  return ldexpf((float)(int32_t)bits / 2147483648.0f, (int)(bits >> 60) - 8);
}

/* The definition: node (level, i) = left + right, a missing right child is skipped. */
static float tree_value(int step, int n_leaves, int level, int i, size_t j) {
  if (level == 0)
    return leaf_value(step, i, j);
  float left = tree_value(step, n_leaves, level - 1, 2 * i, j);
  if ((int64_t)(2 * i + 1) << (level - 1) >= n_leaves)
    return left;
  return left + tree_value(step, n_leaves, level - 1, 2 * i + 1, j);
}

static void jitter(int test, int step) {
  if (draw((uint64_t)test, (uint64_t)(1000 + step * 64 + comm->rank), 0, 3) == 0)
    usleep(300);
}

static void fill(lsi_exchange *exchange, const lsi_leaf_plan *plan, int step, size_t begin,
                 size_t end) {
  for (int i = 0; i < plan->n_nodes; i++) {
    const lsi_tree_node *node = &plan->nodes[i];
    float *partial = lsi_exchange_partial(exchange, i);
    for (size_t j = begin; j < end; j++)
      partial[j] = tree_value(step, plan->n_leaves, node->level, node->begin >> node->level, j);
  }
}

static void one_step(lsi_exchange *exchange, int test, int step, size_t n, int n_leaves,
                     int n_ranges) {
  lsi_leaf_plan plan;
  lsi_leaf_plan_init(&plan, (int64_t)n_leaves * 4 - draw((uint64_t)test, 3, 0, 3), 4, comm->size,
                     comm->rank);
  size_t end = n;
  for (int r = 0; r < n_ranges; r++) { /* from the back, as backward does */
    size_t begin =
        r == n_ranges - 1 ? 0 : (size_t)draw((uint64_t)test, (uint64_t)(50 + r), 0, (int)end);
    fill(exchange, &plan, step, begin, end);
    jitter(test, step + r);
    CHECK_OK(lsi_exchange_start(exchange, &plan, begin, end));
    end = begin;
  }
  const float *sum;
  CHECK_OK(lsi_exchange_wait(exchange, &sum));
  if (comm->size > 1) /* partials are ours again: nobody may still read them */
    for (int i = 0; i < plan.n_nodes; i++)
      memset(lsi_exchange_partial(exchange, i), 0xff, n * sizeof(float));
  jitter(test, step + 7);
  int height = lsi_tree_height(n_leaves);
  for (size_t j = 0; j < n; j++) {
    float expected = tree_value(step, n_leaves, height, 0, j);
    CHECK(memcmp(&sum[j], &expected, sizeof expected) == 0,
          "test %d step %d (%s, %d leaves): element %zu of %zu is %a, not %a", test, step,
          lsi_exchange_name(exchange), n_leaves, j, n, (double)sum[j], (double)expected);
  }
}

static void run(int test, lsi_exchange_kind kind, size_t n, int n_ranges, size_t piece_limit,
                int n_steps) {
  lsi_exchange *exchange;
  CHECK_OK(lsi_exchange_create(comm, kind, n, LSI_TREE_MAX_NODES, &exchange));
  CHECK(((uintptr_t)lsi_exchange_partial(exchange, 1) & 63) == 0, "partials are aligned");
  exchange->piece_limit = piece_limit;
  CHECK_OK(lsi_exchange_set_overlap(exchange, test % 3 > 0)); /* with and without a mover, switched on and on again */
  CHECK_OK(lsi_exchange_set_overlap(exchange, test % 3 > 1));
  for (int step = 0; step < n_steps; step++) {
    int n_leaves =
        draw((uint64_t)test, (uint64_t)(100 + step), 1, MAX_LEAVES); /* some ranks have none */
    one_step(exchange, test, step, n, n_leaves, n_ranges);
  }
  if (comm->rank == 0) /* a short arena may leave others without a slice */
    CHECK((lsi_exchange_bytes(exchange) > 0) == (comm->size > 1), "%zu bytes",
        lsi_exchange_bytes(exchange));
  lsi_exchange_destroy(&exchange);
  CHECK(exchange == NULL, "the pointer is cleared");
}

/* Owners add one to their slice, and all get it. */
static void halves(int test, lsi_exchange_kind kind, size_t n, int n_leaves) {
  lsi_exchange *exchange;
  lsi_leaf_plan plan;
  const float *sum;
  float *values;
  size_t cut = n / 3, ranges[2][2] = {{cut, n}, {0, cut}};
  CHECK_OK(lsi_exchange_create(comm, kind, n, LSI_TREE_MAX_NODES, &exchange));
  CHECK_OK(LSI_ALLOC("values", n, &values));
  lsi_exchange_set_halves(exchange, true);
  CHECK_OK(lsi_exchange_set_overlap(exchange, test % 2 > 0));
  lsi_leaf_plan_init(&plan, n_leaves, 1, comm->size, comm->rank);
  for (int step = 0; step < 3; step++) {
    for (int r = 0; r < 2; r++) {
      fill(exchange, &plan, step, ranges[r][0], ranges[r][1]);
      jitter(test, step + r);
      CHECK_OK(lsi_exchange_start(exchange, &plan, ranges[r][0], ranges[r][1]));
    }
    CHECK_OK(lsi_exchange_wait(exchange, &sum));
    memset(values, 0xff, n * sizeof *values);
    for (int r = 0; r < 2; r++) {
      size_t begin, end;
      lsi_exchange_owned(ranges[r][0], ranges[r][1], comm->rank, comm->size, &begin, &end);
      for (size_t j = begin; j < end; j++)
        values[j] = sum[j] + 1;
      jitter(test, step + r + 9);
      CHECK_OK(lsi_exchange_gather(exchange, ranges[r][0], ranges[r][1], values));
    }
    for (size_t j = 0; j < n; j++) {
      float expected = tree_value(step, n_leaves, lsi_tree_height(n_leaves), 0, j) + 1;
      CHECK(memcmp(&values[j], &expected, sizeof expected) == 0, "%s, halves: element %zu",
            lsi_exchange_name(exchange), j);
    }
  }
  lsi_free(values);
  lsi_exchange_destroy(&exchange);
}

static void random_cases(lsi_exchange_kind kind) {
  for (int test = 0; test < 12; test++) {
    lsi_team_set_size(1 + test % 2);
    size_t n = (size_t)draw((uint64_t)test, 0, 1, test < 4 ? 100 : 3000);
    run(test, kind, n, draw((uint64_t)test, 1, 1, 6), (size_t)1 << 30, 4);
  }
  lsi_team_set_size(1);
}

/* More pieces than may be pending, and cuts inside cache lines. */
static void many_pieces(lsi_exchange_kind kind) {
  run(20, kind, 3000, 3, 24, 3);
  run(21, kind, 1000, 1, 7, 2);
}

/* Large enough for several threads to sum. */
static void threaded(lsi_exchange_kind kind) {
  lsi_team_set_size(3);
  lsi_exchange *exchange;
  CHECK_OK(lsi_exchange_create(comm, kind, MAX_N, 4, &exchange));
  CHECK_OK(lsi_exchange_set_overlap(exchange, true));
  one_step(exchange, 30, 0, MAX_N, 8, 1);
  lsi_exchange_destroy(&exchange);
  lsi_team_set_size(1);
}

static void wrong_arguments(void) {
  lsi_exchange *exchange;
  CHECK_OK(lsi_exchange_create(comm, LSI_EXCHANGE_AUTO, 100, 1, &exchange));
  lsi_leaf_plan plan;
  lsi_leaf_plan_init(&plan, 64, 4, comm->size, comm->rank);
  CHECK(lsi_exchange_start(exchange, &plan, 0, 101) == LS_ERR_ARG, "a range past the end");
  if (comm->size == 3)
    CHECK(lsi_exchange_start(exchange, &plan, 0, 100) == LS_ERR_ARG, "too many nodes for the room");
  lsi_exchange_destroy(&exchange);
  lsi_exchange_destroy(&exchange);
  lsi_exchange_kind kind;
  CHECK(lsi_exchange_parse(NULL, &kind) == LS_OK && kind == LSI_EXCHANGE_AUTO, "the default");
  CHECK(lsi_exchange_parse("mpi", &kind) == LS_OK && kind == LSI_EXCHANGE_MPI, "mpi");
  CHECK(lsi_exchange_parse("shard", &kind) == LS_ERR_ARG, "a typing error");
  CHECK(strstr(ls_last_error()->message, "\"shared\"?"), "the nearest name");
}

/* No room for shared memory on one rank: AUTO falls back on all ranks, SHARED fails on all. */
static void no_room(void) {
  if (comm->size == 1)
    return;
  struct rlimit old, tiny;
  getrlimit(RLIMIT_FSIZE, &old);
  tiny = (struct rlimit){4096, old.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  if (comm->rank == 0)
    setrlimit(RLIMIT_FSIZE, &tiny);
  lsi_exchange *exchange = NULL;
  CHECK(lsi_exchange_create(comm, LSI_EXCHANGE_SHARED, 10000, 8, &exchange) == LS_ERR_NO_SPACE,
        "refused");
  CHECK(exchange == NULL && ls_last_error()->rank == 0, "the rank is named: %d",
        ls_last_error()->rank);
  CHECK_OK(lsi_exchange_create(comm, LSI_EXCHANGE_AUTO, 10000, 8, &exchange));
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK(strcmp(lsi_exchange_name(exchange), "mpi") == 0, "fell back to %s",
        lsi_exchange_name(exchange));
  one_step(exchange, 40, 0, 10000, 9, 2);
  lsi_exchange_destroy(&exchange);
  CHECK(lsi_exchange_create(comm, LSI_EXCHANGE_AUTO, (size_t)1 << 61, 8, &exchange) != LS_OK,
        "too large");
}

static void all_cases(lsi_exchange_kind kind) {
  random_cases(kind);
  many_pieces(kind);
  threaded(kind);
  halves(50, kind, 1000, 13);
  halves(51, kind, 40, 1);
}

/* Nodes of one, two and three ranks, neighbours or not. */
static void pretended_nodes(int (*color)(int rank), lsi_exchange_kind kind, const char *name) {
  lsi_comm nodes;
  CHECK_OK(lsi_comm_create_nodes(MPI_COMM_WORLD, color(world.rank), &nodes));
  CHECK((world.rank == 0) == (nodes.rank == 0), "rank 0 stays");
  comm = &nodes;
  lsi_exchange *exchange;
  CHECK_OK(lsi_exchange_create(comm, kind, 100, 8, &exchange));
  CHECK(world.size == 1 || strcmp(lsi_exchange_name(exchange), name) == 0, "%s",
        lsi_exchange_name(exchange));
  lsi_exchange_destroy(&exchange);
  all_cases(kind);
  comm = &world;
  lsi_comm_destroy(&nodes);
}

static int uneven(int rank) {
  return rank == 0 ? 0 : rank < 3 ? 1 : 2;
}

static int in_turn(int rank) {
  return rank % 2;
}

int main(void) {
  mpi_test_begin();
  all_cases(LSI_EXCHANGE_AUTO);
  all_cases(LSI_EXCHANGE_MPI);
  wrong_arguments();
  no_room();
  if (world.size > 2) {
    pretended_nodes(uneven, LSI_EXCHANGE_AUTO, "hierarchical");
    pretended_nodes(in_turn, LSI_EXCHANGE_HIERARCHICAL, "hierarchical");
  }
  return mpi_test_end();
}
