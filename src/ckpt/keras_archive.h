/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_ARCHIVE_H
#define LSI_CKPT_KERAS_ARCHIVE_H
/*
 * The zip around a .keras file. Three members count: metadata.json, config.json, model.weights.h5; others (assets) are
 * passed over. Nothing is ever unpacked to disk. Refused: names that lead out of the folder or occur twice, encryption,
 * methods other than stored and deflate, sizes beyond the limits, and members that grow more than a model can.
 */
#include <stddef.h>
#include "base/status.h"

typedef struct lsi_keras_archive {
  char *metadata; /* NULL: there is none */
  char *config;
  char *weights;  /* an HDF5 file */
  size_t n_weights;
} lsi_keras_archive;

/* Every byte that is handed over has passed its CRC. */
ls_status lsi_keras_archive_read(const char *path, lsi_keras_archive *out);
void lsi_keras_archive_clear(lsi_keras_archive *archive);

/* Three stored members with fixed dates: equal models give equal files. *bytes: lsi_free. */
ls_status lsi_keras_archive_pack(const char *config, const void *weights, size_t n_weights, void **bytes, size_t *n);
#endif
