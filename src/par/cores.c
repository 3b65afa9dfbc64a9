/* SPDX-License-Identifier: MIT */
#include "par/cores.h"

#include <hwloc.h>
#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"

/* With OMP_PLACES or OMP_PROC_BIND the OpenMP runtime has bound the first thread to one place: the
   rank's cores are all the places then. */
static void add_places(hwloc_bitmap_t set) {
  int n_places = omp_get_num_places();
  for (int p = 0; p < n_places; p++) {
    int n = omp_get_place_num_procs(p);
    int *ids = n > 0 ? malloc((size_t)n * sizeof *ids) : NULL;
    if (!ids)
      continue;
    omp_get_place_proc_ids(p, ids);
    for (int i = 0; i < n; i++)
      hwloc_bitmap_set(set, (unsigned)ids[i]);
    free(ids);
  }
}

/* Cores that have a processing unit in the set: two hardware threads of one core count once. */
static int count_cores(hwloc_topology_t topology, hwloc_const_bitmap_t set) {
  int n = 0;
  for (hwloc_obj_t core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, NULL); core;
       core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core))
    n += hwloc_bitmap_intersects(core->cpuset, set) ? 1 : 0;
  if (n == 0)
    n = hwloc_bitmap_weight(set); /* no core level known */
  return n > 0 ? n : 1;
}

static int find_local(lsi_cores *out, char hex[LSI_DIGEST_HEX]) {
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) != 0)
    return -1;
  hwloc_bitmap_t set = hwloc_bitmap_alloc();
  int ok = set && hwloc_topology_load(topology) == 0 &&
           hwloc_get_cpubind(topology, set, HWLOC_CPUBIND_THREAD) == 0;
  if (ok) {
    add_places(set);
    hwloc_bitmap_and(set, set, hwloc_topology_get_allowed_cpuset(topology));
    out->n_cores = count_cores(topology, set);
    out->n_cpus = hwloc_bitmap_weight(set);
    out->n_available = hwloc_bitmap_weight(hwloc_topology_get_allowed_cpuset(topology));
    hwloc_bitmap_list_snprintf(out->list, sizeof out->list, set);
    char *whole = NULL;
    if (hwloc_bitmap_list_asprintf(&whole, set) >= 0)
      lsi_hash_bytes(whole, strlen(whole), hex);
    free(whole);
  }
  hwloc_bitmap_free(set);
  hwloc_topology_destroy(topology);
  return ok ? 0 : -1;
}

ls_status lsi_cores_find(const lsi_comm *comm, lsi_cores *out) {
  lsi_cores cores = {.n_cores = 1, .n_sharers = 1, .list = "?"};
  char hex[LSI_DIGEST_HEX] = "";
  (void)find_local(&cores, hex); /* unknown: one core, which is never wrong, only slow */
  char *all = NULL;
  lsi_comm node = lsi_comm_node_view(comm);
  LSI_TRY(
      lsi_agree(&node, LSI_ALLOC("core sets of the node", (size_t)node.size * sizeof hex, &all)));
  ls_status status = lsi_allgather(&node, hex, all, sizeof hex);
  cores.n_sharers = 0;
  for (int r = 0; r < node.size; r++) {
    if (memcmp(all + (size_t)r * sizeof hex, hex, sizeof hex) != 0)
      continue;
    if (cores.n_sharers++ == 0)
      cores.first_sharer = r == node.rank;
  }
  lsi_free(all);
  if (status == LS_OK)
    *out = cores;
  return status;
}

int lsi_cores_threads(const lsi_cores *cores, int requested, const char *omp_num_threads) {
  if (requested > 0)
    return requested;
  long from_environment = omp_num_threads ? strtol(omp_num_threads, NULL, 10) : 0; /* "4,2" is 4 */
  if (from_environment > 0 && from_environment < INT_MAX)
    return (int)from_environment;
  int share = cores->n_cores / cores->n_sharers;
  return share > 1 ? share : 1;
}

ls_status lsi_cores_warn(const lsi_comm *comm, const lsi_cores *cores, int threads) {
  struct {
    int rank, threads, n_cores, n_sharers;
    char list[96];
  } found = {.rank = comm->rank,
             .threads = threads,
             .n_cores = cores->n_cores,
             .n_sharers = cores->n_sharers};
  memcpy(found.list, cores->list, sizeof found.list);
  int crowded = threads > 1 && (int64_t)threads * cores->n_sharers > cores->n_cores;
  int lowest;
  LSI_TRY(lsi_lowest_rank(comm, crowded, &lowest));
  if (lowest < 0)
    return LS_OK;
  LSI_TRY(lsi_bcast_from(comm, &found, sizeof found, lowest));
  if (comm->rank != 0)
    return LS_OK;
  if (found.threads > found.n_cores)
    lsi_log_warn(
        "rank %d has %d threads but may use only %d core%s (cpus %s), which is slow: start with "
        "`mpirun --map-by slot:PE=%d --bind-to core ...`, or `mpirun --bind-to none ...`",
        found.rank, found.threads, found.n_cores, found.n_cores == 1 ? "" : "s", found.list,
        found.threads);
  else
    lsi_log_warn("%d ranks with %d threads each share %d core%s (cpus %s), which is slow: use "
                 "fewer threads, "
                 "or fewer ranks with `mpirun --map-by slot:PE=%d --bind-to core ...`",
                 found.n_sharers, found.threads, found.n_cores, found.n_cores == 1 ? "" : "s",
                 found.list, found.threads);
  return LS_OK;
}
