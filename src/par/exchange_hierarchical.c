/* SPDX-License-Identifier: MIT */
/*
 * Any placement. Ranks come in groups that share memory: those of a node, or each alone ("mpi"). Of a
 * piece of the arena every rank owns a slice (lsi_exchange_slice). A group's partials of a slice are
 * merged by the tree, as far as they complete its nodes, and sent once to the owner, who finishes the
 * tree and sends the sum once to every other group. So 2 (N - 1) / N of the arena crosses each of N
 * nodes' wires each way, when a node's leaves make up one tree node.
 *
 * The work of a group is dealt out by place: the rank of place i in its group exchanges with every
 * other group the slices of that group's ranks of place i (modulo the number of ranks, where groups
 * are of unequal size), so that all ranks send and receive at once.
 *
 * A piece is under way through the stages below, in the order of posting, by whoever polls: the thread
 * that trains when it posts and waits, and the mover, where there is one, meanwhile.
 */
#include "par/exchange_kinds.h"

#include <string.h>

#include "base/memory.h"
#include "base/trace.h"
#include "par/mover.h"
#include "par/peers.h"
#include "par/shm.h"
#include "par/wait.h"

enum { MAX_PENDING = 8, ROWS = 1, SUMS = 2, LINE = LSI_ALIGN / sizeof(float) };

typedef enum stage { POSTED, SENT, SUMMED, DONE } stage;

typedef struct passage {
  lsi_piece piece;
  stage stage;
  size_t received_at, staged_at; /* in a received row; in `staged` */
  int n_rows;         /* the first requests receive rows */
  int n_requests;
  MPI_Request *requests;
  double begun;
} passage;

typedef struct hierarchy {
  lsi_shm shm;
  /* [group size] passages posted; completed and no longer read; calls of gather_values */
  lsi_counter *ready, *done, *gathered;
  int *alone;       /* mpi: [ranks + 1] bounds of groups of one */
  const int *first; /* [n_groups + 1] ranks of each group */
  int n_groups, mine, place, size;
  lsi_node_map merged; /* of the groups */
  char *block;    /* partials of rank 0 of the group; each rank's partials lie `spacing` bytes apart */
  size_t spacing;
  float *sum;
  float *received;           /* [merged rows of all groups, room] of this rank's slices */
  float *staged;             /* merged rows to send, side by side */
  size_t room, received_used, staged_room, staged_used; /* floats: of a row; of all */
  lsi_tree_node *nodes; /* scratch: what a sum is over */
  uint64_t n_posted, n_done, n_gathered;
  passage pending[MAX_PENDING];
  MPI_Request *requests;
  int max_requests;
  lsi_mover *mover; /* NULL: pieces get on in post and finish only. Entered by whoever touches the above */
} hierarchy;

/* ---- who exchanges what with whom ---- */
static int group_size(const hierarchy *h, int group) {
  return h->first[group + 1] - h->first[group];
}

/* The rank of another group that sends to this one, and is sent to. */
static int counterpart(const hierarchy *h, int group) {
  return h->first[group] + h->place % group_size(h, group);
}

/* Does this rank deal with the slices of that rank of another group? */
static bool deals_with(const hierarchy *h, int group, int rank) {
  return (rank - h->first[group]) % h->size == h->place;
}

static int rows_of(const hierarchy *h, int group) {
  return h->merged.first[group + 1] - h->merged.first[group];
}

static size_t length(lsi_piece piece) {
  return piece.end - piece.begin;
}

static const float *partial_of(const lsi_exchange *exchange, const hierarchy *h, int rank,
                               int node) {
  const char *block = h->block + (size_t)(rank - h->first[h->mine]) * h->spacing;
  return (const float *)(const void *)block + (size_t)node * exchange->stride;
}

/* ---- messages: one a row, which is one or two ---- */
static ls_status send(const lsi_exchange *exchange, passage *p, const float *data, size_t n, int to,
                      int tag) {
  MPI_Request *request = &p->requests[p->n_requests++];
  return LSI_MPI_LOCKED(exchange->comm, MPI_Isend(data, (int)n, MPI_FLOAT, to, tag,
                                                  exchange->comm->comm, request));
}

static ls_status receive(const lsi_exchange *exchange, passage *p, float *data, size_t n, int from,
                         int tag) {
  MPI_Request *request = &p->requests[p->n_requests++];
  return LSI_MPI_LOCKED(exchange->comm, MPI_Irecv(data, (int)n, MPI_FLOAT, from, tag,
                                                  exchange->comm->comm, request));
}

/* The group's rows of a slice: the rank's own where it lies, when nothing is to be merged. */
static const float *merge_row(lsi_exchange *exchange, passage *p, int row, lsi_piece slice) {
  hierarchy *h = exchange->state;
  const lsi_node_map *ranks = &exchange->map;
  lsi_tree_node node = h->merged.nodes[row];
  int n = 0;
  for (int r = h->first[h->mine]; r < h->first[h->mine + 1]; r++)
    for (int i = ranks->first[r]; i < ranks->first[r + 1]; i++)
      if (ranks->nodes[i].begin >= node.begin && ranks->nodes[i].end <= node.end) {
        h->nodes[n] = ranks->nodes[i];
        exchange->rows[n++] = partial_of(exchange, h, r, i - ranks->first[r]) + slice.begin;
      }
  if (n == 1)
    return exchange->rows[0];
  float *out = h->staged + p->staged_at;
  p->staged_at += lsi_round_up(length(slice), LINE);
  lsi_exchange_sum_nodes(exchange, h->nodes, n, length(slice), out);
  return out;
}

static ls_status send_rows(lsi_exchange *exchange, passage *p) {
  hierarchy *h = exchange->state;
  for (int k = 1; k < h->n_groups; k++) { /* each begins with its neighbour: not all send to one */
    int group = (h->mine + k) % h->n_groups;
    for (int r = h->first[group]; r < h->first[group + 1]; r++) {
      lsi_piece slice = lsi_exchange_slice(exchange, p->piece, r);
      if (!deals_with(h, group, r) || length(slice) == 0)
        continue;
      for (int i = h->merged.first[h->mine]; i < h->merged.first[h->mine + 1]; i++) {
        const float *row = merge_row(exchange, p, i, slice);
        LSI_TRY(send(exchange, p, row, length(slice), r, ROWS));
        exchange->bytes += length(slice) * sizeof(float);
      }
    }
  }
  return LS_OK;
}

static ls_status receive_rows(lsi_exchange *exchange, passage *p) {
  hierarchy *h = exchange->state;
  size_t n = length(lsi_exchange_slice(exchange, p->piece, exchange->comm->rank));
  for (int group = 0; n > 0 && group < h->n_groups; group++)
    for (int i = h->merged.first[group]; group != h->mine && i < h->merged.first[group + 1]; i++)
      LSI_TRY(receive(exchange, p, h->received + (size_t)i * h->room + p->received_at, n,
                      counterpart(h, group), ROWS));
  p->n_rows = p->n_requests;
  return LS_OK;
}

/* What others own, and where this rank's slice goes, between the groups. */
static ls_status gather(lsi_exchange *exchange, passage *p) {
  hierarchy *h = exchange->state;
  float *sum = h->sum;
  lsi_piece own = lsi_exchange_slice(exchange, p->piece, exchange->comm->rank);
  for (int group = 0; group < h->n_groups; group++)
    for (int r = h->first[group]; group != h->mine && r < h->first[group + 1]; r++) {
      lsi_piece slice = lsi_exchange_slice(exchange, p->piece, r);
      if (deals_with(h, group, r) && length(slice) > 0)
        LSI_TRY(receive(exchange, p, sum + slice.begin, length(slice), r, SUMS));
    }
  for (int k = 1; length(own) > 0 && k < h->n_groups; k++) {
    int to = counterpart(h, (h->mine + k) % h->n_groups);
    LSI_TRY(send(exchange, p, sum + own.begin, length(own), to, SUMS));
    exchange->bytes += length(own) * sizeof(float);
  }
  return LS_OK;
}

/* ---- the owner's sum ---- */
static void sum_slice(lsi_exchange *exchange, const passage *p) {
  hierarchy *h = exchange->state;
  const lsi_node_map *ranks = &exchange->map;
  lsi_piece slice = lsi_exchange_slice(exchange, p->piece, exchange->comm->rank);
  int n = 0;
  for (int group = 0; group < h->n_groups; group++) {
    for (int i = h->merged.first[group]; group != h->mine && i < h->merged.first[group + 1]; i++) {
      h->nodes[n] = h->merged.nodes[i];
      exchange->rows[n++] = h->received + (size_t)i * h->room + p->received_at;
    }
    for (int r = h->first[group]; group == h->mine && r < h->first[group + 1]; r++)
      for (int i = ranks->first[r]; i < ranks->first[r + 1]; i++) {
        h->nodes[n] = ranks->nodes[i];
        exchange->rows[n++] = partial_of(exchange, h, r, i - ranks->first[r]) + slice.begin;
      }
  }
  if (length(slice) > 0)
    lsi_exchange_sum_nodes(exchange, h->nodes, n, length(slice), h->sum + slice.begin);
}

/* ---- a piece's way ---- */
static ls_status completed(const lsi_exchange *exchange, int n, MPI_Request *requests, int *done) {
  return LSI_MPI_LOCKED(exchange->comm, MPI_Testall(n, requests, done, MPI_STATUSES_IGNORE));
}

/* One stage further, if it can; *moved tells. */
static ls_status advance(lsi_exchange *exchange, passage *p, uint64_t number, bool *moved) {
  hierarchy *h = exchange->state;
  int over = 0;
  switch (p->stage) {
  case POSTED:
    if (!lsi_counters_reached(h->ready, h->size, number + 1))
      return LS_OK;
    LSI_TRY(send_rows(exchange, p));
    break;
  case SENT:
    LSI_TRY(completed(exchange, p->n_rows, p->requests, &over));
    if (!over)
      return LS_OK;
    sum_slice(exchange, p);
    if (!exchange->halves)
      LSI_TRY(gather(exchange, p));
    break;
  case SUMMED:
    LSI_TRY(completed(exchange, p->n_requests, p->requests, &over));
    if (!over)
      return LS_OK;
    lsi_trace_end(LSI_TRACK_EXCHANGE, LSI_TRACE_EXCHANGE, (int64_t)number, p->begun);
    break;
  case DONE: return LS_OK;
  }
  p->stage++;
  *moved = true;
  return LS_OK;
}

/* Poll all pieces once, in order; each may go as far as the one before it. */
static ls_status poll_all(lsi_exchange *exchange, bool *moved) {
  hierarchy *h = exchange->state;
  stage limit = DONE;
  for (uint64_t k = h->n_done; k < h->n_posted; k++) {
    passage *p = &h->pending[k % MAX_PENDING];
    while (p->stage < limit) {
      bool further = false;
      LSI_TRY(advance(exchange, p, k, &further));
      if (!further)
        break;
      *moved = true;
    }
    limit = p->stage;
    if (p->stage == DONE && k == h->n_done)
      lsi_counter_set(&h->done[h->place], ++h->n_done);
  }
  return LS_OK;
}

static ls_status finish_own(lsi_exchange *exchange) {
  hierarchy *h = exchange->state;
  lsi_wait wait = {0};
  ls_status status = LS_OK;
  while (status == LS_OK && h->n_done < h->n_posted) {
    bool moved = false;
    status = poll_all(exchange, &moved);
    if (status == LS_OK && !moved)
      status = lsi_wait_pause(exchange->comm->peers, &wait);
  }
  lsi_wait_end(exchange->comm->peers, &wait);
  h->received_used = h->staged_used = 0;
  return status;
}

static ls_status finish(lsi_exchange *exchange) {
  hierarchy *h = exchange->state;
  ls_status status = lsi_mover_enter(h->mover);
  if (status == LS_OK)
    status = finish_own(exchange);
  lsi_mover_leave(h->mover, false);
  LSI_TRY(status);
  return lsi_counters_wait(h->done, h->size, h->n_posted, exchange->comm);
}

/* Floats of merged rows that this rank will send for a piece. */
static size_t staged_need(const lsi_exchange *exchange, lsi_piece piece) {
  const hierarchy *h = exchange->state;
  size_t need = 0;
  for (int group = 0; h->size > 1 && group < h->n_groups; group++)
    for (int r = h->first[group]; group != h->mine && r < h->first[group + 1]; r++)
      if (deals_with(h, group, r))
        need += lsi_round_up(length(lsi_exchange_slice(exchange, piece, r)), LINE);
  return need * (size_t)rows_of(h, h->mine);
}

static ls_status post_alone(lsi_exchange *exchange, lsi_piece piece) {
  hierarchy *h = exchange->state;
  bool moved = false;
  LSI_TRY(lsi_node_map_update(&h->merged, exchange->map.n_leaves));
  size_t n = length(lsi_exchange_slice(exchange, piece, exchange->comm->rank));
  size_t need = staged_need(exchange, piece);
  if (h->n_posted - h->n_done == MAX_PENDING || h->staged_used + need > h->staged_room ||
      h->received_used + lsi_round_up(n, LINE) > h->room)
    LSI_TRY(finish_own(exchange));
  passage *p = &h->pending[h->n_posted % MAX_PENDING];
  *p = (passage){.piece = piece,
                 .received_at = h->received_used,
                 .staged_at = h->staged_used,
                 .requests = p->requests};
  h->staged_used += need;
  p->begun = lsi_trace_begin();
  h->received_used += lsi_round_up(n, LINE);
  LSI_TRY(receive_rows(exchange, p));
  lsi_counter_set(&h->ready[h->place], ++h->n_posted);
  return poll_all(exchange, &moved);
}

static ls_status post(lsi_exchange *exchange, lsi_piece piece) {
  hierarchy *h = exchange->state;
  ls_status status = lsi_mover_enter(h->mover);
  if (status == LS_OK)
    status = post_alone(exchange, piece);
  lsi_mover_leave(h->mover, status == LS_OK && h->n_done < h->n_posted);
  return status;
}

static ls_status poll_aside(void *user, bool *moved, bool *left) {
  lsi_exchange *exchange = user;
  hierarchy *h = exchange->state;
  LSI_TRY(poll_all(exchange, moved));
  *left = h->n_done < h->n_posted;
  return LS_OK;
}

static ls_status overlap(lsi_exchange *exchange, bool on) {
  hierarchy *h = exchange->state;
  lsi_mover_destroy(&h->mover);
  return on ? lsi_mover_create(exchange->comm, (lsi_mover_work){poll_aside, exchange}, &h->mover) : LS_OK;
}

static ls_status gather_values(lsi_exchange *exchange, lsi_piece piece, float *values) {
  hierarchy *h = exchange->state;
  passage *p = &h->pending[0];
  lsi_piece own = lsi_exchange_slice(exchange, piece, exchange->comm->rank);
  LSI_TRY(lsi_peers_check(exchange->comm->peers));
  *p = (passage){.piece = piece, .stage = DONE, .requests = p->requests};
  memcpy(h->sum + own.begin, values + own.begin, length(own) * sizeof *values);
  LSI_TRY(gather(exchange, p));
  LSI_TRY(lsi_wait_all(exchange->comm, p->n_requests, p->requests));
  lsi_counter_set(&h->gathered[h->place], ++h->n_gathered);
  LSI_TRY(lsi_counters_wait(h->gathered, h->size, h->n_gathered, exchange->comm));
  memcpy(values + piece.begin, h->sum + piece.begin, (own.begin - piece.begin) * sizeof *values);
  memcpy(values + own.end, h->sum + own.end, (piece.end - own.end) * sizeof *values);
  return LS_OK;
}

static void destroy(lsi_exchange *exchange) {
  hierarchy *h = exchange->state;
  if (!h)
    return;
  lsi_mover_destroy(&h->mover);
  if (!h->shm.base) {
    lsi_free(h->block);
    lsi_free(h->sum);
    lsi_free(h->ready);
  }
  lsi_shm_destroy(&h->shm);
  lsi_node_map_destroy(&h->merged);
  lsi_free(h->alone);
  lsi_free(h->received);
  lsi_free(h->staged);
  lsi_free(h->nodes);
  lsi_free(h->requests);
  lsi_free(h);
  exchange->state = NULL;
}

static const lsi_exchange_ops mpi_ops = {"mpi", post, finish, gather_values, destroy, overlap};
static const lsi_exchange_ops hierarchical_ops = {"hierarchical", post, finish, gather_values,
                                                  destroy, overlap};

/* ---- memory ---- */
static ls_status find_groups(lsi_exchange *exchange, hierarchy *h, bool nodes) {
  const lsi_comm *comm = exchange->comm;
  int most = 1, max_nodes = exchange->map.max_nodes;
  if (!nodes) {
    LSI_TRY(LSI_ALLOC("ranks", comm->size + 1, &h->alone));
    for (int r = 0; r <= comm->size; r++)
      h->alone[r] = r;
  }
  h->first = nodes ? comm->peers->node_first : h->alone;
  h->n_groups = nodes ? comm->n_nodes : comm->size;
  h->mine = nodes ? comm->node_index : comm->rank;
  h->place = comm->rank - h->first[h->mine];
  h->size = group_size(h, h->mine);
  for (int g = 0; g < h->n_groups; g++)
    most = group_size(h, g) > most ? group_size(h, g) : most;
  most = most < LSI_TREE_MAX_NODES / max_nodes ? most * max_nodes : LSI_TREE_MAX_NODES;
  return lsi_node_map_create_groups(h->first, h->n_groups, most, &h->merged);
}

static ls_status private_parts(lsi_exchange *exchange, hierarchy *h) {
  size_t ranks = (size_t)exchange->comm->size, dealt = 0, row_floats;
  for (int g = 0; g < h->n_groups; g++)
    for (int r = h->first[g]; g != h->mine && r < h->first[g + 1]; r++)
      dealt += deals_with(h, g, r);
  size_t slack = (MAX_PENDING + 1) * 2 * LINE, rows = (size_t)h->merged.max_nodes;
  size_t capacity = ranks * (size_t)exchange->map.max_nodes + LSI_TREE_MAX_NODES;
  h->room = lsi_round_up(exchange->n / ranks, LINE) + slack;
  h->staged_room = h->size > 1 ? dealt * rows * h->room : 0;
  LSI_CHECK(h->room >= slack && lsi_mul_size((size_t)h->n_groups * rows, h->room, &row_floats) &&
                row_floats < SIZE_MAX / 64 && h->staged_room < SIZE_MAX / 64,
            LS_ERR_MEMORY, NULL, "exchange: %zu elements on %zu ranks exceed the address space",
            exchange->n, ranks);
  h->max_requests = (int)((size_t)h->n_groups * (rows + 1) + dealt * (rows + 1));
  LSI_TRY(LSI_ALLOC("received partials", row_floats, &h->received));
  LSI_TRY(LSI_ALLOC("merged partials", h->staged_room, &h->staged));
  LSI_TRY(LSI_ALLOC("exchange nodes", capacity, &h->nodes));
  LSI_TRY(LSI_ALLOC("exchange requests", MAX_PENDING * h->max_requests, &h->requests));
  for (int p = 0; p < MAX_PENDING; p++)
    h->pending[p].requests = h->requests + (size_t)p * (size_t)h->max_requests;
  return LS_OK;
}

static ls_status alone_parts(lsi_exchange *exchange, hierarchy *h) {
  size_t n;
  LSI_CHECK(exchange->stride >= exchange->n &&
                lsi_mul_size(exchange->stride, (size_t)exchange->map.max_nodes, &n),
            LS_ERR_MEMORY, NULL, "exchange: %zu elements exceed the address space", exchange->n);
  float *partials = NULL;
  LSI_TRY(LSI_ALLOC("gradient partials", n, &partials));
  h->block = (char *)partials;
  LSI_TRY(LSI_ALLOC("gradient sum", exchange->stride, &h->sum));
  return LSI_ALLOC("exchange counters", 3, &h->ready);
}

static ls_status local_parts(lsi_exchange *exchange, hierarchy *h, bool nodes) {
  LSI_TRY(find_groups(exchange, h, nodes));
  LSI_TRY(private_parts(exchange, h));
  return nodes ? LS_OK : alone_parts(exchange, h);
}

/* A node's memory: [counters][sum][partials of rank 0][of rank 1]..., each on pages of its own. */
static ls_status shared_parts(lsi_exchange *exchange, hierarchy *h) {
  lsi_comm node = lsi_comm_node_view(exchange->comm);
  lsi_shared_layout layout;
  LSI_TRY(lsi_exchange_lay_out(exchange, node.size, 3, &layout));
  LSI_TRY(lsi_shm_create(&node, layout.total, &h->shm));
  LSI_TRY(lsi_agree(&node, lsi_exchange_reserve(exchange, &layout, &h->shm, node.rank, node.size)));
  h->ready = (lsi_counter *)(void *)h->shm.base;
  h->sum = (float *)(void *)(h->shm.base + layout.sum_at);
  h->block = h->shm.base + layout.partials_at;
  h->spacing = layout.partials_bytes;
  return LS_OK;
}

static ls_status open_groups(lsi_exchange *exchange, bool nodes) {
  const lsi_comm *comm = exchange->comm;
  hierarchy *h = NULL;
  ls_status status = LSI_ALLOC("exchange state", 1, &h);
  exchange->state = h;
  exchange->ops = nodes ? &hierarchical_ops : &mpi_ops;
  if (status == LS_OK)
    status = local_parts(exchange, h, nodes);
  status = lsi_agree(comm, status);
  if (status == LS_OK && nodes)
    status = lsi_agree(comm, shared_parts(exchange, h));
  if (status == LS_OK)
    status = lsi_wait_settle(comm);
  if (status != LS_OK) { /* perhaps another kind is tried */
    destroy(exchange);
    exchange->ops = NULL;
    return status;
  }
  h->done = h->ready + h->size;
  h->gathered = h->done + h->size;
  exchange->sum = h->sum;
  exchange->partials = (float *)(void *)(h->block + (size_t)h->place * h->spacing);
  return LS_OK;
}

ls_status lsi_exchange_open_mpi(lsi_exchange *exchange) {
  return open_groups(exchange, false);
}

ls_status lsi_exchange_open_hierarchical(lsi_exchange *exchange) {
  return open_groups(exchange, true);
}
