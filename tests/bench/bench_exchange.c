/* SPDX-License-Identifier: MIT */
/*
 * Time of one gradient exchange: shared, mpi, and for comparison Open MPI's own allreduce, which
 * sums in an order of its choosing. Run with: mpirun -n R bench_exchange [repetitions]
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/team.h"
#include "par/exchange.h"
#include "par/leaf_reduce.h"

static lsi_comm world;

static void must(ls_status status) {
  if (status == LS_OK)
    return;
  fprintf(stderr, "rank %d: %s\n", world.rank, ls_last_error()->message);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median over repetitions of the slowest rank's time. */
static void print_median(const char *name, double *seconds, int n, size_t n_bytes) {
  MPI_Allreduce(MPI_IN_PLACE, seconds, n, MPI_DOUBLE, MPI_MAX, world.comm);
  qsort(seconds, (size_t)n, sizeof *seconds, ascending);
  if (world.rank != 0)
    return;
  double median = seconds[n / 2];
  printf("%-14s %10zu bytes  %10.1f us", name, n_bytes, median * 1e6);
  if (n_bytes)
    printf("  %6.2f GB/s of gradient", (double)n_bytes / median / 1e9);
  printf("\n");
}

static void bench_kind(lsi_exchange_kind kind, size_t n, int n_times, double *seconds) {
  lsi_exchange *exchange;
  lsi_leaf_plan plan;
  const float *sum;
  must(lsi_exchange_create(&world, kind, n, 8, &exchange));
  lsi_leaf_plan_init(&plan, 8 * world.size, 4, world.size, world.rank);
  for (int i = -2; i < n_times; i++) {
    for (int node = 0; node < plan.n_nodes; node++)
      memset(lsi_exchange_partial(exchange, node), 0,
             n * sizeof(float)); /* dirty, as after backward */
    MPI_Barrier(world.comm);
    double start = lsi_clock_s();
    must(lsi_exchange_start(exchange, &plan, 0, n));
    must(lsi_exchange_wait(exchange, &sum));
    if (i >= 0)
      seconds[i] = lsi_clock_s() - start;
  }
  print_median(lsi_exchange_name(exchange), seconds, n_times, n * sizeof(float));
  lsi_exchange_destroy(&exchange);
}

static void bench_mpi_allreduce(size_t n, int n_times, double *seconds) {
  float *data, *sum;
  must(LSI_ALLOC("data", n, &data));
  must(LSI_ALLOC("sum", n, &sum));
  for (int i = -2; i < n_times; i++) {
    memset(data, 0, n * sizeof *data);
    MPI_Barrier(world.comm);
    double start = lsi_clock_s();
    MPI_Allreduce(data, sum, (int)n, MPI_FLOAT, MPI_SUM,
                  world.comm); /* reference only: order is not fixed */
    if (i >= 0)
      seconds[i] = lsi_clock_s() - start;
  }
  print_median("MPI_Allreduce", seconds, n_times, n * sizeof(float));
  lsi_free(data);
  lsi_free(sum);
}

static void bench_leaf_reduce(int n_times, double *seconds) {
  lsi_leaf_reduce *reduce;
  lsi_leaf_plan plan;
  double values[8] = {0}, out[4];
  uint32_t flags = 0;
  must(lsi_leaf_reduce_create(&world, 4, 2, &reduce));
  lsi_leaf_plan_init(&plan, 8 * world.size, 4, world.size, world.rank);
  for (int i = -10; i < n_times; i++) {
    double start = lsi_clock_s();
    must(lsi_leaf_reduce_sum(reduce, &plan, values, 4, out, &flags));
    if (i >= 0)
      seconds[i] = lsi_clock_s() - start;
  }
  print_median("leaf_reduce", seconds, n_times, 0);
  lsi_leaf_reduce_destroy(&reduce);
}

int main(int argc, char **argv) {
  static const size_t sizes[] = {79510, 1 << 18, 1 << 22};
  int provided, n_times = argc > 1 ? atoi(argv[1]) : 50;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  must(lsi_comm_create(MPI_COMM_WORLD, &world));
  if (getenv("OMP_NUM_THREADS"))
    lsi_team_set_size(atoi(getenv("OMP_NUM_THREADS")));
  double *seconds;
  must(LSI_ALLOC("times", n_times, &seconds));
  for (int i = 0; i < 3; i++) {
    bench_kind(LSI_EXCHANGE_AUTO, sizes[i], n_times, seconds);
    bench_kind(LSI_EXCHANGE_MPI, sizes[i], n_times, seconds);
    bench_mpi_allreduce(sizes[i], n_times, seconds);
  }
  bench_leaf_reduce(n_times, seconds);
  lsi_free(seconds);
  lsi_comm_destroy(&world);
  MPI_Finalize();
  return 0;
}
