/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_MODEL_SEAL_H
#define LSI_CKPT_MODEL_SEAL_H
/*
 * HDF5 1.10 can crash, or ask for terabytes, on damaged metadata. So a model file of ours ends in a seal of 64 bytes
 * that is checked before HDF5 sees a byte; HDF5 itself ignores what follows its end-of-file address, and drops it when
 * another program edits the file.
 *
 *   "LSMODEL1 " <bytes before the seal, 15 digits> " " <their digest, 32 hex digits> "\n" "\0"...
 */
#include <stddef.h>
#include "base/status.h"

enum { LSI_MODEL_SEAL = 64 };

/* Grow `*bytes` (lsi_alloc'd, n bytes) by its seal. */
ls_status lsi_model_seal(void **bytes, size_t *n);
/* LS_ERR_CORRUPT when the file ends in a seal that does not fit it. No seal, or no file: LS_OK, others will see. */
ls_status lsi_model_seal_check(const char *path);
#endif
