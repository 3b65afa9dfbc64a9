/* SPDX-License-Identifier: MIT */
#include "data/fetch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "data/decode.h"
#include "store/h5_chunk.h"

/* Rows less than MERGE_BYTES apart are read with what lies between, which costs less than a second call. */
enum { STAGING_BYTES = 64 << 10, MERGE_BYTES = 4 << 10, WANTS_A_JOB = 256, JOBS_AT_ONCE = 256 };

typedef struct job {
  int64_t begin, end; /* of the wants */
  lsi_part *part;
  uint64_t corner[8]; /* of the chunk */
} job;

typedef struct worker {
  lsi_h5_unpacker *unpacker;
  char *values; /* a chunk as it is in memory, or rows of a contiguous array; grows */
  size_t room;
  const lsi_part *part; /* whose chunk it is; NULL: none */
  int field;
  uint64_t corner[8];
} worker;

struct lsi_fetcher {
  lsi_files *files;
  lsi_crew *crew;
  worker *workers;
  int n_workers;
  job *jobs;
  int n_jobs;
  _Atomic int64_t n_unpacked; /* chunks */
  lsi_reading *reading;
  /* of the fetch at hand */
  int field;
  const lsi_want *wants;
};

static size_t value_size(const lsi_h5_array *a) {
  size_t in_memory = lsi_dtype_size(lsi_part_dtype(a));
  return in_memory > a->type_size ? in_memory : a->type_size;
}

/* The largest chunk of any array, in the file and in memory. */
static void largest_chunk(const lsi_files *files, size_t *stored, size_t *unpacked) {
  *stored = *unpacked = 0;
  for (int i = 0; i < files->n; i++)
    for (int k = 0; k < LSI_N_FIELDS; k++) {
      const lsi_h5_array *a = &files->parts[i].arrays[k];
      if (!files->parts[i].present[k] || !a->chunked) continue;
      size_t bytes = (size_t)(a->chunk_bytes / a->type_size) * value_size(a);
      if (a->chunk_bytes > *stored) *stored = (size_t)a->chunk_bytes;
      if (bytes > *unpacked) *unpacked = bytes;
    }
}

size_t lsi_fetcher_bytes(const lsi_files *files, int n_workers) {
  size_t stored, unpacked;
  largest_chunk(files, &stored, &unpacked);
  size_t each = (stored ? lsi_h5_unpacker_bytes(stored) : 0) + (unpacked > STAGING_BYTES ? unpacked : STAGING_BYTES);
  return each * (size_t)n_workers + JOBS_AT_ONCE * sizeof(job);
}

static ls_status allocate(lsi_fetcher *f) {
  size_t stored, unpacked;
  largest_chunk(f->files, &stored, &unpacked);
  LSI_TRY(LSI_ALLOC("data readers", JOBS_AT_ONCE, &f->jobs));
  LSI_TRY(LSI_ALLOC("data readers", f->n_workers, &f->workers));
  for (int i = 0; i < f->n_workers; i++) {
    worker *w = &f->workers[i];
    if (stored) LSI_TRY(lsi_h5_unpacker_create(stored, &w->unpacker));
    w->room = unpacked > STAGING_BYTES ? unpacked : STAGING_BYTES;
    LSI_TRY(lsi_alloc("data readers", w->room, 1, &w->values));
  }
  return lsi_crew_create(f->n_workers, &f->crew);
}

ls_status lsi_fetcher_create(lsi_files *files, int n_workers, lsi_reading *reading, lsi_fetcher **out) {
  lsi_fetcher *f;
  LSI_TRY(LSI_ALLOC("data readers", 1, &f));
  f->files = files;
  f->reading = reading;
  f->n_workers = n_workers;
  ls_status status = allocate(f);
  if (status != LS_OK) {
    lsi_fetcher_destroy(&f);
    return status;
  }
  *out = f;
  return LS_OK;
}

void lsi_fetcher_destroy(lsi_fetcher **fetcher) {
  lsi_fetcher *f = *fetcher;
  if (!f) return;
  lsi_crew_destroy(&f->crew);
  for (int i = 0; f->workers && i < f->n_workers; i++) {
    lsi_h5_unpacker_destroy(&f->workers[i].unpacker);
    lsi_free(f->workers[i].values);
  }
  lsi_free(f->workers);
  lsi_free(f->jobs);
  lsi_free(f);
  *fetcher = NULL;
}

static ls_status shortened(const job *j, int field, uint64_t first, uint64_t n) {
  LSI_FAIL(LS_ERR_CORRUPT, "copy or make the file again; it must not change during a run", "%s, rows %llu to %llu: the file has become shorter",
           j->part->what[field], (unsigned long long)first, (unsigned long long)(first + n) - 1);
}

/* HDF5 reads zeros where a file has been cut. */
static ls_status check_whole(const job *j, int field, uint64_t first, uint64_t n) {
  struct stat about;
  bool shorter = j->part->file_bytes > 0 && fstat(j->part->descriptor, &about) == 0 && about.st_size < j->part->file_bytes;
  return shorter ? shortened(j, field, first, n) : LS_OK;
}

/* ---- one chunk ---- */

static void fill_all(char *values, size_t n, const char *value, size_t size) {
  for (size_t i = 0; i < n; i++) memcpy(values + i * size, value, size);
}

static uint64_t rows_of_chunk(const lsi_h5_array *a, const uint64_t *corner) {
  return a->dims[0] - corner[0] < a->chunk_dims[0] ? a->dims[0] - corner[0] : a->chunk_dims[0];
}

/* The chunk in the type of memory. */
static ls_status load_chunk(const job *j, int field, worker *w) {
  const lsi_h5_array *a = &j->part->arrays[field];
  const char *what = j->part->what[field];
  ls_dtype dtype = lsi_part_dtype(a);
  hid_t type = lsi_dtype_h5(dtype);
  size_t n = (size_t)(a->chunk_bytes / a->type_size);
  bool found;
  ls_status status = lsi_h5_chunk_read(a, w->unpacker, what, j->corner, w->values, &found);
  LSI_TRY(check_whole(j, field, j->corner[0], rows_of_chunk(a, j->corner))); /* it says more than what became of the zeros */
  LSI_TRY(status);
  if (!found) {
    char value[8];
    LSI_TRY(lsi_h5_array_fill_value(a, what, type, value));
    fill_all(w->values, n, value, lsi_dtype_size(dtype));
    return LS_OK;
  }
  return j->part->native[field] ? LS_OK : lsi_h5_array_convert(a, what, type, n, w->values);
}

/* Unless it is there: who reads on in order has use for what the last request left. */
static ls_status ensure_chunk(lsi_fetcher *f, const job *j, int field, worker *w) {
  if (w->part == j->part && w->field == field && memcmp(w->corner, j->corner, sizeof w->corner) == 0) return LS_OK;
  w->part = NULL;
  LSI_TRY(load_chunk(j, field, w));
  lsi_reading_step(f->reading);
  atomic_fetch_add(&f->n_unpacked, 1);
  w->part = j->part;
  w->field = field;
  memcpy(w->corner, j->corner, sizeof w->corner);
  return LS_OK;
}

/* Copy the part of a row that the chunk has: in dimension d and below. Sizes in bytes of one step of d. */
static void copy_piece(const lsi_h5_array *a, const uint64_t *corner, int d, size_t chunk_step, size_t row_step, const char *from, char *to) {
  uint64_t have = a->dims[d] - corner[d] < a->chunk_dims[d] ? a->dims[d] - corner[d] : a->chunk_dims[d];
  to += corner[d] * row_step;
  if (d == a->rank - 1) {
    memcpy(to, from, have * row_step);
    return;
  }
  size_t chunk_inner = chunk_step / a->chunk_dims[d + 1], row_inner = row_step / a->dims[d + 1];
  for (uint64_t i = 0; i < have; i++)
    copy_piece(a, corner, d + 1, chunk_inner, row_inner, from + i * chunk_step, to + i * row_step);
}

static ls_status do_chunk(lsi_fetcher *f, const job *j, worker *w) {
  const lsi_h5_array *a = &j->part->arrays[f->field];
  LSI_TRY(ensure_chunk(f, j, f->field, w));
  size_t size = lsi_dtype_size(lsi_part_dtype(a)), chunk_row = size, row = size;
  for (int d = 1; d < a->rank; d++) chunk_row *= a->chunk_dims[d], row *= a->dims[d];
  for (int64_t i = j->begin; i < j->end; i++) {
    const lsi_want *want = &f->wants[i];
    const char *from = w->values + (uint64_t)(want->row - j->part->first - (int64_t)j->corner[0]) * chunk_row;
    if (a->rank == 1) memcpy(want->to, from, size);
    else copy_piece(a, j->corner, 1, chunk_row / a->chunk_dims[1], row / a->dims[1], from, want->to);
  }
  return LS_OK;
}

/* ---- rows of a contiguous array ---- */

static ls_status read_bytes(const job *j, int field, uint64_t first, uint64_t n, char *to) {
  const lsi_part *part = j->part;
  const lsi_h5_array *a = &part->arrays[field];
  size_t row = (size_t)(a->count / a->dims[0]) * a->type_size, wanted = (size_t)n * row, got = 0;
  while (got < wanted) {
    ssize_t done = pread(part->descriptor, to + got, wanted - got, (off_t)(a->offset + first * row + got));
    if (done < 0 && errno == EINTR) continue;
    LSI_CHECK(done >= 0, LS_ERR_IO, "check the disk or the network", "%s, rows %llu to %llu: cannot be read: %s", part->what[field],
              (unsigned long long)first, (unsigned long long)(first + n) - 1, strerror(errno));
    if (done == 0) return shortened(j, field, first, n);
    got += (size_t)done;
  }
  return LS_OK;
}

/* Rows [first, first + n) of the file, in the type of memory. */
static ls_status read_rows(const job *j, int field, uint64_t first, uint64_t n, char *to) {
  const lsi_h5_array *a = &j->part->arrays[field];
  hid_t type = lsi_dtype_h5(lsi_part_dtype(a));
  if (!a->in_one_piece || j->part->descriptor < 0) {
    LSI_TRY(lsi_h5_array_read_rows(a, j->part->what[field], type, first, n, to));
    return check_whole(j, field, first, n);
  }
  LSI_TRY(read_bytes(j, field, first, n, to));
  if (j->part->native[field]) return LS_OK;
  return lsi_h5_array_convert(a, j->part->what[field], type, (size_t)(n * (a->count / a->dims[0])), to);
}

/* Room for rows, at least one: larger rows than the staging area are rare and grow it. */
static ls_status ensure_row(worker *w, size_t bytes) {
  if (bytes <= w->room) return LS_OK;
  lsi_free(w->values);
  w->values = NULL;
  w->room = 0;
  LSI_TRY(lsi_alloc("data readers: a row", bytes, 1, &w->values));
  w->room = bytes;
  return LS_OK;
}

static ls_status do_rows(lsi_fetcher *f, const job *j, worker *w) {
  const lsi_h5_array *a = &j->part->arrays[f->field];
  const lsi_want *wants = f->wants;
  size_t values = (size_t)(a->count / a->dims[0]), row = values * lsi_dtype_size(lsi_part_dtype(a)), wide = values * value_size(a);
  w->part = NULL;
  LSI_TRY(ensure_row(w, wide));
  int64_t most = (int64_t)(w->room / wide), gap = MERGE_BYTES / (int64_t)wide;
  for (int64_t begin = j->begin, end; begin < j->end; begin = end) {
    int64_t first = wants[begin].row;
    bool in_place = wide == row; /* each row follows the one before, in the file and where they go */
    for (end = begin + 1; end < j->end && wants[end].row - first < most && wants[end].row - wants[end - 1].row <= gap + 1; end++)
      in_place = in_place && wants[end].row == wants[end - 1].row + 1 && wants[end].to == wants[end - 1].to + row;
    uint64_t n = (uint64_t)(wants[end - 1].row - first + 1);
    LSI_TRY(read_rows(j, f->field, (uint64_t)(first - j->part->first), n, in_place ? wants[begin].to : w->values));
    lsi_reading_step(f->reading);
    for (int64_t i = begin; i < end && !in_place; i++) memcpy(wants[i].to, w->values + (size_t)(wants[i].row - first) * row, row);
  }
  return LS_OK;
}

/* ---- jobs ---- */

static ls_status do_job(void *context, int number, int64_t which) {
  lsi_fetcher *f = context;
  const job *j = &f->jobs[which];
  return j->part->arrays[f->field].chunked ? do_chunk(f, j, &f->workers[number]) : do_rows(f, j, &f->workers[number]);
}

static ls_status run_jobs(lsi_fetcher *f) {
  int n = f->n_jobs;
  f->n_jobs = 0;
  return lsi_crew_run(f->crew, n, do_job, f);
}

static ls_status add_job(lsi_fetcher *f, const job *j) {
  f->jobs[f->n_jobs++] = *j;
  return f->n_jobs == JOBS_AT_ONCE ? run_jobs(f) : LS_OK;
}

/* The chunks beside each other that together hold the rows of a band: one job each. */
static ls_status add_chunks(lsi_fetcher *f, const lsi_h5_array *a, job *j) {
  for (;;) {
    LSI_TRY(add_job(f, j));
    int d = a->rank - 1;
    while (d > 0 && (j->corner[d] += a->chunk_dims[d]) >= a->dims[d]) j->corner[d--] = 0;
    if (d <= 0) return LS_OK;
  }
}

static ls_status add_jobs(lsi_fetcher *f, int64_t begin, int64_t n, int64_t *end) {
  job j = {.begin = begin};
  LSI_TRY(lsi_files_at(f->files, f->wants[begin].row, &j.part));
  const lsi_h5_array *a = &j.part->arrays[f->field];
  int64_t limit = j.part->first + j.part->n_rows, e = begin + 1;
  if (a->chunked) {
    int64_t rows = (int64_t)a->chunk_dims[0], band = (f->wants[begin].row - j.part->first) / rows;
    int64_t after = j.part->first + (band + 1) * rows;
    if (after < limit) limit = after;
    j.corner[0] = (uint64_t)(band * rows);
  }
  while (e < n && f->wants[e].row < limit && (a->chunked || e - begin < WANTS_A_JOB)) e++;
  j.end = *end = e;
  return a->chunked ? add_chunks(f, a, &j) : add_job(f, &j);
}

ls_status lsi_fetch(lsi_fetcher *fetcher, int field, const lsi_want *wants, int64_t n) {
  fetcher->field = field;
  fetcher->wants = wants;
  fetcher->n_jobs = 0;
  for (int64_t begin = 0, end; begin < n; begin = end) LSI_TRY(add_jobs(fetcher, begin, n, &end));
  return run_jobs(fetcher);
}

int64_t lsi_fetcher_unpacked(const lsi_fetcher *fetcher) {
  return atomic_load(&fetcher->n_unpacked);
}

int64_t lsi_fetch_chunk_rows(const lsi_files *files, int field, int64_t row) {
  const lsi_part *part = &files->parts[lsi_files_find(files, row)];
  return part->arrays[field].chunked ? (int64_t)part->arrays[field].chunk_dims[0] : 0;
}

uint64_t lsi_fetch_band(const lsi_files *files, int field, int64_t row) {
  int i = lsi_files_find(files, row);
  const lsi_part *part = &files->parts[i];
  int64_t rows = part->arrays[field].chunked ? (int64_t)part->arrays[field].chunk_dims[0] : 1;
  return ((uint64_t)i << 40) + (uint64_t)((row - part->first) / rows);
}
