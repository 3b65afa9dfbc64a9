/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_snapshot.h"

#include <omp.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "ckpt/checkpoint_index.h"
#include "math/team.h"
#include "par/comm.h"

enum { TAG = 4, MESSAGE_BYTES = 1 << 28 };
static const uint64_t writer_bytes = 32 << 20; /* a writer more is worth it for so much */

static int rank_of(const lsi_ckpt_snapshot *s) {
  return s->comm ? s->comm->rank : 0;
}

ls_status lsi_ckpt_snapshot_agree(const lsi_ckpt_snapshot *s, ls_status status) {
  return s->comm ? lsi_agree(s->comm, status) : status;
}

/* ---- who writes ---- */

/* Spread over all that can: ranks of one node come one after the other. */
static int rank_of_writer(const lsi_ckpt_snapshot *s, int w) {
  return s->n_ranks ? s->ranks[(int64_t)w * s->n_ranks / s->file.n_writers] : 0;
}

static int count_writers(const lsi_ckpt_snapshot *s, uint64_t n_bytes) {
  uint64_t useful = s->most > 0 ? (uint64_t)s->most : n_bytes / writer_bytes;
  if (useful > (uint64_t)s->n_ranks) useful = (uint64_t)s->n_ranks;
  return useful > 1 ? (int)useful : 1;
}

ls_status lsi_ckpt_snapshot_find_writers(lsi_ckpt_snapshot *s, const char *dir) {
  char path[LSI_PATH_BYTES] = "", probe[LSI_PATH_BYTES] = "";
  int fd = -1, size = s->comm->size, can = 0, *all = NULL;
  bool root = s->comm->rank == 0;
  LSI_TRY(lsi_ckpt_snapshot_agree(s, LSI_ALLOC("writers of checkpoints", size, &s->ranks)));
  ls_status status = root && snprintf(path, sizeof path, "%s/writers", dir) < (int)sizeof path ? lsi_durable_temporary(path, probe) : LS_OK;
  if (root && status == LS_OK) status = lsi_durable_open_part(probe, path, true, &fd);
  LSI_TRY(lsi_ckpt_snapshot_agree(s, status));
  LSI_TRY(lsi_bcast(s->comm, probe, sizeof probe));
  if (!root && lsi_durable_open_part(probe, path, false, &fd) != LS_OK) lsi_error_clear();
  can = fd >= 0;
  if (can) close(fd);
  status = LSI_ALLOC("writers of checkpoints", size, &all);
  status = lsi_ckpt_snapshot_agree(s, status);
  if (status == LS_OK) status = lsi_allgather(s->comm, &can, all, sizeof can);
  if (root) unlink(probe);
  for (int r = 0; status == LS_OK && r < size; r++)
    if (all[r]) s->ranks[s->n_ranks++] = r;
  lsi_free(all);
  return status;
}

/* ---- preparing ---- */

static ls_status digest_shapes(const lsi_ckpt_job *job, uint64_t out[2]) {
  lsi_hash *hash;
  LSI_TRY(lsi_hash_create(&hash));
  for (int i = 0; i < job->n_arrays; i++) {
    const lsi_ckpt_array *a = &job->arrays[i];
    lsi_hash_update(hash, a->name, strlen(a->name) + 1);
    lsi_hash_update(hash, &a->type, sizeof a->type);
    lsi_hash_update(hash, &a->rank, sizeof a->rank);
    lsi_hash_update(hash, a->dims, (size_t)a->rank * sizeof *a->dims);
  }
  for (int i = 0; i < job->n_texts; i++) {
    size_t n = strlen(job->texts[i].value);
    lsi_hash_update(hash, job->texts[i].name, strlen(job->texts[i].name) + 1);
    lsi_hash_update(hash, &n, sizeof n);
  }
  lsi_hash_value(hash, out);
  lsi_hash_destroy(&hash);
  return LS_OK;
}

/* HDF5 is only asked when shapes have changed: when an epoch has made the history longer. */
static ls_status renew_layout(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, bool *renewed) {
  uint64_t shapes[2];
  LSI_TRY(digest_shapes(job, shapes));
  *renewed = !s->layout || memcmp(shapes, s->shapes, sizeof shapes) != 0;
  if (!*renewed) return LS_OK;
  lsi_ckpt_layout_destroy(&s->layout);
  memcpy(s->shapes, shapes, sizeof shapes);
  return lsi_ckpt_layout_create(job->arrays, job->n_arrays, job->texts, job->n_texts, &s->layout);
}

static ls_status prepare_on_root(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, bool *renewed) {
  LSI_TRY(lsi_ckpt_file_name(&s->file, job->dir, job->iteration, job->keep, job->verify));
  LSI_TRY(renew_layout(s, job, renewed));
  s->file.n_writers = count_writers(s, s->layout->starts[s->layout->n_items]);
  lsi_free(s->index);
  s->index = NULL;
  return lsi_ckpt_index_format(job->iteration, job->arrays, job->n_arrays, job->texts, job->n_texts, s->layout, &s->index);
}

/* Rank 0's layout, on all ranks. */
static ls_status share_layout(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job) {
  int n = job->n_arrays + job->n_texts;
  uint64_t file_bytes = s->layout && rank_of(s) == 0 ? s->layout->file_bytes : 0;
  lsi_ckpt_item *items = NULL;
  LSI_TRY(lsi_bcast(s->comm, &file_bytes, sizeof file_bytes));
  LSI_TRY(lsi_ckpt_snapshot_agree(s, LSI_ALLOC("layout of a checkpoint", n + 1, &items)));
  if (rank_of(s) == 0) memcpy(items, s->layout->items, (size_t)n * sizeof *items);
  ls_status status = lsi_bcast(s->comm, items, (size_t)n * sizeof *items);
  if (status == LS_OK && rank_of(s) != 0) {
    lsi_ckpt_layout_destroy(&s->layout);
    status = lsi_ckpt_layout_copy(items, n, file_bytes, &s->layout);
  }
  lsi_free(items);
  return lsi_ckpt_snapshot_agree(s, status);
}

/* Rank 0's file, and its layout if that is new, on all ranks. */
static ls_status share(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, bool renewed) {
  int news = renewed;
  if (!s->comm || s->comm->size == 1) return LS_OK;
  LSI_TRY(lsi_bcast(s->comm, &s->file, sizeof s->file));
  LSI_TRY(lsi_bcast(s->comm, &news, sizeof news));
  return news ? share_layout(s, job) : LS_OK;
}

static const char *value_of(const lsi_ckpt_job *job, int i) {
  return i < job->n_arrays ? job->arrays[i].data : job->texts[i - job->n_arrays].value;
}

static lsi_ckpt_holder holder_of(const lsi_ckpt_job *job, int i) {
  return job->places && i < job->n_arrays ? job->places[i].holder : LSI_CKPT_ON_ROOT;
}

/* Is all of the item here, and may it stay where it is? */
static bool stays(const lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, int i) {
  lsi_ckpt_holder holder = holder_of(job, i);
  bool here = holder == LSI_CKPT_ON_ALL || (holder == LSI_CKPT_ON_ROOT && rank_of(s) == 0) || (holder == LSI_CKPT_SHARED && !job->shares);
  return here && !s->copies;
}

/* Where the runs are or will be, in `base` (NULL: only measure). */
static size_t place_runs(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, char *base) {
  size_t used = 0;
  for (int i = 0; i < s->layout->n_items; i++) {
    uint64_t begin, end;
    lsi_ckpt_layout_run(s->layout, s->file.n_writers, s->writer, i, &begin, &end);
    if (stays(s, job, i)) {
      s->runs[i] = value_of(job, i) + begin;
      continue;
    }
    s->runs[i] = base ? base + used : NULL;
    used += lsi_round_up((size_t)(end - begin), LSI_ALIGN);
  }
  return used;
}

static ls_status reserve_copy(lsi_ckpt_snapshot *s, size_t n) {
  if (n <= s->room) return LS_OK;
  lsi_free(s->bytes);
  s->bytes = NULL;
  s->room = 0;
  size_t room = n + n / 64 + 4096; /* the history grows with every epoch */
  LSI_TRY(lsi_alloc("snapshot for checkpoints (checkpoint.background: false does without)", room, 1, &s->bytes));
  s->room = room;
  return LS_OK;
}

static size_t blocks_of_all(const lsi_ckpt_snapshot *s) {
  size_t n = 0;
  for (int w = 0; w < s->file.n_writers; w++) n += lsi_ckpt_layout_blocks(s->layout, s->file.n_writers, w);
  return n;
}

static ls_status prepare_part(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job) {
  s->writer = -1;
  for (int w = 0; w < s->file.n_writers; w++)
    if (rank_of_writer(s, w) == rank_of(s)) s->writer = w;
  if (s->writer < 0) return LS_OK;
  lsi_free(s->runs);
  lsi_free(s->digests);
  s->runs = NULL;
  s->digests = NULL;
  size_t n_blocks = s->writer == 0 ? blocks_of_all(s) : lsi_ckpt_layout_blocks(s->layout, s->file.n_writers, s->writer);
  LSI_TRY(LSI_ALLOC("checkpoint", s->layout->n_items + 1, &s->runs));
  LSI_TRY(lsi_alloc("digests", n_blocks + 1, LSI_CKPT_DIGEST, &s->digests));
  LSI_TRY(reserve_copy(s, place_runs(s, job, NULL)));
  place_runs(s, job, s->bytes);
  return LS_OK;
}

ls_status lsi_ckpt_snapshot_prepare(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job) {
  bool renewed = false;
  ls_status status = lsi_ckpt_snapshot_agree(s, rank_of(s) == 0 ? prepare_on_root(s, job, &renewed) : LS_OK);
  if (status == LS_OK) status = share(s, job, renewed);
  if (status != LS_OK) lsi_ckpt_layout_destroy(&s->layout); /* on all ranks: none has a layout that others lack */
  LSI_TRY(status);
  return lsi_ckpt_snapshot_agree(s, prepare_part(s, job));
}

/* ---- the copy ---- */

/* Copy on all threads: a large model is there to be trained, not to be copied. */
static void copy(char *to, const char *from, size_t n) {
  int threads = lsi_team_for((double)n / 8);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    size_t begin, end;
    lsi_team_slice(n, LSI_ALIGN, omp_get_thread_num(), omp_get_num_threads(), &begin, &end);
    memcpy(to + begin, from + begin, end - begin);
  }
}

/* From one rank's memory to another's; all ranks call it for all moves, in one order, so that it cannot lock. */
static ls_status move(const lsi_ckpt_snapshot *s, int source, int target, const char *from, char *to, size_t n) {
  int me = rank_of(s);
  if (source == target) {
    if (me == source && to != from) copy(to, from, n);
    return LS_OK;
  }
  for (size_t at = 0; (me == source || me == target) && at < n; at += MESSAGE_BYTES) {
    size_t part = n - at < MESSAGE_BYTES ? n - at : MESSAGE_BYTES;
    LSI_TRY(me == source ? lsi_send(s->comm, from + at, part, target, TAG) : lsi_receive(s->comm, to + at, part, source, TAG));
  }
  return LS_OK;
}

/* Bytes [begin, end) of a shared array to `target`, each from who has them. */
static ls_status move_shared(const lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, int i, int target, uint64_t begin, uint64_t end,
                             char *to) {
  const char *data = job->arrays[i].data;
  size_t first = job->places[i].element;
  for (uint64_t at = begin; at < end;) {
    size_t piece_end = 0;
    int source = lsi_shares_owner(job->shares, first + at / sizeof(float), &piece_end);
    LSI_CHECK(source >= 0, LS_ERR_INTERNAL, NULL, "checkpoint: nobody has a part of \"%s\"", job->arrays[i].name);
    uint64_t stop = (piece_end - first) * sizeof(float);
    if (stop > end) stop = end;
    LSI_TRY(move(s, source, target, data + at, to ? to + (at - begin) : NULL, (size_t)(stop - at)));
    at = stop;
  }
  return LS_OK;
}

static ls_status move_run(const lsi_ckpt_snapshot *s, const lsi_ckpt_job *job, int i, int w) {
  uint64_t begin, end;
  int target = rank_of_writer(s, w);
  lsi_ckpt_layout_run(s->layout, s->file.n_writers, w, i, &begin, &end);
  if (begin == end) return LS_OK;
  char *to = target == rank_of(s) ? (char *)s->runs[i] : NULL;
  lsi_ckpt_holder holder = holder_of(job, i);
  if (holder == LSI_CKPT_SHARED && job->shares) return move_shared(s, job, i, target, begin, end, to);
  int source = holder == LSI_CKPT_ON_ROOT ? 0 : target;
  return move(s, source, target, source == rank_of(s) ? value_of(job, i) + begin : NULL, to, (size_t)(end - begin));
}

ls_status lsi_ckpt_snapshot_take(lsi_ckpt_snapshot *s, const lsi_ckpt_job *job) {
  LSI_TRY(lsi_ckpt_snapshot_prepare(s, job));
  for (int i = 0; i < s->layout->n_items; i++)
    for (int w = 0; w < s->file.n_writers; w++) LSI_TRY(move_run(s, job, i, w));
  return LS_OK;
}

ls_status lsi_ckpt_snapshot_gather_digests(lsi_ckpt_snapshot *s) {
  size_t at = 0;
  for (int w = 0; w < s->file.n_writers; w++) {
    size_t n = lsi_ckpt_layout_blocks(s->layout, s->file.n_writers, w) * LSI_CKPT_DIGEST;
    unsigned char *own = s->digests;
    if (w > 0) LSI_TRY(move(s, rank_of_writer(s, w), 0, (char *)own, rank_of(s) == 0 ? (char *)own + at : NULL, n));
    at += n;
  }
  return LS_OK;
}

void lsi_ckpt_snapshot_clear(lsi_ckpt_snapshot *s) {
  lsi_ckpt_layout_destroy(&s->layout);
  lsi_free(s->ranks);
  lsi_free(s->index);
  lsi_free(s->runs);
  lsi_free(s->bytes);
  lsi_free(s->digests);
  memset(s, 0, sizeof *s);
}
