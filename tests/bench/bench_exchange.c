/* SPDX-License-Identifier: MIT */
/*
 * One exchange of gradients beside Open MPI's own allreduce, which sums in an order of its
 * choosing. In turn, A B A B.
 *
 *   mpirun -n R bench_exchange [TURNS [LARGEST_BYTES [shared|mpi|auto]]]
 *
 * A line of JSON for each size from 1 KiB up: median times of the slowest rank, and the turns'
 * ratios.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/team.h"
#include "par/exchange.h"

enum { SMALLEST_BYTES = 1024, GROUP_BYTES = 1 << 20, MAX_GROUP = 64 };

static lsi_comm world;

static void must(ls_status status) {
  if (status == LS_OK)
    return;
  fprintf(stderr, "rank %d: %s\n", world.rank, ls_last_error()->message);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

typedef struct side {
  lsi_exchange *exchange;
  lsi_leaf_plan plan;
  float *data, *sum; /* of MPI_Allreduce, [n] */
  size_t n;
} side;

/* Both find their input freshly written by this rank, as after backward. */
static double ours(side *s) {
  const float *sum;
  for (int node = 0; node < s->plan.n_nodes; node++)
    memset(lsi_exchange_partial(s->exchange, node), 0, s->n * sizeof(float));
  MPI_Barrier(world.comm);
  double start = lsi_clock_s();
  must(lsi_exchange_start(s->exchange, &s->plan, 0, s->n));
  must(lsi_exchange_wait(s->exchange, &sum));
  return lsi_clock_s() - start;
}

static double theirs(side *s) {
  memset(s->data, 0, s->n * sizeof(float));
  MPI_Barrier(world.comm);
  double start = lsi_clock_s();
  MPI_Allreduce(s->data, s->sum, (int)s->n, MPI_FLOAT, MPI_SUM,
                world.comm); /* a reference: its order is not fixed */
  return lsi_clock_s() - start;
}

/* Mean of a group of calls, the slowest rank's. */
static double group_time(side *s, double (*call)(side *), int group) {
  double total = 0;
  for (int i = 0; i < group; i++)
    total += call(s);
  MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_DOUBLE, MPI_MAX, world.comm);
  return total / group;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(const side *s, int turns, double *a, double *b) {
  double *ratios;
  must(LSI_ALLOC("ratios", turns, &ratios));
  for (int t = 0; t < turns; t++)
    ratios[t] = b[t] / a[t];
  qsort(ratios, (size_t)turns, sizeof *ratios, ascending);
  qsort(a, (size_t)turns, sizeof *a, ascending);
  qsort(b, (size_t)turns, sizeof *b, ascending);
  if (world.rank == 0)
    printf("{\"ranks\": %d, \"kind\": \"%s\", \"bytes\": %zu, \"ours_us\": %.3f, \"theirs_us\": "
           "%.3f, \"ratio\": %.4f, \"low\": %.4f, "
           "\"high\": %.4f}\n",
           world.size, lsi_exchange_name(s->exchange), s->n * sizeof(float), a[turns / 2] * 1e6,
           b[turns / 2] * 1e6, ratios[turns / 2], ratios[0], ratios[turns - 1]);
  fflush(stdout);
  lsi_free(ratios);
}

static void compare(lsi_exchange_kind kind, size_t n, int turns) {
  side s = {.n = n};
  double *a, *b;
  int group = (int)(GROUP_BYTES / (n * sizeof(float)));
  group = group < 1 ? 1 : group > MAX_GROUP ? MAX_GROUP : group;
  must(LSI_ALLOC("times", turns, &a));
  must(LSI_ALLOC("times", turns, &b));
  must(LSI_ALLOC("data", n, &s.data));
  must(LSI_ALLOC("sum", n, &s.sum));
  must(lsi_exchange_create(&world, kind, n, 8, &s.exchange));
  lsi_leaf_plan_init(&s.plan, 8 * world.size, 4, world.size,
                     world.rank); /* one node a rank, when 8 x ranks is a power of 2 */
  for (int t = -2; t < turns; t++) {
    double first = group_time(&s, ours, group), second = group_time(&s, theirs, group);
    if (t >= 0)
      a[t] = first, b[t] = second;
  }
  report(&s, turns, a, b);
  lsi_exchange_destroy(&s.exchange);
  lsi_free(s.data), lsi_free(s.sum), lsi_free(a), lsi_free(b);
}

int main(int argc, char **argv) {
  int provided, turns = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 25;
  size_t largest = argc > 2 ? strtoull(argv[2], NULL, 10) : 64u << 20;
  lsi_exchange_kind kind = LSI_EXCHANGE_AUTO;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  must(lsi_comm_create(MPI_COMM_WORLD, &world));
  if (argc > 3)
    must(lsi_exchange_parse(argv[3], &kind));
  if (getenv("OMP_NUM_THREADS"))
    lsi_team_set_size((int)strtol(getenv("OMP_NUM_THREADS"), NULL, 10));
  for (size_t bytes = SMALLEST_BYTES; bytes <= largest && turns > 0; bytes *= 4)
    compare(kind, bytes / sizeof(float), turns);
  lsi_comm_destroy(&world);
  MPI_Finalize();
  return 0;
}
