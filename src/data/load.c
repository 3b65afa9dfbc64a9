/* SPDX-License-Identifier: MIT */
#include "data/load.h"

#include "base/log.h"
#include "base/memory.h"

enum { SLAB_BYTES = 4 << 20 };

static size_t field_bytes(const lsi_fields *f, int field) {
  size_t bytes;
  return lsi_mul_size((size_t)f->n_samples, f->field[field].row_bytes, &bytes) && bytes < SIZE_MAX / 8
             ? lsi_round_up(bytes, LSI_SHM_PAGE)
             : SIZE_MAX / 8;
}

/* ---- memory ---- */

static ls_status allocate_shared(lsi_fields *f, size_t bytes) {
  const lsi_group *g = &f->group;
  LSI_TRY(lsi_shm_create(&g->comm, bytes, &f->shared));
  size_t pages = bytes / LSI_SHM_PAGE, begin = pages * (size_t)g->rank / (size_t)g->size * LSI_SHM_PAGE,
         end = pages * ((size_t)g->rank + 1) / (size_t)g->size * LSI_SHM_PAGE;
  ls_status status = lsi_agree(&g->comm, lsi_shm_reserve(&f->shared, begin, end));
  if (status != LS_OK) lsi_shm_destroy(&f->shared);
  return status;
}

/* *base NULL: there is no room. */
static ls_status allocate(lsi_fields *f, size_t bytes, int64_t limit, char **base) {
  *base = NULL;
  if (f->group.size > 1) {
    if (allocate_shared(f, bytes) == LS_OK) {
      *base = f->shared.base;
      return LS_OK;
    }
    bool room = bytes <= (uint64_t)limit / (uint64_t)f->group.size;
    lsi_log_warn("%s: the ranks of a node cannot share memory, so %s: %s", f->label,
                 room ? "each holds a copy of its own" : "it is read from the file", ls_last_error()->message);
    if (!room) return LS_OK;
  }
  LSI_TRY(lsi_alloc(f->label, bytes, 1, &f->owned));
  *base = f->owned;
  return LS_OK;
}

/* ---- reading ---- */

/* Slabs are whole chunks, so that none is unpacked twice. */
static int64_t slab_rows(const lsi_fields *f, int field, int64_t first) {
  size_t row = f->field[field].row_bytes;
  int64_t rows = row < SLAB_BYTES ? (int64_t)(SLAB_BYTES / row) : 1, chunk = lsi_fetch_chunk_rows(f->files, field, first);
  return chunk ? (rows + chunk - 1) / chunk * chunk : rows;
}

static ls_status load_slab(lsi_fields *f, int field, lsi_fetcher *fetcher, int64_t first, int64_t n, char *values) {
  enum { AT_ONCE = 4096 };
  lsi_want wants[AT_ONCE];
  size_t row = f->field[field].row_bytes;
  int64_t chunk = lsi_fetch_chunk_rows(f->files, field, first), most = chunk && chunk < AT_ONCE ? AT_ONCE / chunk * chunk : AT_ONCE;
  for (int64_t done = 0; done < n; done += most) {
    int64_t count = n - done < most ? n - done : most;
    for (int64_t i = 0; i < count; i++) wants[i] = (lsi_want){first + done + i, values + (size_t)(first + done + i) * row};
    LSI_TRY(lsi_fetch(fetcher, field, wants, count));
  }
  return LS_OK;
}

/* This rank's share of the slabs: every size-th. */
static ls_status load_field(lsi_fields *f, int field, lsi_fetcher *fetcher, int rank, int size, char *values) {
  int64_t slab = 0;
  for (int p = 0; p < f->files->n; p++) {
    const lsi_part *part = &f->files->parts[p];
    int64_t rows = slab_rows(f, field, part->first), end = part->first + part->n_rows;
    for (int64_t first = part->first; first < end; first += rows, slab++)
      if (slab % size == rank) LSI_TRY(load_slab(f, field, fetcher, first, end - first < rows ? end - first : rows, values));
  }
  return LS_OK;
}

typedef struct loading {
  lsi_fields *fields;
  const bool *load; /* [LSI_N_FIELDS] */
  char *base;
  int rank, size;
} loading;

static ls_status load_fields(void *self) {
  const loading *l = self;
  lsi_fields *f = l->fields;
  lsi_fetcher *fetcher;
  LSI_TRY(lsi_fetcher_create(f->files, 1, &f->reading, &fetcher));
  ls_status status = LS_OK;
  char *base = l->base;
  for (int i = 0; i < LSI_N_FIELDS && status == LS_OK; i++) {
    if (!l->load[i]) continue;
    status = load_field(f, i, fetcher, l->rank, l->size, base);
    f->field[i].values = base;
    base += field_bytes(f, i);
  }
  lsi_fetcher_destroy(&fetcher);
  return status;
}

ls_status lsi_fields_load(lsi_fields *fields, const bool load[LSI_N_FIELDS], int64_t limit) {
  const lsi_group *g = &fields->group;
  size_t bytes = 0;
  char *base;
  for (int i = 0; i < LSI_N_FIELDS; i++) bytes += load[i] ? field_bytes(fields, i) : 0;
  if (bytes == 0) return LS_OK;
  ls_status status = allocate(fields, bytes, limit, &base);
  bool shared = base && base == fields->shared.base;
  loading l = {.fields = fields, .load = load, .base = base, .rank = shared ? g->rank : 0, .size = shared ? g->size : 1};
  if (status == LS_OK && base) status = lsi_files_aside(&g->comm, &fields->reading, load_fields, &l);
  return g->size > 1 ? lsi_agree(&g->comm, status) : status;
}
