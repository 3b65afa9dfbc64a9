/* SPDX-License-Identifier: MIT */
/* A checkpoint that rank 0 has read, on all ranks: the index first, then the data it announces; floats only to those that need them. */
#include <string.h>

#include "base/memory.h"
#include "ckpt/checkpoint_index.h"
#include "par/shares.h"

/* Floats are dealt later. */
static bool goes_to_all(const lsi_ckpt_array *array) {
  return array->type != LSI_CKPT_F32;
}

/* Room for what the index announces. */
static ls_status make_room(lsi_checkpoint *checkpoint) {
  for (int i = 0; i < checkpoint->n_arrays; i++)
    if (goes_to_all(&checkpoint->arrays[i]))
      LSI_TRY(lsi_alloc(checkpoint->arrays[i].name, lsi_ckpt_array_bytes(&checkpoint->arrays[i]), 1, &checkpoint->arrays[i].data));
  for (int i = 0; i < checkpoint->n_texts; i++)
    LSI_TRY(lsi_alloc(checkpoint->texts[i].name, checkpoint->text_bytes[i] + 1, 1,
                      &checkpoint->texts[i].value));
  return LS_OK;
}

static ls_status bcast_data(const lsi_comm *comm, lsi_checkpoint *checkpoint) {
  for (int i = 0; i < checkpoint->n_arrays; i++)
    if (goes_to_all(&checkpoint->arrays[i]))
      LSI_TRY(lsi_bcast(comm, (void *)checkpoint->arrays[i].data, lsi_ckpt_array_bytes(&checkpoint->arrays[i])));
  for (int i = 0; i < checkpoint->n_texts; i++)
    LSI_TRY(lsi_bcast(comm, (void *)checkpoint->texts[i].value, checkpoint->text_bytes[i] + 1));
  return LS_OK;
}

static ls_status receive(const lsi_comm *comm, lsi_checkpoint **checkpoint) {
  bool root = comm->rank == 0;
  char *path = root ? (*checkpoint)->path : NULL, *index = root ? (*checkpoint)->index : NULL;
  ls_status status = lsi_bcast_text(comm, &path);
  if (status == LS_OK)
    status = lsi_bcast_text(comm, &index);
  if (status == LS_OK) {
    if (!root)
      status = lsi_ckpt_index_parse(path, index, checkpoint);
    if (!root && status == LS_OK)
      status = make_room(*checkpoint);
    status = lsi_agree(comm, status);
  }
  if (!root) {
    lsi_free(path);
    lsi_free(index);
  }
  return status == LS_OK ? bcast_data(comm, *checkpoint) : status;
}

ls_status lsi_checkpoint_bcast(const lsi_comm *comm, lsi_checkpoint **checkpoint) {
  int present = comm->rank == 0 && *checkpoint != NULL;
  LSI_TRY(lsi_bcast(comm, &present, sizeof present));
  if (comm->rank != 0)
    *checkpoint = NULL;
  if (!present)
    return LS_OK;
  ls_status status = receive(comm, checkpoint);
  if (status != LS_OK && comm->rank != 0)
    lsi_checkpoint_destroy(checkpoint);
  return status;
}

static ls_status deal_piece(const lsi_comm *comm, const float *from, int owner, float *to, size_t n) {
  enum { TAG = 5, MESSAGE = 1 << 28 };
  if (owner == 0) {
    if (comm->rank == 0) memcpy(to, from, n * sizeof *to);
    return LS_OK;
  }
  if (comm->rank != 0 && comm->rank != owner) return LS_OK;
  for (size_t at = 0; at < n; at += MESSAGE) {
    size_t n_bytes = (n - at < MESSAGE ? n - at : MESSAGE) * sizeof *to;
    LSI_TRY(comm->rank == 0 ? lsi_send(comm, from + at, n_bytes, owner, TAG) : lsi_receive(comm, to + at, n_bytes, 0, TAG));
  }
  return LS_OK;
}

static ls_status deal_shares(const lsi_comm *comm, const lsi_ckpt_array *array, const lsi_shares *shares, size_t element, uint64_t count,
                             float *out) {
  const float *data = array->data;
  for (size_t at = 0; at < count;) {
    size_t end = 0;
    int owner = lsi_shares_owner(shares, element + at, &end);
    LSI_CHECK(owner >= 0, LS_ERR_INTERNAL, NULL, "checkpoint: nobody needs a part of \"%s\"", array->name);
    size_t n = end - element < count ? end - element - at : (size_t)count - at;
    LSI_TRY(deal_piece(comm, data ? data + at : NULL, owner, out + at, n));
    at += n;
  }
  return LS_OK;
}

static ls_status deal_all(const lsi_comm *comm, const lsi_ckpt_array *array, uint64_t count, float *out) {
  if (comm->rank == 0 && count > 0) memcpy(out, array->data, count * sizeof *out);
  return lsi_bcast(comm, out, count * sizeof *out);
}

ls_status lsi_checkpoint_deal(const lsi_comm *comm, lsi_checkpoint *checkpoint, const char *name, uint64_t count, const lsi_shares *shares,
                              size_t element, float *out) {
  const lsi_ckpt_array *array;
  LSI_TRY(lsi_ckpt_find(checkpoint, name, LSI_CKPT_F32, count, &array));
  ls_status status = shares ? deal_shares(comm, array, shares, element, count, out) : deal_all(comm, array, count, out);
  lsi_ckpt_array *spent = &checkpoint->arrays[array - checkpoint->arrays];
  lsi_free((void *)spent->data); /* so that rank 0 never holds all of it twice */
  spent->data = NULL;
  return status;
}
