/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "ckpt/checkpoint_dir.h"
#include "ckpt/checkpoint_file.h"

ls_status lsi_ckpt_file_name(lsi_ckpt_file *file, const char *dir, int64_t iteration, int keep, bool verify) {
  char path[LSI_CKPT_PATH];
  LSI_CHECK(iteration >= 0 && keep >= 2, LS_ERR_ARG, "keep at least 2", "checkpoint: iteration %lld, keep %d", (long long)iteration, keep);
  LSI_TRY(lsi_ckpt_dir_path(dir, iteration, path));
  *file = (lsi_ckpt_file){.iteration = iteration, .n_writers = 1, .keep = keep, .verify = verify};
  snprintf(file->dir, sizeof file->dir, "%s", dir);
  snprintf(file->path, sizeof file->path, "%s", path);
  return lsi_durable_temporary(file->path, file->temporary);
}

ls_status lsi_ckpt_file_begin(const lsi_ckpt_file *file) {
  int fd;
  LSI_TRY(lsi_make_dirs(file->dir));
  lsi_durable_sweep(file->dir); /* what a killed writer left may be what fills the disk */
  LSI_TRY(lsi_durable_open_part(file->temporary, file->path, true, &fd));
  return lsi_durable_close_part(fd, file->path, LS_OK);
}

void lsi_ckpt_file_drop(const lsi_ckpt_file *file) {
  unlink(file->temporary);
}

/* ---- a part ---- */

static int by_place(const void *a, const void *b) {
  const lsi_durable_piece *x = a, *y = b;
  return (x->at > y->at) - (x->at < y->at);
}

/* Writer w's part, in the order of the file; writer 0 has what lies between the items, too. With room for one more. */
static ls_status list_pieces(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, int w, const char *const *runs,
                             lsi_durable_piece **pieces, size_t *n) {
  LSI_TRY(LSI_ALLOC("checkpoint", layout->n_items + layout->n_gaps + 1, pieces));
  lsi_durable_piece *next = *pieces;
  for (int i = 0; i < layout->n_items; i++) {
    uint64_t begin, end;
    lsi_ckpt_layout_run(layout, file->n_writers, w, i, &begin, &end);
    if (begin < end) *next++ = (lsi_durable_piece){layout->items[i].offset + begin, runs[i], (size_t)(end - begin)};
  }
  const char *gap = layout->gap_bytes;
  for (int g = 0; w == 0 && g < layout->n_gaps; gap += layout->gaps[g++].n_bytes)
    *next++ = (lsi_durable_piece){layout->gaps[g].offset, gap, (size_t)layout->gaps[g].n_bytes};
  *n = (size_t)(next - *pieces);
  qsort(*pieces, *n, sizeof **pieces, by_place);
  return LS_OK;
}

static void digest_runs(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, int w, const char *const *runs,
                        unsigned char *digests) {
  for (int i = 0; i < layout->n_items; i++) {
    uint64_t begin, end;
    lsi_ckpt_layout_run(layout, file->n_writers, w, i, &begin, &end);
    for (uint64_t at = begin; at < end; at += LSI_CKPT_BLOCK, digests += LSI_CKPT_DIGEST) {
      uint64_t n = end - at < LSI_CKPT_BLOCK ? end - at : LSI_CKPT_BLOCK;
      lsi_ckpt_block_digest(runs[i] + (at - begin), (size_t)n, digests);
    }
  }
}

/* Write, sync and, if asked, read back. */
static ls_status put_pieces(const lsi_ckpt_file *file, const lsi_durable_piece *pieces, size_t n) {
  int fd;
  LSI_TRY(lsi_durable_open_part(file->temporary, file->path, false, &fd));
  ls_status status = lsi_durable_write_pieces(fd, file->path, pieces, n);
  if (status == LS_OK) status = lsi_durable_sync_part(fd, file->path);
  if (status == LS_OK && file->verify) status = lsi_durable_check_pieces(fd, file->path, pieces, n);
  return lsi_durable_close_part(fd, file->path, status);
}

ls_status lsi_ckpt_part_write(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, int w, const char *const *runs,
                              unsigned char *digests) {
  lsi_durable_piece *pieces = NULL;
  size_t n = 0;
  digest_runs(file, layout, w, runs, digests);
  LSI_TRY(list_pieces(file, layout, w, runs, &pieces, &n));
  ls_status status = put_pieces(file, pieces, n);
  lsi_free(pieces);
  return status;
}

/* ---- the end ---- */

/* Each item's digest from those of its blocks, which its writers have in turn. next[w]: the next digest of writer w. */
static void fill_index(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, const unsigned char **next, unsigned char *joined,
                       char *index) {
  for (int i = 0; i < layout->n_items; i++) {
    char hex[LSI_DIGEST_HEX];
    size_t n = 0;
    for (int w = 0; w < file->n_writers; w++) {
      uint64_t begin, end;
      lsi_ckpt_layout_run(layout, file->n_writers, w, i, &begin, &end);
      size_t blocks = lsi_ckpt_block_count(end - begin);
      memcpy(joined + n * LSI_CKPT_DIGEST, next[w], blocks * LSI_CKPT_DIGEST);
      next[w] += blocks * LSI_CKPT_DIGEST;
      n += blocks;
    }
    lsi_ckpt_join_digests(joined, n, hex);
    lsi_ckpt_index_fill(&index, hex);
  }
}

static ls_status join(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, char *index, const unsigned char *digests) {
  const unsigned char **next = NULL;
  unsigned char *joined = NULL;
  size_t n_blocks = 0;
  ls_status status = LSI_ALLOC("digests", file->n_writers, &next);
  for (int w = 0; status == LS_OK && w < file->n_writers; w++) {
    next[w] = digests + n_blocks * LSI_CKPT_DIGEST;
    n_blocks += lsi_ckpt_layout_blocks(layout, file->n_writers, w);
  }
  if (status == LS_OK) status = lsi_alloc("digests", n_blocks + 1, LSI_CKPT_DIGEST, &joined);
  if (status == LS_OK) fill_index(file, layout, next, joined, index);
  lsi_free(next);
  lsi_free(joined);
  return status;
}

/* Index and seal, behind pieces that begin the list and have room for one more. */
static ls_status write_end(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, char *index, const unsigned char *digests,
                           lsi_durable_piece *pieces, size_t n) {
  char *bytes;
  size_t n_bytes;
  LSI_TRY(join(file, layout, index, digests));
  LSI_TRY(lsi_ckpt_trailer(layout, index, &bytes, &n_bytes));
  pieces[n] = (lsi_durable_piece){layout->file_bytes, bytes, n_bytes};
  ls_status status = put_pieces(file, pieces, n + 1);
  lsi_free(bytes);
  return status;
}

static ls_status give_name(const lsi_ckpt_file *file, ls_status status) {
  if (status == LS_OK) status = lsi_durable_move(file->temporary, file->path);
  if (status != LS_OK) {
    lsi_ckpt_file_drop(file);
    return status;
  }
  lsi_ckpt_dir_prune(file->dir, file->iteration, file->keep);
  return LS_OK;
}

ls_status lsi_ckpt_file_finish(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, char *index, const unsigned char *digests) {
  lsi_durable_piece end;
  return give_name(file, write_end(file, layout, index, digests, &end, 0));
}

ls_status lsi_ckpt_file_write(const lsi_ckpt_file *file, const lsi_ckpt_layout *layout, const char *const *runs, char *index,
                              unsigned char *digests) {
  lsi_durable_piece *pieces = NULL;
  size_t n = 0;
  digest_runs(file, layout, 0, runs, digests);
  ls_status status = list_pieces(file, layout, 0, runs, &pieces, &n);
  if (status == LS_OK) status = write_end(file, layout, index, digests, pieces, n);
  lsi_free(pieces);
  return give_name(file, status);
}
