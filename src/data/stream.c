/* SPDX-License-Identifier: MIT */
#include "data/stream.h"

#include "base/memory.h"

/* Staging is a few MiB: long runs amortise HDF5's cost a call (about 10 us). Rows less than
   MERGE_BYTES apart are fetched with what lies between, which costs less than a second call. */
enum { STAGING_BYTES = 4 << 20, MERGE_BYTES = 16 << 10 };

ls_status lsi_stream_create(lsi_h5_array array, const char *what, hid_t mem_type, size_t row_bytes,
                            lsi_stream **out) {
  lsi_stream *s = NULL;
  ls_status status = LSI_ALLOC("data stream", 1, &s);
  if (status != LS_OK) {
    lsi_h5_array_close(&array);
    return status;
  }
  *s = (lsi_stream){.array = array, .mem_type = mem_type, .row_bytes = row_bytes, .what = what};
  pthread_mutex_init(&s->mutex, NULL);
  s->staging_rows = row_bytes < STAGING_BYTES ? (int64_t)(STAGING_BYTES / row_bytes) : 1;
  s->merge_gap = (int64_t)(MERGE_BYTES / row_bytes);
  status = lsi_alloc("data stream: rows", (size_t)s->staging_rows, row_bytes, &s->staging);
  if (status != LS_OK) {
    lsi_stream_destroy(&s);
    return status;
  }
  *out = s;
  return LS_OK;
}

void lsi_stream_destroy(lsi_stream **stream) {
  lsi_stream *s = *stream;
  if (!s) return;
  lsi_h5_array_close(&s->array);
  pthread_mutex_destroy(&s->mutex);
  lsi_free(s->staging);
  lsi_free(s->order);
  lsi_free(s);
  *stream = NULL;
}

static void sift(lsi_row_place *heap, int64_t root, int64_t n) {
  for (int64_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && heap[child + 1].row > heap[child].row) child++;
    if (heap[root].row >= heap[child].row) return;
    lsi_row_place swap = heap[root];
    heap[root] = heap[child];
    heap[child] = swap;
  }
}

/* Heapsort: libc's qsort allocates. */
static void sort_by_row(lsi_row_place *order, int64_t n) {
  int64_t i = 1;
  while (i < n && order[i - 1].row <= order[i].row) i++;
  if (i >= n) return; /* evaluation asks in order */
  for (i = n / 2; i-- > 0;) sift(order, i, n);
  for (i = n; i-- > 1;) {
    lsi_row_place swap = order[0];
    order[0] = order[i];
    order[i] = swap;
    sift(order, 0, i);
  }
}

static ls_status make_order(lsi_stream *s, const int64_t *rows, int64_t n) {
  if (n > s->order_capacity) {
    lsi_free(s->order);
    s->order = NULL;
    s->order_capacity = 0;
    LSI_TRY(LSI_ALLOC("data stream: order", n, &s->order));
    s->order_capacity = n;
  }
  for (int64_t i = 0; i < n; i++) s->order[i] = (lsi_row_place){rows[i], i};
  sort_by_row(s->order, n);
  return LS_OK;
}

/* The end of the run that starts at `begin`: rows near each other that fit the staging buffer. */
static int64_t run_end(const lsi_stream *s, int64_t begin, int64_t n) {
  const lsi_row_place *order = s->order;
  int64_t end = begin + 1;
  while (end < n && order[end].row - order[end - 1].row <= s->merge_gap + 1 &&
         order[end].row - order[begin].row < s->staging_rows)
    end++;
  return end;
}

static ls_status visit_run(lsi_stream *s, int64_t begin, int64_t end, lsi_row_visitor visit,
                           void *context) {
  int64_t first = s->order[begin].row, last = s->order[end - 1].row;
  LSI_TRY(lsi_h5_array_read_rows(&s->array, s->what, s->mem_type, (uint64_t)first,
                                 (uint64_t)(last - first + 1), s->staging));
  for (int64_t i = begin; i < end; i++) {
    const lsi_row_place *o = &s->order[i];
    LSI_TRY(visit(context, o->place, o->row, s->staging + (size_t)(o->row - first) * s->row_bytes));
  }
  return LS_OK;
}

ls_status lsi_stream_each(lsi_stream *stream, const int64_t *rows, int64_t n, lsi_row_visitor visit,
                          void *context) {
  pthread_mutex_lock(&stream->mutex);
  ls_status status = make_order(stream, rows, n);
  for (int64_t begin = 0, end; status == LS_OK && begin < n; begin = end) {
    end = run_end(stream, begin, n);
    status = visit_run(stream, begin, end, visit, context);
  }
  pthread_mutex_unlock(&stream->mutex);
  return status;
}
