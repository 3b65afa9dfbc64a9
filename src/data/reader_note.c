/* SPDX-License-Identifier: MIT */
/* How a set is read, in words. */
#include <stdio.h>
#include <string.h>

#include "data/reader_parts.h"

enum { WORTH_A_WORD = 16 << 20 };

static double mib(double bytes) {
  return bytes / (1 << 20);
}

static double set_bytes(const lsi_fields *f) {
  double bytes = 0;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (f->field[i].name) bytes += (double)f->n_samples * (double)f->field[i].row_bytes;
  return bytes;
}

void lsi_dataset_describe_reading(const ls_dataset *data, char *text, size_t size) {
  const lsi_fields *f = lsi_fields_of(data);
  text[0] = '\0';
  if (!f || lsi_fields_is_streamed(f) || set_bytes(f) < WORTH_A_WORD) return;
  snprintf(text, size, "%.1f MiB in memory%s", mib(set_bytes(f)), f->shared.base ? ", one copy for all ranks of a node" : "");
}

static const char *packing(const lsi_h5_array *a) {
  for (int i = 0; i < a->filters.n; i++)
    if (a->filters.id[i] == H5Z_FILTER_DEFLATE) return "compressed ";
  return "";
}

/* Chunks that hold only a piece of each of their rows: all beside each other are needed for one row. */
static uint64_t chunks_across(const lsi_h5_array *a) {
  uint64_t n = 1;
  for (int d = 1; d < a->rank; d++) n *= (a->dims[d] + a->chunk_dims[d] - 1) / a->chunk_dims[d];
  return n;
}

void lsi_reader_describe(const lsi_reader *r, char *text, size_t size) {
  const lsi_reader_plan *plan = &r->plan;
  const lsi_fields *f = r->fields;
  const lsi_h5_array *x = lsi_reader_chunks(f);
  char how[160] = "contiguous", files[40] = "";
  if (f->files->n > 1) snprintf(files, sizeof files, " in %d files", f->files->n);
  if (plan->chunked && x)
    snprintf(how, sizeof how, "%schunks of %llu rows, each read about %.1f times a pass%s", packing(x), (unsigned long long)x->chunk_dims[0],
             lsi_reader_repeats(plan, f, &r->course), r->group.size > 1 ? " by one rank of the node" : "");
  snprintf(text, size, "%.1f MiB%s, streamed within %.1f MiB a rank: %s, read ahead in %d buffers of %lld samples", mib(set_bytes(f)), files,
           mib((double)plan->bytes), how, plan->n_slots, (long long)plan->slot_rows);
}

void lsi_reader_hint(const lsi_reader *r, char *text, size_t size) {
  const lsi_fields *f = r->fields;
  const lsi_h5_array *x = lsi_reader_chunks(f);
  const lsi_order *order = &r->course.order;
  text[0] = '\0';
  if (!r->plan.chunked || !x) return;
  double repeats = lsi_reader_repeats(&r->plan, f, &r->course);
  if (chunks_across(x) > 1)
    snprintf(text, size, "a sample lies in %llu chunks: files whose chunks hold whole samples are read faster (`lockstep convert --chunk-rows`)",
             (unsigned long long)chunks_across(x));
  else if (order->shuffle == LSI_SHUFFLE_FULL && repeats > 2)
    snprintf(text, size, "each chunk is read about %.0f times a pass: fit.shuffle: blocks reads it once; so does more data.memory_limit_mib", repeats);
  else if (order->shuffle == LSI_SHUFFLE_BLOCKS && order->block % (int64_t)x->chunk_dims[0] != 0)
    snprintf(text, size, "fit.shuffle_block is %lld; a multiple of the %llu rows of a chunk would touch fewer chunks", (long long)order->block,
             (unsigned long long)x->chunk_dims[0]);
  else if (order->shuffle == LSI_SHUFFLE_BLOCKS && repeats > 1.5)
    snprintf(text, size, "a window of %lld samples is more than the buffers hold: lower fit.shuffle_window, or raise data.memory_limit_mib",
             (long long)(order->block * order->window));
}
