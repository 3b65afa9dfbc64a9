/* SPDX-License-Identifier: MIT */
/* The reading side: list the rows of a group, fetch them, say so. */
#include "data/reader_parts.h"

#include <limits.h>

#include "base/memory.h"
#include "data/sort.h"

void lsi_reader_ring(lsi_reader *r) {
  for (int m = 0; m < r->group.size; m++) lsi_bell_ring(&r->bells[m]);
}

/* All members' counters have reached `target`; false: told to stop. */
static bool wait_for(lsi_reader *r, lsi_counter *counters, int64_t target) {
  lsi_bell *bell = &r->bells[r->group.rank];
  for (;;) {
    uint32_t heard = lsi_bell_listen(bell);
    if (atomic_load(&r->stop)) return false;
    if (lsi_counters_reached(counters, r->group.size, (uint64_t)target)) return true;
    lsi_bell_wait(bell, heard);
  }
}

static ls_status ensure_wants(lsi_reader *r, int64_t n) {
  if (n <= r->wants_room) return LS_OK;
  lsi_free(r->wants);
  r->wants = NULL;
  r->wants_room = 0;
  LSI_TRY(LSI_ALLOC("data reader: rows", 2 * n, &r->wants));
  r->wants_room = n;
  return LS_OK;
}

/* The rows of one member that this rank fetches: all of its own, or its share of the chunks. */
static void add_wants(lsi_reader *r, int field, int member, int64_t g, bool together, int64_t *n) {
  lsi_slot_view slot = lsi_reader_slot(r, member, g);
  size_t row_bytes = r->fields->field[field].row_bytes;
  for (int64_t i = 0; i < *slot.count; i++) {
    int64_t row = slot.rows[i];
    if (together && lsi_fetch_band(r->fields->files, field, row) % (uint64_t)r->group.size != (uint64_t)r->group.rank) continue;
    if (*n < r->wants_room) r->wants[*n] = (lsi_want){row, slot.values[field] + (size_t)i * row_bytes};
    ++*n;
  }
}

static ls_status collect(lsi_reader *r, int field, int64_t g, bool together, int64_t *n) {
  for (;;) {
    *n = 0;
    for (int m = 0; m < r->group.size; m++)
      if (together || m == r->group.rank) add_wants(r, field, m, g, together, n);
    if (*n <= r->wants_room) return LS_OK;
    LSI_TRY(ensure_wants(r, *n + *n / 4));
  }
}

/* Then nobody needs to fetch it. */
static bool is_at_hand(lsi_reader *r, int field, int64_t g) {
  lsi_slot_view slot = lsi_reader_slot(r, r->group.rank, g);
  bool yes = !lsi_field_is_chunked(r->fields, field) &&
             lsi_files_at_hand(r->fields->files, field, slot.rows, *slot.count, r->fields->field[field].row_bytes);
  if (yes) *slot.at_hand |= INT64_C(1) << field;
  return yes;
}

static ls_status fetch_fields(lsi_reader *r, int64_t g) {
  int calm = atomic_load(&r->calm) + 1;
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    int64_t n;
    if (!lsi_field_is_streamed(r->fields, i) || is_at_hand(r, i, g)) continue;
    calm = 0;
    if (r->resting) break; /* the thread shall do it */
    LSI_TRY(collect(r, i, g, r->group.size > 1 && lsi_field_is_chunked(r->fields, i), &n));
    lsi_sort_wants(r->wants, r->wants + r->wants_room, n);
    LSI_TRY(lsi_fetch(r->fetcher, i, r->wants, n));
  }
  atomic_store(&r->calm, calm < INT_MAX ? calm : 1);
  return LS_OK;
}

static void list_rows(lsi_reader *r, int64_t g, lsi_stretch s) {
  lsi_slot_view slot = lsi_reader_slot(r, r->group.rank, g);
  *slot.at_hand = 0;
  *slot.count = lsi_course_rows_of_rank(&r->ahead, s, r->course_rank[r->group.rank], slot.rows);
}

void lsi_reader_give_up(lsi_reader *r, int64_t g) {
  r->failure[r->group.rank] = (lsi_reader_failure){g + 1, *ls_last_error()};
  lsi_counter_set(&r->listed[r->group.rank], (uint64_t)g + 1);
  lsi_counter_set(&r->wrote[r->group.rank], (uint64_t)g + 1);
  lsi_reader_ring(r);
}

ls_status lsi_reader_fill(lsi_reader *r, int64_t g, lsi_stretch s) {
  list_rows(r, g, s);
  lsi_counter_set(&r->listed[r->group.rank], (uint64_t)g + 1);
  lsi_reader_ring(r);
  if (r->group.size > 1 && !wait_for(r, r->listed, g + 1)) return LS_OK;
  atomic_store(&r->reading.on, true);
  ls_status status = fetch_fields(r, g);
  atomic_store(&r->reading.on, false);
  if (status != LS_OK) lsi_reader_give_up(r, g);
  else if (!r->resting || atomic_load(&r->calm) > 0) lsi_counter_set(&r->wrote[r->group.rank], (uint64_t)g + 1); /* else it is not complete */
  return status;
}

void *lsi_reader_thread(void *self) {
  lsi_reader *r = self;
  lsi_stretch s = r->read_from;
  for (int64_t g = r->first_group;; g++) {
    s = lsi_reader_next_group(&r->plan, r->fields, &r->ahead, s);
    int64_t before = g - r->plan.n_slots; /* in this slot: everybody must be done with it */
    if (before >= r->first_group && !wait_for(r, r->used, before + 1)) return NULL;
    if (atomic_load(&r->stop) || lsi_reader_fill(r, g, s) != LS_OK) return NULL; /* a failure waits for whoever gets there */
  }
}
