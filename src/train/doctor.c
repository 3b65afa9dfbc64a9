/* SPDX-License-Identifier: MIT */
/* What runs here, where, and whether the contract holds on this machine. */
#include <lockstep/context.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/rng.h"
#include "ckpt/checkpoint.h"
#include "math/gemm.h"
#include "par/context.h"
#include "par/exchange.h"

enum { N_SHAPES = 40, N_ELEMENTS = 1000, N_SUMS = 6 };

/* ---- where ---- */
typedef struct place {
  char host[64], cpus[96], own_kernels[32];
  int threads, n_cores;
} place;

static place find_place(const ls_context *context, const lsi_kernel_info *info) {
  const lsi_cores *cores = lsi_context_cores(context);
  place here = {.threads = ls_context_threads(context), .n_cores = cores->n_cores};
  gethostname(here.host, sizeof here.host - 1);
  snprintf(here.cpus, sizeof here.cpus, "%s", cores->list);
  snprintf(here.own_kernels, sizeof here.own_kernels, "%s", info->own_kernels);
  return here;
}

static void print_versions(const lsi_comm *comm, const lsi_kernel_info *info, FILE *out) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[32];
  int length = 0;
  MPI_Get_library_version(library, &length);
  library[strcspn(library, ",\n")] = '\0'; /* "Open MPI v4.1.4, package: ..." */
  lsi_checkpoint_library(hdf5);
  fprintf(out, "lockstep %s\n%s\n%s\n", LS_VERSION, library, hdf5);
  fprintf(out, "BLIS %s, kernel set %s (%s)\n", info->blis_version, info->blis_kernels,
          info->reason);
  fprintf(out, "%d rank%s on %d node%s\n\n", comm->size, comm->size == 1 ? "" : "s", comm->n_nodes,
          comm->n_nodes == 1 ? "" : "s");
}

static ls_status print_map(const ls_context *context, const lsi_kernel_info *info, FILE *out) {
  const lsi_comm *comm = lsi_context_comm(context);
  place here = find_place(context, info), *all = NULL;
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("rank map", comm->size, &all)));
  ls_status status = lsi_allgather(comm, &here, all, sizeof here);
  if (comm->rank == 0 && status == LS_OK) {
    fprintf(out, "%5s  %-20s %7s %5s  %-16s %s\n", "rank", "host", "threads", "cores", "cpus",
            "own kernels");
    for (int r = 0; r < comm->size; r++)
      fprintf(out, "%5d  %-20s %7d %5d  %-16s %s\n", r, all[r].host, all[r].threads, all[r].n_cores,
              all[r].cpus, all[r].own_kernels);
    fputc('\n', out);
  }
  lsi_free(all);
  return status;
}

/* ---- the self-check ---- */
/* Both signs and magnitudes 2^-8 to 2^7: another order of additions shows in most elements. */
static float leaf_value(int sum, int leaf, size_t j) {
  uint64_t bits = lsi_mix64(((uint64_t)sum << 48) ^ ((uint64_t)leaf << 24) ^ j);
  float value = (float)(int32_t)bits / 16777216.0f;
  return value * (float)(1 << (bits >> 61));
}

/* The tree sum of leaves [begin, end), which are one node: what one rank alone would have. `rows`
 * is scratch. */
static void sum_leaves(int sum, int begin, int end, lsi_tree_node *leaves, float *rows,
                       float *out) {
  for (int l = begin; l < end; l++) {
    leaves[l - begin] = (lsi_tree_node){l, l + 1, 0};
    for (size_t j = 0; j < N_ELEMENTS; j++)
      rows[(size_t)(l - begin) * N_ELEMENTS + j] = leaf_value(sum, l, j);
  }
  lsi_tree_sum_f32(leaves, end - begin, rows, N_ELEMENTS, N_ELEMENTS, out);
}

typedef struct scratch {
  lsi_tree_node *leaves; /* [max_leaves] */
  float *rows;           /* [max_leaves, N_ELEMENTS] */
  float *expected;       /* [N_ELEMENTS] */
} scratch;

static ls_status check_sum(lsi_exchange *exchange, const lsi_comm *comm, int sum, int n_leaves,
                           scratch *s) {
  lsi_leaf_plan plan;
  const float *found;
  lsi_leaf_plan_init(&plan, n_leaves, 1, comm->size, comm->rank);
  for (int i = 0; i < plan.n_nodes; i++)
    sum_leaves(sum, plan.nodes[i].begin, plan.nodes[i].end, s->leaves, s->rows,
               lsi_exchange_partial(exchange, i));
  LSI_TRY(lsi_exchange_start(exchange, &plan, N_ELEMENTS / 3, N_ELEMENTS));
  LSI_TRY(lsi_exchange_start(exchange, &plan, 0, N_ELEMENTS / 3));
  LSI_TRY(lsi_exchange_wait(exchange, &found));
  sum_leaves(sum, 0, n_leaves, s->leaves, s->rows, s->expected);
  for (size_t j = 0; j < N_ELEMENTS; j++)
    LSI_CHECK(memcmp(&found[j], &s->expected[j], sizeof(float)) == 0, LS_ERR_DIFFERENT, NULL,
              "the sum of %d leaves differs at element %zu: %a, one rank has %a", n_leaves, j,
              (double)found[j], (double)s->expected[j]);
  return LS_OK;
}

static ls_status check_sums(lsi_exchange *exchange, const lsi_comm *comm, int max_leaves) {
  scratch s = {NULL, NULL, NULL};
  ls_status status = LSI_ALLOC("self-check", max_leaves, &s.leaves);
  if (status == LS_OK)
    status = LSI_ALLOC("self-check", (size_t)max_leaves * N_ELEMENTS, &s.rows);
  if (status == LS_OK)
    status = LSI_ALLOC("self-check", N_ELEMENTS, &s.expected);
  status = lsi_agree(comm, status);
  for (int sum = 0; status == LS_OK && sum < N_SUMS; sum++)
    status = lsi_agree(comm, check_sum(exchange, comm, sum, max_leaves - sum, &s));
  lsi_free(s.leaves);
  lsi_free(s.rows);
  lsi_free(s.expected);
  return status;
}

static ls_status check_exchange(const lsi_comm *comm, lsi_exchange_kind kind, char what[64]) {
  lsi_exchange *exchange;
  snprintf(what, 64, "exchange over %d ranks", comm->size);
  LSI_TRY(lsi_exchange_create(comm, kind, N_ELEMENTS, LSI_TREE_MAX_NODES, &exchange));
  if (comm->size > 1)
    snprintf(what, 64, "exchange over %d ranks, %s", comm->size, lsi_exchange_name(exchange));
  else
    snprintf(what, 64, "sums of gradients; start with mpirun to check ranks");
  ls_status status = check_sums(exchange, comm, 2 * comm->size + N_SUMS);
  lsi_exchange_destroy(&exchange);
  return status;
}

static ls_status check_products(const ls_context *context, char what[64]) {
  int threads = ls_context_threads(context), n_cases = 0;
  snprintf(what, 64, "matrix products");
  ls_status status = lsi_gemm_self_check(1, N_SHAPES, threads > 2 ? threads : 2, &n_cases);
  status = lsi_agree(lsi_context_comm(context), status);
  if (status == LS_OK)
    snprintf(what, 64, "matrix products: %d comparisons on every rank", n_cases);
  return status;
}

/* One line; unequal bits are noted and the checks go on, other errors end them. */
static ls_status report(const lsi_comm *comm, ls_status status, const char *what, FILE *out,
                        bool *different) {
  if (status != LS_OK && status != LS_ERR_DIFFERENT)
    return status;
  if (status != LS_OK)
    *different = true;
  if (comm->rank != 0)
    return LS_OK;
  if (status == LS_OK)
    fprintf(out, "PASS  %s\n", what);
  else
    fprintf(out, "FAIL  %s: rank %d: %s\n", what, ls_last_error()->rank, ls_last_error()->message);
  fflush(out);
  return LS_OK;
}

ls_status ls_doctor(ls_context *context, FILE *out) {
  LSI_NOT_NULL(context);
  LSI_NOT_NULL(out);
  const lsi_comm *comm = lsi_context_comm(context);
  lsi_kernel_info info;
  char what[64];
  bool different = false;
  lsi_gemm_kernel_info(&info);
  if (comm->rank == 0)
    print_versions(comm, &info, out);
  LSI_TRY(print_map(context, &info, out));
  LSI_TRY(report(comm, check_products(context, what), what, out, &different));
  LSI_TRY(report(comm, check_exchange(comm, LSI_EXCHANGE_AUTO, what), what, out, &different));
  if (comm->size > 1 && comm->node_size == comm->size) /* AUTO was shared, or is messages anyway */
    LSI_TRY(report(comm, check_exchange(comm, LSI_EXCHANGE_MPI, what), what, out, &different));
  LSI_CHECK(
      !different, LS_ERR_DIFFERENT,
      "try another kernel set (parallel.kernels, e.g. haswell or generic), and report it",
      "the self-check found unequal bits: results may depend on ranks or threads on this machine");
  return LS_OK;
}
