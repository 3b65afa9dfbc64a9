/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CHECKPOINT_FILE_H
#define LSI_CKPT_CHECKPOINT_FILE_H
/*
 * A checkpoint file: an HDF5 file, then what HDF5's tools ignore: the index (checkpoint_index.h), one line, and a seal of 64 bytes:
 *
 *   "begins " <where the index begins, 15 digits> " " <digest of the HDF5 file without the items' values> "\n"
 *   "LSCKPT2 " <bytes before the seal, 15 digits> " " <digest of index and line, 32 hex digits> "LSSEAL\n" "\0"...
 *
 * The seal vouches for index and line, and they for every byte before. All of it is checked without HDF5, which so never meets damage,
 * and values are read from where the index says.
 */
#include "ckpt/checkpoint_index.h"

enum { LSI_CKPT_SEAL = 64 };

/* Index, line and seal for the end of the file (lsi_free). */
ls_status lsi_ckpt_trailer(const lsi_ckpt_layout *layout, const char *index, char **bytes, size_t *n);
/* Grow `*bytes` (lsi_alloc'd, n bytes of a whole file but for its seal) by the seal. */
ls_status lsi_ckpt_seal(void **bytes, size_t *n);

/* Open, check the seal, and read the index (lsi_free) and the line. LS_ERR_CORRUPT, or LS_ERR_FORMAT for what is no HDF5 file at all. */
typedef struct lsi_ckpt_source {
  int fd;
  const char *path;     /* borrowed, for messages */
  char *index;
  uint64_t file_bytes;  /* of HDF5's file */
  char gaps[LSI_DIGEST_HEX];
} lsi_ckpt_source;
ls_status lsi_ckpt_source_open(const char *path, lsi_ckpt_source *out);
void lsi_ckpt_source_close(lsi_ckpt_source *source); /* a failed one is fine */
/* Are all bytes but the items' as they were written? */
ls_status lsi_ckpt_source_check_gaps(const lsi_ckpt_source *source, const lsi_ckpt_layout *layout);
/* The values of an item; LS_ERR_CORRUPT unless they have this digest. */
ls_status lsi_ckpt_source_read(const lsi_ckpt_source *source, const char *name, uint64_t offset, void *out, size_t n, const char *digest);

/* Has the file a seal that fits its length? A quick look, not a proof. */
bool lsi_ckpt_looks_whole(const char *path);
#endif
