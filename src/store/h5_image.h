/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_H5_IMAGE_H
#define LSI_STORE_H5_IMAGE_H
/* A file that HDF5 builds in memory, and what it shares with the opening of files. */
#include "store/h5.h"

/* File access with everything below a file, `what` for messages, closed with it. Fails when memory is short. */
ls_status lsi_h5_access_list(const char *what, hid_t *list);
/* HDF5 tells in-memory files apart by their names alone, so each gets one of its own. */
void lsi_h5_image_name(char *name, size_t size);

/* Close a file of lsi_h5_image_create and take the memory it was built in, instead of a copy (free); NULL on failure. */
void *lsi_h5_image_take(hid_t file);
#endif
