/* SPDX-License-Identifier: MIT */
/*
 * Every rank publishes one block: [flags, its number][canonical node 0, n values][node 1, n values]..., and
 * reads everybody's. On one node the blocks lie in shared memory, twice: a rank may write block k +
 * 2 once all have begun call k + 1, as they have read call k's blocks by then, and it has seen that
 * when its own call k + 1 returned. So one wait a call is enough.
 */
#include "par/leaf_reduce.h"

#include <limits.h>
#include <string.h>

#include "base/memory.h"
#include "par/node_map.h"
#include "par/shm.h"
#include "par/wait.h"

struct lsi_leaf_reduce {
  const lsi_comm *comm;
  size_t max_values;
  int max_leaves; /* the most of any rank */
  lsi_node_map map;
  lsi_tree_node *leaves; /* [max_leaves] scratch */
  double *values;        /* [n_ranks * max_nodes, n] scratch: all canonical nodes, left to right */
  size_t block_bytes;    /* room of a block, whole cache lines */
  bool shared;
  char *own, *all; /* mpi: this rank's block; [size] blocks */
  lsi_shm shm;     /* shared: [counters][2][size] blocks */
  uint64_t n_calls;
  float tells, *told; /* [size] */
};

/* Before a block's values. */
typedef struct head {
  uint32_t flags;
  float told;
} head;
enum { FLAGS_BYTES = sizeof(head) };
_Static_assert(FLAGS_BYTES % sizeof(double) == 0, "values are aligned");

static lsi_counter *counters(const lsi_leaf_reduce *reduce) {
  return (lsi_counter *)(void *)reduce->shm.base;
}

static char *shared_block(const lsi_leaf_reduce *reduce, uint64_t call, int rank) {
  size_t size = (size_t)reduce->comm->size;
  size_t index = (size_t)(call % 2) * size + (size_t)rank;
  return reduce->shm.base + size * sizeof(lsi_counter) + index * reduce->block_bytes;
}

/* An interval of L leaves has at most 2 floor(log2 L) + 1 canonical nodes. */
static int most_nodes(int max_leaves) {
  int most = 2 * lsi_tree_height(max_leaves) + 1;
  return most < LSI_TREE_MAX_NODES ? most : LSI_TREE_MAX_NODES;
}

static ls_status allocate(lsi_leaf_reduce *reduce, size_t max_values, int max_leaves) {
  const lsi_comm *comm = reduce->comm;
  int nodes = most_nodes(max_leaves);
  size_t n_values, n_bytes;
  reduce->max_values = max_values;
  reduce->max_leaves = max_leaves;
  LSI_CHECK(lsi_mul_size(max_values, (size_t)nodes, &n_values) && n_values < SIZE_MAX / 64 &&
                lsi_mul_size(n_values * sizeof(double), (size_t)comm->size, &n_bytes),
            LS_ERR_MEMORY, NULL, "leaf reduction: %zu values a leaf exceed the address space",
            max_values);
  reduce->block_bytes = lsi_round_up(FLAGS_BYTES + n_values * sizeof(double), LSI_SHM_LINE);
  LSI_CHECK(reduce->block_bytes <= INT_MAX, LS_ERR_MEMORY, NULL,
            "leaf reduction: %zu values a leaf need %zu bytes a rank, more than one message holds",
            max_values, reduce->block_bytes);
  LSI_TRY(lsi_node_map_create(comm->size, nodes, &reduce->map));
  LSI_TRY(LSI_ALLOC("leaf nodes", max_leaves, &reduce->leaves));
  LSI_TRY(LSI_ALLOC("leaf sums", n_values * (size_t)comm->size, &reduce->values));
  LSI_TRY(LSI_ALLOC("leaf sums", comm->size, &reduce->told));
  LSI_TRY(LSI_ALLOC("leaf sums", reduce->block_bytes, &reduce->own));
  return LSI_ALLOC("leaf sums", reduce->block_bytes * (size_t)comm->size, &reduce->all);
}

/* Shared memory where all ranks are on one node and it can be had; else messages, without a word:
   the result is the same and these blocks are small. */
static void share(lsi_leaf_reduce *reduce) {
  const lsi_comm *comm = reduce->comm;
  if (comm->size == 1 || comm->node_size != comm->size)
    return;
  size_t n_bytes = (size_t)comm->size * (sizeof(lsi_counter) + 2 * reduce->block_bytes);
  ls_status status = lsi_shm_create(comm, n_bytes, &reduce->shm);
  if (status == LS_OK) {
    status = comm->rank == 0 ? lsi_shm_reserve(&reduce->shm, 0, n_bytes) : LS_OK;
    status = lsi_agree(comm, status);
    if (status == LS_OK)
      status = lsi_wait_settle(comm);
    if (status != LS_OK)
      lsi_shm_destroy(&reduce->shm);
  }
  reduce->shared = status == LS_OK;
  lsi_error_clear();
}

ls_status lsi_leaf_reduce_create(const lsi_comm *comm, size_t max_values, int max_leaves,
                                 lsi_leaf_reduce **out) {
  lsi_leaf_reduce *reduce = NULL;
  int most;
  LSI_TRY(lsi_agree_most(comm, max_leaves > 1 ? max_leaves : 1, &most));
  ls_status status = LSI_ALLOC("leaf reduction", 1, &reduce);
  if (status == LS_OK) {
    reduce->comm = comm;
    status = allocate(reduce, max_values, most);
  }
  status = lsi_agree(comm, status);
  if (status != LS_OK) {
    lsi_leaf_reduce_destroy(&reduce);
    return status;
  }
  share(reduce);
  *out = reduce;
  return LS_OK;
}

void lsi_leaf_reduce_destroy(lsi_leaf_reduce **reduce) {
  if (!reduce || !*reduce)
    return;
  lsi_shm_destroy(&(*reduce)->shm);
  lsi_node_map_destroy(&(*reduce)->map);
  lsi_free((*reduce)->leaves);
  lsi_free((*reduce)->values);
  lsi_free((*reduce)->told);
  lsi_free((*reduce)->own);
  lsi_free((*reduce)->all);
  lsi_free(*reduce);
  *reduce = NULL;
}

/* This rank's block: its flags and the tree sums inside each of its canonical nodes. */
static void fill_block(const lsi_leaf_reduce *reduce, const lsi_leaf_plan *plan,
                       double *leaf_values, size_t n, uint32_t flags, char *block) {
  double *nodes = (double *)(void *)(block + FLAGS_BYTES);
  memcpy(block, &(head){flags, reduce->tells}, sizeof(head));
  for (int i = 0; i < plan->n_nodes; i++) {
    int begin = plan->nodes[i].begin, n_leaves = plan->nodes[i].end - begin;
    double *first = leaf_values + (size_t)(begin - plan->leaf_begin) * n;
    for (int l = 0; l < n_leaves; l++)
      reduce->leaves[l] = (lsi_tree_node){begin + l, begin + l + 1, 0};
    lsi_tree_sum_f64(reduce->leaves, n_leaves, first, n, n, nodes + (size_t)i * n);
  }
}

static ls_status publish(lsi_leaf_reduce *reduce, size_t n) {
  const lsi_comm *comm = reduce->comm;
  if (!reduce->shared) {
    size_t n_bytes = (FLAGS_BYTES + (size_t)reduce->map.most * n * sizeof(double));
    return lsi_allgather(comm, reduce->own, reduce->all, n_bytes);
  }
  lsi_counter_set(&counters(reduce)[comm->rank], ++reduce->n_calls);
  return lsi_counters_wait(counters(reduce), comm->size, reduce->n_calls, comm);
}

/* Everybody's nodes side by side, and the OR of the flags. */
static uint32_t collect(const lsi_leaf_reduce *reduce, size_t n) {
  const lsi_node_map *map = &reduce->map;
  size_t packed = FLAGS_BYTES + (size_t)map->most * n * sizeof(double);
  uint32_t any = 0;
  for (int r = 0; r < map->n_ranks; r++) {
    const char *block = reduce->shared ? shared_block(reduce, reduce->n_calls - 1, r)
                                       : reduce->all + (size_t)r * packed;
    size_t n_values = (size_t)(map->first[r + 1] - map->first[r]) * n;
    head begins;
    memcpy(&begins, block, sizeof begins);
    reduce->told[r] = begins.told;
    memcpy(reduce->values + (size_t)map->first[r] * n, block + FLAGS_BYTES,
           n_values * sizeof(double));
    any |= begins.flags;
  }
  return any;
}

ls_status lsi_leaf_reduce_sum(lsi_leaf_reduce *reduce, const lsi_leaf_plan *plan,
                              double *leaf_values, size_t n, double *out, uint32_t *flags) {
  LSI_CHECK(n <= reduce->max_values, LS_ERR_ARG, NULL, "%zu values a leaf, room for %zu", n,
            reduce->max_values);
  LSI_TRY(lsi_node_map_update(&reduce->map, plan->n_leaves));
  LSI_CHECK(plan->n_leaves <= (int64_t)reduce->max_leaves * reduce->comm->size, LS_ERR_ARG, NULL,
            "%d leaves on %d ranks, room for %d a rank", plan->n_leaves, reduce->comm->size,
            reduce->max_leaves);
  char *block =
      reduce->shared ? shared_block(reduce, reduce->n_calls, reduce->comm->rank) : reduce->own;
  fill_block(reduce, plan, leaf_values, n, flags ? *flags : 0, block);
  LSI_TRY(publish(reduce, n));
  uint32_t any = collect(reduce, n);
  lsi_tree_sum_f64(reduce->map.nodes, reduce->map.n_nodes, reduce->values, n, n, out);
  if (flags)
    *flags = any;
  return LS_OK;
}

void lsi_leaf_reduce_tell(lsi_leaf_reduce *reduce, float mine) {
  reduce->tells = mine;
}

const float *lsi_leaf_reduce_told(const lsi_leaf_reduce *reduce) {
  return reduce->told;
}
