/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/checkpoint_index.h"
#include "store/h5_skeleton.h"

static hid_t file_type(lsi_ckpt_type type) {
  return type == LSI_CKPT_F32   ? H5T_IEEE_F32LE
         : type == LSI_CKPT_F64 ? H5T_IEEE_F64LE
                                : H5T_STD_I64LE;
}

static ls_status add(const lsi_h5_skeleton *skeleton, const char *group, const char *name, int rank, const uint64_t *dims,
                     hid_t type, uint64_t *offset) {
  char full[1024];
  int n = snprintf(full, sizeof full, "%s/%s", group, name);
  LSI_CHECK(n < (int)sizeof full, LS_ERR_ARG, NULL, "checkpoint: the name \"%.100s...\" is too long", name);
  return lsi_h5_skeleton_add(skeleton, full, rank, dims, type, offset);
}

static ls_status add_items(const lsi_h5_skeleton *skeleton, const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts,
                           int n_texts, lsi_ckpt_item *items) {
  LSI_TRY(lsi_h5_write_attr_string(skeleton->file, ".", "format", "lockstep checkpoint"));
  for (int i = 0; i < n_arrays; i++) {
    items[i].n_bytes = lsi_ckpt_array_bytes(&arrays[i]);
    LSI_TRY(add(skeleton, "arrays", arrays[i].name, arrays[i].rank, arrays[i].dims, file_type(arrays[i].type), &items[i].offset));
  }
  for (int i = 0; i < n_texts; i++) {
    lsi_ckpt_item *item = &items[n_arrays + i];
    item->n_bytes = strlen(texts[i].value);
    LSI_TRY(add(skeleton, "texts", texts[i].name, 1, &item->n_bytes, H5T_STD_U8LE, &item->offset));
  }
  return LS_OK;
}

static ls_status allocate(int n_items, lsi_ckpt_layout **out) {
  LSI_TRY(LSI_ALLOC("layout of a checkpoint", 1, out));
  lsi_ckpt_layout *layout = *out;
  layout->n_items = n_items;
  LSI_TRY(LSI_ALLOC("layout of a checkpoint", n_items + 1, &layout->items));
  LSI_TRY(LSI_ALLOC("layout of a checkpoint", n_items + 1, &layout->starts));
  return LSI_ALLOC("layout of a checkpoint", n_items + 1, &layout->gaps);
}

static int by_offset(const void *a, const void *b) {
  const lsi_ckpt_item *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* What lies before, between and behind the items. `sorted` is scratch. */
static ls_status fill_gaps(lsi_ckpt_layout *layout, lsi_ckpt_item *sorted) {
  int n = 0;
  uint64_t at = 0;
  for (int i = 0; i < layout->n_items; i++)
    if (layout->items[i].n_bytes > 0) sorted[n++] = layout->items[i];
  qsort(sorted, (size_t)n, sizeof *sorted, by_offset);
  sorted[n++] = (lsi_ckpt_item){layout->file_bytes, 0};
  for (int i = 0; i < n; i++) {
    bool fits = sorted[i].offset >= at && sorted[i].offset <= layout->file_bytes &&
                sorted[i].n_bytes <= layout->file_bytes - sorted[i].offset;
    LSI_CHECK(fits, LS_ERR_CORRUPT, NULL, "arrays overlap, or lie outside of the file's %llu bytes",
              (unsigned long long)layout->file_bytes);
    if (sorted[i].offset > at) layout->gaps[layout->n_gaps++] = (lsi_ckpt_item){at, sorted[i].offset - at};
    at = sorted[i].offset + sorted[i].n_bytes;
  }
  return LS_OK;
}

/* All that follows from items and file_bytes. */
static ls_status complete(lsi_ckpt_layout *layout) {
  lsi_ckpt_item *sorted;
  for (int i = 0; i < layout->n_items; i++) layout->starts[i + 1] = layout->starts[i] + layout->items[i].n_bytes;
  LSI_TRY(LSI_ALLOC("layout of a checkpoint", layout->n_items + 1, &sorted));
  ls_status status = fill_gaps(layout, sorted);
  lsi_free(sorted);
  return status;
}

static ls_status read_gaps(lsi_ckpt_layout *layout, const lsi_h5_skeleton *skeleton) {
  uint64_t n_bytes = 0;
  for (int g = 0; g < layout->n_gaps; g++) n_bytes += layout->gaps[g].n_bytes;
  LSI_TRY(lsi_alloc("layout of a checkpoint", n_bytes, 1, &layout->gap_bytes));
  char *to = layout->gap_bytes;
  for (int g = 0; g < layout->n_gaps; to += layout->gaps[g++].n_bytes)
    LSI_TRY(lsi_h5_skeleton_read(skeleton, layout->gaps[g].offset, to, layout->gaps[g].n_bytes));
  return LS_OK;
}

static ls_status finish(lsi_ckpt_layout *layout, lsi_h5_skeleton *skeleton) {
  LSI_TRY(lsi_h5_skeleton_finish(skeleton, &layout->file_bytes));
  LSI_TRY(complete(layout));
  return read_gaps(layout, skeleton);
}

ls_status lsi_ckpt_layout_create(const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts, int n_texts,
                                 lsi_ckpt_layout **out) {
  lsi_h5_skeleton skeleton;
  lsi_ckpt_layout *layout = NULL;
  LSI_TRY(lsi_ckpt_index_check(arrays, n_arrays, texts, n_texts));
  LSI_TRY(lsi_h5_skeleton_create(&skeleton));
  ls_status status = allocate(n_arrays + n_texts, &layout);
  if (status == LS_OK) status = add_items(&skeleton, arrays, n_arrays, texts, n_texts, layout->items);
  if (status == LS_OK) status = finish(layout, &skeleton);
  lsi_h5_skeleton_destroy(&skeleton);
  if (status == LS_OK)
    *out = layout;
  else
    lsi_ckpt_layout_destroy(&layout);
  return status;
}

ls_status lsi_ckpt_layout_copy(const lsi_ckpt_item *items, int n_items, uint64_t file_bytes, lsi_ckpt_layout **out) {
  lsi_ckpt_layout *layout = NULL;
  ls_status status = allocate(n_items, &layout);
  if (status == LS_OK) {
    if (n_items > 0) memcpy(layout->items, items, (size_t)n_items * sizeof *items);
    layout->file_bytes = file_bytes;
    status = complete(layout);
  }
  if (status == LS_OK)
    *out = layout;
  else
    lsi_ckpt_layout_destroy(&layout);
  return status;
}

void lsi_ckpt_layout_destroy(lsi_ckpt_layout **out) {
  lsi_ckpt_layout *layout = *out;
  if (!layout) return;
  lsi_free(layout->items);
  lsi_free(layout->starts);
  lsi_free(layout->gaps);
  lsi_free(layout->gap_bytes);
  lsi_free(layout);
  *out = NULL;
}

/* ---- parts ---- */

/* Where in item i a part begins whose first byte is `first` of all items': at a block's. */
static uint64_t part_edge(const lsi_ckpt_layout *layout, uint64_t first, int i) {
  if (first <= layout->starts[i]) return 0;
  uint64_t at = lsi_ckpt_block_count(first - layout->starts[i]) * (uint64_t)LSI_CKPT_BLOCK;
  return at < layout->items[i].n_bytes ? at : layout->items[i].n_bytes;
}

/* The first byte of writer w's share. */
static uint64_t share_edge(const lsi_ckpt_layout *layout, int n_writers, int w) {
  uint64_t all = layout->starts[layout->n_items], n = (uint64_t)n_writers, k = (uint64_t)w;
  return all / n * k + all % n * k / n;
}

void lsi_ckpt_layout_run(const lsi_ckpt_layout *layout, int n_writers, int w, int i, uint64_t *begin, uint64_t *end) {
  *begin = w == 0 ? 0 : part_edge(layout, share_edge(layout, n_writers, w), i);
  *end = w + 1 == n_writers ? layout->items[i].n_bytes : part_edge(layout, share_edge(layout, n_writers, w + 1), i);
}

size_t lsi_ckpt_layout_blocks(const lsi_ckpt_layout *layout, int n_writers, int w) {
  size_t n = 0;
  for (int i = 0; i < layout->n_items; i++) {
    uint64_t begin, end;
    lsi_ckpt_layout_run(layout, n_writers, w, i, &begin, &end);
    n += lsi_ckpt_block_count(end - begin);
  }
  return n;
}

void lsi_ckpt_block_digest(const void *bytes, size_t n, unsigned char digest[LSI_CKPT_DIGEST]) {
  uint64_t half[2];
  lsi_hash_bytes_value(bytes, n, half);
  for (int i = 0; i < LSI_CKPT_DIGEST; i++) digest[i] = (unsigned char)(half[i / 8] >> (56 - 8 * (i % 8)));
}

void lsi_ckpt_join_digests(const unsigned char *digests, size_t n_blocks, char hex[LSI_DIGEST_HEX]) {
  lsi_hash_bytes(digests, n_blocks * LSI_CKPT_DIGEST, hex);
}
