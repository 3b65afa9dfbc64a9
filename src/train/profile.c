/* SPDX-License-Identifier: MIT */
#include "train/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "math/roofline.h"
#include "math/team.h"
#include "nn/layers.h"
#include "par/context.h"
#include "train/trainer.h"

enum { N_PHASES = 6 };
static const char *const phase_names[N_PHASES] = {"forward", "loss", "backward", "exchange", "update", "fetch"};

/* What each rank tells. */
typedef struct rank_profile {
  double phases[N_PHASES]; /* seconds */
  double products_s;       /* of one step's products, alone */
  double flops;            /* of one step's products */
  double start_s, mpi_init_s;
  uint64_t bytes;          /* moved by the exchange */
} rank_profile;

/* ---- the products ---- */
static ls_status add_product(rank_profile *p, lsi_product_kind kind, size_t rows, size_t n, size_t k) {
  double seconds;
  LSI_TRY(lsi_product_alone(kind, rows, n, k, &seconds));
  p->products_s += seconds;
  p->flops += 2.0 * (double)rows * (double)n * (double)k;
  return LS_OK;
}

/* A full batch's rows of this rank through the dense layers, and back to the lowest one that is trained. */
static ls_status measure_products(const ls_trainer *t, rank_profile *p) {
  const lsi_net *net = t->model->net;
  lsi_leaf_plan plan;
  lsi_feed_plan(&t->feed, 0, &plan);
  int lowest = lsi_net_lowest_trainable(net);
  for (int i = 1; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    if (layer->ops != &lsi_dense_ops || plan.row_end == plan.row_begin) continue;
    const lsi_tensor *kernel = &layer->tensors[0];
    size_t rows = (size_t)(plan.row_end - plan.row_begin) * layer->lead, k = (size_t)kernel->dims[0], n = (size_t)kernel->dims[1];
    LSI_TRY(add_product(p, LSI_PRODUCT_FORWARD, rows, n, k));
    if (kernel->trainable) LSI_TRY(add_product(p, LSI_PRODUCT_WEIGHT_GRAD, rows, n, k));
    if (i > lowest) LSI_TRY(add_product(p, LSI_PRODUCT_INPUT_GRAD, rows, n, k));
  }
  return LS_OK;
}

/* ---- the table ---- */
static double sum_phases(const rank_profile *p) {
  double sum = 0;
  for (int i = 0; i < N_PHASES; i++) sum += p->phases[i];
  return sum;
}

static void print_phases(const rank_profile *ranks, int n_ranks, int64_t steps) {
  double total = 0, per_step = 1e6 / (double)steps;
  for (int r = 0; r < n_ranks; r++) total += sum_phases(&ranks[r]);
  printf("  %-10s %12s %7s%s\n", "phase", "us a step", "share", n_ranks > 1 ? "   least and most, by rank" : "");
  for (int i = 0; i < N_PHASES; i++) {
    double sum = 0;
    int least = 0, most = 0;
    for (int r = 0; r < n_ranks; r++) {
      sum += ranks[r].phases[i];
      if (ranks[r].phases[i] < ranks[least].phases[i]) least = r;
      if (ranks[r].phases[i] > ranks[most].phases[i]) most = r;
    }
    printf("  %-10s %12.1f %6.1f%%", phase_names[i], sum / n_ranks * per_step, 100 * sum / total);
    if (n_ranks > 1)
      printf("   %.1f (rank %d) to %.1f (rank %d)", ranks[least].phases[i] * per_step, least, ranks[most].phases[i] * per_step, most);
    printf("\n");
  }
  printf("  %-10s %12.1f\n", "all", total / n_ranks * per_step);
}

static void print_rates(const ls_trainer *t, const rank_profile *ranks, int64_t steps) {
  int n_ranks = t->comm->size;
  double flops = 0, products_s = 0, total = 0;
  uint64_t bytes = 0;
  for (int r = 0; r < n_ranks; r++) {
    flops += ranks[r].flops;
    products_s += ranks[r].products_s;
    total += sum_phases(&ranks[r]);
    bytes += ranks[r].bytes;
  }
  double step_s = total / n_ranks / (double)steps;
  if (flops > 0) {
    printf("matrix products: %.1f GFLOP/s over the whole step, %.1f while they run alone\n", flops / step_s * 1e-9,
           flops / (products_s / n_ranks) * 1e-9);
    printf("roofline: a step takes %.2f times as long as its matrix products alone, by BLIS\n", step_s / (products_s / n_ranks));
  }
  if (n_ranks > 1)
    printf("exchange (%s): %.1f KiB a step and rank, %.1f MiB in all\n", lsi_exchange_name(t->exchange),
           (double)bytes / n_ranks / (double)steps / 1024, (double)bytes / (1 << 20));
  if (ranks[0].start_s > 0)
    printf("start: %.2f s from launch to the first step, %.2f s of them in MPI_Init\n", ranks[0].start_s, ranks[0].mpi_init_s);
}

static void print_profile(const ls_trainer *t, const rank_profile *ranks, int64_t steps) {
  int threads = lsi_team_size();
  printf("\nprofile of %" PRId64 " steps of %" PRId64 " samples on %d rank%s x %d thread%s\n", steps, t->spec.batch_size,
         t->comm->size, t->comm->size > 1 ? "s" : "", threads, threads > 1 ? "s" : "");
  print_phases(ranks, t->comm->size, steps);
  print_rates(t, ranks, steps);
  fflush(stdout);
}

ls_status lsi_profile_print(const ls_trainer *t, int64_t steps) {
  if (!t->spec.profile.report || steps <= 0) return LS_OK;
  const lsi_comm *comm = t->comm;
  const lsi_phase_times *times = &t->times;
  rank_profile self = {.phases = {times->forward, times->loss, times->backward, times->exchange, times->update, times->fetch},
                       .mpi_init_s = lsi_context_mpi_init_s(),
                       .bytes = lsi_exchange_bytes(t->exchange)},
               *all = NULL;
  double launch = lsi_process_start_s();
  if (launch > 0) self.start_s = t->first_step_s - launch;
  ls_status status = measure_products(t, &self);
  if (status == LS_OK) status = LSI_ALLOC("profile", comm->size, &all);
  status = lsi_agree(comm, status);
  if (status == LS_OK) status = lsi_allgather(comm, &self, all, sizeof self);
  if (status == LS_OK && comm->rank == 0) print_profile(t, all, steps);
  lsi_free(all);
  return status;
}
