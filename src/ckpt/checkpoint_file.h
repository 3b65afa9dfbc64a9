/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_FILE_H
#define LSI_CKPT_CHECKPOINT_FILE_H
/*
 * A checkpoint file: an HDF5 file followed by a seal of 64 bytes, which HDF5 tools ignore:
 *
 *   "LSCKPT1 " <bytes before the seal, 15 digits> " " <their digest, 32 hex digits> "LSSEAL\n"
 * "\0"...
 *
 * The seal is checked before HDF5 sees a byte, so damage never reaches its parser.
 */
#include "ckpt/checkpoint.h"

enum { LSI_CKPT_SEAL = 64 };

/* Grow `*bytes` (lsi_alloc'd, n bytes) by its seal. */
ls_status lsi_ckpt_seal(void **bytes, size_t *n);
/* n: of the whole file; *n_content: without the seal. LS_ERR_CORRUPT, or LS_ERR_FORMAT for what is
 * no HDF5 file at all. */
ls_status lsi_ckpt_unseal(const char *path, const void *bytes, size_t n, size_t *n_content);
/* Has the file a seal that fits its length? A quick look, not a proof. */
bool lsi_ckpt_looks_whole(const char *path);
#endif
