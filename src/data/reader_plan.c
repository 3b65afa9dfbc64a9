/* SPDX-License-Identifier: MIT */
/* How a reader divides its memory, and a pass. */
#include "data/reader_parts.h"

#include <math.h>

#include "base/memory.h"

enum { MIB = 1 << 20, HEAD_BYTES = 16 << 10, FEW_SLOTS = 2, LEAST_ROWS = 16, WANTED_BYTES = 256 << 10 };

static int64_t largest_batch(const lsi_course *c) {
  return c->n_rows < c->batch_size ? c->n_rows : c->batch_size;
}

/* Most rows that any rank has in a batch. */
static int64_t most_rows(const lsi_course *c) {
  int64_t leaves = (largest_batch(c) + c->leaf_rows - 1) / c->leaf_rows;
  return (leaves + c->n_ranks - 1) / c->n_ranks * c->leaf_rows;
}

static int64_t chunk_rows_at(const lsi_fields *fields, int64_t row) {
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (lsi_field_is_streamed(fields, i) && lsi_fetch_chunk_rows(fields->files, i, row)) return lsi_fetch_chunk_rows(fields->files, i, row);
  return 0;
}

static const lsi_h5_array *largest_chunked(const lsi_fields *fields, int field) {
  const lsi_h5_array *largest = NULL;
  for (int p = 0; lsi_field_is_streamed(fields, field) && p < fields->files->n; p++) {
    const lsi_h5_array *a = &fields->files->parts[p].arrays[field];
    if (a->chunked && (!largest || a->dims[0] > largest->dims[0])) largest = a;
  }
  return largest;
}

const lsi_h5_array *lsi_reader_chunks(const lsi_fields *fields) {
  const lsi_h5_array *a = NULL;
  for (int i = 0; i < LSI_N_FIELDS && !a; i++) a = largest_chunked(fields, i);
  return a;
}

static int64_t usual_chunk_rows(const lsi_fields *fields) {
  const lsi_h5_array *a = lsi_reader_chunks(fields);
  return a ? (int64_t)a->chunk_dims[0] : 0;
}

static size_t streamed_row_bytes(const lsi_fields *fields) {
  size_t bytes = 0;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (lsi_field_is_streamed(fields, i)) bytes += fields->field[i].row_bytes;
  return bytes;
}

/* Batches that a slot should hold, if memory allows: contiguous rows are read one by one in any case, and what is read is best used
   while it is in the cache; a chunk should serve as many samples as possible. */
static int64_t batches_wanted(const lsi_fields *fields, const lsi_course *c, const lsi_reader_plan *plan) {
  int64_t batch_bytes = plan->max_rows * (int64_t)plan->row_bytes, cheap = 1 + WANTED_BYTES / batch_bytes;
  int64_t chunk = usual_chunk_rows(fields), all = c->batches_per_pass;
  if (!plan->chunked) return cheap;
  int64_t wanted = c->order.shuffle == LSI_SHUFFLE_BLOCKS ? (int64_t)ceil((double)c->order.block * (double)c->order.window / (double)c->batch_size) + 1
                   : c->order.shuffle == LSI_SHUFFLE_NONE ? chunk / c->batch_size + 2
                                                          : all;
  if (wanted > all) wanted = all;
  return wanted > cheap ? wanted : cheap;
}

/* Bytes of one row in a slot and in the lists it is sorted in. */
static int64_t row_cost(const lsi_reader_plan *plan) {
  return plan->n_slots * (int64_t)(plan->row_bytes + sizeof(int64_t)) + 2 * (int64_t)sizeof(lsi_want);
}

static void lay_out(const lsi_fields *fields, lsi_reader_plan *plan) {
  size_t bytes = lsi_round_up(sizeof(int64_t) * (size_t)(plan->slot_rows + 2), LSI_SHM_LINE);
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (lsi_field_is_streamed(fields, i)) bytes += lsi_round_up((size_t)plan->slot_rows * fields->field[i].row_bytes, LSI_SHM_LINE);
  plan->slot_bytes = bytes;
  plan->rank_bytes = lsi_round_up((size_t)plan->n_slots * bytes, LSI_SHM_PAGE);
}

static ls_status too_little(const lsi_fields *fields, int64_t least, int64_t budget) {
  LSI_FAIL(LS_ERR_MEMORY, "raise data.memory_limit_mib, or write the file with smaller chunks",
           "%s: the buffers for a few rows and one chunk take %.1f MiB a rank; the memory limit of %.1f MiB a node leaves %.1f for them",
           fields->label, (double)least / MIB, (double)fields->limit / MIB, (double)(budget > 0 ? budget : 0) / MIB);
}

ls_status lsi_reader_plan_make(const lsi_fields *fields, const lsi_course *c, int64_t budget, int n_workers, lsi_reader_plan *out) {
  lsi_reader_plan plan = {.chunked = lsi_fields_has_chunks(fields), .max_rows = most_rows(c), .row_bytes = streamed_row_bytes(fields),
                          .n_workers = n_workers, .n_slots = FEW_SLOTS};
  int64_t least = HEAD_BYTES + (int64_t)lsi_fetcher_bytes(fields->files, 1) + LEAST_ROWS * row_cost(&plan);
  if (budget < least && fields->limit_given) return too_little(fields, least, budget);
  if (budget < least) budget = least; /* the limit was our own guess */
  plan.n_slots = plan.chunked ? FEW_SLOTS : LSI_MAX_SLOTS;
  while (plan.n_workers > 1 && (int64_t)lsi_fetcher_bytes(fields->files, plan.n_workers) > (budget - least) / 3) plan.n_workers--;
  int64_t fixed = HEAD_BYTES + (int64_t)lsi_fetcher_bytes(fields->files, plan.n_workers), left = budget - fixed;
  while (plan.n_slots > FEW_SLOTS && left / row_cost(&plan) < plan.max_rows) plan.n_slots--;
  int64_t rows = left / row_cost(&plan), batches = rows / plan.max_rows, wanted = batches_wanted(fields, c, &plan);
  plan.slot_rows = batches > 0 ? (batches < wanted ? batches : wanted) * plan.max_rows : rows;
  lay_out(fields, &plan);
  plan.bytes = fixed + plan.slot_rows * row_cost(&plan);
  *out = plan;
  return LS_OK;
}

/* ---- groups ---- */

/* In order: the last place up to `end` where a chunk ends; `end` when there is none. */
static int64_t end_with_chunk(const lsi_fields *fields, const lsi_course *c, int64_t begin, int64_t end) {
  int64_t row = c->first + end - 1, chunk = chunk_rows_at(fields, row);
  const lsi_part *part = &fields->files->parts[lsi_files_find(fields->files, row)];
  if (!chunk || row + 1 == part->first + part->n_rows) return end;
  int64_t cut = part->first + (row + 1 - part->first) / chunk * chunk - c->first;
  return cut > begin ? cut : end;
}

/* Blocks: the last place up to `end` where a window ends; `end` when there is none. */
static int64_t end_with_window(lsi_course *c, int64_t pass, int64_t begin, int64_t end) {
  int64_t cut = lsi_order_window_end(&c->order, pass, begin);
  if (cut > end) return end;
  for (int64_t next = cut; next <= end && cut < c->n_rows; next = lsi_order_window_end(&c->order, pass, cut)) cut = next > cut ? next : cut;
  return cut;
}

lsi_stretch lsi_reader_next_group(const lsi_reader_plan *plan, const lsi_fields *fields, lsi_course *c, lsi_stretch before) {
  lsi_stretch s = {before.pass, before.end, 0};
  if (s.begin >= c->n_rows) s = (lsi_stretch){before.pass + 1, 0, 0};
  int64_t batches = plan->slot_rows / plan->max_rows; /* with less than a batch, all rows may be one rank's */
  s.end = batches > 0 ? (s.begin / c->batch_size + batches) * c->batch_size : s.begin + plan->slot_rows;
  if (s.end >= c->n_rows) {
    s.end = c->n_rows;
    return s;
  }
  if (plan->chunked && c->order.shuffle == LSI_SHUFFLE_NONE) s.end = end_with_chunk(fields, c, s.begin, s.end);
  if (plan->chunked && c->order.shuffle == LSI_SHUFFLE_BLOCKS) s.end = end_with_window(c, s.pass, s.begin, s.end);
  return s;
}

/* A chunk of k rows is read in each of the groups that one of them falls in. */
double lsi_reader_repeats(const lsi_reader_plan *plan, const lsi_fields *fields, const lsi_course *c) {
  double chunk = (double)usual_chunk_rows(fields), places = (double)plan->slot_rows / (double)plan->max_rows * (double)c->batch_size;
  double groups = ceil((double)c->n_rows / places), window = (double)c->order.block * (double)c->order.window;
  if (chunk < 1 || c->order.shuffle == LSI_SHUFFLE_NONE) return 1;
  if (c->order.shuffle == LSI_SHUFFLE_FULL || c->order.shuffle == LSI_SHUFFLE_BATCH) {
    double pieces = c->order.shuffle == LSI_SHUFFLE_FULL ? chunk : ceil(chunk / (double)c->batch_size) + (fmod(chunk, (double)c->batch_size) > 0);
    return groups * (1 - pow(1 - 1 / groups, pieces));
  }
  double cut = window + (double)c->batch_size > places ? ceil(window / places) : 1;
  double blocks = fmod((double)c->order.block, chunk) > 0 ? 1 + chunk / (double)c->order.block : 1; /* blocks that share a chunk */
  return (cut < chunk ? cut : chunk) * blocks;
}
