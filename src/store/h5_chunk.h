/* SPDX-License-Identifier: MIT */
#ifndef LSI_STORE_H5_CHUNK_H
#define LSI_STORE_H5_CHUNK_H
/*
 * Chunks read as they are stored and unpacked here, by as many threads as wanted: HDF5 does its
 * filters under one lock and with zlib. What comes from the file is not trusted.
 */
#include "store/h5.h"

typedef struct lsi_h5_unpacker lsi_h5_unpacker; /* buffers of one thread */

/* For chunks of up to `chunk_bytes` bytes when unpacked. */
ls_status lsi_h5_unpacker_create(size_t chunk_bytes, lsi_h5_unpacker **out);
void lsi_h5_unpacker_destroy(lsi_h5_unpacker **unpacker);
size_t lsi_h5_unpacker_bytes(size_t chunk_bytes); /* memory that one takes */

/* The chunk at `corner` (a multiple of chunk_dims in each dimension), whole and in the stored type,
   into out [array->chunk_bytes]. *found false: it was never written. `what` is for messages. */
ls_status lsi_h5_chunk_read(const lsi_h5_array *array, lsi_h5_unpacker *unpacker, const char *what,
                            const uint64_t *corner, void *out, bool *found);

/* Undo the filters, last first, those whose bit is set in `skipped` apart. LS_ERR_CORRUPT unless
   exactly n_out bytes come out and the checksums fit. Pure. */
ls_status lsi_h5_unpack(lsi_h5_unpacker *unpacker, const lsi_h5_filters *filters, uint32_t skipped,
                        const void *packed, size_t n_packed, void *out, size_t n_out);
/* HDF5's Fletcher-32: sums over big-endian 16-bit words. */
uint32_t lsi_h5_fletcher32(const void *bytes, size_t n);
#endif
