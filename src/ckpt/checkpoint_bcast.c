/* SPDX-License-Identifier: MIT */
/* A checkpoint that rank 0 has read, on all ranks: the index first, then the data it announces. */
#include <string.h>

#include "base/memory.h"
#include "ckpt/checkpoint_index.h"
#include "par/comm.h"

/* Room for what the index announces. */
static ls_status make_room(lsi_checkpoint *checkpoint) {
  for (int i = 0; i < checkpoint->n_arrays; i++)
    LSI_TRY(lsi_alloc(checkpoint->arrays[i].name, lsi_ckpt_array_bytes(&checkpoint->arrays[i]), 1,
                      &checkpoint->arrays[i].data));
  for (int i = 0; i < checkpoint->n_texts; i++)
    LSI_TRY(lsi_alloc(checkpoint->texts[i].name, checkpoint->text_bytes[i] + 1, 1,
                      &checkpoint->texts[i].value));
  return LS_OK;
}

static ls_status bcast_data(const lsi_comm *comm, lsi_checkpoint *checkpoint) {
  for (int i = 0; i < checkpoint->n_arrays; i++)
    LSI_TRY(lsi_bcast(comm, (void *)checkpoint->arrays[i].data,
                      lsi_ckpt_array_bytes(&checkpoint->arrays[i])));
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
