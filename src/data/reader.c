/* SPDX-License-Identifier: MIT */
/* The using side of the reader, and its life. */
#include "data/reader.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/reader_parts.h"
#include "par/wait.h"

/* All at hand: then the thread is sent away. */
enum { CALM_GROUPS = 16 };

/* ---- memory ----
 *
 *   listed | wrote | used | parked | bells | failures | slots of member 0 | slots of member 1 | ...
 */

static size_t head_bytes(int size) {
  return lsi_round_up((size_t)size * (4 * sizeof(lsi_counter) + sizeof(lsi_bell) + sizeof(lsi_reader_failure)), LSI_SHM_PAGE);
}

lsi_slot_view lsi_reader_slot(const lsi_reader *r, int member, int64_t group) {
  char *at = r->slots + (size_t)member * r->plan.rank_bytes + (size_t)(group % r->plan.n_slots) * r->plan.slot_bytes;
  lsi_slot_view view = {.count = (int64_t *)(void *)at, .at_hand = (int64_t *)(void *)at + 1, .rows = (int64_t *)(void *)at + 2};
  at += lsi_round_up(sizeof(int64_t) * (size_t)(r->plan.slot_rows + 2), LSI_SHM_LINE);
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    const lsi_field *f = &r->fields->field[i];
    if (!f->name || f->values) continue;
    view.values[i] = at;
    at += lsi_round_up((size_t)r->plan.slot_rows * f->row_bytes, LSI_SHM_LINE);
  }
  return view;
}

static void place_parts(lsi_reader *r) {
  size_t n = (size_t)r->group.size;
  r->listed = (lsi_counter *)(void *)r->base;
  r->wrote = r->listed + n;
  r->used = r->wrote + n;
  r->parked = r->used + n;
  r->bells = (lsi_bell *)(void *)(r->parked + n);
  r->failure = (lsi_reader_failure *)(void *)(r->bells + n);
  r->slots = r->base + head_bytes(r->group.size);
}

static ls_status share_memory(lsi_reader *r) {
  const lsi_group *g = &r->group;
  size_t head = head_bytes(g->size), bytes = head + (size_t)g->size * r->plan.rank_bytes;
  LSI_TRY(lsi_shm_create(&g->comm, bytes, &r->shm));
  size_t begin = head + (size_t)g->rank * r->plan.rank_bytes;
  ls_status status = lsi_shm_reserve(&r->shm, begin, begin + r->plan.rank_bytes);
  if (status == LS_OK && g->rank == 0) status = lsi_shm_reserve(&r->shm, 0, head);
  status = lsi_agree(&g->comm, status);
  if (status != LS_OK) lsi_shm_destroy(&r->shm);
  r->base = r->shm.base;
  return status;
}

static void read_alone(lsi_reader *r) {
  r->course_rank[0] = r->course_rank[r->group.rank];
  r->group.rank = 0;
  r->group.size = 1;
}

/* Together when there is something to share and memory to share it in; else each for itself. */
static ls_status take_memory(lsi_reader *r) {
  if (r->group.size > 1) {
    if (share_memory(r) == LS_OK) return LS_OK;
    lsi_log_warn("%s: the ranks of a node cannot share memory, so each unpacks all chunks by itself: %s", r->fields->label,
                 ls_last_error()->message);
    read_alone(r);
  }
  return lsi_alloc("data reader", head_bytes(1) + r->plan.rank_bytes, 1, &r->base);
}

/* ---- life ---- */

static void stop_thread(lsi_reader *r) {
  if (!r->running) return;
  atomic_store(&r->stop, true);
  lsi_bell_ring(&r->bells[r->group.rank]);
  pthread_join(r->thread, NULL);
  r->running = false;
}

void lsi_reader_destroy(lsi_reader **reader) {
  lsi_reader *r = *reader;
  if (!r) return;
  stop_thread(r);
  lsi_fetcher_destroy(&r->fetcher);
  if (r->base != r->shm.base) lsi_free(r->base);
  lsi_shm_destroy(&r->shm);
  r->fields->budget += r->budget_taken;
  lsi_free(r->wants);
  lsi_free(r->course_rank);
  lsi_free(r);
  *reader = NULL;
}

/* Something is left for a validation set from the same files. */
static int64_t share_of_budget(const lsi_fields *f) {
  int64_t rest = (int64_t)lsi_fetcher_bytes(f->files, 1) + (1 << 20);
  if (rest < f->budget / 8) rest = f->budget / 8;
  return rest < f->budget / 2 ? f->budget - rest : f->budget / 2;
}

/* Half of this rank's cores unpack chunks while the others train. */
static int64_t workers_wanted(const lsi_reader *r) {
  const lsi_fields *f = r->fields;
  cpu_set_t mine;
  if (!r->threaded) return 1;
  int n = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
  if (n >= sysconf(_SC_NPROCESSORS_ONLN)) n /= f->n_sharers; /* nobody has cores of its own */
  return n / 2 < 1 ? 1 : n / 2 > 8 ? 8 : n / 2;
}

/* By the member with the least memory, for all. */
static ls_status make_plan(lsi_reader *r) {
  int64_t budget = share_of_budget(r->fields), all = r->fields->budget, n_workers = workers_wanted(r);
  if (r->group.size > 1) {
    LSI_TRY(lsi_least(&r->group.comm, &budget));
    LSI_TRY(lsi_least(&r->group.comm, &all));
    LSI_TRY(lsi_least(&r->group.comm, &n_workers));
  }
  if (lsi_reader_plan_make(r->fields, &r->course, budget, (int)n_workers, &r->plan) == LS_OK) return LS_OK;
  return lsi_reader_plan_make(r->fields, &r->course, all, (int)n_workers, &r->plan); /* this may be the last reader */
}

static ls_status find_members(lsi_reader *r, int rank) {
  LSI_TRY(LSI_ALLOC("data reader", r->group.size, &r->course_rank));
  r->course_rank[r->group.rank] = rank;
  return LS_OK;
}

/* Who waits for others must have a thread. */
static void settle_threads(lsi_reader *r) {
  bool thread_safe = false;
  H5is_library_threadsafe(&thread_safe);
  r->threaded = thread_safe;
  if (r->threaded) return;
  read_alone(r);
}

/* Plan and memory: the same on all ranks of the group, or an error on all. */
static ls_status prepare_together(lsi_reader *r) {
  settle_threads(r);
  ls_status status = make_plan(r);
  if (r->group.size > 1) {
    LSI_TRY(lsi_agree(&r->group.comm, status));
    LSI_TRY(lsi_unite(&r->group.comm, r->course_rank, (size_t)r->group.size * sizeof *r->course_rank));
  }
  LSI_TRY(status);
  return take_memory(r);
}

static ls_status prepare_alone(lsi_reader *r) {
  place_parts(r);
  r->budget_taken = r->plan.bytes;
  r->fields->budget -= r->plan.bytes;
  r->wants_room = r->plan.slot_rows;
  r->resting = r->may_rest = r->threaded && r->group.size == 1 && r->fields->files->map;
  LSI_TRY(LSI_ALLOC("data reader: rows", 2 * r->wants_room, &r->wants));
  return lsi_fetcher_create(r->fields->files, r->plan.n_workers, &r->reading, &r->fetcher);
}

ls_status lsi_reader_create(const ls_dataset *data, const lsi_course *course, int rank, lsi_reader **out) {
  lsi_reader *r = NULL;
  lsi_fields *fields = lsi_fields_of(data);
  *out = NULL;
  if (!fields || !lsi_fields_is_streamed(fields)) return LS_OK;
  lsi_group group = fields->group;
  if (!lsi_fields_has_chunks(fields)) group.rank = 0, group.size = 1; /* plain rows are not worth sharing */
  ls_status status = LSI_ALLOC("data reader", 1, &r);
  if (status == LS_OK) {
    *r = (lsi_reader){.fields = fields, .group = group, .course = *course, .ahead = *course, .next = -1, .shm = {.file = -1}};
    status = find_members(r, rank);
  }
  if (group.size > 1) status = lsi_agree(&group.comm, status);
  if (status == LS_OK) status = prepare_together(r);
  if (status == LS_OK) {
    status = prepare_alone(r);
    if (r->group.size > 1) status = lsi_agree(&r->group.comm, status);
  }
  if (status != LS_OK) {
    lsi_reader_destroy(&r);
    return status;
  }
  *out = r;
  return LS_OK;
}

/* ---- batches ---- */

static ls_status wait_for(lsi_reader *r, lsi_counter *counters, int64_t target) {
  const lsi_comm *comm = &r->group.comm;
  if (comm->peers) return lsi_counters_wait_reading(counters, r->group.size, (uint64_t)target, comm, &r->reading);
  for (long us = 10; !lsi_counters_reached(counters, 1, (uint64_t)target); us = us < 200 ? 2 * us : us)
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
  return LS_OK;
}

/* Start the thread with the group in use. */
static ls_status read_ahead(lsi_reader *r) {
  r->read_from = (lsi_stretch){r->in_use.pass, 0, r->in_use.begin};
  r->first_group = r->at;
  r->resting = false;
  atomic_store(&r->calm, 0);
  atomic_store(&r->stop, false);
  ls_status status = lsi_thread_start("data reader", LSI_SMALL_STACK, lsi_reader_thread, r, &r->thread);
  r->running = status == LS_OK;
  if (!r->running) lsi_reader_give_up(r, r->at); /* the others shall not wait for it */
  return status;
}

/* Everybody stops reading, then everybody begins anew at batch p. */
static ls_status seek(lsi_reader *r, int64_t p) {
  lsi_stretch batch = lsi_course_batch(&r->course, p), start = {batch.pass, 0, batch.begin};
  stop_thread(r);
  lsi_counter_set(&r->parked[r->group.rank], ++r->seeks);
  if (r->group.size > 1) LSI_TRY(wait_for(r, r->parked, (int64_t)r->seeks));
  r->filling = start;
  r->at = r->filled = (int64_t)r->seeks << 32; /* later groups, larger numbers: who is late is not misled */
  r->taken = 0;
  r->in_use = lsi_reader_next_group(&r->plan, r->fields, &r->course, start);
  r->next = p;
  return r->threaded && !r->resting ? read_ahead(r) : LS_OK;
}

static ls_status fill_until_in_use(void *self) {
  lsi_reader *r = self;
  for (; r->filled <= r->at; r->filled++) {
    r->filling = lsi_reader_next_group(&r->plan, r->fields, &r->ahead, r->filling);
    LSI_TRY(lsi_reader_fill(r, r->filled, r->filling));
  }
  return LS_OK;
}

/* The group in use is there, or the first member's failure. */
static ls_status need_group(lsi_reader *r) {
  if (r->resting) LSI_TRY(fill_until_in_use(r)); /* reads nothing */
  else if (!r->threaded) LSI_TRY(lsi_files_aside(&r->group.comm, &r->reading, fill_until_in_use, r));
  if (r->resting && atomic_load(&r->calm) == 0) LSI_TRY(read_ahead(r)); /* something must be read */
  if (r->threaded && !r->resting) LSI_TRY(wait_for(r, r->wrote, r->at + 1));
  for (int m = 0; m < r->group.size; m++) {
    if (r->failure[m].group != r->at + 1) continue;
    lsi_error_copy(&r->failure[m].error);
    return r->failure[m].error.status;
  }
  return LS_OK;
}

static void next_group(lsi_reader *r) {
  r->at++;
  lsi_counter_set(&r->used[r->group.rank], (uint64_t)r->at);
  lsi_reader_ring(r);
  r->in_use = lsi_reader_next_group(&r->plan, r->fields, &r->course, r->in_use);
  r->taken = 0;
}

typedef struct outputs {
  int64_t *rows;
  float *x;
  char *y;
  float *weight;
} outputs;

static ls_status take_field(const lsi_reader *r, const lsi_slot_view *slot, int field, const int64_t *rows, int64_t n, void *out) {
  const lsi_field *f = &r->fields->field[field];
  if (!out || !f->name) return LS_OK;
  if (f->values || *slot->at_hand >> field & 1) return lsi_field_read(r->fields, field, rows, n, out);
  return lsi_field_decode(r->fields, field, rows, n, slot->values[field] + (size_t)r->taken * f->row_bytes, out);
}

/* The next n rows of the group in use. */
static ls_status take_rows(lsi_reader *r, int64_t n, outputs *o) {
  const lsi_fields *f = r->fields;
  lsi_slot_view slot = lsi_reader_slot(r, r->group.rank, r->at);
  memcpy(o->rows, slot.rows + r->taken, (size_t)n * sizeof *o->rows);
  LSI_TRY(take_field(r, &slot, 0, o->rows, n, o->x));
  LSI_TRY(take_field(r, &slot, 1, o->rows, n, o->y));
  LSI_TRY(take_field(r, &slot, 2, o->rows, n, o->weight));
  o->rows += n;
  if (o->x) o->x += n * f->field[0].row_values;
  if (o->y) o->y += (size_t)(n * f->field[1].row_values) * 4; /* int32 or float */
  if (o->weight) o->weight += n;
  r->taken += n;
  return LS_OK;
}

static int64_t overlap(lsi_stretch a, lsi_stretch b) {
  int64_t begin = a.begin > b.begin ? a.begin : b.begin, end = a.end < b.end ? a.end : b.end;
  return end > begin ? end - begin : 0;
}

static bool is_next(const lsi_reader *r, int64_t p) {
  if (r->next < 0) return false;
  bool same_order = r->course.order.shuffle == LSI_SHUFFLE_NONE;
  return p == r->next || (same_order && (p - r->next) % r->course.batches_per_pass == 0);
}

ls_status lsi_reader_take(lsi_reader *r, int64_t p, int64_t *rows, float *x, void *y, float *weight) {
  outputs o = {rows, x, y, weight};
  bool rest = r->may_rest && !r->resting && atomic_load(&r->calm) >= CALM_GROUPS;
  r->resting = r->resting || rest;
  if (rest || !is_next(r, p)) LSI_TRY(seek(r, p));
  p = r->next;
  lsi_stretch batch = lsi_course_batch(&r->course, p), mine = lsi_course_share(&r->course, p, r->course_rank[r->group.rank]);
  r->next = -1; /* after a failure only a new beginning helps */
  for (;;) {
    LSI_TRY(need_group(r)); /* also for others' rows: nobody stops reading before all have what they ask for */
    int64_t n = overlap(mine, r->in_use);
    if (n > 0) LSI_TRY(take_rows(r, n, &o));
    bool more = r->in_use.end < batch.end;
    if (r->in_use.end <= batch.end) next_group(r);
    if (!more) break;
  }
  r->next = p + 1;
  if (batch.end == r->course.n_rows) lsi_files_watch(r->fields->files);
  return LS_OK;
}
