/* SPDX-License-Identifier: MIT */
/*
 * HDF5's core driver offers the finished file as a copy only. Its memory callbacks see the block itself: the one that the driver
 * gives back when the file is closed is kept instead, which halves the memory a large checkpoint takes.
 */
#include "store/h5_image.h"

#include <stdlib.h>
#include <string.h>

#include "store/h5_error.h"

/* Set while this thread closes a file whose block it wants. */
static _Thread_local struct {
  bool wanted;
  void *block;
} closing;

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *user) {
  (void)op, (void)user;
  return malloc(size);
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *user) {
  (void)op, (void)user;
  return memcpy(to, from, size);
}

static void *image_realloc(void *block, size_t size, H5FD_file_image_op_t op, void *user) {
  (void)op, (void)user;
  return realloc(block, size);
}

static herr_t image_free(void *block, H5FD_file_image_op_t op, void *user) {
  (void)user;
  if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE && closing.wanted && !closing.block)
    closing.block = block;
  else
    free(block);
  return 0;
}

ls_status lsi_h5_image_create(hid_t *file) {
  static H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                                  .image_memcpy = image_copy,
                                                  .image_realloc = image_realloc,
                                                  .image_free = image_free};
  enum { GROWTH = 1 << 20 };
  char name[64];
  lsi_h5_init();
  lsi_h5_image_name(name, sizeof name);
  hid_t list, id = -1;
  LSI_TRY(lsi_h5_access_list("HDF5 image", &list));
  if (H5Pset_fapl_core(list, GROWTH, 0) >= 0 && H5Pset_file_image_callbacks(list, &callbacks) >= 0)
    id = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, list);
  ls_status status = LS_OK;
  if (id < 0)
    status = lsi_error_set(LS_ERR_MEMORY, NULL, "HDF5 image: cannot create (%s)", lsi_h5_reason());
  H5Pclose(list);
  if (status == LS_OK) *file = id;
  return status;
}

void *lsi_h5_image_take(hid_t file) {
  closing.wanted = true;
  closing.block = NULL;
  bool closed = H5Fclose(file) >= 0;
  closing.wanted = false;
  if (closed) return closing.block;
  free(closing.block);
  return NULL;
}
